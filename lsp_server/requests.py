"""A request for a completion, and the answer to it, as values.

Owns `CompletionRequest`, `Suggestion` and how a request becomes a model's `Context`. Knows
nothing of how either travels. Offsets are code points of the snapshot's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..model.completer import Context
from .documents import Snapshot


class Trigger(Enum):
    """Whether the user asked."""

    INVOKED = 1
    AUTOMATIC = 2


@dataclass(frozen=True)
class CompletionRequest:
    """A text, a cursor, and what the client's popup menu has selected there."""

    snapshot: Snapshot
    offset: int
    trigger: Trigger
    selected_start: int = 0  # where the selected entry's range starts, if there is one
    selected_text: str = ""

    @property
    def context(self) -> Context:
        """What the model sees: line breaks are line feeds, and a selected entry is typed out."""
        text, offset = self.snapshot.text, self.offset
        if self.selected_text:
            text = text[: self.selected_start] + self.selected_text + text[offset:]
            offset = self.selected_start + len(self.selected_text)
        if "\r" in text:
            before, after = (_line_feeds(t) for t in (text[:offset], text[offset:]))
            text, offset = before + after, len(before)
        return Context(text, offset, self.snapshot.uri, self.snapshot.language)


@dataclass(frozen=True)
class Suggestion:
    """Text to insert at the cursor in place of the `overwrites` characters right of it."""

    text: str
    overwrites: int
    confidence: float


def _line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
