"""What a client is told of suggestions, whatever a session says; no model and no process."""

import asyncio

import pytest
from lsprotocol import types
from stateline.lsp_server.edit.requests import Suggested, Suggestion
from stateline.lsp_server.server.editor import Editor
from stateline.lsp_server.server.features import create_server
from stateline.lsp_server.server.messages import STREAM, StreamParams
from stateline.lsp_server.server.status import Status
from stateline.lsp_server.worth.offers import Offers
from stateline.lsp_server.worth.statistics import Statistics

URI = "file:///a.py"


class Session:
    """Tells these texts while it writes, and these in the end."""

    def __init__(self, grown, answer):
        self.grown, self.answer = grown, answer

    async def suggest(self, request, *, growing):
        for text in self.grown if growing else ():
            yield Suggested((Suggestion(text, 0, 1.0),), final=False)
        yield Suggested(tuple(Suggestion(text, 0, 1.0) for text in self.answer))


class Host:
    """Completes everywhere, from such a session."""

    def __init__(self, session):
        self.session, self.editor, self.statistics = session, Editor(), Statistics()
        self.offers = Offers(self.statistics.count, lambda *_: None)
        self.status = Status(lambda *_: None)
        self.completes = lambda snapshot: True


def texts(answer):
    return None if answer is None else [item.insert_text for item in answer.items]


def asked(monkeypatch, grown, answer, token="t"):
    """The texts told under the token, and those of the answer."""
    server, heard = create_server(), []
    monkeypatch.setattr(type(server), "host", Host(Session(grown, answer)))
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
    monkeypatch, grown, answer, expected
):
    assert asked(monkeypatch, grown, answer) == expected


def test_without_a_token_there_is_the_answer_alone(monkeypatch):
    assert asked(monkeypatch, ["a"], ["a b"], token=None) == ([], ["a b"])
    assert asked(monkeypatch, ["a"], [], token=None) == ([], None)
