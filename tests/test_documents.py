"""Open documents: after any edits in any encoding the text is the editor's."""

import dataclasses
import logging

import naive_text
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from naive_text import ENCODINGS, broken_texts, unhurried
from stateline.lsp_server.edit.documents import Documents, Snapshot, UnknownDocument
from stateline.lsp_server.edit.positions import LineIndex

URI = "file:///a.py"


def opened(text):
    documents = Documents()
    documents.open(URI, 1, "python", text)
    return documents


def whole(text):
    return types.TextDocumentContentChangeWholeDocument(text=text)


def ranged(start, end, text):
    return types.TextDocumentContentChangePartial(
        range=types.Range(types.Position(*start), types.Position(*end)), text=text
    )


def edit(text, start, end, new, encoding):
    """The LSP change that replaces text[start:end], and the text it makes."""
    change = ranged(
        naive_text.position(text, start, encoding), naive_text.position(text, end, encoding), new
    )
    return change, text[:start] + new + text[end:]


def inside_crlf(text, offset):
    return text[max(offset - 1, 0) : offset + 1] == "\r\n"


edits = st.lists(
    st.none() | st.tuples(st.integers(0), st.integers(0), broken_texts), min_size=1, max_size=6
)


@unhurried
@given(broken_texts, edits, st.integers(1, 3), st.sampled_from(ENCODINGS))
def test_edited_documents_are_the_editors(text, edits, batch_size, encoding):
    documents, pending = opened(text), []
    for number, drawn in enumerate(edits):
        if drawn is None:
            text = "fresh\r\n" + text
            pending.append(whole(text))
        else:
            start, end = sorted(at % (len(text) + 1) for at in drawn[:2])
            # No position names the place between CR and LF, so no editor can edit there.
            start, end = start - inside_crlf(text, start), end - inside_crlf(text, end)
            change, text = edit(text, start, end, drawn[2], encoding)
            pending.append(change)
        if len(pending) == batch_size or number + 1 == len(edits):
            documents.change(URI, 10 * number, pending, encoding)
            pending = []
            snapshot = documents.snapshot(URI)
            assert (snapshot.text, snapshot.version) == (text, 10 * number)
            assert snapshot.lines.text == text
            assert snapshot.lines.line_count == LineIndex.of(text).line_count


positions = st.tuples(*[st.integers(0, 40) | st.just(2**31 - 1)] * 2)


@unhurried
@given(broken_texts, positions, positions, broken_texts, st.sampled_from(ENCODINGS))
def test_any_range_is_clamped(text, start, end, new, encoding):
    documents = opened(text)
    documents.change(URI, 2, [ranged(start, end, new)], encoding)
    low, high = sorted(naive_text.offset(text, *at, encoding) for at in (start, end))
    assert documents.snapshot(URI).text == text[:low] + new + text[high:]


def test_form_feeds_and_separators_end_no_line():
    # pygls' own documents are corrupted by this edit.
    documents = opened("a = 1\x0cb = 2\nc = 'x\u2028y'\nlast\n")
    documents.change(URI, 2, [ranged((2, 0), (2, 4), "LAST")], "utf-16")
    assert documents.snapshot(URI).text == "a = 1\x0cb = 2\nc = 'x\u2028y'\nLAST\n"


def test_each_change_applies_to_the_result_of_the_one_before():
    documents = opened("")
    changes = [
        ranged((0, 0), (0, 0), "one\ntwo\n"),
        ranged((1, 3), (1, 3), "!"),
        ranged((2, 0), (2, 0), "three"),
        ranged((0, 0), (1, 0), ""),
    ]
    documents.change(URI, 2, changes, "utf-16")
    assert documents.snapshot(URI).text == "two!\nthree"


def test_a_snapshot_is_a_value():
    documents = opened("one")
    before = documents.snapshot(URI)
    documents.change(URI, 7, [whole("two")], "utf-16")
    assert before == Snapshot(URI, 1, "python", "one")
    assert documents.snapshot(URI) == Snapshot(URI, 7, "python", "two")
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.text = "three"


def test_a_snapshot_made_by_hand_finds_its_lines():
    assert Snapshot(URI, 1, "python", "a\nb").lines.offset_of(1, 1, "utf-16") == 3


def test_a_snapshot_shows_no_text_in_logs():
    snapshot = Snapshot(URI, 1, "python", "secret")
    assert "secret" not in repr((snapshot, snapshot.lines))


def test_documents_that_are_not_open_are_refused_in_plain_words():
    documents = opened("one")
    documents.close(URI)
    documents.close(URI)
    with pytest.raises(UnknownDocument, match=r"'file:///a\.py' is not open.*didOpen"):
        documents.snapshot(URI)


def test_a_change_to_a_closed_document_is_one_line_in_the_log(caplog):
    documents = Documents()
    with caplog.at_level(logging.WARNING):
        documents.change("file:///x\n.py", 2, [whole("secret"), whole("secret")], "utf-16")
    [line] = [record.getMessage() for record in caplog.records]
    assert "not opened" in line
    assert "secret" not in line
    assert "\n" not in line
    with pytest.raises(UnknownDocument):
        documents.snapshot("file:///x\n.py")


def test_opening_again_starts_over():
    documents = opened("one")
    documents.open(URI, 1, "ruby", "two")
    assert documents.snapshot(URI) == Snapshot(URI, 1, "ruby", "two")


def test_lone_surrogates_keep_their_place():
    documents = opened("a\ud83db\nc")
    assert documents.snapshot(URI).text == "a\ufffdb\nc"
    documents.change(URI, 2, [ranged((0, 3), (0, 3), "\udca1")], "utf-16")
    assert documents.snapshot(URI).text == "a\ufffdb\ufffd\nc"
    documents.change(URI, 3, [whole("\udca1")], "utf-16")
    assert documents.snapshot(URI).text == "\ufffd"


def test_a_pair_split_over_two_changes_keeps_utf16_positions():
    documents = opened("ab")
    documents.change(URI, 2, [ranged((0, 1), (0, 1), "\ud83d")], "utf-16")
    documents.change(URI, 3, [ranged((0, 2), (0, 2), "\udca1")], "utf-16")
    documents.change(URI, 4, [ranged((0, 4), (0, 4), "c")], "utf-16")
    assert documents.snapshot(URI).text == "a\ufffd\ufffdbc"
