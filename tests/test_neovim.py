"""The Neovim plugin in a real Neovim, against a scripted server and at the end the real one.

Owns what a user of the plugin sees: the ghost, when it is asked for and when it goes. Accepting
and typing through are in test_neovim_accept.py, the server's life in test_neovim_server.py.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "neovim"))

pytest_plugins = ["driven_editor"]  # it lies beside its server


def test_initialize_says_who_draws(start_nvim):
    """And nothing of languages: which there are is the server's to say."""
    editor = start_nvim(settings={"model": "small", "editor": "vi"})
    sent = {"model": "small", "ghostText": True, "editor": "neovim"}
    assert editor.received()[0]["params"]["initializationOptions"] == sent


def test_languages_of_the_users_own_are_told(start_nvim):
    editor = start_nvim(filetypes=["python", "rust"])
    sent = editor.received()[0]["params"]["initializationOptions"]
    assert sent["languages"] == ["python", "rust"]


def test_ghost_is_on_the_screen_and_not_in_the_buffer(nvim_with_ghost):
    answer = {"before": "def add(", "insertText": "a, b):\n\treturn a + b"}
    editor = nvim_with_ghost(answer, "\nend = 1\n", ghost="a, b):\n    return a + b")
    assert editor.buffer() == "def add(\nend = 1"
    assert editor.screen()[:3] == ["def add(a, b):", "    return a + b", "end = 1"]
    highlight = editor.lua("return vim.api.nvim_get_hl(0, { name = 'StatelineGhost' })")
    assert highlight["link"] == "Comment"


@pytest.mark.parametrize(("lines_below", "top"), [(12, 5), (30, 0)])
def test_the_ghost_makes_room_at_the_bottom_of_the_window(nvim_with_ghost, lines_below, top):
    lines = [f"    y{n}" for n in range(lines_below)]
    answer = {"before": "if x:", "insertText": "\n".join(["", *lines])}
    editor = nvim_with_ghost(answer, "\n" * 100, keys="60Gzbi")
    assert editor.screen()[top:18] == ["if x:", *lines][: 18 - top]


def test_the_ghost_keeps_its_colour_between_matching_brackets(nvim_with_ghost):
    answer = {"before": "f(", "insertText": "a):\n    b", "right": 1}
    editor = nvim_with_ghost(answer, keys="i)<Left>", ghost="a:\n    b")
    editor.screen()
    ghost, bracket, below = (editor.nvim.funcs.screenattr(*at) for at in [(1, 3), (1, 4), (2, 5)])
    assert ghost == below != bracket


def test_each_key_asks_once_as_automatic(start_nvim):
    editor = start_nvim()
    editor.keys("i")
    editor.wait_asked("")
    for typed in ("x", "x ", "x ="):
        editor.type(typed[-1])
        editor.wait_asked(typed)
    assert editor.asked() == ["", "x", "x ", "x ="]
    last = editor.received()[-1]["params"]
    assert last["position"] == {"line": 0, "character": 3}
    assert last["context"] == {"triggerKind": 2}


def test_a_superseded_answer_is_cancelled_and_dropped(start_nvim):
    editor = start_nvim()
    editor.script({"before": "x", "insertText": " late", "hold": True})
    editor.keys("i")
    editor.type("x")
    editor.wait_asked("x")
    editor.type("y")
    editor.wait_asked("xy")
    first = next(record["id"] for record in editor.received() if record.get("asked") == "x")
    cancels = [r["params"]["id"] for r in editor.received() if r.get("method") == "$/cancelRequest"]
    assert cancels[-1] == first
    editor.wait_released()
    assert editor.ghost() == ""


@pytest.mark.parametrize(
    "change",
    ["vim.api.nvim_buf_set_lines(0, 1, 2, true, {'z'})", "vim.api.nvim_win_set_cursor(0, {1, 0})"],
)
def test_an_answer_for_a_changed_place_is_dropped(start_nvim, change):
    editor = start_nvim("\nend = 1\n")
    editor.script({"before": "x", "insertText": " late", "hold": True})
    editor.keys("i")
    editor.type("x")
    editor.wait_asked("x")
    # All in one go, so that the answer comes before any event of insert mode.
    code = """
        vim.lsp.get_clients({ name = 'stateline' })[1]:notify('test/release', {})
        local function released() return require('stateline').status() == 'released' end
        return vim.wait(15000, released, 2), _G.ghost()"""
    assert editor.lua(f"{change}{code}")
    assert editor.ghost() == ""


def test_null_keeps_the_ghost_and_an_empty_list_hides_it(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"})
    editor.script({"before": "x =", "empty": True})
    editor.type(" ")
    editor.wait_asked("x ")
    editor.wait_released()
    assert editor.ghost() == "= 1"
    editor.type("=")
    editor.wait_ghost("")


def test_dismiss_hides_until_the_text_changes(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"})
    asked = editor.asked()
    editor.keys("<C-]>")
    editor.wait_ghost("")
    editor.keys("<Left>")
    editor.wait_marked("|x")
    editor.keys("<Right>")
    editor.type("y")
    editor.wait_asked("xy")
    assert editor.asked() == [*asked, "xy"]


def test_only_the_trigger_key_asks_without_auto_trigger(start_nvim):
    editor = start_nvim(auto_trigger=False)
    editor.script({"before": "x", "insertText": " = 1"})
    editor.keys("i")
    editor.type("x")
    editor.keys("<M-\\>")
    editor.wait_ghost(" = 1")
    assert editor.asked() == ["x"]
    assert editor.received()[-1]["params"]["context"] == {"triggerKind": 1}


@pytest.mark.parametrize("command", ["stopinsert", "new", "wincmd w", "Stateline disable"])
def test_the_ghost_goes_when_the_user_goes(nvim_with_ghost, command):
    before_setup = "set splitright | vnew | wincmd p"
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"}, before_setup=before_setup)
    buffer = editor.nvim.current.buffer.number
    editor.nvim.command(command)
    editor.wait(lambda: editor.ghost(buffer) == "", f"{command} to hide the ghost")


@pytest.mark.parametrize("close", ["<C-e>", "<C-y>"])
def test_the_popup_menu_goes_first(nvim_with_ghost, close):
    answer = {"before": "four foo fo", "insertText": "bar()"}
    editor = nvim_with_ghost(answer, before_setup="set completeopt=menuone,noselect")
    editor.keys("<C-n>")
    editor.wait(lambda: editor.nvim.funcs.pumvisible(), "the popup menu")
    editor.wait_ghost("")
    editor.keys(close)
    editor.wait_ghost("bar()")


def test_a_buffer_can_be_switched_off(start_nvim):
    editor = start_nvim()
    variables = editor.nvim.current.buffer.vars
    variables["stateline_enabled"] = False
    editor.keys("i")
    editor.type("x")
    editor.keys("<M-\\>")
    editor.wait_released()
    assert editor.asked() == []
    variables["stateline_enabled"] = True
    editor.type("y")
    editor.wait_asked("xy")


def test_an_error_answered_is_said_once(start_nvim):
    editor = start_nvim()
    editor.script({"before": "x", "error": "model file is damaged"})
    editor.keys("ix<BS>x")
    editor.wait(editor.notified, "the error")
    editor.wait_released()
    assert editor.notified() == ["Stateline: the server answered: model file is damaged"]


def test_setup_again_changes_the_keys(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"})
    editor.lua("require('stateline').setup({ keymap = { accept = '<C-l>' } })")
    editor.keys("<Tab>")
    editor.wait_marked("x   |")
    editor.keys("<BS><BS><BS><BS>")
    editor.type("x")
    editor.wait_ghost(" = 1")
    editor.keys("<C-l>")
    editor.wait_marked("x = 1|")


SCRIPTED_MODEL = """
from stateline.lsp_server.server import features
from stateline.model.completer import Piece, Scripted
pieces = [Piece(text, 0.9) for text in ("a, ", "b):", "\\n", "    return a + b", "\\n")]
features.open_completer = lambda *_, **__: Scripted(lambda context: pieces)
features.create_server().start_io()
"""


def test_real_server_with_a_scripted_model(start_nvim):
    editor = start_nvim(cmd=[sys.executable, "-c", SCRIPTED_MODEL], auto_trigger=False)
    editor.wait_status("Ready")
    editor.keys("i")
    editor.type("def add()")
    editor.keys("<Left><M-\\>")
    editor.wait_ghost("a, b:\n    return a + b")
    editor.keys("<Tab>")
    editor.wait_marked("def add(a, b):\n    return a + b|")


def test_real_server(start_nvim):
    functions = [f"def add_{n}(a, b):\n    return a + b\n\n\n" for n in range(40)]
    text = "".join(functions)
    cmd = [sys.executable, "-m", "stateline.lsp_server.cli", "lsp"]
    editor = start_nvim(text, cmd=cmd, attach=False, auto_trigger=False)
    editor.wait_attached(deadline_seconds=60)
    editor.wait_status("Ready", deadline_seconds=120)
    editor.keys("Go<C-u>")
    editor.type("import numpy as n")  # plain enough for the smallest model
    typed = editor.buffer()
    editor.keys("<M-\\>")
    ghost = editor.wait(editor.ghost, "a ghost of the real model", deadline_seconds=60)
    editor.keys("<Tab>")
    editor.wait(lambda: editor.buffer() != typed, "the buffer to change")
    assert editor.buffer() == typed + ghost
