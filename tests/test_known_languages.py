"""The real server in documents of languages that its model knows, and in others."""

import sys

import pytest
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection

COMMAND = [sys.executable, "-m", "stateline.lsp_server.cli", "lsp"]
STATUS = "stateline/didChangeStatus"
LOAD_S = 120.0
TEXTS = {
    "python": "import os\nimport sys\n\n\ndef main():\n    print(",
    "typescript": "import fs from 'fs';\n\nexport function main(): void {\n  console.log(",
    "typescriptreact": "export function App() {\n  return <p>{",
    "javascript": "const fs = require('fs');\n\nfunction main() {\n  console.log(",
    "rust": "use std::io;\n\nfn main() {\n    println!(",
}


def serving(**options) -> Client:
    client = Client(Connection(COMMAND))
    client.initialize({"confidence": 0.0, **options})
    return client


def loaded(client: Client) -> None:
    client.connection.wait_for(STATUS, lambda p: p["message"] == "Ready", deadline_s=LOAD_S)


def opened(client: Client, language: str) -> str:
    """The URI of a text in that language."""
    uri = f"file:///tmp/{language}"
    client.open(uri, language, TEXTS[language])
    return uri


def suggested(client: Client, uri: str) -> bool:
    """Whether anything is suggested at the text's end."""
    end = len(TEXTS[uri.rpartition("/")[2]])
    return bool(client.suggest(uri, end, invoked=True).items())


def statuses(client: Client) -> list[tuple[str, str]]:
    said = [each.params for each in client.connection.received if each.method == STATUS]
    return [(each["kind"], each["message"]) for each in said if not each["busy"]]


def test_a_language_that_the_model_does_not_know_is_said_once_and_stays_off():
    with serving() as client:
        loaded(client)
        before = len(statuses(client))
        unknown = opened(client, "rust")
        assert not suggested(client, unknown)
        assert not suggested(client, unknown)
        assert suggested(client, opened(client, "python"))
        ((kind, message), *after) = statuses(client)[before:]
        assert kind == "Inactive"
        assert "rust" in message
        assert "the setting languages" in message
        assert after == [("Normal", "Ready")]
        assert client.shutdown() == 0


@pytest.mark.parametrize("language", ["typescript", "typescriptreact", "javascript"])
def test_what_the_model_knows_is_on(language):
    with serving() as client:
        assert suggested(
            client, opened(client, language)
        )  # asked before the model is there, answered after
        assert all(kind == "Normal" for kind, _ in statuses(client))


def test_what_was_open_before_the_model_was_there_is_judged_when_it_is():
    with serving() as client:
        assert not suggested(client, opened(client, "rust"))
        client.connection.wait_for(STATUS, lambda p: p["kind"] == "Inactive", deadline_s=LOAD_S)


def test_the_user_has_the_last_word():
    with serving(languages=["rust"]) as client:
        loaded(client)
        assert suggested(client, opened(client, "rust"))
        assert not suggested(client, opened(client, "python"))
        assert all(kind == "Normal" for kind, _ in statuses(client))
