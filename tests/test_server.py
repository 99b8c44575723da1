"""The real server, a process over stdio with the shipped model: it answers or explains, and lives.

What is wrong with a text, a place, a message or a model folder may not end it.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from stateline.lsp_server.client.client import DRAWS_GHOST_TEXT, Client
from stateline.lsp_server.client.connection import Connection, RefusedError
from stateline.model import PRETRAINED

COMMAND = [sys.executable, "-m", "stateline.lsp_server.cli", "lsp"]
STATUS = "stateline/didChangeStatus"
LOAD_S = 120.0
# What comes after these is plain enough for a very small model.
LOOP = (
    "import os\nimport sys\n\n\nclass Box:\n    def __init__(self, value, name):\n"
    "        self.value = value\n        self.na"
)
BULK = "import os\n\n\ndef one(a, b):\n    return a + b\n\n\n" * 90_000


def ready(client: Client) -> None:
    message = client.connection.wait_for(STATUS, lambda p: not p["busy"], deadline_s=LOAD_S)
    assert message.params["kind"] == "Normal", message.params


def serving(**options) -> Client:
    client = Client(Connection(COMMAND))
    client.initialize({"confidence": 0.0, "reportUsage": True, **options})
    return client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving() as client:
        ready(client)
        yield client
        assert client.shutdown() == 0


def name(case: str) -> str:
    return f"file:///tmp/{case}.py"


def test_a_suggestion_comes_and_is_one_line_of_ghost_text(client: Client):
    text = LOOP
    client.open(name("plain"), "python", text)
    (item,) = client.suggest(name("plain"), len(text)).items()
    assert item.text.strip()
    assert "\n" not in item.text
    assert item.start == item.end == len(text)


def test_typing_through_needs_no_model(client: Client):
    uri, text = name("typed"), LOOP
    client.open(uri, "python", text)
    item, *_ = client.suggest(uri, len(text), invoked=True).items()
    # The cost of the writing is told when it ends, which may be after its first use.
    written = client.connection.wait_for(
        "stateline/usage", lambda p: (p["uri"], p["source"]) == (uri, "model"), deadline_s=60
    )
    after = client.connection.received.index(written) + 1
    client.change(uri, len(text), len(text), item.text[0])
    rest, *_ = client.suggest(uri, len(text) + 1, invoked=True).items()
    assert rest.text == item.text[1:]
    usage = client.connection.wait_for(
        "stateline/usage",
        lambda p: p["uri"] == uri and p["source"] != "background",
        deadline_s=10,
        after=after,
    )
    assert usage.params["source"] == "typed"


def test_who_asks_may_choose_and_who_does_not_gets_one(client: Client):
    uri, text = name("choices"), "import "
    client.open(uri, "python", text)
    offered = client.suggest(uri, len(text), invoked=True).items()
    assert len({item.text for item in offered}) == len(offered) > 1
    assert all(item.start == item.end == len(text) for item in offered)
    assert client.suggest(uri, len(text)).items() == offered[:1]


STRANGE = {
    "five_megabytes": BULK + LOOP,
    "one_megabyte_line": "data = '" + "x" * 1_000_000,
    "crlf": LOOP.replace("\n", "\r\n"),
    "lone_cr": LOOP.replace("\n", "\r"),
    "form_feed_and_line_separator": "a = 1\x0cb = 2\nc = 'x\u2028y\x85'\n" + LOOP,
    "astral_at_the_cursor": LOOP + "append('💡",
    "empty": "",
    "only_breaks": "\n\n\r\n\r",
    "nul": "a = '\0'\n" + LOOP,
    "markers": "<|bos|><|pre|><|mid|><|eom|>\n" + LOOP,
}


@pytest.mark.parametrize("case", STRANGE)
def test_strange_texts_get_an_answer(client: Client, case: str):
    uri, text = name(case), STRANGE[case]
    client.open(uri, "python", text)
    for offset in {len(text), len(text) // 2, 0}:
        for item in client.suggest(uri, offset, invoked=True).items():
            assert item.start <= offset <= item.end
            assert text[offset : item.end].strip() in item.text
    client.change(uri, len(text), len(text), "💡")
    client.suggest(uri, len(text) + 1).items()


def test_half_a_character_is_survived(client: Client):
    """JSON can carry a lone surrogate; it must not reach the tokenizer."""
    client.open(name("surrogate"), "python", "a = '\ud83d'\n" + LOOP)
    client.suggest(name("surrogate"), 0, invoked=True).items()


def test_crlf_documents_get_crlf_suggestions(client: Client):
    text = ("if a:\n    b = 1\n    c = 2\n\n" * 20 + "if a:").replace("\n", "\r\n")
    client.open(name("breaks"), "python", text)
    for item in client.suggest(name("breaks"), len(text), invoked=True).items():
        assert item.text.count("\n") == item.text.count("\r\n")


def test_places_that_do_not_exist(client: Client):
    client.open(name("short"), "python", "a = 1\n")
    for line, character in ((0, 99), (99, 0), (2**31 - 1, 2**31 - 1)):
        params = {
            "textDocument": {"uri": name("short")},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 1},
        }
        client.connection.request("textDocument/inlineCompletion", params).result()


def test_an_unopened_document_gets_nothing(client: Client):
    params = {
        "textDocument": {"uri": "file:///never/opened.py"},
        "position": {"line": 0, "character": 0},
        "context": {"triggerKind": 1},
    }
    assert client.connection.request("textDocument/inlineCompletion", params).result() is None


def test_malformed_messages_do_not_end_the_server(client: Client):
    stdin = client.connection.process.stdin
    assert stdin is not None
    for body in (b"{}", b"[1, 2]", b"nonsense", b'{"jsonrpc": "2.0", "method": "\xff\xfe"}'):
        stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    stdin.flush()
    with pytest.raises(RefusedError):
        client.connection.request("textDocument/inlineCompletion", {"position": 1}).result()
    with pytest.raises(RefusedError):
        client.connection.request("no/suchMethod", {}).result()
    client.open(name("alive"), "python", LOOP)
    client.suggest(name("alive"), len(LOOP)).items()


def test_an_older_request_is_answered_with_nothing(client: Client):
    uri = name("superseded")
    client.open(uri, "python", BULK[:9_000] + LOOP)
    asked = [client.suggest(uri, 8_000 - 700 * i, invoked=True) for i in range(4)]
    assert all(old.items() == [] for old in asked[:-1])
    asked[-1].items()


def test_a_popup_entry_is_extended_or_nothing_is_said(client: Client):
    uri, text = name("popup"), LOOP
    client.open(uri, "python", text)
    line, character = 7, len("        self.na")
    chosen = {
        "range": {
            "start": {"line": line, "character": character - 2},
            "end": {"line": line, "character": character},
        },
        "text": "name",
    }
    for popup, expected in (("name", "name"), ("zip", None)):
        params = {
            "textDocument": {"uri": uri},
            "position": {"line": line, "character": character},
            "context": {"triggerKind": 2, "selectedCompletionInfo": chosen | {"text": popup}},
        }
        result = client.connection.request("textDocument/inlineCompletion", params).result()
        for item in (result or {}).get("items", []):
            assert expected is not None
            assert item["insertText"].startswith(expected)
            assert item["range"]["start"] == chosen["range"]["start"]


@pytest.mark.parametrize(
    ("text", "start", "cursor", "entry"),
    [
        ("import numpy )", (0, 14), (0, 13), "as n"),  # behind the cursor
        ("import os\nimport numpy as n", (0, 0), (1, 17), "import os\nimport numpy as n"),
    ],
)
def test_a_popup_entry_for_another_place_gets_nothing(client: Client, text, start, cursor, entry):
    """LSP wants an item on one line with the entry's own range; here there is no such item."""
    uri = name("elsewhere")
    client.open(uri, "python", text)
    start, cursor = ({"line": line, "character": character} for line, character in (start, cursor))
    chosen = {"range": {"start": start, "end": cursor}, "text": entry}
    params = {
        "textDocument": {"uri": uri},
        "position": cursor,
        "context": {"triggerKind": 1, "selectedCompletionInfo": chosen},
    }
    assert client.connection.request("textDocument/inlineCompletion", params).result() is None


def test_a_language_that_is_not_enabled_gets_nothing(client: Client):
    client.open("file:///tmp/a.txt", "plaintext", LOOP)
    assert client.suggest("file:///tmp/a.txt", len(LOOP), invoked=True).items() == []


PLAIN = {"general": DRAWS_GHOST_TEXT["general"], "textDocument": {"completion": {}}}


@pytest.mark.parametrize(
    ("capabilities", "options", "advertised"),
    [(PLAIN, {}, True), (PLAIN, {"ghostText": True}, False), (DRAWS_GHOST_TEXT, {}, False)],
)
def test_plain_completion_only_for_clients_without_ghost_text(capabilities, options, advertised):
    with Client(Connection(COMMAND)) as client:
        answer = client.initialize(options | {"confidence": 0.0}, capabilities)["capabilities"]
        assert ("completionProvider" in answer) is advertised
        assert answer["inlineCompletionProvider"] == {}
        if advertised:
            ready(client)
            client.open(name("list"), "python", LOOP)
            params = {
                "textDocument": {"uri": name("list")},
                "position": {"line": 7, "character": len("        self.na")},
            }
            result = client.connection.request("textDocument/completion", params).result()
            (item,) = result["items"]
            assert item["textEdit"]["newText"].startswith(item["label"].split("\n")[0])
        assert client.shutdown() == 0


def broken_folders(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Model folders that cannot be used, and a word of the sentence that says why."""
    yield tmp_path / "missing", "missing"
    without_weights, truncated, foreign = (tmp_path / n for n in ("empty", "short", "foreign"))
    for folder in (without_weights, truncated, foreign):
        shutil.copytree(PRETRAINED, folder)
    (without_weights / "model.safetensors").unlink()
    yield without_weights, "safetensors"
    weights = truncated / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    yield truncated, "model.safetensors"
    (foreign / "config.json").write_text(json.dumps({"model_type": "llama"}))
    yield foreign, "llama"


def test_a_bad_model_folder_is_explained_and_suggests_nothing(tmp_path: Path):
    for folder, word in broken_folders(tmp_path):
        with serving(model=str(folder)) as client:
            status = client.connection.wait_for(STATUS, lambda p: not p["busy"], deadline_s=LOAD_S)
            assert status.params["kind"] == "Error"
            assert word in status.params["message"]
            shown = client.connection.wait_for("window/showMessage", deadline_s=10)
            assert status.params["message"] in shown.params["message"]
            client.open(name("none"), "python", LOOP)
            assert client.suggest(name("none"), len(LOOP), invoked=True).items() == []
            assert client.shutdown() == 0


def test_initialize_is_answered_before_the_model_is_there():
    with serving() as client:
        loading = client.connection.wait_for(STATUS, deadline_s=30)
        assert loading.params["busy"] is True
        client.open(name("early"), "python", LOOP)
        early = client.suggest(name("early"), len(LOOP), invoked=True)
        ready(client)
        assert early.items(deadline_s=LOAD_S)


def test_the_server_ends_when_its_pipe_closes():
    with serving() as client:
        ready(client)
        client.open(name("orphan"), "python", BULK[:12_000])
        client.suggest(name("orphan"), 12_000, invoked=True)
        assert client.connection.process.stdin is not None
        client.connection.process.stdin.close()
        client.connection.process.wait(20)


def test_over_tcp_on_the_loopback():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "--port", str(port)])
    try:
        with connected(port) as line:
            body = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}'
            line.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            assert b"inlineCompletionProvider" in line.recv(65536)
        process.wait(30)  # its one client has gone
    finally:
        process.kill()
        process.wait()


def connected(port: int) -> socket.socket:
    """A connection, as soon as somebody listens."""
    end_s = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            assert time.monotonic() < end_s
            time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="process ids are not watched on Windows")
def test_the_server_ends_when_the_client_process_dies():
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with Client(Connection(COMMAND)) as client:
        params = {"processId": parent.pid, "rootUri": None, "capabilities": {}}
        client.connection.request("initialize", params).result()
        client.connection.notify("initialized", {})
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        client.connection.process.wait(30)


def test_who_is_not_ready_yet_gets_an_error_and_may_still_leave():
    params = {"processId": None, "rootUri": None, "capabilities": {}}
    at = {"textDocument": {"uri": name("hasty")}, "position": {"line": 0, "character": 0}}
    with Client(Connection(COMMAND)) as client:
        client.connection.request("initialize", params).result()
        client.open(name("hasty"), "python", LOOP)  # and is heard of nowhere
        with pytest.raises(RefusedError, match="ServerNotInitialized"):
            client.connection.request(
                "textDocument/inlineCompletion", {**at, "context": {"triggerKind": 1}}
            ).result()
        assert client.shutdown() == 0
