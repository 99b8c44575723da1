"""The status bar of VS Code, its menu, and what becomes of the server.

Owns what a user sees when the server is missing, slow, broken, killed or switched off.
"""

import contextlib
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import pytest  # noqa: E402
from stateline.model.languages import LANGUAGES  # noqa: E402

pytest_plugins = ["vscode_fixtures"]

from patience import wait_until  # noqa: E402 - beside this file

TRIGGER = "Control+Alt+g"
AUTOMATIC = 2


def test_loading_then_ready(editor, script):
    script.set("slow")
    editor.choose("Restart the Server")
    editor.wait_status("Loading the model")
    script.let_go()
    editor.wait_status("Ready")


def test_a_broken_model_says_so_and_can_be_loaded_again(editor, script):
    script.set("broken")
    editor.choose("Restart the Server")
    editor.wait_status("There is no model in /nowhere")
    script.clear("broken")
    editor.choose("Load the model again")  # the server's own entry
    editor.wait_status("Ready")


def test_off_and_on(editor, script):
    script.writes(["x = ", ["1\n"]])
    editor.open("off.py")
    pid = script.pid()
    editor.choose("Turn Off")
    editor.wait_status("Off")
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), "end of the server")
    editor.choose("Turn On")
    editor.wait_status("Ready")
    editor.focus()
    editor.type("x = ")
    editor.wait_ghost("1")


def test_off_for_a_language(editor, script):
    editor.open("notes.txt")
    editor.wait_status("Off for plaintext")
    editor.open("language.py")
    editor.wait_status("Ready")
    editor.choose("Turn Off for python")
    editor.wait_status("Off for python")
    ids = sorted(id_ for each in LANGUAGES for id_ in each.ids)
    assert told_languages(script) == [id_ for id_ in ids if id_ != "python"]
    editor.choose("Turn On for python")
    editor.wait_status("Ready")
    assert told_languages(script) == []  # as before: which is for the server to say


def told_languages(script):
    return script.received("initialize")[-1]["initializationOptions"]["languages"]


@pytest.mark.parametrize(
    ("enable", "languages"),
    [
        ({}, []),
        ({"css": True, "javascript": False, "*": False}, ["css"]),
        (
            {"css": True, "javascript": False, "javascriptreact": False},
            ["css", "python", "typescript", "typescriptreact"],
        ),
    ],
)
def test_which_languages_the_server_is_told(editor, script, enable, languages):
    before = len(script.received("initialize"))
    editor.configure({"stateline.enable": enable, "stateline.memoryMiB": 64})
    script.wait_received("initialize", before + 1)
    assert told_languages(script) == languages


def test_snooze(editor, script):
    script.writes(["x = ", ["1\n"]])
    editor.open("snooze.py")
    editor.choose("Snooze for 5 Minutes")
    editor.wait_status("Silent for 5 min")
    editor.focus()
    for count, key in enumerate("x = 2\nx = ", 1):
        editor.type(key)
        script.wait_received("textDocument/didChange", count)
    assert AUTOMATIC not in script.kinds()
    editor.press(TRIGGER)  # who asks is answered all the same
    editor.wait_ghost("1")
    editor.choose("Cancel Snooze")
    editor.wait_status("Ready")


def test_statistics_and_log(editor, script):
    editor.choose("Statistics")
    editor.wait_text("shown 3, accepted 2")
    editor.choose("Show Log")
    editor.wait_on_page("Stateline")


def test_settings_reach_the_server(editor, script):
    changed = {"stateline.memoryMiB": 64, "stateline.exclude": ["*.gen.py"]}
    editor.restart_with(changed, script.pid)
    options = script.wait_received("initialize")[-1]["initializationOptions"]
    assert (options["memoryMiB"], options["exclude"]) == (64, ["*.gen.py"])


def test_a_killed_server_comes_back_and_no_text_is_lost(editor, script):
    script.writes(["x = ", ["1\n"]])
    path = editor.open("killed.py")
    script.set("held")
    editor.type("y = 2")
    script.kill()
    editor.type("3")
    editor.wait_status("has crashed and is started again")
    editor.type("4")
    script.let_go()
    editor.wait_status("Ready")
    editor.press("Enter")
    editor.type("x = ")
    editor.wait_ghost("1")
    editor.press("Tab")
    editor.wait_saved(path, "y = 234\nx = 1")


def test_what_was_typed_before_the_server_was_there_is_completed(editor, script):
    script.writes(["f(", ["1)\n"]])
    path = editor.open("early.py")
    script.set("held")
    script.kill()
    editor.wait_status("has crashed and is started again")
    editor.type("f(")  # VS Code closes it
    script.let_go()
    editor.wait_ghost("1")  # without another key
    editor.press("Tab")
    editor.wait_saved(path, "f(1)")


def test_what_a_killed_server_was_asked_is_asked_again(editor, script):
    script.writes(["x = ", [None, "1\n"]])
    path = editor.open("again.py")
    editor.type("x = ")
    script.wait_received("stateline/streamInlineCompletion")
    script.kill()
    script.let_go()
    editor.wait_ghost("1")
    editor.press("Tab")
    editor.wait_saved(path, "x = 1")


def test_a_server_that_comes_suggests_nothing_where_nobody_typed(editor, script):
    script.writes(["x = ", ["1\n"]])
    editor.open("unasked.py", "x = ")
    editor.choose("Restart the Server")
    editor.wait_status("Ready")
    script.wait_received("textDocument/didOpen")
    assert AUTOMATIC not in script.kinds()


def test_a_server_that_always_dies_is_left_alone(editor, script):
    script.set("crash")
    script.kill()
    editor.wait_status("crashed too often")
    script.clear("crash")
    editor.press_button("Restart")
    editor.wait_status("Ready")


def test_a_wrong_command_is_named(editor, script):
    editor.configure({"stateline.server.command": "/nowhere/stateline"})
    editor.wait_status("The setting stateline.server.command names /nowhere/stateline")


@contextlib.contextmanager
def pip_that_waits(home):
    """For somebody to read its log, for ever; yields whether it is running."""
    log, configuration = home / "pip.log", home / "config" / "pip" / "pip.conf"
    os.mkfifo(log)
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f"[global]\nlog = {log}\n")

    def is_running():
        for each in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # it may end while it is looked at
                if f"{home}/" in (command := each.read_text()) and "-m\0pip\0" in command:
                    return True
        return False

    try:
        yield is_running
    finally:
        configuration.unlink()


def test_a_missing_server_is_installed(editor, script):
    """From a wheel whose only program starts the scripted server."""
    hidden = editor.wheel.rename(editor.wheel.with_suffix(".away"))
    editor.configure({"stateline.server.command": ""})
    editor.load()
    editor.wait_status("not installed")
    editor.press_button("Install…")
    editor.press_button("Install")
    editor.wait_status("Installing")
    editor.wait_on_page("Stateline's server was not installed: ERROR: ")
    editor.wait_status("not installed")
    hidden.rename(editor.wheel)
    with pip_that_waits(editor.folder.parent) as is_running:
        editor.choose("Install the Server")
        editor.press_button("Install")
        wait_until(is_running, "pip")
        editor.press_button("Cancel")
        wait_until(lambda: not is_running(), "end of pip")
    editor.wait_status("not installed")
    editor.choose("Install the Server")
    editor.press_button("Install")
    editor.wait_status("Ready")
