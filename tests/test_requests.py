"""From a document and a cursor to what the model sees; `█` is the cursor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import broken_texts, unhurried
from stateline.lsp_server.edit.documents import Snapshot
from stateline.lsp_server.edit.requests import CompletionRequest, Trigger
from stateline.model.completer import Context

URI = "file:///a.py"


def request(text, offset, **selected):
    return CompletionRequest(
        Snapshot(URI, 1, "python", text), offset, Trigger.AUTOMATIC, **selected
    )


def check(marked, expected, **selected):
    """The context's text, with its cursor marked."""
    context = request(marked.replace("█", ""), marked.index("█"), **selected).context
    assert f"{context.prefix}█{context.suffix}" == expected


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("█", "█"),
        ("x = █\ny", "x = █\ny"),
        ("a\r\nb█\r\nc\r\n", "a\nb█\nc\n"),
        ("a\r\nb\r\n█c", "a\nb\n█c"),
        ("a\rb█\rc", "a\nb█\nc"),
        ("a\r\r\nb\n\r█", "a\n\nb\n\n█"),
        ("a\r█\nb", "a█\nb"),  # no place of its own: the line's end
        ("💡\r\n█💡\r\n", "💡\n█💡\n"),
        ("a\x0cb\u2028c\x85█", "a\x0cb\u2028c\x85█"),
    ],
)
def test_line_breaks_become_line_feeds(marked, expected):
    check(marked, expected)


@pytest.mark.parametrize(
    ("marked", "start", "text", "expected"),
    [
        ("x.ap█\n", 2, "append", "x.append█\n"),
        ("a\r\nx.ap█\r\n", 5, "append", "a\nx.append█\n"),
        ("x.█)", 2, "pop(", "x.pop(█)"),
        ("x█y", 1, "a\r\nb", "xa\nb█y"),
        ("x█yz", 2, "a", "xa█yz"),  # a range that begins after the cursor adds nothing to the text
    ],
)
def test_a_selected_entry_is_typed_out(marked, start, text, expected):
    check(marked, expected, selected_start=start, selected_text=text)


def test_a_context_names_its_document_and_language():
    assert request("ab", 1).context == Context("ab", 1, URI, "python")


@unhurried
@given(broken_texts, st.integers(0, 30))
def test_the_cursor_stays_between_the_same_characters(text, offset):
    offset = min(offset, len(text))
    context = request(text, offset).context
    assert context.text == text.replace("\r\n", "\n").replace("\r", "\n")
    if text[max(offset - 1, 0) : offset + 1] != "\r\n":
        assert context.prefix == text[:offset].replace("\r\n", "\n").replace("\r", "\n")
