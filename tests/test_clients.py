"""The hard cases in three editors: what stands in the text after a suggestion was accepted.

Each case is a text with a cursor, what the model writes there, and the text afterwards, run
through models of VS Code, Neovim and LSP4IJ that talk to the real server. Only its model is told
what to write. `behind` is what LSP4IJ makes of it where that differs: it cannot replace what stands
right of the cursor, so its cursor stays before a bracket, and what would follow that is left out.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from client_models import AUTOMATIC, INVOKED, LSP4IJ, MODELS, ClientModel, VSCode
from stateline.lsp_server.client.connection import Connection

TOLD = [sys.executable, str(Path(__file__).with_name("told_server.py"))]
LONG_S = 30.0  # far more than any of this takes


class Case(NamedTuple):
    before: str
    writes: str
    after: str
    behind: str = ""


BODY = "a, b):\n    return a + b\n"
CASES = {
    "auto-closed bracket": Case("print(|)\n", "value)\n", "print(value)|\n", "print(value|)\n"),
    "bracket that the model leaves open": Case("print(|)\n", "value\n", "print(value|)\n"),
    "header in an auto-closed bracket": Case(
        "def add(|)\n", BODY, "def add(a, b):\n    return a + b|\n", "def add(a, b|)\n"
    ),
    "nested brackets": Case("f(g(|))\n", "x))\n", "f(g(x))|\n", "f(g(x|))\n"),
    "inner bracket closed only": Case("f(g(|))\n", "x), y)\n", "f(g(x), y)|\n", "f(g(x|))\n"),
    "auto-closed braces": Case("d = {|}\n", '"a": 1}\n', 'd = {"a": 1}|\n', 'd = {"a": 1|}\n'),
    "auto-closed quote": Case('n = "|"\n', 'Ada"\n', 'n = "Ada"|\n', 'n = "Ada|"\n'),
    "quote in a bracket": Case('print("|")\n', 'hi")\n', 'print("hi")|\n', 'print("hi|")\n'),
    "CRLF": Case(
        "def f(x):\r\n    |\r\n",
        "y = x\n    return y\n",
        "def f(x):\r\n    y = x\r\n    return y|\r\n",
    ),
    "CRLF and a bracket": Case(
        "x = 1\r\ndef add(|)\r\n",
        BODY,
        "x = 1\r\ndef add(a, b):\r\n    return a + b|\r\n",
        "x = 1\r\ndef add(a, b|)\r\n",
    ),
    "tabs": Case(
        "def f(x):\n\t|\n", "if x:\n\t\treturn 1\n", "def f(x):\n\tif x:\n\t\treturn 1|\n"
    ),
    "wide characters": Case('名前 = "漢字" + |\n', "変数\n", '名前 = "漢字" + 変数|\n'),
    "wide characters and a bracket": Case(
        "表示('漢字', |)\n", "変数)\n", "表示('漢字', 変数)|\n", "表示('漢字', 変数|)\n"
    ),
    "combining characters": Case(
        "cafe\u0301 = |\n", "e\u0301tude\n", "cafe\u0301 = e\u0301tude|\n"
    ),
    "emoji before the cursor": Case("s = '👩‍👩‍👧🎉' + |\n", "t\n", "s = '👩‍👩‍👧🎉' + t|\n"),
    "emoji and a bracket": Case(
        "print('🎉', |)\n", "'👋')\n", "print('🎉', '👋')|\n", "print('🎉', '👋'|)\n"
    ),
    "the middle of a line": Case("total = | + 1\n", "sum(x)\ny = 2\n", "total = sum(x)| + 1\n"),
    "the middle of a line, its end repeated": Case(
        "x = first(|) + last(y)\n", "a) + last(y)\n", "x = first(a|) + last(y)\n"
    ),
}


@pytest.fixture(scope="module")
def connections():
    """A server for each of them; all start at once, since that takes the longest."""
    started = {model: Connection(TOLD) for model in MODELS}
    yield started
    for connection in started.values():
        connection.close()


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: model.name)
def client(request, connections, tmp_path_factory):
    connection = connections[request.param]
    folders = (tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two"))
    yield request.param(connection, folders)
    connection.request("shutdown").result()
    connection.notify("exit")
    assert connection.close(LONG_S) == 0


@pytest.fixture
def uri(request, client):
    """Of a file of the first folder that no other test has."""
    name = "".join(c if c.isalnum() else "_" for c in request.node.name)
    return (client.folders[0] / f"{name}.py").as_uri()


def writes(client: ClientModel, *pairs: tuple[str, str], waits: bool = False) -> None:
    client.connection.notify("test/writes", {"pairs": pairs, "waits": waits})


def accepted(client: ClientModel, uri: str, **how) -> str:
    """The document after the first suggestion shown was accepted."""
    item, *_ = client.shown(uri, client.ask(uri, **how)) or [None]
    assert item is not None, "nothing is shown"
    client.accept(uri, item)
    return client.marked(uri)


def check(client: ClientModel, uri: str, case: Case) -> None:
    expected = case.behind if case.behind and isinstance(client, LSP4IJ) else case.after
    writes(client, ("", case.writes))
    client.open(uri, case.before)
    assert accepted(client, uri) == expected
    client.undo(uri)
    assert client.marked(uri) == case.before
    assert accepted(client, uri) == expected, "after undo"


@pytest.mark.parametrize("name", CASES)
def test_accepting(client: ClientModel, uri: str, name: str):
    check(client, uri, CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_asking_for_it(client: ClientModel, uri: str, name: str):
    """By a key; the first of what is offered is what comes unasked."""
    case = CASES[name]
    writes(client, ("", case.writes))
    client.open(uri, case.before)
    expected = case.behind if case.behind and isinstance(client, LSP4IJ) else case.after
    assert accepted(client, uri, kind=INVOKED) == expected


@pytest.mark.parametrize("kind", [INVOKED, AUTOMATIC])
def test_nothing_that_would_stay_open_is_shown_within_a_line(client: ClientModel, uri: str, kind):
    writes(client, ("", "sum(\n    x)\n"))
    client.open(uri, "total = | + 1\n")
    assert not client.shown(uri, client.ask(uri, kind=kind))


def test_what_is_typed_after_undo_is_what_the_server_has(client: ClientModel, uri: str):
    writes(client, ("b = ", "'🎉'\n"), ("a = ", "1\n"))
    client.open(uri, "x = '🎉'\na = |\n")
    accepted(client, uri)
    client.undo(uri)
    client.type(uri, "2\nb = ")
    assert accepted(client, uri) == "x = '🎉'\na = 2\nb = '🎉'|\n"


def test_an_acceptance_is_counted_once(client: ClientModel, uri: str):
    """By the item's command where it is run, and by the text where it is not."""

    def counted() -> int:
        params = {"command": "stateline.statistics", "arguments": []}
        return client.connection.request("workspace/executeCommand", params).result()["accepted"]

    before = counted()
    writes(client, ("", "'👋')\n"))
    client.open(uri, "print('🎉', |)\n")
    accepted(client, uri)
    assert counted() == before + 1


def test_a_popup_entry_is_extended(client: ClientModel, uri: str):
    """VS Code alone says what its popup menu has selected."""
    writes(client, ("os.path", ".join(a)\n"))
    client.open(uri, "x = '🎉', os.pa|\n")
    (cursor,) = client.buffers[uri].cursors
    range_ = {"start": client.position(uri, cursor - 2), "end": client.position(uri, cursor)}
    selected = {"range": range_, "text": "path"}
    assert accepted(client, uri, selected=selected) == "x = '🎉', os.path.join(a)|\n"


@pytest.mark.parametrize("client", [VSCode], indirect=True)
def test_several_cursors(client: ClientModel, uri: str):
    """VS Code asks for the first one, and types the same at the others."""
    writes(client, ("x\n", "last\n"), ("", "x)\n"))
    client.open(uri, "f(|)\n🎉 = g(|)\nh(|, 1)\n")
    assert accepted(client, uri) == "f(x)|\n🎉 = g(x)|\nh(x)|, 1)\n"
    client.type(uri, ", x\n")
    assert accepted(client, uri) == "f(x), x\nlast|\n🎉 = g(x), x\nlast|\nh(x), x\nlast|, 1)\n"


def test_renamed_while_the_model_writes(client: ClientModel, uri: str):
    """The old name's request comes to an end, and the new name is answered."""
    writes(client, ("", "1\n"), waits=True)
    client.open(uri, "a = |\n")
    asked = client.ask(uri)
    text, new = client.marked(uri), uri.replace(".py", "_new.py")
    client.close(uri)
    client.open(new, text)
    renamed = {"files": [{"oldUri": uri, "newUri": new}]}
    client.connection.notify("workspace/didRenameFiles", renamed)
    client.connection.notify("test/goesOn", {})
    asked.result(LONG_S)
    assert accepted(client, new) == "a = 1|\n"


def test_two_windows_on_one_file(client: ClientModel, uri: str):
    """One document, two places; each is answered for itself, the last one asked for certain."""
    writes(client, ("first = ", "1\n"), ("last = ", "2\n"))
    client.open(uri, "🎉\nfirst = |\n\nlast = |\n")
    buffer = client.buffers[uri]
    above, below = buffer.cursors
    buffer.cursors = [above]
    asked = client.ask(uri)
    buffer.cursors = [below]
    assert accepted(client, uri) == "🎉\nfirst = \n\nlast = 2|\n"
    asked.result(LONG_S)
    buffer.cursors = [above]
    assert accepted(client, uri) == "🎉\nfirst = 1|\n\nlast = 2\n"


def test_several_workspace_folders(client: ClientModel, tmp_path: Path):
    """Each has rules of its own, and one may come later."""
    writes(client, ("", "1\n"))
    first, second = client.folders
    (second / ".statelineignore").write_text("hidden.py\n")
    added = [{"uri": tmp_path.as_uri(), "name": "three"}]
    event = {"event": {"added": added, "removed": []}}
    client.connection.notify("workspace/didChangeWorkspaceFolders", event)
    for folder in (first, second, tmp_path):
        for name in ("hidden.py", "open.py"):
            uri = (folder / name).as_uri()
            client.open(uri, "a = |\n")
            if (folder, name) == (second, "hidden.py"):
                assert client.shown(uri, client.ask(uri)) == []
            else:
                assert accepted(client, uri) == "a = 1|\n"


@pytest.mark.parametrize("uri", ["untitled:Untitled-1", "file:///nowhere/single%20file.py"])
def test_documents_of_no_folder(client: ClientModel, uri: str):
    check(client, uri, Case("f(|)\n", "x)\n", "f(x)|\n", "f(x|)\n"))


@pytest.mark.parametrize("after", ["'|", "' + '🎉' + |"])
def test_a_line_of_a_million_characters(client: ClientModel, uri: str, after: str):
    """It is answered; what is shown is right, and so is what comes next."""
    start = "a = '" + "x" * 1_000_000
    writes(client, ("b = ", "2\n"), ("", "y\n"))
    client.open(uri, start + after)
    for item in client.shown(uri, client.ask(uri), LONG_S)[:1]:
        client.accept(uri, item)
        assert client.marked(uri) == start + after.replace("|", "y|")
    client.type(uri, "\nb = ")
    assert accepted(client, uri).endswith("\nb = 2|")


def test_deleted_on_the_disk_while_open(client: ClientModel, tmp_path: Path):
    """The editor keeps the text, and so does the server."""
    file = client.folders[0] / "deleted.py"
    file.write_text("a = \n")
    uri = file.as_uri()
    writes(client, ("b = ", "2\n"), ("", "1\n"))
    client.open(uri, "a = |\n")
    assert accepted(client, uri) == "a = 1|\n"
    file.unlink()
    deleted = {"changes": [{"uri": uri, "type": 3}]}
    client.connection.notify("workspace/didChangeWatchedFiles", deleted)
    client.type(uri, "\nb = ")
    assert accepted(client, uri) == "a = 1\nb = 2|\n"
