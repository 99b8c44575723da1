"""A page in a browser, driven by commands.

Owns the driver's process. Knows nothing of VS Code.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import install_vscode
from patience import DEADLINE_S

DRIVER = Path(__file__).parent / "driver.mjs"


class Browser:
    def __init__(self, folder: Path) -> None:
        chromium = shutil.which("chromium")
        require_from = install_vscode.playwright(folder) / "package.json"
        self._driver = subprocess.Popen(
            [install_vscode.node(folder), DRIVER, require_from, chromium],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def do(self, *command: Any) -> Any:
        """One of the driver's commands; raises AssertionError with what it says."""
        self._driver.stdin.write(json.dumps(command) + "\n")
        self._driver.stdin.flush()
        answer = json.loads(self._driver.stdout.readline())
        assert "error" not in answer, f"{command[:2]}: {answer['error']}"
        return answer["value"]

    def wait(self, source: str, argument: Any = None, deadline_s: float = DEADLINE_S) -> Any:
        """Wait until a JavaScript function answers something true."""
        return self.do("wait", source, argument, deadline_s * 1e3)

    def close(self) -> None:
        self._driver.stdin.close()
        try:
            self._driver.wait(10)
        except subprocess.TimeoutExpired:  # it waits for something that will not come
            self._driver.terminate()
            self._driver.wait(10)
