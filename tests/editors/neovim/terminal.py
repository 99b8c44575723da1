"""A Neovim in a real terminal, seen only through its screen.

Owns the terminal (tmux, on a socket of its own), which Neovims there are, and reading ghost text
off the screen by its colour. Knows nothing of what is tested.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from install import folder
from install_neovim import neovim_012

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
DEADLINE_S = 60.0
GHOST_COLOUR = (118, 136, 170)  # what init.lua gives to StatelineGhost
_COLOURED = re.compile(r"\x1b\[([0-9;:]*)m")


def neovims() -> dict[str, Path | None]:
    """The programs by version; None where one is not installed."""
    beside = Path(sys.executable).with_name("nvim")
    found = {"0.11": beside, "0.12": neovim_012(folder())}
    return {version: path if path.exists() else None for version, path in found.items()}


class Terminal:
    """Neovim with `init` on a file, in a terminal of `columns` by `rows`."""

    def __init__(self, nvim: Path, file: Path, home: Path, *, init=None, columns=80, rows=20):
        self.home, self.pids = home, home / "pids"
        self._tmux = ["tmux", "-S", str(home / "tmux"), "-f", os.devnull]
        self._nvim, self._socket = nvim, home / "nvim"
        argv = [nvim, "--clean", "-n", "-u", init or HERE / "init.lua", "--listen", self._socket]
        size = ["-x", str(columns), "-y", str(rows)]
        variables = [f"{name}={value}" for name, value in self._environment().items()]
        command = ["env", *variables, *map(str, argv), str(file)]
        self._run("new-session", "-d", "-s", "neovim", *size, *command)
        self._run("set-option", "-s", "escape-time", "0")

    def _environment(self) -> dict[str, str]:
        script = (
            f'echo $$ >> "{self.pids}"; exec "{sys.executable}" -m stateline.lsp_server.cli lsp'
        )
        names = ("CONFIG", "DATA", "STATE", "CACHE")
        folders = {f"XDG_{name}_HOME": str(self.home / name.lower()) for name in names}
        runtime = self._nvim.parents[1] / "share" / "nvim" / "runtime"
        return {
            **folders,
            **({"VIMRUNTIME": str(runtime)} if runtime.exists() else {}),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "STATELINE_TEST_COMMAND": json.dumps(["sh", "-c", script, "sh", "lsp"]),
        }

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True)
        for pid in self.server_pids():  # it ends by itself when its editor is gone
            self.wait(lambda pid=pid: not Path(f"/proc/{pid}").exists(), f"server {pid} to end")

    def server_pids(self) -> list[int]:
        """Of every language server started so far."""
        return [int(line) for line in self.pids.read_text().split()] if self.pids.exists() else []

    def _run(self, *argv: str) -> str:
        done = subprocess.run([*self._tmux, *argv], capture_output=True, text=True, check=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        """Presses keys in tmux's notation."""
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        """Types plain text, like a person a key at a time."""
        for key in text:
            self._run("send-keys", "-l", key)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def coloured_screen(self) -> str:
        return self._run("capture-pane", "-p", "-e")

    def ghost(self) -> str:
        """The ghost text on the screen, its lines without the blanks at their ends."""
        lines = []
        for line in self.coloured_screen().split("\n"):
            if found := "".join(_pieces_in(line, GHOST_COLOUR)).rstrip():
                lines.append(found)
        return "\n".join(lines)

    def evaluate(self, expression: str) -> str:
        """What a Lua expression is in this Neovim."""
        argv = [self._nvim, "--server", self._socket, "--remote-expr", f"luaeval('{expression}')"]
        environment = os.environ | self._environment()
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60)
        return done.stdout

    def wait(self, condition, what: str):
        """The first true value of `condition()`; fails with the screen after the deadline."""
        end = time.monotonic() + DEADLINE_S
        while not (value := condition()) and time.monotonic() < end:
            time.sleep(0.02)
        assert value, f"still waiting for {what} on this screen:\n{self.screen()}"
        return value

    def wait_for(self, text: str) -> None:
        self.wait(lambda: text in self.screen(), repr(text))


def _pieces_in(line: str, colour: tuple[int, int, int]):
    """The parts of a captured line whose foreground is `colour`. tmux sets one at a time."""
    wanted = "38;2;" + ";".join(map(str, colour))
    text, ours = _COLOURED.split(line), False
    for part, code in zip(text[::2], ["", *text[1::2]], strict=True):
        sets_colour = code in ("", "0", "39") or code.startswith(("38;", "0;"))
        ours = code.endswith(wanted) if sets_colour else ours
        if ours:
            yield part


def need_neovim(version: str) -> str | None:
    """Why a Neovim cannot be run in a terminal here, or None."""
    if sys.platform == "win32" or shutil.which("tmux") is None:
        return "Neovim is run in a terminal of tmux; install tmux."
    if neovims()[version] is None:
        return f"Neovim {version} is not here; `make editors` installs it."
    return None
