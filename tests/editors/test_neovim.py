"""Ghost text in a real Neovim, in a terminal, from the real server and the embedded model.

Owns what is seen on the screen and what stands in the file after it was accepted, for Neovim 0.11
and 0.12 with our plugin, and for 0.12's own client. Details are tested without a terminal, against
a scripted server, in tests/test_neovim*.py.
"""

import contextlib
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "neovim"))

from terminal import ROOT, Terminal, need_neovim, neovims

README = ROOT / "editors" / "neovim" / "README.md"
# What comes next is plain enough for a very small model.
FUNCTIONS = [f"def add_{n}(a, b):\n    return a + b\n\n\n" for n in range(40)]
WHOLE_TOKENS = 600
SCRIPTS = [
    f"export function add{n}(a: number, b: number) {{\n  return a + b;\n}}\n" for n in range(40)
]
LINE, BLOCK = "a, b):", "a, b):\n    return a + b"


@contextlib.contextmanager
def opened(version, home, **options):
    if missing := need_neovim(version):
        pytest.skip(missing)
    file = home / "sample.py"
    file.write_text("".join(FUNCTIONS), encoding="utf-8")
    (home / "pyproject.toml").touch()  # else what was read of the file is not kept
    terminal = Terminal(neovims()[version], file, home, **options)
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.fixture(scope="module", params=["0.11", "0.12"])
def neovim(request, tmp_path_factory):
    """A Neovim with a server that is ready, for all tests of this version."""
    with opened(request.param, tmp_path_factory.mktemp("neovim")) as terminal:
        terminal.wait_for("Stateline: Ready")
        yield terminal


def written(terminal, name="sample.py"):
    """The last lines of the file once it was written."""
    before = terminal.home / name
    time_ns = before.stat().st_mtime_ns
    terminal.press("Escape")
    terminal.type(":write")
    terminal.press("Enter")
    terminal.wait(lambda: before.stat().st_mtime_ns != time_ns, "the file to be written")
    terminal.wait_for("written")
    return before.read_text(encoding="utf-8").rstrip("\n")


def test_the_ghost_grows_and_is_typed_through_and_accepted(neovim):
    neovim.press("G", "o")
    neovim.type("def add_40(")
    neovim.wait(lambda: neovim.ghost().startswith(LINE), "a ghost")
    neovim.press("M-\\")
    neovim.wait(lambda: neovim.ghost() == BLOCK, "the ghost to grow to the whole block")
    neovim.type("a")
    neovim.wait(lambda: neovim.ghost().startswith(LINE[1:]), "the ghost without what was typed")
    neovim.press("M-w")
    neovim.press("M-w")
    neovim.wait(lambda: neovim.ghost().startswith(LINE[4:]), "the ghost without two words")
    neovim.wait_for("def add_40(a, b):")  # what is there and the ghost behind it
    neovim.press("Tab")
    neovim.wait(lambda: neovim.ghost() == "", "the ghost to be text")
    assert written(neovim).endswith(("def add_40(a, b):", f"def add_40({BLOCK}"))


def test_other_suggestions_are_shown_on_demand(neovim):
    neovim.press("G", "o", "Escape", "0", "D", "i")
    neovim.type("total = ")
    neovim.press("M-\\")
    first = neovim.wait(neovim.ghost, "a ghost")
    neovim.press("M-]")
    neovim.wait(lambda: re.search(r"\(2/[23]\)", neovim.screen()), "the count")
    second = neovim.ghost()
    assert second != first
    neovim.press("C-]")
    neovim.wait(lambda: neovim.ghost() == "", "the ghost to hide")
    assert written(neovim).endswith("\ntotal = ")
    neovim.press("d", "d")


def statistics(terminal):
    request = "request_sync([[workspace/executeCommand]], {command=[[stateline.statistics]]}, 9999)"
    client = "vim.lsp.get_clients({name=[[stateline]]})[1]"
    return json.loads(terminal.evaluate(f"vim.json.encode({client}:{request}.result)"))


def warm(counts):
    return counts if counts["tokensReadInBackground"] or not counts["cold"] else None


def test_a_server_killed_while_typing_comes_back_warm(neovim):
    neovim.press("G", "o", "Escape", "0", "D", "i")
    neovim.type("def add_")
    (pid,) = neovim.server_pids()
    os.kill(pid, signal.SIGKILL)
    neovim.type("41 (a")
    neovim.wait_for("killed (signal 9)")
    neovim.press("BSpace", "BSpace", "BSpace")
    neovim.type("(")
    neovim.wait(lambda: len(neovim.server_pids()) == 2, "another server")
    neovim.wait_for("Stateline: Ready")
    neovim.wait(lambda: neovim.ghost().startswith(LINE), "the ghost of the new server")
    # Where a few tokens too many are not on the disk, they are read behind a cold answer.
    counts = neovim.wait(lambda: warm(statistics(neovim)), "the file to be read")
    assert counts["tokensReadWaiting"] + counts["tokensReadInBackground"] < WHOLE_TOKENS / 2
    said = neovim.evaluate("vim.fn.execute([[messages]])").strip().split("\n")
    assert said[-1] == "Stateline: the server was killed (signal 9); restarting (1 of 3)."
    neovim.press("Tab")
    neovim.wait(lambda: neovim.ghost() == "", "the ghost to be text")
    assert written(neovim).endswith(("def add_41(a, b):", f"def add_41({BLOCK}"))


@pytest.mark.parametrize("name", ["sample.ts", "sample.tsx"])
def test_typescript(neovim, name):
    file = neovim.home / name
    file.write_text("\n".join(SCRIPTS), encoding="utf-8")
    neovim.press("Escape")
    neovim.type(f":edit {file}")
    neovim.press("Enter")
    neovim.wait_for(f"{name} ")
    neovim.press("G", "o")
    neovim.type("export function add40(")
    neovim.wait(lambda: neovim.ghost().startswith("a: number, b: number) {"), "a ghost")
    neovim.press("Tab")
    # Another ghost may follow at once, so the text itself is asked for.
    found = "vim.fn.search([[add40(a: number, b: number) {]], [[nw]])"
    neovim.wait(lambda: int(neovim.evaluate(found) or 0), "the ghost to be text")
    assert "\nexport function add40(a: number, b: number) {" in written(neovim, name)
    neovim.type(":bwipeout")
    neovim.press("Enter")
    neovim.wait_for("sample.py ")


SEEN = """
vim.o.termguicolors = true
vim.o.shortmess = vim.o.shortmess .. 'I'
vim.api.nvim_set_hl(0, 'ComplHint', { fg = '#7688aa' })
vim.api.nvim_create_autocmd('LspAttach', { command = 'set statusline=attached' })
"""


def test_the_lines_for_neovims_own_client(tmp_path):
    recipe = README.read_text(encoding="utf-8").split("## Without this plugin")[1]
    init = tmp_path / "init.lua"
    init.write_text(SEEN + re.search(r"```lua\n(.*?)```", recipe, re.DOTALL)[1], encoding="utf-8")
    with opened("0.12", tmp_path, init=init) as neovim:
        neovim.wait_for("attached")
        neovim.press("G", "o")
        neovim.type("def add_40(")
        neovim.wait(lambda: neovim.ghost().startswith(LINE), "a ghost")
        neovim.press("Tab")
        neovim.wait(lambda: neovim.ghost() == "", "the ghost to be text")
        neovim.press("Enter", "Tab")  # without a ghost it is a plain Tab
        neovim.type("x")
        text = written(neovim)
        assert "def add_40(a, b):\n" in text
        assert text.endswith("    x")
