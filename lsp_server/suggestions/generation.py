"""One run of the model: the text written so far, and for which texts it still speaks.

Owns that text with its confidences, and whether a later one says what it says, typed on. What the
same run writes besides, for who asked for suggestions, is a generation each. Knows no threads and
no protocol; what a request gets of it is `answer`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from threading import Event

from ...model.completer import Context, Ended, Piece, Usage
from ..edit.requests import CompletionRequest, Trigger
from .ends import Start

# Closing characters that an editor puts right of the cursor, or lets the user type over.
_AUTO_CLOSED = frozenset(")]}\"'`>")
_MOST_AUTO_CLOSED = 4


@dataclass(eq=False)
class Generation:
    """Lives on the event loop's thread; the engine's thread only sends it pieces."""

    context: Context
    request: CompletionRequest  # that began it
    max_tokens: int = 0  # after which the model is stopped; 0: not known
    stop: Event = field(default_factory=Event)
    pieces: list[Piece] = field(default_factory=list)
    written: str = ""
    alternatives: tuple[Generation, ...] = ()  # candidates 1 and so on, told to this one
    tokens: int = 0  # that were generated, known once it is done
    circled: bool = False  # it ended because it began to repeat itself
    usage: Usage | None = None  # of all candidates
    done: bool = False
    cancelled: bool = False  # nobody may take from it any more
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _appended: tuple[Context, str | None] | None = None  # of the context asked about last

    @property
    def candidates(self) -> tuple[Generation, ...]:
        """Itself and its alternatives."""
        return self, *self.alternatives

    def add(self, told: Piece | Ended | Usage) -> None:
        if isinstance(told, Usage):
            self.usage = told
            if not self.done:
                self._end(told)
        else:
            self.candidates[told.candidate]._go_on(told)
        self.wake()

    def _go_on(self, told: Piece | Ended) -> None:
        if isinstance(told, Ended):
            self.done = True
            self._end(told)
        else:
            self.pieces.append(told)
            self.written += told.text

    def _end(self, told: Ended | Usage) -> None:
        """Take back what only repeated itself; a line break before it says that a line is whole."""
        self.tokens, self.circled = told.tokens_generated, told.repeated_chars > 0
        end = len(self.written) - told.repeated_chars
        end += self.written.startswith("\n", end)
        self.written, at = self.written[:end], 0
        for number, piece in enumerate(self.pieces):
            self.pieces[number] = replace(piece, text=piece.text[: max(end - at, 0)])
            at += len(piece.text)

    def finish(self) -> None:
        for each in self.candidates:
            each.done = True
        self.wake()

    def cancel(self) -> None:
        self.cancelled = True
        for each in self.candidates:
            each.stop.set()
        self.wake()

    def leave(self) -> None:
        """Nobody waits any more: cancelled, unless what it was begun for is written."""
        if not self.ending:
            self.cancel()
        for each in self.alternatives:
            if not each.done:  # what ended by itself was not cut short
                each.stop.set()

    def wake(self) -> None:
        """Let all who wait look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def change(self) -> Coroutine[None, None, bool]:
        """Wait for the next piece or the end, counted from this call and not from the await."""
        return self._changed.wait()

    @property
    def trigger(self) -> Trigger:
        return self.request.trigger

    @property
    def start(self) -> Start:
        """Where the writing began."""
        return Start(self.context, self.trigger)

    @property
    def cold(self) -> bool:
        """Whether it was written, as far as is known yet, from nearby text only."""
        return self.usage is not None and self.usage.cold

    @property
    def ending(self) -> bool:
        """Whether all that is wanted of it was written, though the model may not have returned."""
        return self.done or self.stop.is_set()

    @property
    def cut_short(self) -> bool:
        """Whether it ended where it was made to, so that its last line may not be whole."""
        return self.stop.is_set() or self.circled or 0 < self.max_tokens <= self.tokens

    def typed(self, context: Context) -> str | None:
        """What was typed since, if this generation still speaks of `context`; else None."""
        if self._appended is None or self._appended[0] is not context:
            self._appended = (context, _appended(self.context, context))
        typed = self._appended[1]
        if typed is None or self.written.startswith(typed):
            return typed
        return typed if not self.done and typed.startswith(self.written) else None

    def probability(self, start: int, end: int) -> float:
        """Of the written text from `start` to `end`: the product over its pieces."""
        return probability(self.pieces, start, end)


def probability(pieces: Sequence[Piece], start: int, end: int) -> float:
    """The product over the pieces that have a part in the text from `start` to `end`.

    A piece without text is the first part of the character that follows it.
    """
    product, at = 1.0, 0
    for piece in pieces:
        after = at + len(piece.text)
        if max(at, start) < min(after, end) or start <= at == after < end:
            product *= piece.confidence
        at = after
    return product


def _appended(base: Context, context: Context) -> str | None:
    """What was typed at the cursor of `base` if that is all that makes `context`; else None.

    While it was typed an editor may have closed brackets, or may have let the user type over
    closed ones.
    """
    if context.path != base.path or context.offset < base.offset:
        return None
    if not context.text.startswith(base.prefix):
        return None
    typed = context.text[base.offset : context.offset]
    added = len(context.text) - len(base.text) - len(typed)
    if abs(added) > _MOST_AUTO_CLOSED:
        return None
    after, base_after = context.offset + max(added, 0), base.offset + max(-added, 0)
    closed, passed = context.text[context.offset : after], base.text[base.offset : base_after]
    left = iter(typed)
    if not _AUTO_CLOSED.issuperset(closed + passed) or not all(c in left for c in passed):
        return None
    return typed if context.text[after:] == base.text[base_after:] else None
