"""The LSP client: against the real server with a scripted completer, and against odd programs."""

import contextlib
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.lsp_server.client import client as client_module
from stateline.lsp_server.client.client import DRAWS_GHOST_TEXT, Client, Item
from stateline.lsp_server.client.connection import (
    Connection,
    RefusedError,
    ServerGoneError,
    message_from,
)

SCRIPTED_SERVER = Path(__file__).with_name("scripted_server.py")
URI = "file:///a.py"
STATUS = "stateline/didChangeStatus"


def scripted(*arguments):
    command = [sys.executable, str(SCRIPTED_SERVER), *map(str, arguments)]
    return Client(Connection(command))


def program(source):
    """A connection to a Python program that is no language server."""
    return Connection([sys.executable, "-c", source])


def wait_until_ready(client):
    client.connection.wait_for(STATUS, lambda status: not status["busy"], deadline_s=60)


def capabilities(*encodings):
    return {**DRAWS_GHOST_TEXT, "general": {"positionEncodings": list(encodings)}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_edits_and_answers_agree_in_any_unit(encoding, tmp_path):
    known = 'a = "é😀"; b = "😀" + a\nc = a\n'
    (tmp_path / "known.py").write_text(known, encoding="utf-8")
    with scripted("knows", tmp_path / "known.py") as client:
        client.initialize(capabilities=capabilities(encoding))
        assert client.encoding == encoding
        client.open(URI, "python", 'a = "é"; junk\nc = a\n')
        wait_until_ready(client)
        client.change(URI, 5, 5, "😀")  # before é, and then in its right place
        client.change(URI, 5, 7, "é😀")
        end = client.text(URI).index("junk")
        client.change(URI, end, end + 4, 'b = "😀"')
        at = end + len('b = "😀"')
        assert client.text(URI) == 'a = "é😀"; b = "😀"\nc = a\n'
        # The script answers only if the server's text up to the cursor is the known one.
        assert client.suggest(URI, at).items() == [Item(" + a", at, at)]
        assert client.suggest(URI, at - 1).items() == [Item('" + a', at - 1, at)]
        assert client.shutdown() == 0


def test_what_the_server_tells_can_be_waited_for():
    with scripted("silent") as client:
        answer = client.initialize({"reportUsage": True})
        assert answer["capabilities"]["inlineCompletionProvider"] == {}
        wait_for = client.connection.wait_for
        ready = wait_for(STATUS, lambda status: not status["busy"], deadline_s=60)
        assert ready.params["message"] == "Ready"
        # The model loads only after our answer to this request of the server's.
        assert wait_for("window/workDoneProgress/create", deadline_s=0)
        assert wait_for("$/progress", lambda p: p["value"]["kind"] == "end", deadline_s=60)
        with pytest.raises(TimeoutError, match="No fitting stateline/didChangeStatus"):
            wait_for(STATUS, deadline_s=0, after=client.connection.received.index(ready) + 1)
        client.open(URI, "python", "x = 1\n")
        assert client.suggest(URI, 6, invoked=True).items() == []
        usage = wait_for("stateline/usage", lambda u: u["source"] == "model", deadline_s=60)
        assert usage.params["tokensRead"] == 1


def test_a_refusal_and_a_cancelled_request_raise():
    with scripted("broods") as client:
        client.initialize()
        with pytest.raises(RefusedError, match="no/such: "):
            client.connection.request("no/such").result()
        client.open(URI, "python", "x = 1\n")
        wait_until_ready(client)
        asked = client.suggest(URI, 6)
        with pytest.raises(TimeoutError, match="did not answer textDocument/inlineCompletion"):
            asked.items(deadline_s=0)
        assert asked.pending.took_ms is None
        client.cancel(asked)
        with pytest.raises(RefusedError):
            asked.items()
        assert asked.pending.took_ms > 0
    assert client.connection.process.returncode is not None  # `with` has ended it


def test_a_server_that_dies_is_told_with_its_last_words():
    with scripted("dies") as client:
        client.initialize()
        client.open(URI, "python", "x = 1\n")
        wait_until_ready(client)
        words = r"exit code 3; the last it said was: the last straw$"
        with pytest.raises(ServerGoneError, match=words):
            client.suggest(URI, 6).items()
        with pytest.raises(ServerGoneError, match=words):
            client.connection.wait_for("never", deadline_s=60)
        with pytest.raises(ServerGoneError, match=words):
            client.shutdown()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "exit code 0 without a word"),
        ("print('Hello')", "no message: it has the header b'Hello"),
        ("import sys; sys.exit('no\\nway\\n')", "exit code 1; the last it said was: way"),
        ("print('Content-Length: 2\\n\\n[]')", "it is not an object"),
    ],
)
def test_what_is_no_language_server_is_told(source, words):
    connection = program(source)
    try:
        with pytest.raises(ServerGoneError, match=words):
            connection.wait_for("anything", deadline_s=60)
        with pytest.raises(ServerGoneError):
            connection.request("initialize").result()
    finally:
        connection.close()


def test_a_program_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ServerGoneError, match="did not start"):
        Connection([str(tmp_path / "nothing")])


def test_a_server_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(client_module, "EXIT_DEADLINE_S", 0.0)
    connection = program("import time; time.sleep(600)")
    with Client(connection) as client:
        assert client.shutdown() != 0
    assert connection.process.returncode is not None


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", None),
        (b"Content-Length: 2", None),  # a server that ends amid a message has just ended
        (b"Content-Length: 3\r\n\r\n{}", None),
        (b"Content-Length: 2\r\n\r\n{}", {}),
        (b"content-length:2\r\nContent-Type: x\r\n\r\n{}rest", {}),
        (b'Content-Length: 10\r\n\r\n{"a":"\xc3\xa4"}', {"a": "ä"}),
    ],
)
def test_a_message_is_read(stream, message):
    assert message_from(io.BytesIO(stream)) == message


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"\r\n", "no length"),
        (b"Content-Length: -2\r\n\r\n{}", "no length"),
        (b"Content-Length: two\r\n\r\n{}", "two"),
        (b"Content-Length: 2\r\n\r\n[]", "not an object"),
        (b"Content-Length: 2\r\n\r\n{]", "Expecting"),
        (b"Content-Length: 1\r\n\r\n\xff", "decode"),
        (b"{}\r\n\r\n", "the header b'{}"),
    ],
)
def test_what_is_no_message_is_refused(stream, words):
    with pytest.raises(ValueError, match=words):
        message_from(io.BytesIO(stream))


@given(st.binary(max_size=60))
def test_any_bytes_are_messages_or_refused_or_cut_short(stream):
    with contextlib.suppress(ValueError):
        assert isinstance(message_from(io.BytesIO(stream)), dict | None)
