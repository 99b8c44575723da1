"""What a test tells the scripted server, and what that was told by VS Code."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from patience import wait_until

PROGRAM = Path(__file__).parent / "scripted_server.py"


def read_number(file: Path) -> int:
    """The number in a file; 0 while there is none."""
    return int(file.read_text() or 0) if file.exists() else 0


class Script:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self.command = [sys.executable, str(PROGRAM), str(folder)]
        self.reset()

    def reset(self) -> None:
        """Forget all that was said, and write nothing."""
        for name in ("go", "held", "slow", "broken", "crash", "received.jsonl"):
            (self._folder / name).unlink(missing_ok=True)
        self.writes()

    def writes(self, *lines: Any) -> None:
        """Each line: what stands before the cursor, then the pieces of each suggestion."""
        (self._folder / "script.json").write_text(json.dumps(lines), "utf-8")

    def let_go(self, steps: int = 1) -> None:
        (self._folder / "go").write_text("." * steps)

    def set(self, name: str) -> None:
        (self._folder / name).touch()

    def clear(self, name: str) -> None:
        (self._folder / name).unlink()

    def pid(self) -> int:
        return read_number(self._folder / "pid")

    def kill(self) -> None:
        os.kill(self.pid(), signal.SIGKILL)

    def received(self, method: str) -> list[dict[str, Any]]:
        """The parameters of all messages of this method, oldest first."""
        return [each.get("params") for each in self._messages(method)]

    def _messages(self, *methods: str) -> list[dict[str, Any]]:
        file = self._folder / "received.jsonl"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [each for each in map(json.loads, lines) if each.get("method") in methods]

    def kinds(self) -> list[int]:
        """Of all requests for ghost text, whether the user asked (1) or not (2), oldest first."""
        asked = self._messages("stateline/streamInlineCompletion", "textDocument/inlineCompletion")
        return [each["params"]["context"]["triggerKind"] for each in asked]

    def wait_received(self, method: str, count: int = 1) -> list[dict[str, Any]]:
        wait_until(lambda: len(self.received(method)) >= count, f"{method} ({count})")
        return self.received(method)
