"""Suggestions as LSP items.

Owns the text and range of an item: the document's own line breaks, and what is replaced. Knows no
session and no server.
"""

from __future__ import annotations

from lsprotocol import types

from .positions import Encoding
from .requests import CompletionRequest, Suggestion


def inline_item(
    request: CompletionRequest, suggestion: Suggestion, encoding: Encoding
) -> types.InlineCompletionItem:
    """Ghost text."""
    text, range_ = _edit(request, suggestion, encoding)
    return types.InlineCompletionItem(insert_text=text, range=range_)


def plain_item(
    request: CompletionRequest, suggestion: Suggestion, encoding: Encoding
) -> types.CompletionItem:
    """One preselected entry, labelled with its first line and what stands before it."""
    text, range_ = _edit(request, suggestion, encoding)
    start = request.offset
    while start > 0 and (
        request.snapshot.text[start - 1].isalnum() or request.snapshot.text[start - 1] == "_"
    ):
        start -= 1
    word = request.snapshot.text[start : request.offset]
    label = (word + suggestion.text).strip().partition("\n")[0]
    whole = types.Range(_position(request, start, encoding), range_.end)
    return types.CompletionItem(
        label=label,
        kind=types.CompletionItemKind.Text,
        detail="Stateline",
        filter_text=word or label,
        preselect=True,
        sort_text="0",
        text_edit=types.TextEdit(range=whole, new_text=word + text),
        insert_text_mode=types.InsertTextMode.AsIs,  # its lines are indented already
    )


def _edit(
    request: CompletionRequest, suggestion: Suggestion, encoding: Encoding
) -> tuple[str, types.Range]:
    """The text to insert, with the document's own line breaks, and what it replaces."""
    text, start = suggestion.text, request.offset
    if "\r\n" in request.snapshot.text:
        text = text.replace("\n", "\r\n")
    elif "\r" in request.snapshot.text and "\n" not in request.snapshot.text:
        text = text.replace("\n", "\r")
    if request.selected_text:  # the item must replace the popup's range and extend its text
        text, start = request.selected_text + text, request.selected_start
    end = request.offset + suggestion.overwrites
    range_ = types.Range(*(_position(request, at, encoding) for at in (start, end)))
    return text, range_


def _position(request: CompletionRequest, offset: int, encoding: Encoding) -> types.Position:
    return types.Position(*request.snapshot.lines.position_of(offset, encoding))
