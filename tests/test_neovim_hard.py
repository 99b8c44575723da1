"""Text and situations that are hard to get right, in a real Neovim against a scripted server.

Owns what others have found broken in ghost text: characters of odd widths, ends of lines, several
windows, undo, repeating, files that go away. CRLF files and closing brackets are in
test_neovim_accept.py too.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "neovim"))

pytest_plugins = ["driven_editor"]  # it lies beside its server

FAMILY = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"


@pytest.mark.parametrize("before", ['s = "日本', "s = 'e\u0301", f'"{FAMILY}', "\tif x", "ａ\tb"])
def test_odd_widths_before_the_cursor(nvim_with_ghost, before):
    answer = {"before": before, "insertText": "g日e\u0301\tz", "right": 1}
    tabs = "let g:python_recommended_style = 0 | set tabstop=4 shiftwidth=0"
    editor = nvim_with_ghost(answer, ")", ghost="g日e\u0301    z", before_setup=tabs)
    assert editor.screen()[0].endswith("g日e\u0301    z")
    assert editor.nvim.funcs.screencol() == editor.nvim.funcs.strdisplaywidth(before) + 1
    editor.keys("<M-w>")
    editor.wait_marked(f"{before}g日e\u0301|)")
    editor.keys("<Tab>")
    editor.wait_marked(f"{before}g日e\u0301\tz|")


def test_many_lines_in_the_middle_of_a_line(nvim_with_ghost):
    answer = {"before": "call(", "insertText": "\n    x,\n    y"}
    editor = nvim_with_ghost(answer, ") + 1\nend", ghost="\n    x,\n    y")
    editor.keys("<M-l>")
    editor.wait_marked("call(\n    x,|) + 1\nend")
    editor.wait_ghost("\n    y")
    editor.keys("<Tab>")
    editor.wait_marked("call(\n    x,\n    y|) + 1\nend")


def test_quotes_and_brackets_that_close_together(nvim_with_ghost):
    answer = {"before": "d[f('", "insertText": "key', 1)]", "right": 3}
    editor = nvim_with_ghost(answer, "')] # end", ghost="key, 1")
    assert editor.screen()[0] == "d[f('key', 1)] # end"
    editor.keys("<Tab>")
    editor.wait_marked("d[f('key', 1)]| # end")


def test_two_windows_on_one_buffer(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1\ny"}, "\nlast", "<Cmd>split<CR>i")
    other = editor.nvim.windows[1]
    other.cursor = [2, 3]
    editor.keys("<Tab>")
    editor.wait_marked("x = 1\ny|\nlast")
    assert tuple(other.cursor) == (3, 3)  # still on the last line
    editor.script({"before": "yz", "insertText": " = 2"})
    editor.type("z")
    editor.wait_ghost(" = 2")
    editor.keys("<Cmd>wincmd w<CR>")
    editor.wait_ghost("")
    editor.keys("<Tab>")
    editor.wait_marked("x = 1\nyz\nlas |t")


def test_undo_right_after_an_acceptance(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1\ny = 2"})
    editor.keys("<Tab>")
    editor.wait_marked("x = 1\ny = 2|")
    editor.keys("<C-o>u")
    editor.wait(lambda: editor.buffer() == "x", "the text before")
    editor.keys("<C-o><C-r>")
    editor.wait(lambda: editor.buffer() == "x = 1\ny = 2", "the text after")


def test_repeating_does_what_was_typed(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"}, "\n\n", "ggi")
    editor.keys("<Tab>")
    editor.type("5")
    editor.keys("<Esc>j.")
    editor.wait(lambda: editor.nvim.current.window.cursor[0] == 2, "the second line")
    first, second = editor.buffer().split("\n")[:2]
    assert first == "x = 15"
    assert set(second) <= set("x = 15\t")
    assert editor.notified() == []


def test_a_macro_repeats_the_keys(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"}, "\n\n", "ggqai")
    editor.keys("<Tab><Esc>qj@a")
    editor.wait(lambda: editor.buffer().split("\n")[1] != "", "the second line")
    assert editor.buffer().split("\n")[:2] == ["x = 1", "x   "]
    assert editor.notified() == []


def test_a_very_long_line(nvim_with_ghost):
    long = "x = [" + "1, " * 50_000
    answer = {"before": long + "y", "insertText": "z, 2]\nend"}
    editor = nvim_with_ghost(answer, long, keys="A", typed="y")
    editor.keys("<Tab>")
    editor.wait(lambda: editor.buffer() == long + "yz, 2]\nend", "the accepted text")


def test_a_file_that_was_deleted(nvim_with_ghost, tmp_path):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"})
    (tmp_path / "sample.py").unlink()
    editor.script({"before": "xy", "insertText": " = 2"})
    editor.keys("y<Cmd>silent! checktime<CR>")
    editor.wait_ghost(" = 2")
    editor.keys("<Tab><Esc>")
    editor.nvim.command("write")
    assert (tmp_path / "sample.py").read_text(encoding="utf-8").rstrip() == "xy = 2"


def test_neovims_own_inline_completion_does_not_double_the_ghost(nvim_with_ghost):
    answer = {"before": "x", "insertText": " = 1"}
    own = "lua if vim.lsp.inline_completion then vim.lsp.inline_completion.enable() end"
    editor = nvim_with_ghost(answer, before_setup=own)
    editor.lua("if vim.lsp.inline_completion then vim.lsp.inline_completion.enable() end")
    marks = """
        local count = 0
        for _, namespace in pairs(vim.api.nvim_get_namespaces()) do
          for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, {})) do
            count = count + 1
          end
        end
        return { count, vim.tbl_count(vim.lsp._capability and
          vim.lsp._capability.all.inline_completion.active or {}) }"""
    assert editor.lua(marks) == [1, 0]
