"""The life of the language server in a real Neovim: started, crashed, restarted, asked about.

Owns what `:Stateline` and `:checkhealth stateline` do and say, the status, and what becomes of the
server when it ends. The server is a scripted one.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "neovim"))

pytest_plugins = ["driven_editor"]  # it lies beside its server

FAKE_SERVER = Path(__file__).parent / "neovim" / "fake_server.py"
PLUGIN = Path(__file__).parents[1] / "editors" / "neovim"
LEFT_BEHIND = """
    local keys = vim.tbl_map(function(m) return m.lhs end, vim.api.nvim_buf_get_keymap(0, 'i'))
    local autocmds = vim.api.nvim_get_autocmds({ group = 'stateline', buffer = 0 })
    return { keys, #autocmds }"""


def send_status(editor, message, kind="Normal", **more):
    params = {"busy": False, "message": message, "kind": kind, **more}
    editor.tell("send", method="stateline/didChangeStatus", params=params)
    editor.wait_status(message)


def test_status_is_kept_and_an_error_is_said_once(start_nvim):
    editor = start_nvim()
    for message, kind in [("no memory", "Error"), ("no memory", "Error"), ("warming", "Normal")]:
        params = {"busy": True, "message": message, "kind": kind}
        editor.tell("send", method="stateline/didChangeStatus", params=params)
        params = {"type": 1, "message": "Stateline: no memory"}
        editor.tell("send", method="window/showMessage", params=params)
    editor.wait_status("warming")
    editor.nvim.command("Stateline status")
    assert editor.notified() == ["Stateline: no memory", "Stateline is on: warming."]


def test_a_missing_command_is_said_once(start_nvim):
    editor = start_nvim(cmd=["stateline-that-is-not-there", "lsp"], attach=False)
    editor.wait(editor.notified, "the message")
    editor.nvim.command("edit second.py")
    editor.nvim.command("Stateline status")
    said = (
        "Stateline: the command `stateline-that-is-not-there` was not found; install it with "
        '`pip install stateline` or set `cmd` in require("stateline").setup.'
    )
    assert editor.notified() == [said, said]  # by itself, and when asked for the status


def test_a_missing_command_does_not_break_a_late_setup(start_nvim):
    editor = start_nvim()
    editor.lua("require('stateline').setup({ cmd = { 'stateline-that-is-not-there' } })")
    editor.wait(editor.notified, "the message")


def test_restart_disable_and_enable(start_nvim):
    editor = start_nvim()
    editor.nvim.command("Stateline restart")
    editor.wait_attached(times=2)
    editor.nvim.command("Stateline disable")
    editor.wait(lambda: editor.nvim.vars["detached"] == 2, "the server to detach")
    assert editor.lua(LEFT_BEHIND) == [[], 0]
    editor.nvim.command("Stateline status")
    assert editor.notified() == ["Stateline is off; `:Stateline enable` turns it on."]
    editor.nvim.command("Stateline enable")
    editor.wait_attached(times=3)
    exits = [record for record in editor.received() if record.get("method") == "exit"]
    assert len(exits) == 2  # asked to, not killed


def crash(editor, times):
    """Ends the server unasked and waits until what is said then is said."""
    editor.tell("exit", code=3)
    editor.wait(lambda: len(editor.notified()) == times, "the message")
    return editor.notified()[-1]


def test_a_crash_while_typing_is_said_and_repaired(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"})
    editor.type("y")
    said = crash(editor, 1)
    assert said == "Stateline: the server ended with 3; restarting (1 of 3)."
    editor.type("z w")
    editor.wait_attached(times=2)
    assert editor.buffer() == "xyz w"
    editor.wait_asked("xyz w")  # without a key: the new server is asked at once
    editor.script({"before": "xyz w ", "insertText": "= 2"})
    editor.type(" ")
    editor.wait_ghost("= 2")


def test_nothing_that_is_said_while_typing_takes_a_key(start_nvim):
    editor = start_nvim()
    editor.keys("i")
    editor.type("x")
    assert crash(editor, 1)
    editor.wait_attached(times=2)
    params = {"busy": False, "message": "long " * 40, "kind": "Error"}
    editor.tell("send", method="stateline/didChangeStatus", params=params)
    editor.wait(lambda: len(editor.notified()) == 2, "the message")
    for text in editor.lua("return _G.notified"):  # Neovim's own messages too
        assert len(text) <= 68
        assert text.endswith((".", "…"))


def test_it_is_not_started_again_for_ever(start_nvim):
    editor = start_nvim()
    for time in (1, 2, 3):
        assert f"({time} of 3)" in crash(editor, time)
        editor.wait_attached(times=time + 1)
    last = crash(editor, 4)
    assert last == "Stateline: the server keeps ending; see `:Stateline status`."
    assert editor.lua(LEFT_BEHIND) == [[], 0]
    editor.nvim.command("Stateline status")
    assert editor.notified()[-1] == (
        "Stateline is off: the server ended with 3, too often to be started again; "
        "`:Stateline restart` starts it, `:Stateline log` may show why."
    )
    editor.nvim.command("Stateline restart")
    editor.wait_attached(times=5)
    assert "(1 of 3)" in crash(editor, 6)  # counted anew


def test_toggle_is_for_the_buffer(nvim_with_ghost):
    editor = nvim_with_ghost({"before": "x", "insertText": " = 1"})
    editor.keys("<Cmd>Stateline toggle<CR>")
    editor.wait_ghost("")
    assert editor.notified() == ["Stateline is off in this buffer."]
    assert editor.lua("return require('stateline').statusline()") == "Stateline: Off"
    editor.nvim.command("Stateline status")
    expected = "Stateline is off in this buffer; `:Stateline toggle` turns it on."
    assert editor.notified()[-1] == expected
    editor.keys("<Cmd>Stateline toggle<CR>")
    editor.wait_ghost(" = 1")


@pytest.mark.parametrize("words", ["toggle!", "toggle global"])
def test_toggle_everywhere_stops_the_server(start_nvim, words):
    editor = start_nvim()
    editor.nvim.command(f"Stateline {words}")
    editor.wait(lambda: editor.nvim.vars["detached"] == 1, "the server to detach")
    editor.nvim.command(f"Stateline {words}")
    editor.wait_attached(times=2)
    assert editor.notified() == ["Stateline is off.", "Stateline is on."]


def test_enable_is_for_this_buffer_too(start_nvim):
    editor = start_nvim()
    editor.nvim.command("Stateline toggle | Stateline enable | Stateline status")
    assert editor.notified()[-1] == "Stateline is on: ready."


def test_status_offers_what_the_server_offers(start_nvim):
    editor = start_nvim()
    command = {"title": "Load the model again", "command": "stateline.didAccept", "arguments": [7]}
    send_status(editor, "No model.", command=command)
    editor.lua("""
        vim.ui.select = function(choices, options, chosen)
          _G.offered = { choices, options.prompt }
          chosen(choices[1], 1)
        end""")
    editor.nvim.command("Stateline status")
    choices = ["Load the model again", "Leave it"]
    assert editor.lua("return _G.offered") == [choices, "Stateline is on: No model."]
    editor.wait(lambda: editor.told("workspace/executeCommand"), "the command")
    send_status(editor, "Ready")
    editor.nvim.command("Stateline status")
    assert editor.notified() == ["Stateline is on: Ready."]


def test_the_statusline_is_empty_elsewhere(start_nvim):
    editor = start_nvim()
    statusline = "return require('stateline').statusline()"
    assert editor.lua(statusline) == ""
    send_status(editor, "Ready")
    assert editor.lua(statusline) == "Stateline: Ready"
    editor.nvim.command("new | setfiletype text")
    assert editor.lua(statusline) == ""


def test_verbs_are_completed(start_nvim):
    editor = start_nvim()

    def completed(line):
        return editor.nvim.funcs.getcompletion(line, "cmdline")

    assert completed("Stateline sta") == ["stats", "status"]
    assert completed("Stateline toggle ") == ["global"]
    assert "toggle global" not in completed("Stateline ")
    editor.keys("<Cmd>Stateline togle<CR>")
    editor.wait(editor.notified, "the message")
    assert editor.notified()[0].startswith("Stateline: there is no `togle`; say disable, enable")


def test_stats_runs_the_same_program_in_a_window(start_nvim, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys\nprint('ran', sys.argv[1:])\n", encoding="utf-8")
    editor = start_nvim(cmd=[sys.executable, str(program), "lsp", "--log", "x"], attach=False)
    editor.nvim.command("Stateline stats")
    editor.wait(lambda: "ran ['stats']" in editor.buffer(), "what it prints")


def test_log_opens_the_servers_file(start_nvim, tmp_path):
    log = tmp_path / "server.log"
    log.write_text("first\nlast\n", encoding="utf-8")
    editor = start_nvim(cmd=["stateline-not-there", "lsp", "--log", str(log)], attach=False)
    editor.nvim.command("Stateline log")
    assert editor.buffer() == "first\nlast"
    editor.nvim.command("bwipeout")
    editor.lua("require('stateline').setup({ cmd = { 'stateline', 'lsp' } })")
    editor.nvim.command("Stateline log")
    shown = editor.nvim.current.buffer.name + "".join(editor.notified())
    assert "lsp.log" in shown  # Neovim's own, or that there is none yet


def test_a_setting_that_does_not_exist_is_named(start_nvim):
    editor = start_nvim()
    editor.lua("require('stateline').setup({ keymap = { acept = '<Tab>' } })")
    assert editor.notified() == [
        "Stateline: there is no setting `keymap.acept`; there are accept, accept_line, "
        "accept_word, dismiss, next, previous, trigger."
    ]


def test_the_help_file_has_its_tags(start_nvim, tmp_path):
    folder = tmp_path / "doc"
    folder.mkdir()
    text = (PLUGIN / "doc" / "stateline.txt").read_text(encoding="utf-8")
    (folder / "stateline.txt").write_text(text, encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 85
    editor = start_nvim()
    editor.nvim.command(f"helptags {folder} | set runtimepath+={tmp_path}")
    for tag in (":Stateline", "stateline-keys", "b:stateline_enabled", "hl-StatelineGhost"):
        editor.nvim.command(f"help {tag}")
        assert f"*{tag}*" in editor.nvim.current.line
    for verb in editor.nvim.funcs.getcompletion("Stateline ", "cmdline"):
        assert f":Stateline {verb}" in text


HEALTHY = "import sys\nprint('model  sound')\nsys.exit(%d)\n"


@pytest.mark.parametrize(("code", "found"), [(0, "finds all in order"), (1, "ends with 1")])
def test_health_asks_the_program(start_nvim, tmp_path, code, found):
    program = tmp_path / "program.py"
    program.write_text(HEALTHY % code, encoding="utf-8")
    editor = start_nvim(cmd=[sys.executable, str(program), "lsp"], attach=False)
    editor.nvim.command("checkhealth stateline")
    report = editor.buffer()
    assert f"program.py doctor` {found}" in report
    assert "model  sound" in report
    assert "Neovim 0.1" in report
    assert "Log: " in report


def test_health_names_what_is_in_the_way(start_nvim):
    editor = start_nvim()
    server = [sys.executable, str(FAKE_SERVER), str(editor.log_path), "utf-8", "stateline"]
    editor.lua(
        """
        vim.g.loaded_copilot = 1
        vim.keymap.set('i', '<Tab>', 'mine', { buffer = 0 })
        vim.lsp.start({ name = 'other', cmd = { ... } })""",
        *server,
    )
    editor.wait_attached(times=2)
    editor.nvim.command("checkhealth stateline")
    report = editor.buffer()
    assert "The client `other` runs Stateline too" in report
    assert "copilot.vim is loaded" in report
    assert "Something else has mapped <Tab> in sample.py" in report
    assert "The server runs for 1 buffers" in report
    editor.nvim.command("checkhealth vim.lsp")
    assert "Failed to run" not in editor.buffer()
