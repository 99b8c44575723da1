"""Plain completion in a real Helix, in a terminal: the recipe in editors/helix, the embedded model.

Owns what is seen on the screen and what stands in the file after it was accepted. The terminal
is tmux's, whose screen can be read.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from install import folder
from install_helix import helix

ROOT = Path(__file__).parents[2]
EDITORS = folder()
RECIPE = ROOT / "editors" / "helix" / "languages.toml"
DEADLINE_S = 60.0
PATIENCE_S = 2.0  # for a key to show its effect, before it is pressed again
# What comes next is plain enough for a very small model. Helix counts in UTF-8.
PYTHON = (
    "# 👩‍👩‍👧 名前\nclass Box:\n    def __init__(self, value, name):\n        self.value = value\n"
    "        self.name = name\n        print('🎉', self."
)
SCRIPT = (
    "// 👩‍👩‍👧 名前\nclass Box {\n  constructor(value: number, name: string) {\n"
    "    this.value = value;\n"
    "    this.name = name;\n    print('🎉', this."
)


class Terminal:
    """A program on a screen of its own."""

    def __init__(self, socket: Path, command: list[str], environment: dict[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", os.devnull]
        size = ["-x", "80", "-y", "20"]
        variables = [f"{name}={value}" for name, value in environment.items()]
        self._run("new-session", "-d", "-s", "helix", *size, "env", *variables, *command)

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True)

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def type(self, text: str) -> None:
        self._run("send-keys", "-l", text)

    def appears(self, seen: Callable[[str], bool], deadline_s: float) -> bool:
        """Whether the screen comes to be as wanted."""
        end_s = time.monotonic() + deadline_s
        while not seen(self.screen()) and time.monotonic() < end_s:
            time.sleep(0.05)
        return seen(self.screen())

    def wait(self, seen: Callable[[str], bool], what: str, *again: str) -> None:
        """Until it is; the keys `again` are pressed when nothing has come of them."""
        end_s = time.monotonic() + DEADLINE_S
        while not self.appears(seen, PATIENCE_S):
            assert time.monotonic() < end_s, f"waited for {what}:\n{self.screen()}"
            if again:
                self.press(*again)

    def _run(self, *command: str) -> str:
        done = subprocess.run([*self._tmux, *command], capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture(params=[("box.py", PYTHON), ("box.ts", SCRIPT)], ids=["python", "typescript"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    name, before = request.param
    file = tmp_path / name
    file.write_text(before + ")\n", encoding="utf-8")
    return file


@pytest.fixture
def terminal(tmp_path: Path, file: Path):
    program = helix(EDITORS) if helix(EDITORS).exists() else shutil.which("hx")
    if not program:
        pytest.skip("There is no Helix; run `python tests/editors/install.py` first.")
    if not shutil.which("tmux"):
        pytest.skip("There is no tmux; install it.")
    configuration = tmp_path / "config" / "helix"
    configuration.mkdir(parents=True)
    shutil.copy(RECIPE, configuration)
    only = tmp_path / "bin"  # no other language server, or its entries were in the popup too
    only.mkdir()
    (only / "stateline").symlink_to(Path(sys.executable).with_name("stateline"))
    environment = {
        "PATH": os.pathsep.join([str(only), "/usr/bin", "/bin"]),
        "XDG_CONFIG_HOME": str(configuration.parent),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    }
    if program == helix(EDITORS):
        environment["HELIX_RUNTIME"] = str(program.resolve().parent / "runtime")
    terminal = Terminal(tmp_path / "tmux", [str(program), str(file)], environment)
    yield terminal
    terminal.close()


def test_the_popup_comes_and_is_accepted(terminal: Terminal, file: Path):
    before = file.read_text("utf-8").removesuffix(")\n")
    last = before[before.rindex(" ") + 1 :]
    terminal.wait(lambda screen: " NOR " in screen and f"{last})" in screen, "the file")
    terminal.type("gegli")  # before the last character
    terminal.wait(lambda screen: " INS " in screen, "insert mode")
    terminal.type("va")
    entry = "value"
    # Helix has entries of its own, of the kind "word", which may come first.
    terminal.wait(lambda screen: bool(re.search(rf"{entry}\S* +text", screen)), "ours", "C-x")
    terminal.press("Tab")
    terminal.wait(lambda screen: f"{last}{entry})" in screen, "the entry in the text")
    terminal.press("Enter", "Escape")
    terminal.wait(lambda screen: " NOR " in screen, "normal mode")
    terminal.type(":wq")
    terminal.press("Enter")
    # In the file with semicolons the suggestion ends with one.
    after = before + ("value);\n" if ";" in before else "value)\n")
    end_s = time.monotonic() + DEADLINE_S
    while saved(file) != after and time.monotonic() < end_s:
        time.sleep(0.05)
    assert saved(file) == after


def saved(file: Path) -> str:
    """The text on the disk; empty while Helix has moved the old one away, before it writes."""
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        return ""


def test_the_page_has_the_recipe():
    page = (ROOT / "docs" / "helix.md").read_text("utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert tomllib.loads(textwrap.dedent(shown)) == tomllib.loads(RECIPE.read_text("utf-8"))
