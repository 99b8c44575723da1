"""What a client is told of suggestions, whatever a session says; no model and no process."""

import asyncio

import pytest
from lsprotocol import types
from stateline.lsp_server.edit.requests import Suggestion
from stateline.lsp_server.server.features import create_server
from stateline.lsp_server.server.messages import STREAM, StreamParams

URI = "file:///a.py"


class Session:
    """Tells these texts while it writes, and these in the end."""

    def __init__(self, grown, answer):
        self.grown, self.answer = grown, answer

    async def suggest(self, request, grown=None):
        for text in self.grown if grown else ():
            grown(Suggestion(text, 0, 1.0))
        return tuple(Suggestion(text, 0, 1.0) for text in self.answer)


def texts(answer):
    return None if answer is None else [item.insert_text for item in answer.items]


def asked(grown, answer, token="t"):
    """The texts told under the token, and those of the answer."""
    server, heard = create_server(), []
    server.session, server.completes = Session(grown, answer), lambda snapshot: True
    server.protocol.documents.open(URI, 1, "python", "x = ")
    server.protocol.notify = lambda method, params: heard.append(params)
    params = types.InlineCompletionParams(
        types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
        types.TextDocumentIdentifier(URI),
        types.Position(0, 4),
    )
    handler = server.protocol.fm.features[STREAM]
    answer = asyncio.run(handler(StreamParams(params, token)))
    assert all(each.token == token for each in heard)
    return [texts(each.value) for each in heard], texts(answer)


@pytest.mark.parametrize(
    ("grown", "answer", "expected"),
    [
        (["a", "a b"], ["a b c"], ([["a"], ["a b"]], ["a b c"])),
        (["a"], ["a b", "c"], ([["a"]], ["a b", "c"])),
        ([], ["a"], ([], ["a"])),
        ([], [], ([], None)),
        (["a", "a a"], [], ([["a"], ["a a"]], [])),
    ],
)
def test_each_text_replaces_the_one_before_and_an_empty_answer_takes_it_back(
    grown, answer, expected
):
    assert asked(grown, answer) == expected


def test_without_a_token_there_is_the_answer_alone():
    assert asked(["a"], ["a b"], token=None) == ([], ["a b"])
    assert asked(["a"], [], token=None) == ([], None)
