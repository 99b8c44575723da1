"""Suggestions as LSP items: the document's own line breaks and units, and a range on one line."""

import pytest
from lsprotocol import types
from stateline.lsp_server.edit.documents import Snapshot
from stateline.lsp_server.edit.requests import CompletionRequest, Suggestion, Trigger
from stateline.lsp_server.server import items
from stateline.lsp_server.server.editor import Editor


def asked(text: str, selected: str = "") -> CompletionRequest:
    """At the `|` in a text; the popup's entry would replace the word before it."""
    offset = text.index("|")
    snapshot = Snapshot("file:///a.py", 1, "python", text.replace("|", ""))
    start = text.rindex(".", 0, offset) + 1 if selected else 0
    return CompletionRequest(snapshot, offset, Trigger.AUTOMATIC, start, selected)


def inline_item(request, suggestion, encoding, editor=None):
    inserted = items.insertion(request, suggestion, editor or Editor())
    return inserted and items.inline_item(request, inserted, encoding, "7")


def plain_item(request, suggestion, encoding):
    inserted = items.insertion(request, suggestion, Editor())
    return items.plain_item(request, inserted, encoding, "7")


def reach(range_: types.Range) -> tuple[int, int, int, int]:
    start, end = range_.start, range_.end
    return start.line, start.character, end.line, end.character


@pytest.mark.parametrize(
    ("text", "inserted"),
    [
        ("a\nif b:|\n", ":\n    c\n"),
        ("if b:|", ":\n    c\n"),
        ("a\r\nif b:|\n", ":\r\n    c\r\n"),
        ("a\rif b:|", ":\r    c\r"),
    ],
)
def test_line_breaks_are_the_documents_own(text: str, inserted: str):
    item = inline_item(asked(text), Suggestion(":\n    c\n", 0, 1.0), "utf-16")
    assert item.insert_text == inserted
    item = plain_item(asked(text), Suggestion(":\n    c\n", 0, 1.0), "utf-16")
    assert item.text_edit.new_text == inserted
    assert item.label == ":"
    assert item.insert_text_mode is types.InsertTextMode.AsIs


@pytest.mark.parametrize(("encoding", "at"), [("utf-8", 8), ("utf-16", 6), ("utf-32", 5)])
def test_places_are_in_the_clients_units(encoding, at: int):
    request, suggestion = asked("x\n'💡', |)]\n"), Suggestion("b)", 1, 1.0)
    item = inline_item(request, suggestion, encoding)
    assert (item.insert_text, reach(item.range)) == ("b)", (1, at, 1, at + 1))


def test_a_popup_entry_is_replaced_and_extended_as_the_client_wrote_it():
    request = asked("a\r\nself.na|)", "name(\r\n")
    item = inline_item(request, Suggestion("    b\n", 1, 1.0), "utf-16")
    assert item.insert_text == "name(\r\n    b\r\n"
    assert reach(item.range) == (1, 5, 1, 8)


@pytest.mark.parametrize(
    ("text", "label", "word", "start"),
    [
        ("self.na|", "name = 1", "na", 5),
        ("größe_2|", "größe_2me = 1", "größe_2", 0),
        ("f(|", "me = 1", "", 2),
        ("|", "me = 1", "", 0),
    ],
)
def test_a_plain_entry_carries_the_word_before_it(text: str, label: str, word: str, start: int):
    item = plain_item(asked(text), Suggestion("me = 1\nb", 0, 1.0), "utf-16")
    assert item.label == label
    assert item.filter_text == (word or label)
    assert item.text_edit.new_text == f"{word}me = 1\nb"
    assert reach(item.text_edit.range) == (0, start, 0, len(text) - 1)


def test_neovim_has_no_line_breaks_in_its_buffers():
    suggestion = Suggestion(":\n    c", 0, 1.0)
    item = inline_item(asked("a\r\nif b|\r\n"), suggestion, "utf-16", Editor(breaks=False))
    assert item.insert_text == ":\n    c"


BEHIND = Editor(replaces=False)


@pytest.mark.parametrize(
    ("text", "overwrites", "written", "inserted"),
    [
        ("def add(|)", 1, "a, b)", "a, b"),
        ("def add(|)", 1, "a, b):\n    return a + b", "a, b"),
        ("def add(|)", 1, "a=(), b):\n    return (a + b)", "a=(), b):\n    return (a + b"),
        ("f(|)", 1, "(a), b):\n    c", "(a), b"),
        ("f('|')", 2, "a')", "a"),
        ("f('|')", 2, "a', 'b'):\n    c", "a"),
        ("f(|)  ", 3, "a)  ", "a"),
        ("f(|)", 1, ")", None),
        ("f(|)", 1, "):\n    a", None),
        ("f(|)", 0, "a", "a"),
        ("f(|  ", 2, "a)", "a)"),
    ],
)
def test_who_inserts_behind_a_range_gets_what_stands_before_it(text, overwrites, written, inserted):
    item = inline_item(asked(text), Suggestion(written, overwrites, 1.0), "utf-16", BEHIND)
    assert (item and item.insert_text) == inserted
    if item:
        at = text.index("|")
        assert reach(item.range) == (0, at, 0, at)


def test_an_item_says_what_to_run_once_it_is_accepted():
    for make in (inline_item, plain_item):
        command = make(asked("x|"), Suggestion("y", 0, 1.0), "utf-16").command
        assert (command.command, command.arguments) == ("stateline.didAcceptCompletion", ["7"])
