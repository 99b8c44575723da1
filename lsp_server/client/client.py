"""A small LSP client, for the demo, the benchmarks and the tests.

Owns the client's copy of the open documents, and the translation between it and LSP's messages.
Knows nothing of pipes, which are `connection`'s, and nothing of Stateline's own messages.
Offsets are code points.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, get_args

from ..edit.positions import Encoding, LineIndex
from .connection import ANSWER_DEADLINE_S, Connection, Pending

EXIT_DEADLINE_S = 10.0
_INVOKED, _AUTOMATIC = 1, 2

DRAWS_GHOST_TEXT: Mapping[str, Any] = {
    "general": {"positionEncodings": ["utf-8", "utf-16", "utf-32"]},
    "textDocument": {"inlineCompletion": {"dynamicRegistration": False}},
    "window": {"workDoneProgress": True},
}
"""The capabilities of a client that can count in any unit."""


@dataclass(frozen=True)
class Item:
    """One suggestion: `text` is to replace the document from `start` to `end`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class PendingItems:
    """A request for suggestions, and the text that the answer's positions speak of."""

    pending: Pending
    offset: int
    lines: LineIndex
    encoding: Encoding

    def items(self, deadline_s: float = ANSWER_DEADLINE_S) -> list[Item]:
        """The suggestions, best first; raises what `Pending.result` does."""
        result = self.pending.result(deadline_s)
        found = result.get("items", []) if isinstance(result, dict) else result or []
        return [self._item(each) for each in found]

    def _item(self, item: Mapping[str, Any]) -> Item:
        range_ = item.get("range")
        if range_ is None:
            return Item(item["insertText"], self.offset, self.offset)
        start, end = (self._offset(range_[side]) for side in ("start", "end"))
        return Item(item["insertText"], start, end)

    def _offset(self, position: Mapping[str, int]) -> int:
        return self.lines.offset_of(position["line"], position["character"], self.encoding)


@dataclass(frozen=True)
class _Document:
    version: int
    lines: LineIndex


class Client:
    """One conversation with one server; as a context manager it leaves no process behind."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.encoding: Encoding = "utf-16"
        self._documents: dict[str, _Document] = {}

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()

    def initialize(
        self,
        options: Any = None,
        capabilities: Mapping[str, Any] = DRAWS_GHOST_TEXT,
        root: str | None = None,
    ) -> dict[str, Any]:
        """Shake hands; the server's answer, which also settles `encoding`.

        `root` is the URI of the folder that is open, if one is.
        """
        params = {
            "processId": os.getpid(),
            "rootUri": root,
            "capabilities": capabilities,
            "initializationOptions": options,
        }
        answer: dict[str, Any] = self.connection.request("initialize", params).result()
        agreed = answer["capabilities"].get("positionEncoding", "utf-16")
        if agreed not in get_args(Encoding):
            raise ValueError(f"The server wants to count in {agreed!r}, which LSP does not know.")
        self.encoding = agreed
        self.connection.notify("initialized", {})
        return answer

    def open(self, uri: str, language: str, text: str) -> None:
        """Open a document, as version 1."""
        self._documents[uri] = _Document(1, LineIndex.of(text))
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.connection.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, start: int, end: int, new: str) -> int:
        """Replace the text from `start` to `end`; returns the new version."""
        old = self._documents[uri]
        reach = {"start": self._position(old, start), "end": self._position(old, end)}
        changed = _Document(old.version + 1, old.lines.replaced(start, end, new))
        self._documents[uri] = changed
        params = {
            "textDocument": {"uri": uri, "version": changed.version},
            "contentChanges": [{"range": reach, "text": new}],
        }
        self.connection.notify("textDocument/didChange", params)
        return changed.version

    def text(self, uri: str) -> str:
        """The document as the server should have it too."""
        return self._documents[uri].lines.text

    def suggest(self, uri: str, offset: int, *, invoked: bool = False) -> PendingItems:
        """Ask what to put at `offset`, as an editor does by itself or, `invoked`, for a key."""
        document = self._documents[uri]
        params = {
            "textDocument": {"uri": uri},
            "position": self._position(document, offset),
            "context": {"triggerKind": _INVOKED if invoked else _AUTOMATIC},
        }
        pending = self.connection.request("textDocument/inlineCompletion", params)
        return PendingItems(pending, offset, document.lines, self.encoding)

    def cancel(self, asked: PendingItems) -> None:
        """Say that the answer is no longer wanted; some answer still comes."""
        if asked.pending.answered_s is None:
            self.connection.notify("$/cancelRequest", {"id": asked.pending.number})

    def shutdown(self) -> int:
        """Let the server end in good order; its exit code. One that does not end is ended."""
        with contextlib.suppress(TimeoutError):
            self.connection.request("shutdown").result(EXIT_DEADLINE_S)
            self.connection.notify("exit")
        return self.connection.close(EXIT_DEADLINE_S)

    def _position(self, document: _Document, offset: int) -> dict[str, int]:
        line, character = document.lines.position_of(offset, self.encoding)
        return {"line": line, "character": character}
