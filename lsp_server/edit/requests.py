"""A request for a completion, and the answer to it, as values.

Owns `CompletionRequest`, `Suggested`, `Cost` and how a request becomes a model's `Context`. Knows
nothing of how either travels. Offsets are code points of the snapshot's text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from ...model.completer import Context, Usage
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
    number: int | str | None = None  # the client's own, by which it is told what it cost

    @cached_property
    def context(self) -> Context:
        """What the model sees: line breaks are line feeds, and a selected entry is typed out."""
        text, offset = self.snapshot.text, self.offset
        if not self.selected_text and "\r" not in text:
            return Context(text, offset, self.snapshot.uri, self.snapshot.language)
        # No position stands between CR and LF; an offset there is the line's end.
        offset -= text[max(offset - 1, 0) : offset + 1] == "\r\n"
        typed = min(self.selected_start, offset) if self.selected_text else offset
        before = _line_feeds(text[:typed] + self.selected_text)
        text, offset = before + _line_feeds(text[offset:]), len(before)
        return Context(text, offset, self.snapshot.uri, self.snapshot.language)


@dataclass(frozen=True)
class Cost:
    """What one run of the model took, or an answer without one."""

    uri: str
    usage: Usage
    source: str  # model, typed or background
    request: int | str | None = None  # the number of the request that began it


@dataclass(frozen=True)
class Suggestion:
    """Text to insert at the cursor in place of the `overwrites` characters right of it."""

    text: str
    overwrites: int
    confidence: float


@dataclass(frozen=True)
class Suggested:
    """What there is for a request: different suggestions, the best first.

    While they are written, the best one alone, as far as it has come.
    """

    suggestions: tuple[Suggestion, ...] = ()
    final: bool = True  # this is the answer


def _line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
