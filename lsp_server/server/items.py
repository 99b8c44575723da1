"""Suggestions as LSP items.

Owns the text and range of an item: the document's own line breaks, and what is replaced, which
differs between editors. Knows no session and no server.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types

from ..edit.positions import Encoding
from ..edit.requests import CompletionRequest, Suggestion
from ..syntax.brackets import brackets
from .editor import Editor
from .messages import DID_ACCEPT


@dataclass(frozen=True)
class Insertion:
    """`text` takes the place of the document from `start` to `end`; the cursor is between them."""

    text: str
    start: int
    end: int


def insertion(
    request: CompletionRequest, suggestion: Suggestion, editor: Editor
) -> Insertion | None:
    """A suggestion as this editor can carry it out; None if nothing is left of it."""
    document, at = request.snapshot.text, request.offset
    text, end = suggestion.text, at + suggestion.overwrites
    if not editor.replaces:
        text, end = _before(text, document[at:end]), at
    if not text:
        return None
    if editor.breaks:
        text = text.replace("\n", _break_of(document))
    if request.selected_text:  # the item must replace the popup's range and extend its text
        return Insertion(request.selected_text + text, request.selected_start, end)
    return Insertion(text, at, end)


def inline_item(
    request: CompletionRequest, inserted: Insertion, encoding: Encoding, id_: str
) -> types.InlineCompletionItem:
    """Ghost text."""
    range_ = _range(request, inserted.start, inserted.end, encoding)
    return types.InlineCompletionItem(inserted.text, range=range_, command=_accepted(id_))


def plain_item(
    request: CompletionRequest, inserted: Insertion, encoding: Encoding, id_: str
) -> types.CompletionItem:
    """One preselected entry, labelled with its first line and what stands before it."""
    document, start = request.snapshot.text, request.offset
    while start > 0 and (document[start - 1].isalnum() or document[start - 1] == "_"):
        start -= 1
    word = document[start : request.offset]
    label = (word + inserted.text).strip().replace("\r", "\n").partition("\n")[0]
    return types.CompletionItem(
        label=label,
        kind=types.CompletionItemKind.Text,
        detail="Stateline",
        filter_text=word or label,
        preselect=True,
        sort_text="0",
        text_edit=types.TextEdit(
            range=_range(request, start, inserted.end, encoding), new_text=word + inserted.text
        ),
        insert_text_mode=types.InsertTextMode.AsIs,  # its lines are indented already
        command=_accepted(id_),
    )


def _break_of(document: str) -> str:
    if "\r\n" in document:
        return "\r\n"
    return "\r" if "\r" in document and "\n" not in document else "\n"


def _before(text: str, right: str) -> str:
    """The text up to where it repeats what stands right of the cursor."""
    if not right.strip() or text.endswith(right):
        return text.removesuffix(right)
    wanted = right.lstrip()[0]
    places = [at for at, char in enumerate(text) if char == wanted]
    return next((text[:at] for at in places if not brackets(text[:at]).faults), text)


def _accepted(id_: str) -> types.Command:
    return types.Command(title="Accepted", command=DID_ACCEPT, arguments=[id_])


def _range(request: CompletionRequest, start: int, end: int, encoding: Encoding) -> types.Range:
    lines = request.snapshot.lines
    return types.Range(*(types.Position(*lines.position_of(at, encoding)) for at in (start, end)))
