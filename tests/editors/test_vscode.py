"""The extension in a real VS Code, as a user sees it.

Owns what is on the screen: ghost text, the status bar and its menu, and what happens when the
server is missing, slow, broken or killed. Where the text matters, the real server's model writes
what the test says; the last tests have the embedded model. What is easier to see from within is in
vscode/in_host.js.
"""

import json
import os
import re
import signal
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from stateline.lsp_server.edit.settings import Settings

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "vscode")]

from install_vscode import EXTENSION  # noqa: E402 - beside this file
from patience import wait_until  # noqa: E402 - in vscode, as the fixtures

pytest_plugins = ["vscode_fixtures"]

STREAM = "stateline/streamInlineCompletion"
COST = re.compile(r"tokens_reused=(\d+)")
INVOKED, AUTOMATIC = 1, 2
TRIGGER = "Control+Alt+g"
ADD = ["def add(", ["a, b):\n", None, "    return a + b\n"]]
# The embedded model is sure of what follows.
ACCOUNT = """\
class Account:
    def __init__(self, owner, balance):
        self.owner = """
SCRIPT = """\
class Account {
  constructor(owner: string, balance: number) {
    this.owner = owner;
    this.balance = balance;
  }
}

class Savings {
  constructor(owner: string, balance: number) {
    this.owner = """
CLASSES = "".join(f"{ACCOUNT}owner\n        self.balance = balance\n\n\n" for _ in range(16))
WHOLE = "a, b:\n    return a + b"  # of which VS Code draws what it has not closed itself


def test_ghost_text_appears_grows_and_is_taken_whole(editor, script):
    script.writes(ADD)
    path = editor.open("grow.py", "# one\n")
    editor.type("def add(")
    editor.wait_ghost("a, b:")
    script.let_go()
    editor.wait_ghost(WHOLE)
    editor.press("Tab")
    editor.wait_saved(path, "# one\ndef add(a, b):\n    return a + b")
    (run,) = script.wait_received("workspace/executeCommand")
    assert run["command"] == "stateline.didAcceptCompletion"


def test_growing_text_is_never_away(editor, script):
    body = ["    x = a\n", "    y = x\n", "    return y\n"]
    script.writes(["def f(", ["a):\n", *(each for line in body for each in (None, line))]])
    editor.open("flicker.py")
    editor.watch_ghost()
    editor.type("def f(")
    for steps, last in enumerate(["a:", "    x = a", "    y = x"], 1):
        editor.wait_drawn(last)
        script.let_go(steps)
    editor.wait_drawn("    return y")
    seen = editor.watched()
    assert "" not in seen[1:]
    lengths = list(map(len, seen))
    assert lengths == sorted(lengths)
    assert len(lengths) > 3


def test_what_fits_is_typed_through_with_the_same_request(editor, script):
    script.writes(ADD)
    editor.open("through.py")
    editor.type("def add(")
    editor.wait_ghost("a, b:")
    asked = len(script.received(STREAM))
    editor.type("a, ")
    editor.wait_ghost("b:")
    script.let_go()
    editor.wait_ghost("b:\n    return a + b")
    assert len(script.received(STREAM)) == asked


def test_words_are_taken_one_by_one(editor, script):
    script.writes(["x = ", ["one + two\n"]])
    path = editor.open("word.py")
    editor.type("x = ")
    editor.wait_ghost("one + two")
    editor.press("Control+ArrowRight")
    editor.wait_ghost(" + two")
    editor.press("Control+ArrowRight")
    editor.wait_ghost("+ two")
    editor.press("Tab")
    editor.wait_saved(path, "x = one + two")
    assert len(script.wait_received("workspace/executeCommand")) == 1


def test_escape_is_final_while_text_grows(editor, script):
    script.writes(ADD, ["x = ", ["1\n"]])
    editor.open("escape.py")
    editor.type("def add(")
    editor.wait_ghost("a, b:")
    editor.press("Escape")
    editor.wait_ghost("")
    editor.watch_ghost()
    script.wait_received("$/cancelRequest")
    script.let_go()
    editor.press("End", "Enter")
    editor.type("x = ")
    editor.wait_ghost("1")
    assert editor.watched() == ["", "1"]


def test_who_asks_goes_through_several(editor, script):
    others = [["x):\n    pass\n"], ["y):\n    pass\n"]]
    script.writes(["def f(", ["a):\n    pass\n"], *others])
    editor.open("several.py")
    editor.type("def f(")
    editor.wait_ghost("a:\n    pass")
    for text in ("x:", "y:", "a:"):
        editor.press("Alt+]")
        editor.wait_ghost(f"{text}\n    pass")
    editor.press("Alt+[")
    editor.wait_ghost("y:\n    pass")


def test_only_we_ask(editor, script):
    """The language client has ghost text of its own, and would draw everything twice."""
    script.writes(["x = ", ["1\n"]])
    editor.open("double.py")
    editor.type("x = ")
    editor.wait_ghost("1")
    before = script.kinds()
    assert before[-1] == AUTOMATIC
    editor.press("Alt+]")
    wait_until(lambda: script.kinds() != before, "another request")
    assert editor.ghost() == "1"
    one_shot = script.received("textDocument/inlineCompletion")  # ours, for who asks
    assert {each["context"]["triggerKind"] for each in one_shot} == {INVOKED}


def closes_brackets(editor):
    """Whether VS Code closed what was typed, which it does once it has read how the language does;
    if it did not, the bracket is taken back."""
    editor.type("(")
    editor.wait_ghost("a, b => a + b;", "a, b) => a + b;")
    if editor.ghost() == "a, b => a + b;":
        return True
    editor.press("Backspace")
    return False


@pytest.mark.parametrize("suffix", ["ts", "tsx", "js", "jsx", "mjs", "cts"])
def test_typescript_and_javascript(editor, script, suffix):
    script.writes(["const add = (", ["a, b) => a + b;\n"]])
    path = editor.open(f"add.{suffix}")
    editor.type("const add = ")
    wait_until(lambda: closes_brackets(editor), "closed bracket")
    assert editor.ghost() == "a, b => a + b;"
    editor.press("Tab")
    editor.wait_saved(path, "const add = (a, b) => a + b;")


@pytest.fixture
def only_when_asked(editor):
    editor.choose("Only When Asked")
    editor.wait_status("suggests only when asked")
    yield
    editor.choose("Suggest While Typing")  # whatever came of it: it is a setting of the user


def test_manual_asks_only_when_told(editor, script, only_when_asked):
    script.writes(["x = ", ["1\n"]])
    # VS Code may have asked of itself before, for the test that came before too.
    before = len(script.kinds())
    editor.open("manual.py")
    editor.focus()
    for count, key in enumerate("x = 2\nx = ", 1):
        editor.type(key)
        script.wait_received("textDocument/didChange", count)
    editor.press(TRIGGER)
    editor.wait_ghost("1")
    assert set(script.kinds()[before:]) == {INVOKED}


@pytest.mark.parametrize(
    ("name", "before", "rest"),
    [("real.py", ACCOUNT, "owner"), ("real.tsx", SCRIPT, "owner;")],
    ids=["python", "typescript"],
)
def test_the_embedded_model(editor, real_server, name, before, rest):
    editor.restart_with({"stateline.server.command": real_server.command}, real_server.pid)
    path = editor.open(name, before[:-1])
    editor.type(before[-1])
    editor.wait_drawn_within(rest)
    editor.type("ow")
    editor.wait_drawn_within(rest[2:])
    editor.press("Tab")
    taken = (before + rest).encode()
    wait_until(lambda: path.read_bytes().startswith(taken), f"{rest} in the file")


def longest(states):
    """The tokens of the longest state on the disk: its file's name ends with their number."""
    lengths = (int(each.stem.rpartition("-")[2]) for each in states.glob("*/*.safetensors"))
    return max(lengths, default=0)


def test_the_embedded_model_is_killed_and_comes_back_warm(editor, real_server):
    command = {"stateline.server.command": real_server.command, "stateline.logLevel": "debug"}
    editor.restart_with(command, real_server.pid)
    path = editor.open("killed_model.py", CLASSES + ACCOUNT[:-1])
    editor.type(" ")
    editor.wait_ghost("owner")
    states = Path(os.environ["XDG_CACHE_HOME"]) / "stateline" / "states"
    wait_until(lambda: longest(states) > 256, "state of the file on the disk")
    first = real_server.pid()
    editor.type("o")
    os.kill(first, signal.SIGKILL)
    editor.type("wn")
    wait_until(lambda: real_server.pid() != first, "another server")
    before = len(real_server.log())
    wait_until(lambda: COST.search(real_server.log(), before), "reading by the other server")
    editor.type("er")
    editor.press("Enter")
    editor.type("self.balance = ")
    editor.wait_ghost("balance")
    editor.press("Tab")
    editor.wait_saved(path, f"{CLASSES}{ACCOUNT}owner\n        self.balance = balance")
    costs = wait_until(lambda: COST.findall(real_server.log()[before:]), "cost in the log")
    assert int(costs[0]) > 256, f"no state was read from the disk; reused were {costs}"


def test_defaults_are_the_servers():
    """What the settings page shows as the default is what the server would do without it."""
    settings = Settings()
    manifest = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    properties = manifest["contributes"]["configuration"]["properties"]
    shown = {name.removeprefix("stateline.").lower(): each for name, each in properties.items()}
    values = {each.name: getattr(settings, each.name) for each in fields(settings)}
    of_server = {name.replace("_", ""): value for name, value in values.items()}
    shared = set(of_server) & set(shown)
    assert len(shared) == 8
    for name in shared:
        default = shown[name]["default"]
        assert (tuple(default) if isinstance(default, list) else default) == of_server[name]
