"""pygls with our protocol, in this process: real messages in, real messages out, no event loop."""

import json
import logging
import re
import traceback

import naive_text
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from naive_text import ENCODINGS, broken_texts, unhurried
from pygls.lsp.server import LanguageServer
from stateline.lsp_server.server.protocol import Protocol

URI = "file:///a.py"
INLINE = {"textDocument": {"inlineCompletion": {"dynamicRegistration": False}}}


class Editor:
    """The client's end of the wire; also the writer to which pygls sends."""

    def __init__(self):
        self.server = LanguageServer("test", "1", protocol_cls=Protocol)
        self.protocol = self.server.protocol
        self.protocol.set_writer(self, include_headers=False)
        self.received = []

        @self.server.feature(types.TEXT_DOCUMENT_COMPLETION)
        def complete(params):
            return []

        @self.server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
        def complete_inline(params):
            return []

    def write(self, data):
        self.received.append(json.loads(data))

    def close(self):
        pass

    def send(self, **message):
        text = json.dumps({"jsonrpc": "2.0", **message})
        read = json.loads(text, object_hook=self.protocol.structure_message)
        self.protocol.handle_message(read)

    def notify(self, method, **params):
        self.send(method=method, params=params)

    def request(self, method, **params):
        self.send(id=1, method=method, params=params)
        return self.received.pop()["result"]

    def initialize(self, capabilities, **params):
        return self.request(
            "initialize", processId=None, rootUri=None, capabilities=capabilities, **params
        )

    def open(self, text):
        document = {"uri": URI, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)

    def change(self, version, *changes):
        document = {"uri": URI, "version": version}
        self.notify("textDocument/didChange", textDocument=document, contentChanges=changes)

    @property
    def text(self):
        return self.protocol.documents.snapshot(URI).text


def ranged(start, end, text):
    (line, character), (end_line, end_character) = start, end
    return {
        "range": {
            "start": {"line": line, "character": character},
            "end": {"line": end_line, "character": end_character},
        },
        "text": text,
    }


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        (None, "utf-16"),
        ([], "utf-16"),
        (["utf-16"], "utf-16"),
        (["utf-8", "utf-16", "utf-32"], "utf-8"),
        (["utf-32", "utf-8"], "utf-32"),
        (["utf-7", "utf-8"], "utf-8"),
        (["utf-7"], "utf-16"),
    ],
)
def test_the_clients_first_known_encoding_is_agreed(offered, agreed):
    editor = Editor()
    capabilities = {} if offered is None else {"general": {"positionEncodings": offered}}
    answer = editor.initialize(capabilities)
    assert answer["capabilities"]["positionEncoding"] == agreed
    assert editor.protocol.encoding == agreed


@pytest.mark.parametrize(
    ("capabilities", "advertised"),
    [({}, True), ({"textDocument": {}}, True), (INLINE, False)],
)
def test_completion_is_for_clients_without_inline_completion(capabilities, advertised):
    answer = Editor().initialize(capabilities)["capabilities"]
    assert ("completionProvider" in answer) == advertised
    assert "inlineCompletionProvider" in answer
    assert answer["textDocumentSync"]["change"] == types.TextDocumentSyncKind.Incremental
    assert "notebookDocumentSync" not in answer


def test_the_server_may_set_its_own_capability_policy():
    editor, seen = Editor(), []

    def policy(params, capabilities):
        seen.append(params.initialization_options)
        if params.initialization_options["drawsGhostText"]:
            capabilities.completion_provider = None

    @editor.server.feature(types.INITIALIZE)
    def initialize(params):
        seen.append("feature")

    editor.protocol.capability_policy = policy
    options = {"drawsGhostText": True}
    answer = editor.initialize({}, initializationOptions=options)
    assert "completionProvider" not in answer["capabilities"]
    assert editor.server.server_capabilities.completion_provider is None
    assert seen == ["feature", options]


@pytest.fixture(scope="module")
def editors():
    """One editor per encoding; making one anew for every example would take long."""
    editors = {encoding: Editor() for encoding in ENCODINGS}
    for encoding, editor in editors.items():
        editor.initialize({"general": {"positionEncodings": [encoding]}})
    return editors


@unhurried
@given(
    broken_texts,
    st.lists(st.tuples(st.integers(0), st.integers(0), broken_texts), max_size=5),
    st.sampled_from(ENCODINGS),
)
def test_edits_over_the_wire(editors, text, edits, encoding):
    editor, text = editors[encoding], "\x0c\u2028\n" + text
    editor.open(text)
    for version, (one, other, new) in enumerate(edits):
        ends = [naive_text.position(text, at % (len(text) + 1), encoding) for at in (one, other)]
        start, end = sorted(naive_text.offset(text, *at, encoding) for at in ends)
        text = text[:start] + new + text[end:]
        editor.change(version, ranged(*sorted(ends), new))
        assert editor.text == text


def test_features_see_the_document_as_it_is_after_their_notification():
    editor, seen = Editor(), []

    @editor.server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    @editor.server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params):
        seen.append(editor.text)

    @editor.server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params):
        with pytest.raises(LookupError):
            seen.append(editor.text)
        seen.append("closed")

    editor.initialize({})
    editor.open("one")
    editor.change(5, {"text": "two"}, ranged((0, 3), (0, 3), "!"))
    editor.notify("textDocument/didClose", textDocument={"uri": URI})
    assert seen == ["one", "two!", "closed"]
    assert not editor.server.workspace.text_documents


def test_nothing_is_kept_of_a_message_that_was_handled():
    editor = Editor()
    editor.initialize(INLINE)
    seen = []

    @editor.server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params):
        seen.append(params)

    editor.open("x = 1\n")
    for version in range(2, 6):
        editor.change(version, {"text": f"x = {version}\n"})
    assert len(seen) == 4
    assert not editor.protocol._request_futures


def test_notebooks_are_kept_nowhere(caplog):
    editor = Editor()
    editor.initialize({})
    cell = {"uri": URI, "languageId": "python", "version": 1, "text": "secret"}
    notebook = {"uri": "file:///n", "notebookType": "n", "version": 1, "cells": []}
    editor.notify("notebookDocument/didOpen", notebookDocument=notebook, cellTextDocuments=[cell])
    assert not editor.server.workspace.text_documents
    assert "secret" not in caplog.text


def test_a_change_to_an_unopened_document_disturbs_nobody(caplog):
    editor = Editor()
    editor.initialize({})
    editor.change(2, {"text": "secret"})
    assert editor.received == []
    assert "not opened" in caplog.text
    assert "secret" not in caplog.text


def test_a_late_cancel_is_not_worth_a_warning(caplog):
    editor = Editor()
    editor.initialize({})
    editor.notify("$/cancelRequest", id=1)
    assert caplog.records == []


def test_a_timely_cancel_still_cancels():
    class Pending:
        cancelled = False

        def cancel(self):
            self.cancelled = True
            return True

    editor, pending = Editor(), Pending()
    editor.protocol._request_futures[1] = pending
    editor.notify("$/cancelRequest", id=1)
    assert pending.cancelled


@pytest.mark.parametrize(
    "change",
    [
        "secret",
        {"secret": "secret"},
        {"range": {"start": {"line": 0}}, "text": "secret"},
        ranged((-1, 0), (0, 0), "secret"),
        ranged((0, 0), (0, 2**31), "secret"),
        ranged((0, 0), (0, "secret"), "secret"),
    ],
)
def test_a_broken_change_is_named_in_one_sentence_without_its_text(change, caplog):
    caplog.set_level(logging.DEBUG)
    editor = Editor()
    editor.initialize({})
    editor.open("kept secret")
    with pytest.raises(Exception, match=r"'textDocument/didChange' does not fit") as caught:
        editor.change(2, change)
    assert "secret" not in "".join(traceback.format_exception(caught.value))  # pygls logs it.
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text
    assert editor.text == "kept secret"


def test_a_broken_request_is_answered():
    editor = Editor()
    editor.initialize({})
    with pytest.raises(Exception, match="does not fit"):
        editor.send(id=7, method="textDocument/completion", params={"textDocument": {"uri": URI}})
    [answer] = editor.received
    assert answer["id"] == 7
    assert answer["error"]["code"] == types.ErrorCodes.InvalidParams
    assert re.search(r"missing @ \$\.params\.position", answer["error"]["message"])


def test_no_text_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    editor = Editor()
    editor.initialize({}, initializationOptions={"token": "secret"})
    editor.open("secret")
    editor.change(2, {"text": "secret"}, ranged((0, 0), (0, 0), "secret"))
    said = types.LogMessageParams(types.MessageType.Log, "secret")
    editor.protocol.notify("window/logMessage", said)
    document = {"uri": URI, "languageId": "python", "version": 1, "text": "secret"}
    params = {"textDocument": document}
    editor.send(jsonrpc="1.0", method="textDocument/didOpen", params=params)
    assert "Unknown message" in caplog.text
    assert "secret" not in caplog.text
