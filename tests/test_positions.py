"""Offsets and LSP positions: every answer equal to the naive one, whatever the text and edit."""

import naive_text
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import ENCODINGS, broken_texts, texts, unhurried
from stateline.lsp_server.edit.positions import LineIndex
from stateline.model.tokens.spelling import well_formed

encodings = st.sampled_from(ENCODINGS)
anywhere = st.integers(-3, 40) | st.sampled_from([-(10**30), 2**31 - 1, 2**32, 10**30])


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", [0]),
        ("a", [0]),
        ("a\n", [0, 2]),
        ("\r\n\r\n", [0, 2, 4]),
        ("\n\r", [0, 1, 2]),
        ("\r\r\n", [0, 1, 3]),
        ("a\x0cb\x0bc\x1cd\x85e\u2028f\u2029g", [0]),
    ],
)
def test_only_cr_and_lf_end_lines(text, starts):
    index = LineIndex.of(text)
    assert [index.start_of(line) for line in range(index.line_count)] == starts


@pytest.mark.parametrize(
    ("line", "character", "encoding", "offset"),
    [
        (0, 1, "utf-8", 1),
        (0, 2, "utf-8", 1),  # inside é
        (0, 3, "utf-8", 2),
        (0, 6, "utf-8", 2),  # inside 💡
        (0, 7, "utf-8", 3),
        (0, 3, "utf-16", 2),  # between the halves of 💡
        (0, 4, "utf-16", 3),
        (0, 3, "utf-32", 3),
        (0, 5, "utf-16", 4),
        (0, 6, "utf-16", 4),  # past the end: before CR LF
        (1, 0, "utf-16", 6),
        (1, 9, "utf-16", 7),
        (2, 0, "utf-16", 7),  # no such line
        (-1, 5, "utf-16", 0),
        (0, -1, "utf-16", 0),
    ],
)
def test_offset_of(line, character, encoding, offset):
    assert LineIndex.of("aé💡b\r\nc").offset_of(line, character, encoding) == offset


@pytest.mark.parametrize(
    ("offset", "encoding", "position"),
    [
        (3, "utf-8", (0, 7)),
        (3, "utf-16", (0, 4)),
        (3, "utf-32", (0, 3)),
        (4, "utf-16", (0, 5)),
        (5, "utf-16", (0, 5)),  # between CR and LF
        (6, "utf-16", (1, 0)),
        (99, "utf-16", (1, 1)),
        (-1, "utf-16", (0, 0)),
    ],
)
def test_position_of(offset, encoding, position):
    assert LineIndex.of("aé💡b\r\nc").position_of(offset, encoding) == position


@unhurried
@given(broken_texts, encodings)
def test_every_position_is_the_naive_one(text, encoding):
    index = LineIndex.of(text)
    for offset in range(len(text) + 1):
        assert index.position_of(offset, encoding) == naive_text.position(text, offset, encoding)


@unhurried
@given(broken_texts, anywhere, anywhere, encodings)
def test_any_offset_is_the_naive_one_and_none_raises(text, line, character, encoding):
    index = LineIndex.of(text)
    offset = index.offset_of(line, character, encoding)
    assert offset == naive_text.offset(text, line, character, encoding)
    assert index.position_of(line, encoding)[1] >= 0


@unhurried
@given(broken_texts, encodings)
def test_positions_lead_back_to_their_offset(text, encoding):
    index = LineIndex.of(text)
    for offset in range(len(text) + 1):
        split = text[max(offset - 1, 0) : offset + 1] == "\r\n"
        back = index.offset_of(*index.position_of(offset, encoding), encoding)
        assert back == offset - split


def check_lines(index):
    fresh = LineIndex.of(index.text)
    every = range(-1, len(naive_text.lines(index.text)) + 2)
    assert index.line_count == fresh.line_count == len(naive_text.lines(index.text))
    assert [index.start_of(line) for line in every] == [fresh.start_of(line) for line in every]
    assert [index.end_of(line) for line in every] == [fresh.end_of(line) for line in every]
    offsets = range(len(index.text) + 1)
    assert [index.line_at(at) for at in offsets] == [fresh.line_at(at) for at in offsets]


@unhurried
@given(broken_texts, st.lists(st.tuples(st.integers(0), st.integers(0), broken_texts), max_size=8))
def test_an_edited_index_is_a_fresh_one(text, edits):
    index = LineIndex.of(text)
    for one, other, new in edits:
        start, end = sorted(at % (len(index.text) + 1) for at in (one, other))
        before, expected = index, index.text[:start] + new + index.text[end:]
        index = index.replaced(start, end, new)
        assert index.text == expected
        check_lines(index)
        check_lines(before)  # It is a value: deriving another leaves it alone.


@pytest.mark.parametrize(
    ("text", "start", "end", "new", "count"),
    [
        ("a\r\nb", 2, 2, "x", 3),  # a break is split into two
        ("a\rx\nb", 2, 3, "", 2),  # two become one
        ("a\rb", 2, 2, "\n", 2),
        ("a\nb", 1, 1, "\r", 2),
        ("\n", 0, 1, "", 1),
        ("\r\n", 1, 2, "", 2),
    ],
)
def test_edits_that_split_and_join_line_breaks(text, start, end, new, count):
    index = LineIndex.of(text).replaced(start, end, new)
    assert index.line_count == count
    check_lines(index)


@unhurried
@given(st.text(st.sampled_from("aé💡\ud83d\udca1\n\r"), max_size=20), anywhere, anywhere, encodings)
def test_lone_surrogates_become_one_character_each(text, line, character, encoding):
    clean = well_formed(text)
    clean.encode()
    assert len(clean) == len(text)
    kept = [(old, new) for old, new in zip(text, clean, strict=True) if old != new]
    assert all("\ud800" <= old <= "\udfff" and new == "\ufffd" for old, new in kept)
    # An index of a text that was not cleaned must not raise either.
    LineIndex.of(text).offset_of(line, character, encoding)
    LineIndex.of(text).position_of(character, encoding)


@unhurried
@given(texts)
def test_valid_text_is_left_alone(text):
    assert well_formed(text) is text
