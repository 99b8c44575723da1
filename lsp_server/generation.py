"""One run of the model, and what any request can take from it.

Owns the text written so far with its confidences, and the reading of an answer from it: for
the request it was started for, and for later ones that typed what it says. Knows no threads
and no protocol.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from threading import Event

from ..model.completer import Context, Piece, Usage
from . import shape
from .requests import Suggestion, Trigger
from .settings import Settings

# Closing characters that an editor may have put right of the cursor while typing.
_AUTO_CLOSED = frozenset(")]}\"'`>")
_LONGEST_AUTO_CLOSED = 2


@dataclass
class Generation:
    """Lives on the event loop's thread; the engine's thread only sends it pieces."""

    context: Context
    trigger: Trigger
    stop: Event = field(default_factory=Event)
    pieces: list[Piece] = field(default_factory=list)
    written: str = ""
    usage: Usage | None = None
    done: bool = False
    cancelled: bool = False  # nobody may take from it any more
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, piece: Piece | Usage) -> None:
        if isinstance(piece, Usage):
            self.usage = piece
        else:
            self.pieces.append(piece)
            self.written += piece.text
        self._wake()

    def finish(self) -> None:
        self.done = True
        self._wake()

    def cancel(self) -> None:
        self.cancelled = True
        self.stop.set()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def change(self) -> None:
        """Wait for the next piece or the end."""
        if not self.done:
            await self._changed.wait()

    def typed(self, context: Context) -> str | None:
        """What was typed since, if this generation still speaks of `context`; else None."""
        base = self.context
        if context.path != base.path or context.offset < base.offset:
            return None
        if not context.text.startswith(base.prefix):
            return None
        typed = context.text[base.offset : context.offset]
        agrees = self.written.startswith(typed) or (
            not self.done and typed.startswith(self.written)
        )
        added = len(context.text) - context.offset - (len(base.text) - base.offset)
        if not agrees or not 0 <= added <= _LONGEST_AUTO_CLOSED:
            return None
        if not set(context.text[context.offset : context.offset + added]) <= _AUTO_CLOSED:
            return None
        same = context.text.endswith(base.suffix)
        return typed if same else None

    def probability(self, start: int, end: int) -> float:
        """Of the written text from `start` to `end`: the product over its pieces."""
        product, at = 1.0, 0
        for piece in self.pieces:
            if at >= end:
                break
            at += len(piece.text)
            if at > start:
                product *= piece.confidence
        return product


@dataclass(frozen=True)
class Answer:
    """What a generation says to a request now; `ready` when waiting would not better it."""

    suggestion: Suggestion | None
    ready: bool


def answer(
    generation: Generation, context: Context, trigger: Trigger, settings: Settings
) -> Answer:
    """Read the answer to a request whose text agrees with the generation."""
    typed = len(generation.typed(context) or "")
    written, prefix = generation.written[typed:], context.prefix
    line = shape.first_line(prefix, written)
    whole_line = line.finished or generation.done
    extent = line
    if settings.multi_line and (trigger is Trigger.INVOKED or shape.wants_block(prefix)):
        extent = shape.block(prefix, written)
        if not (extent.finished or generation.done):
            extent = line  # what could be shown if time runs out
            whole_line = False
    if not (line.finished or generation.done):
        return Answer(None, False)
    confidence = generation.probability(typed, typed + line.end)
    if trigger is Trigger.AUTOMATIC and confidence < settings.confidence:
        return Answer(None, True)
    shaped = shape.shape(prefix, context.suffix, written[: max(extent.end, line.end)])
    if shaped is None:
        return Answer(None, whole_line)
    return Answer(Suggestion(shaped.text, shaped.overwrites, confidence), whole_line)
