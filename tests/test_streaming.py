"""The methods beyond LSP, at the real server: a text that grows, and what a client tells."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import RefusedError
from stateline.lsp_server.server.messages import (
    DID_ACCEPT,
    DID_PARTIALLY_ACCEPT,
    DID_SHOW,
    RELOAD,
    STATISTICS,
    STREAM,
)
from test_server import STATUS, ready, serving

TEXT = "class Box:\n    def __init__(self, value, name):\n        self.value = value\n"
CALL = TEXT + "\n    def "


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(editor="neovim") as client:
        ready(client)
        yield client
        assert client.shutdown() == 0


def ask(client: Client, uri: str, text: str, **more):
    client.open(uri, "python", text)
    line = text.count("\n")
    position = {"line": line, "character": len(text) - text.rfind("\n") - 1}
    context = {"triggerKind": 1}
    params = {"textDocument": {"uri": uri}, "position": position, "context": context, **more}
    return client.connection.request(STREAM, params).result()


def told(client: Client, token):
    received = client.connection.received
    params = [each.params for each in received if each.method == "$/progress"]
    return [each["value"]["items"][0] for each in params if each["token"] == token]


@pytest.mark.parametrize("token", ["grows", 7])
def test_the_text_so_far_is_told_under_the_token_and_the_answer_has_it_all(client, token):
    answer = ask(client, f"file:///tmp/{token}.py", CALL, partialResultToken=token)
    parts = told(client, token)
    assert parts
    assert all(set(part) == {"insertText", "range", "command"} for part in parts)
    (last, *_) = answer["items"]
    assert last["insertText"].startswith(parts[0]["insertText"])
    assert len({part["command"]["arguments"][0] for part in [*parts, last]}) == 1


def test_without_a_token_it_is_the_standard_method(client):
    before = len(client.connection.received)
    assert ask(client, "file:///tmp/plain.py", CALL)["items"]
    since = [each.method for each in client.connection.received[before:]]
    assert "$/progress" not in since


@pytest.mark.parametrize("token", [[], {"a": 1}, 1.5])
def test_a_token_of_another_kind_is_refused(client, token):
    with pytest.raises(RefusedError):
        ask(client, "file:///tmp/odd.py", CALL, partialResultToken=token)
    assert ask(client, "file:///tmp/still.py", CALL)["items"]


def statistics(client: Client):
    params = {"command": STATISTICS}
    return client.connection.request("workspace/executeCommand", params).result()


def test_what_a_client_tells_is_counted(client):
    item = ask(client, "file:///tmp/telling.py", CALL)["items"][0]
    before = statistics(client)
    for _ in range(2):
        client.connection.notify(DID_SHOW, {"item": item})
        client.connection.notify(DID_PARTIALLY_ACCEPT, {"item": item, "acceptedLength": 2})
    client.connection.request("workspace/executeCommand", item["command"] | {}).result()
    after = statistics(client)
    grown = {name: after[name] - before[name] for name in after if isinstance(after[name], int)}
    counted = {name: amount for name, amount in grown.items() if amount}
    length = len(item["insertText"])
    assert (counted["shown"], counted["accepted"]) == (1, 1)
    assert counted["charactersAccepted"] == length


@pytest.mark.parametrize(
    ("method", "params"),
    [
        (DID_SHOW, {}),
        (DID_SHOW, {"item": None}),
        (DID_SHOW, {"item": {"insertText": "x"}}),
        (DID_SHOW, {"item": {"insertText": "x", "command": {"title": "", "command": ""}}}),
        (DID_PARTIALLY_ACCEPT, {"item": {"insertText": "x"}, "acceptedLength": "many"}),
        (DID_PARTIALLY_ACCEPT, {"item": {"insertText": "x"}}),
        (STREAM, {}),
    ],
)
def test_what_does_not_fit_ends_nothing(client, method, params):
    client.connection.notify(method, params)
    for arguments in ([], [None], [{"a": 1}], ["x" * 1000], [1, 2, 3]):
        command = {"command": DID_ACCEPT, "arguments": arguments}
        pending = client.connection.request("workspace/executeCommand", command)
        with suppress(RefusedError):
            pending.result()
    assert statistics(client)["offered"] > 0


def test_after_an_error_the_model_can_be_loaded_again(tmp_path):
    with serving(model=str(tmp_path)) as client:
        failed = client.connection.wait_for(STATUS, lambda p: p["kind"] == "Error", deadline_s=60)
        assert failed.params["command"]["command"] == RELOAD
        after = len(client.connection.received)
        params = {"command": RELOAD}
        client.connection.request("workspace/executeCommand", params).result()
        again = client.connection.wait_for(
            STATUS, lambda p: p["kind"] == "Error", deadline_s=60, after=after
        )
        assert again.params["message"] == failed.params["message"]
        assert client.shutdown() == 0
