"""A real Neovim with a screen, driven over its RPC channel.

Owns starting it (as pytest fixtures), pressing keys, looking at buffer, screen and ghost, and
waiting for a condition with a deadline. Knows the fake server's log and its notifications.
"""

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

import pynvim
import pytest

HERE = Path(__file__).parent
DEADLINE_SECONDS = 15.0


def find_nvim():
    """STATELINE_NVIM, else the nvim next to this Python (the pinned wheel), else that on PATH."""
    if chosen := os.environ.get("STATELINE_NVIM"):
        return chosen
    beside = Path(sys.executable).with_name("nvim")
    return str(beside) if beside.exists() else shutil.which("nvim")


def runtime_beside(nvim):
    """The runtime files of a program that was unpacked elsewhere than where it was built for."""
    return Path(nvim).resolve().parents[1] / "share" / "nvim" / "runtime"


class DrivenEditor:
    """One Neovim on one file. `log_path` is where the fake server writes what it received."""

    def __init__(self, file, options, log_path, before_setup=""):
        self.log_path = log_path
        variables = {"test_options": json.dumps(options), "before_setup": before_setup}
        argv = [find_nvim(), "--clean", "-n", "--embed", "-u", str(HERE / "init.lua")]
        for name, value in variables.items():
            quoted = value.replace("'", "''")
            argv += ["--cmd", f"let g:{name} = '{quoted}'"]
        self.nvim = pynvim.attach("child", argv=[*argv, str(file)])
        self.nvim.ui_attach(80, 20, rgb=True)

    def close(self):
        with contextlib.suppress(OSError, EOFError):  # it goes while answering, as it should
            self.nvim.command("qall!")
        self.nvim.close()

    def lua(self, code, *args):
        return self.nvim.exec_lua(code, *args)

    def appears(self, condition, deadline_seconds=DEADLINE_SECONDS):
        """Polls until `condition()` is true or the deadline has passed; returns its last value."""
        end = time.monotonic() + deadline_seconds
        while not (value := condition()) and time.monotonic() < end:
            time.sleep(0.002)
        return value

    def wait(self, condition, what, deadline_seconds=DEADLINE_SECONDS):
        """Waits until `condition()` is true and returns its value; fails with the whole scene."""
        if value := self.appears(condition, deadline_seconds):
            return value
        scene = [f"ghost: {self.ghost()!r}", f"notified: {self.notified()}", *self.screen()]
        raise AssertionError("\n".join([f"still waiting for {what}", *scene]))

    def wait_attached(self, times=1, deadline_seconds=DEADLINE_SECONDS):
        def attached():
            return self.nvim.vars.get("attached", 0) >= times

        self.wait(attached, "the server to attach", deadline_seconds)

    def keys(self, keys):
        """Presses keys in Neovim's notation; does not wait for their effect."""
        self.nvim.input(keys)

    def type(self, text):
        """Types plain text and waits until the buffer has it before the cursor."""
        self.keys(text.replace("<", "<lt>"))
        typed = text.rsplit("\n", 1)[-1]
        self.wait(lambda: self.before_cursor().endswith(typed), f"{text!r} to be typed")

    def before_cursor(self):
        return self.lua("return vim.api.nvim_get_current_line():sub(1, vim.fn.col('.') - 1)")

    def buffer(self):
        return "\n".join(self.nvim.current.buffer[:])

    def marked(self):
        """The buffer with | at the cursor."""
        lines = self.nvim.current.buffer[:]
        row, column = self.nvim.current.window.cursor
        line = lines[row - 1].encode()
        lines[row - 1] = (line[:column] + b"|" + line[column:]).decode()
        return "\n".join(lines)

    def ghost(self, buffer=0):
        """The ghost text as its extmarks have it, '' for none."""
        return self.lua("return _G.ghost(...)", buffer)

    def wait_ghost(self, text):
        self.wait(lambda: self.ghost() == text, f"the ghost {text!r}")

    def wait_marked(self, text):
        self.wait(lambda: self.marked() == text, f"the buffer {text!r}")

    def screen(self):
        """The lines of the screen as the user sees them, without trailing blanks."""
        code = """
            vim.cmd.redraw()
            local lines = {}
            for row = 1, vim.o.lines do
              local cells = {}
              for column = 1, vim.o.columns do cells[column] = vim.fn.screenstring(row, column) end
              lines[row] = table.concat(cells)
            end
            return lines"""
        return [line.rstrip() for line in self.lua(code)]

    def notified(self):
        """Every message of vim.notify that is ours; Neovim has its own on a lost client."""
        return [text for text in self.lua("return _G.notified") if text.startswith("Stateline")]

    def tell(self, what, /, **params):
        """Sends the fake server the notification test/`what`."""
        code = """
            local client = vim.lsp.get_clients({ name = 'stateline' })[1]
            client:notify(...)"""
        self.lua(code, f"test/{what}", params)

    def wait_released(self):
        """Waits until the server has answered everything, held answers included."""
        self.tell("release")
        self.wait_status("released")

    def wait_status(self, status, deadline_seconds=DEADLINE_SECONDS):
        def said():
            return self.lua("return require('stateline').status()") == status

        self.wait(said, f"the status {status!r}", deadline_seconds)

    def script(self, *answers):
        """Gives the fake server its answers; it has them before any later request."""
        self.tell("answers", answers=answers)

    def grow(self, text, *others, **answer):
        """Sends what there is meanwhile of the answer that the fake server holds back."""
        others = [{"insertText": other} for other in others]
        self.tell("grow", insertText=text, others=others, **answer)

    def told(self, method):
        """The parameters of each message of this method that the fake server got."""
        return [r["params"] for r in self.received() if r.get("method") == method]

    def received(self):
        """Everything the fake server has noted, oldest first."""
        if not self.log_path.exists():
            return []
        lines = self.log_path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def asked(self):
        """The text before the cursor of each completion request so far."""
        return [record["asked"] for record in self.received() if "asked" in record]

    def wait_asked(self, before):
        self.wait(lambda: before in self.asked(), f"the server to be asked at {before!r}")


@pytest.fixture
def start_nvim(tmp_path, monkeypatch):
    """Starts editors: start_nvim(text, encoding=..., before_setup=..., **options of setup)."""
    if find_nvim() is None:
        pytest.skip("no nvim next to Python or on PATH")
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    if runtime_beside(find_nvim()).exists():
        monkeypatch.setenv("VIMRUNTIME", str(runtime_beside(find_nvim())))
    started = []

    def start(
        text="", encoding="utf-16", before_setup="", attach=True, methods="growing", **options
    ):
        file = tmp_path / "sample.py"
        file.write_bytes(text.encode())
        log = tmp_path / "received.jsonl"
        options.setdefault(
            "cmd", [sys.executable, str(HERE / "fake_server.py"), str(log), encoding, methods]
        )
        editor = DrivenEditor(file, options, log, before_setup)
        started.append(editor)
        if attach:
            editor.wait_attached()
        return editor

    yield start
    for editor in started:
        editor.close()


@pytest.fixture
def nvim_with_ghost(start_nvim):
    """Types `before` of an answer into a file with `text`, after `keys`; waits for its ghost."""

    def show(answer, text="", keys="i", ghost=None, typed=None, **options):
        editor = start_nvim(text, **options)
        editor.script(answer)
        editor.keys(keys)
        editor.type(answer["before"] if typed is None else typed)
        editor.wait_ghost(answer["insertText"] if ghost is None else ghost)
        return editor

    return show
