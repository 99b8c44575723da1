"""What accepting and typing through do, in a real Neovim against a scripted server.

Owns the edits: whole, word and line, ranges around the cursor, units, line ends, undo, and what
the keys do without a ghost. The ghost itself and the server's life are in test_neovim.py.
"""

import sys
from itertools import groupby
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "neovim"))

pytest_plugins = ["driven_editor"]  # it lies beside its server

ADD = {"before": "def add(", "insertText": "a, b):\n    return a + b", "right": 1}
DID_ACCEPT = {"title": "accepted", "command": "stateline.didAccept", "arguments": [7]}


@pytest.mark.parametrize(
    ("keys", "expected", "rest"),
    [
        ("<Tab>", "def add(a, b):\n    return a + b|", ""),
        ("<M-w>", "def add(a|)", ", b:\n    return a + b"),
        ("<M-Right><M-w>", "def add(a,|)", " b:\n    return a + b"),
        ("<M-w><M-w><M-w>", "def add(a, b|)", ":\n    return a + b"),
        ("<M-w><M-w><M-w><M-w>", "def add(a, b):|", "\n    return a + b"),
        ("<M-l>", "def add(a, b):|", "\n    return a + b"),
        ("<M-C-Right><M-l>", "def add(a, b):\n    return a + b|", ""),
        ("<M-l><M-w>", "def add(a, b):\n    return|", " a + b"),
    ],
)
def test_accept_over_an_auto_closed_bracket(nvim_with_ghost, keys, expected, rest):
    editor = nvim_with_ghost(ADD, keys="i)<Left>", ghost="a, b:\n    return a + b")
    assert editor.screen()[:2] == ["def add(a, b):", "    return a + b"]
    editor.keys(keys)
    editor.wait_marked(expected)
    editor.wait_ghost(rest)


def test_accept_a_bracket_that_moves_down(nvim_with_ghost):
    answer = {"before": "call(", "insertText": "\n    x,\n)", "right": 1}
    editor = nvim_with_ghost(answer, keys="i)<Left>")
    assert editor.screen()[:3] == ["call(", "    x,", ")"]
    editor.keys("<M-l>")
    editor.wait_marked("call(\n    x,|)")
    editor.wait_ghost("\n)")
    editor.keys("<Tab>")
    editor.wait_marked("call(\n    x,\n)|")


def test_a_range_over_text_that_is_not_in_the_ghost(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1", "right": 3}, "old # 2")
    assert editor.screen()[0].split() == ["x", "=", "1", "#", "2"]
    editor.keys("<Tab>")
    editor.wait_marked("x = 1| # 2")


@pytest.mark.parametrize(("encoding", "astral_units"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_range_around_the_cursor_behind_an_astral_character(
    nvim_with_ghost, encoding, astral_units
):
    before = 's = "\N{GRINNING FACE}"; pri'
    answer = {"before": before, "insertText": "print(s)", "left": 3, "right": 1}
    editor = nvim_with_ghost(answer, keys="i)<Left>", ghost="nt(s", encoding=encoding)
    asked = next(record for record in editor.received() if record.get("asked") == before)
    assert asked["params"]["position"]["character"] == len(before) - 1 + astral_units
    editor.keys("<Tab>")
    editor.wait_marked('s = "\N{GRINNING FACE}"; print(s)|')


def test_a_range_that_begins_with_other_text_is_not_shown(start_nvim):
    editor = start_nvim()
    answer = {"before": "pri", "insertText": "Print(s)", "left": 3}
    editor.script(answer, {"before": "prin", "insertText": "t"})
    editor.keys("i")
    editor.type("pri")
    editor.wait_asked("pri")
    editor.type("n")
    editor.wait_ghost("t")
    assert "Print(s)" not in "".join(editor.lua("return _G.frames"))


def test_crlf_file_stays_crlf(nvim_with_ghost, tmp_path):
    answer = {"before": "if x:", "insertText": "\r\n    y\r\n    z"}
    editor = nvim_with_ghost(answer, "a = 1\r\n\r\n", keys="ji", ghost="\n    y\n    z")
    editor.keys("<Tab><Esc>")
    editor.wait_marked("a = 1\nif x:\n    y\n    |z")
    editor.nvim.command("write")
    expected = b"a = 1\r\nif x:\r\n    y\r\n    z\r\n"
    assert (tmp_path / "sample.py").read_bytes() == expected


def test_undo_takes_back_the_acceptance_alone(nvim_with_ghost):
    editor = nvim_with_ghost(ADD, keys="i)<Left>", ghost="a, b:\n    return a + b")
    editor.keys("<Tab>")
    editor.type(" # sum")
    editor.keys("<Esc>")
    for expected in ("def add(a, b):\n    return a + b", "def add()", ")", ""):
        editor.keys("u")
        editor.wait(lambda text=expected: editor.buffer() == text, f"undo to {expected!r}")


def test_the_command_runs_once_all_is_accepted(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1", "command": DID_ACCEPT})
    editor.keys("<M-w>")
    editor.wait_marked("x =|")
    editor.keys("<M-w>")
    editor.wait_marked("x = 1|")
    editor.wait_released()
    commands = [r for r in editor.received() if r.get("method") == "workspace/executeCommand"]
    assert [c["params"] for c in commands] == [{"command": "stateline.didAccept", "arguments": [7]}]


def test_typing_through_keeps_the_ghost_in_every_frame(start_nvim):
    editor = start_nvim()
    later = ("if ", "if x", "if x:", "if x:\n", "    y")
    held = [{"before": before.rsplit("\n", 1)[-1], "hold": True} for before in later]
    editor.script({"before": "if", "insertText": " x:\n    y(z)"}, *held)
    editor.keys("i")
    editor.type("if")
    editor.wait_ghost(" x:\n    y(z)")
    steps = {" ": "x:\n    y(z)", "x": ":\n    y(z)", ":": "\n    y(z)", "\n": "y(z)", "y": "(z)"}
    for key, rest in steps.items():
        editor.keys(key)
        editor.wait_ghost(rest)
        editor.wait(lambda rest=rest: editor.lua("return _G.frames")[-1:] == [rest], "a frame")
    seen = [rest for rest, _ in groupby(editor.lua("return _G.frames"))]
    assert seen[seen.index(" x:\n    y(z)") + 1 :] == [*steps.values()]
    editor.keys("<BS>")
    editor.wait_ghost("y(z)")
    editor.keys("q")
    editor.wait_ghost("")


def test_typing_through_with_brackets_closed_by_a_mapping(nvim_with_ghost):
    editor = nvim_with_ghost(
        {"before": "x = ", "insertText": "f(a, b)"}, before_setup="inoremap ( ()<Left>"
    )
    editor.keys("f(")
    editor.wait_marked("x = f(|)")
    editor.wait_ghost("a, b")
    editor.keys("<Tab>")
    editor.wait_marked("x = f(a, b)|")


LUA_TAB = (
    "lua vim.keymap.set('i', '<Tab>', function() vim.api.nvim_put({'lua'}, 'c', false, true) end)"
)


@pytest.mark.parametrize(
    ("mapping", "keys", "expected"),
    [
        ("", "x<Tab>y", "x   y|"),
        ("imap <Tab> [tab]", "x<Tab>y", "x[tab]y|"),
        ("inoremap <expr> <Tab> 'a' .. 'b'", "x<Tab>y", "xaby|"),
        (LUA_TAB, "x<Tab>y", "xluay|"),
        ("autocmd FileType python inoremap <buffer> <Tab> [own]", "x<Tab>y", "x[own]y|"),
        ("autocmd LspAttach * inoremap <Tab> [late]", "x<Tab>y", "x[late]y|"),
        ("iabbrev teh the", "teh<C-]>", "the|"),
    ],
)
def test_keys_without_a_ghost_do_what_they_did(start_nvim, mapping, keys, expected):
    editor = start_nvim(before_setup=mapping)
    editor.keys("i" + keys)
    editor.wait_marked(expected)
    editor.keys("<Esc>")
    editor.nvim.command("Stateline disable")
    editor.wait(lambda: editor.nvim.vars["detached"] == 1, "the server to detach")
    editor.keys("S" + keys)
    editor.wait_marked(expected)


def test_tab_still_jumps_in_a_snippet(start_nvim):
    editor = start_nvim()
    editor.keys("i")
    editor.lua("vim.snippet.expand('f(${1:a}, ${2:b})')")
    editor.wait(lambda: editor.nvim.funcs.mode() == "s", "the first place to be selected")
    editor.keys("x<Tab>")
    editor.wait(lambda: editor.nvim.funcs.mode() == "s", "the second place to be selected")
    editor.keys("y")
    editor.wait_marked("f(x, y|)")
