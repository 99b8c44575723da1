"""The editor's open documents, as values: the only store of their text.

Owns what is open and its latest version, and applies the editor's changes to it. Knows nothing of
transports, handlers or capabilities; code units are left to `positions`. Not for several threads:
changes belong on the event loop's thread. The snapshots may go anywhere.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from lsprotocol import types

from ...model.tokens.spelling import well_formed
from .positions import Encoding, LineIndex

_log = logging.getLogger(__name__)
_SHORT = 1_000  # characters that are compared


class UnknownDocument(LookupError):  # noqa: N818 - it names a document, and says so in `raise`.
    """Somebody asked about a document that the editor has not opened."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"{uri!r} is not open: the editor must send textDocument/didOpen before it asks."
        )


@dataclass(frozen=True)
class Snapshot:
    """One version of one document. `language` is LSP's language identifier.

    `text` holds no lone surrogates when it comes from `Documents`. It is left out of the `repr`,
    because that ends up in logs.
    """

    uri: str
    version: int
    language: str
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> LineIndex:
        """The text's lines, for turning LSP positions into offsets and back."""
        return LineIndex.of(self.text)


@dataclass(frozen=True)
class Edit:
    """`text[start:end]` became `new`. What both begin with is no part of it, if that is short."""

    start: int
    end: int
    new: str = field(repr=False)


class Documents:
    """What the editor has open, by the exact URI that it uses."""

    def __init__(self) -> None:
        self._open: dict[str, Snapshot] = {}

    def open(self, uri: str, version: int, language: str, text: str) -> None:
        """Take a document in; one that is open already is replaced."""
        lines = LineIndex.of(well_formed(text))
        self._open[uri] = _snapshot(uri, version, language, lines)

    def change(
        self,
        uri: str,
        version: int,
        changes: Sequence[types.TextDocumentContentChangeEvent],
        encoding: Encoding,
    ) -> list[Edit]:
        """Apply changes in order, each to the result of the one before; the same as offsets.

        Ranges count code units of `encoding` and are clamped to the text. Versions are taken as
        they come: editors skip some. A change to a document that is not open is logged and ignored.
        """
        if (before := self._open.get(uri)) is None:
            _log.warning("Ignoring a change to %r, which the editor has not opened.", uri)
            return []
        lines, edits = before.lines, []
        for change in changes:
            edit = _edit(lines, change, encoding)
            lines = lines.replaced(edit.start, edit.end, edit.new)
            edits.append(edit)
        self._open[uri] = _snapshot(uri, version, before.language, lines)
        return edits

    def close(self, uri: str) -> None:
        """Forget a document; one that is not open is none to forget."""
        self._open.pop(uri, None)

    def snapshot(self, uri: str) -> Snapshot:
        """The document as it is now; raises `UnknownDocument` if it is not open."""
        try:
            return self._open[uri]
        except KeyError:
            raise UnknownDocument(uri) from None


def _snapshot(uri: str, version: int, language: str, lines: LineIndex) -> Snapshot:
    snapshot = Snapshot(uri, version, language, lines.text)
    vars(snapshot)["lines"] = lines  # Fills the cached property: the index is never built twice.
    return snapshot


def _edit(
    lines: LineIndex, change: types.TextDocumentContentChangeEvent, encoding: Encoding
) -> Edit:
    # A pair of surrogates that comes split over two changes stays two U+FFFD: they count two UTF-16
    # units like the editor's pair, so the client's positions hold, and the next full text or
    # reopening brings the character back.
    new = well_formed(change.text)
    if isinstance(change, types.TextDocumentContentChangeWholeDocument):
        return Edit(0, len(lines.text), new)
    # A range that ends before it starts breaks the rules; its two ends still say what is meant.
    start, end = sorted(
        lines.offset_of(position.line, position.character, encoding)
        for position in (change.range.start, change.range.end)
    )
    same = 0
    if end - start <= _SHORT:
        pairs = enumerate(zip(lines.text[start:end], new, strict=False))
        shorter = min(end - start, len(new))
        same = next((at for at, (old, char) in pairs if old != char), shorter)
    return Edit(start + same, end, new[same:])
