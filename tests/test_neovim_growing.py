"""Ghost text that grows, several suggestions, and what the server is told, in a real Neovim.

Owns what follows from `stateline/streamInlineCompletion` and its partial answers, the choice among
several suggestions, and the notifications on their fate. The server is a scripted one.
"""

import sys
from itertools import groupby
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "neovim"))

pytest_plugins = ["driven_editor"]  # it lies beside its server

GROWING, AT_ONCE = "stateline/streamInlineCompletion", "textDocument/inlineCompletion"
SHOWN, PARTLY = "textDocument/didShowCompletion", "textDocument/didPartiallyAcceptCompletion"


def named(name):
    """What makes an item bear an id."""
    return {"title": "accepted", "command": "stateline.didAccept", "arguments": [name]}


@pytest.fixture
def nvim_waiting(start_nvim):
    """An editor with `before` typed, whose server has been asked there and holds the answer."""

    def wait(answer, keys="i", **options):
        editor = start_nvim(**options)
        editor.script({**answer, "hold": True})
        editor.keys(keys)
        editor.type(answer["before"])
        editor.wait_asked(answer["before"])
        return editor

    return wait


def frames(editor):
    return [rest for rest, _ in groupby(editor.lua("return _G.frames"))]


def test_the_ghost_grows_in_place(nvim_waiting):
    editor = nvim_waiting({"before": "x", "insertText": " = 1\ny = 2"})
    for text in (" =", " = 1", " = 1\ny"):
        editor.grow(text)
        editor.wait_ghost(text)
        editor.wait(lambda text=text: frames(editor)[-1] == text, "a frame")
    editor.wait_released()
    editor.wait_ghost(" = 1\ny = 2")
    assert frames(editor)[-4:-1] == [" =", " = 1", " = 1\ny"]


def test_every_request_has_a_token_of_its_own(start_nvim):
    editor = start_nvim()
    editor.keys("i")
    for key in "xy":
        editor.type(key)
    editor.wait_asked("xy")
    tokens = [params["partialResultToken"] for params in editor.told(GROWING)]
    assert len(set(tokens)) == len(tokens) >= 2


@pytest.mark.parametrize("answer", [{}, {"error": "request failed", "code": -32803}])
def test_after_no_answer_what_came_stays_while_it_fits(nvim_waiting, answer):
    editor = nvim_waiting({"before": "x", **answer})
    editor.grow(" = 1")
    editor.wait_ghost(" = 1")
    editor.wait_released()
    assert editor.ghost() == " = 1"
    editor.script({"before": "xy", "hold": True})
    editor.type("y")
    editor.wait_ghost("")


def test_an_empty_answer_takes_back_what_came(nvim_waiting):
    editor = nvim_waiting({"before": "x", "empty": True})
    editor.grow(" = 1")
    editor.wait_ghost(" = 1")
    editor.wait_released()
    editor.wait_ghost("")


def test_what_comes_for_a_superseded_request_is_dropped(nvim_waiting):
    editor = nvim_waiting({"before": "x", "insertText": " = 1"})
    old = editor.told(GROWING)[-1]["partialResultToken"]
    editor.type("y")
    editor.wait_asked("xy")
    value = {"items": [{"insertText": " late"}]}
    editor.tell("send", method="$/progress", params={"token": old, "value": value})
    editor.wait_released()
    assert editor.ghost() == ""
    assert editor.notified() == []


def test_typing_through_never_shortens_the_ghost(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 12345"})
    editor.script({"before": "x ", "insertText": "= 12345 + 6", "hold": True})
    editor.type(" ")
    editor.wait_asked("x ")
    editor.grow("= 1")  # the server begins the same text once more
    editor.grow("= 12345 +")
    editor.wait_ghost("= 12345 +")
    editor.wait_released()
    editor.wait_ghost("= 12345 + 6")
    assert "= 1" not in frames(editor)


def test_progress_of_others_goes_where_it_went(start_nvim):
    editor = start_nvim(
        before_setup="let g:progress = 0 | autocmd LspProgress * let g:progress += 1"
    )
    value = {"kind": "begin", "title": "reading files"}
    editor.tell("send", method="$/progress", params={"token": 7, "value": value})
    editor.wait(lambda: editor.nvim.vars["progress"] == 1, "Neovim's own handler")


def test_a_server_that_cannot_stream_is_asked_at_once_for_good(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"}, methods="at_once")
    editor.script({"before": "xy", "insertText": " = 2"})
    editor.type("y")
    editor.wait_ghost(" = 2")
    assert all("partialResultToken" not in params for params in editor.told(AT_ONCE))
    assert len(editor.told(GROWING)) <= 2  # those that were sent before the first refusal came
    assert editor.notified() == []


THREE = {
    "before": "x",
    "insertText": " = 1",
    "others": [{"insertText": " = foo()"}, {"insertText": ": int"}],
}


def hint(editor):
    code = """
        local namespace = vim.api.nvim_create_namespace('stateline')
        local marks = vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })
        for _, mark in ipairs(marks) do
          if mark[4].virt_text_pos == 'eol' then return mark[4].virt_text[1] end
        end"""
    return editor.lua(code)


def test_next_and_previous_go_round(start_nvim):
    editor = start_nvim(auto_trigger=False)
    editor.script(THREE)
    editor.keys("i")
    editor.type("x")
    editor.keys("<M-\\>")
    editor.wait_ghost(" = 1")
    assert hint(editor) == ["(1/3)", "StatelineHint"]
    steps = [("<M-]>", " = foo()"), ("<M-]>", ": int"), ("<M-]>", " = 1"), ("<M-[>", ": int")]
    for key, ghost in steps:
        editor.keys(key)
        editor.wait_ghost(ghost)
    assert editor.screen()[0] == "x: int (3/3)"
    assert len(editor.asked()) == 1
    editor.keys("<Tab>")
    editor.wait_marked("x: int|")


@pytest.mark.parametrize(("key", "ghost"), [("<M-]>", " = foo()"), ("<M-[>", ": int")])
def test_others_are_asked_for_when_one_is_known(nvim_with_ghost, key, ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"})
    assert hint(editor) is None
    editor.script(THREE)
    editor.keys(key)
    editor.wait_ghost(ghost)
    assert editor.received()[-1]["params"]["context"] == {"triggerKind": 1}


def test_growing_keeps_the_chosen_one(nvim_waiting):
    editor = nvim_waiting(THREE)
    editor.grow(" =", " = f")
    editor.wait_ghost(" =")
    editor.keys("<M-]>")
    editor.wait_ghost(" = f")
    editor.wait_released()
    editor.wait_ghost(" = foo()")
    assert hint(editor)[0] == "(2/3)"


def test_the_chosen_one_stays_as_long_as_it_fits(nvim_waiting):
    editor = nvim_waiting(THREE)
    editor.wait_released()
    editor.keys("<M-]>")
    editor.wait_ghost(" = foo()")
    asked = editor.asked()
    editor.type(" =")
    editor.wait_ghost(" foo()")
    assert hint(editor)[0] == "(2/2)"
    editor.keys("<M-w>")
    editor.wait_ghost("()")
    assert hint(editor) is None
    assert editor.asked() == asked
    editor.type("z")
    editor.wait_ghost("")
    editor.wait_asked("x = fooz")


def test_typing_what_another_says_shows_that_one(nvim_waiting):
    editor = nvim_waiting(THREE)
    editor.wait_released()
    editor.wait_ghost(" = 1")
    editor.script({"before": "x:", "hold": True})
    editor.type(":")
    editor.wait_ghost(" int")


@pytest.mark.parametrize("key", ["<M-]>", "<M-[>"])
def test_without_a_ghost_the_keys_do_what_they_did(start_nvim, key):
    editor = start_nvim(before_setup=f"inoremap {key} mine")
    editor.keys("i" + key)
    editor.wait_marked("mine|")


def test_what_was_drawn_is_told_once(nvim_waiting):
    others = [{"insertText": " = foo()", "command": named("b")}]
    answer = {"before": "x", "insertText": " = 1", "command": named("a"), "others": others}
    editor = nvim_waiting(answer)
    editor.grow(" =", command=named("a"))
    editor.wait_ghost(" =")
    editor.wait_released()
    for key, ghost in [("<M-]>", " = foo()"), ("<M-]>", " = 1")]:
        editor.keys(key)
        editor.wait_ghost(ghost)
    editor.wait_released()
    ids = [params["item"]["command"]["arguments"] for params in editor.told(SHOWN)]
    assert ids == [["a"], ["b"]]


def test_what_was_never_drawn_is_not_told(nvim_waiting):
    editor = nvim_waiting({"before": "x", "insertText": " = 1", "command": named("a")})
    editor.type("y")
    editor.wait_asked("xy")
    editor.wait_released()
    assert editor.told(SHOWN) == []


def test_accepted_parts_are_told_in_utf16_units_from_the_beginning(nvim_with_ghost):
    text = 'int("\N{GRINNING FACE}",\r\n    e\u0301nd)'
    answer = {"before": "pr", "insertText": "pr" + text, "left": 2, "command": named("a")}
    editor = nvim_with_ghost(answer, "a\r\n", ghost=text.replace("\r\n", "\n"), keys="ggO")
    lengths = []
    for key in ("<M-w>", "<M-l>", "<M-w>"):
        before = editor.buffer()
        editor.keys(key)
        editor.wait(lambda before=before: editor.buffer() != before, "a part to be accepted")
        editor.wait_released()
        lengths.append(editor.told(PARTLY)[-1]["acceptedLength"])
    line = len('print("__",')
    assert lengths == [len("print"), line, line + len("\r\n    e_nd")]
    editor.keys("<Tab>")
    editor.wait(lambda: editor.told("workspace/executeCommand"), "the command")
    assert editor.told("workspace/executeCommand")[0]["arguments"] == ["a"]
    assert len(editor.told(PARTLY)) == 3
