"""One run of the model, and what any request can take from it.

Owns the text written so far with its confidences, and the reading of an answer from it: for
the request it was started for, and for later ones that typed what it says. What the same run writes
besides, for who asked for suggestions, is a generation each. Knows no threads and no protocol.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from threading import Event

from ...model.completer import Context, Ended, Piece, Usage
from ..edit.requests import CompletionRequest, Suggestion, Suggestions, Trigger
from ..edit.settings import Manner
from ..syntax.lines import REACH_CHARS, Extent
from ..syntax.syntax import syntax_of
from . import shape

# Closing characters that an editor puts right of the cursor, or lets the user type over.
_AUTO_CLOSED = frozenset(")]}\"'`>")
_MOST_AUTO_CLOSED = 4
_HALF_WORD = re.compile(r"\w+\Z")


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
    if context.uri != base.uri or context.offset < base.offset:
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


@dataclass(frozen=True)
class Answer:
    """What a generation says to a request now; `ready` when waiting would not better it."""

    suggestion: Suggestion | None
    ready: bool


def answer(generation: Generation, context: Context, trigger: Trigger, manner: Manner) -> Answer:
    """Read the answer to a request whose text agrees with the generation."""
    typed = len(generation.typed(context) or "")
    written = generation.written[typed:]
    line = first_line(context, written)
    if not line.finished and (not generation.done or generation.cut_short):
        return Answer(None, generation.done)  # nobody wants half a line
    confidence = generation.probability(typed, typed + line.end)
    if trigger is Trigger.AUTOMATIC and confidence < manner.gate:
        return Answer(None, True)
    end, ready = line.end, True
    base = _block_base(generation, context, trigger) if manner.multi_line else None
    if base is not None:
        start = typed if base is context else 0
        whole = _whole_lines(generation, base, start)
        ready = whole.finished or generation.done
        end = max(whole.end + start - typed, line.end) if ready else line.end
    return Answer(_shaped(context, written[:end], confidence), ready)


def growing(
    now: Answer, generation: Generation, context: Context, trigger: Trigger, manner: Manner
) -> Suggestion | None:
    """What may be shown of an answer that is not ready, as it is now: whole words, or whole lines
    of what nobody asked for.

    Nothing is shown unasked before the first line has passed for likely enough.
    """
    asked = trigger is Trigger.INVOKED
    if now.ready or not (asked or now.suggestion):
        return now.suggestion
    typed = len(generation.typed(context) or "")
    written = generation.written[typed:]
    base = _block_base(generation, context, trigger) if manner.multi_line else None
    line = first_line(context, written)
    end = line.end
    if base is not None and line.finished:
        start = typed if base is context else 0
        extent = block(base, generation.written[start:])
        end = max(extent.end + start - typed, line.end)
    part = written[:end]
    if end == len(written):  # its end is in the making
        part = _HALF_WORD.sub("", part) if asked else part[: max(part.rfind("\n"), line.end)]
    confidence = generation.probability(typed, typed + line.end)
    return _shaped(context, part.rstrip(), confidence)


def _shaped(context: Context, text: str, confidence: float) -> Suggestion | None:
    shaped = shape.shape(*near(context), text, syntax_of(context.language))
    return Suggestion(shaped.text, shaped.overwrites, confidence) if shaped else None


@dataclass(frozen=True)
class Answers:
    """As `Answer`, of a generation and its alternatives."""

    first: Answer  # the generation's own
    suggestions: Suggestions
    ready: bool


def answers(generation: Generation, context: Context, trigger: Trigger, manner: Manner) -> Answers:
    """Read what there is to choose from; a request that nobody made has no choice."""
    asked = generation.candidates if trigger is Trigger.INVOKED else (generation,)
    agreeing = [each for each in asked if each.typed(context) is not None]
    read = [answer(each, context, trigger, manner) for each in agreeing]
    found: dict[tuple[str, int], Suggestion] = {}
    for each in read:
        if each.suggestion:
            found.setdefault((each.suggestion.text, each.suggestion.overwrites), each.suggestion)
    ready = all(a.ready or g.done for a, g in zip(read, agreeing, strict=True))
    return Answers(read[0], tuple(found.values()), ready)


def near(context: Context) -> tuple[str, str]:
    """The text before and after the cursor, as far as any rule of `shape` looks.

    Copying a huge text for each piece would be felt.
    """
    before, after = context.offset - REACH_CHARS, context.offset + REACH_CHARS
    return context.text[max(0, before) : context.offset], context.text[context.offset : after]


def first_line(context: Context, written: str) -> Extent:
    """See `shape`, as for the functions below."""
    return shape.first_line(near(context)[0], written, syntax_of(context.language))


def block(context: Context, written: str) -> Extent:
    return shape.block(near(context)[0], written, syntax_of(context.language))


def wants_block(context: Context, trigger: Trigger) -> bool:
    """Whether several lines are wanted, whatever is written; who asks wants them always."""
    asked = trigger is Trigger.INVOKED
    return asked or shape.wants_block(near(context)[0], syntax_of(context.language))


def begins_block(context: Context, written: str) -> bool:
    return shape.begins_block(near(context)[0], written, syntax_of(context.language))


def may_be_block(context: Context, trigger: Trigger) -> bool:
    """Whether it may turn out that several lines are wanted."""
    return syntax_of(context.language).braces or wants_block(context, trigger)


def _block_base(generation: Generation, context: Context, trigger: Trigger) -> Context | None:
    """Where the block began that is wanted; None if a line will do.

    Whoever types through a block goes on seeing the rest of that block.
    """
    typed = len(generation.typed(context) or "")
    for base, asked, start in (
        (generation.context, generation.trigger, 0),
        (context, trigger, typed),
    ):
        if wants_block(base, asked) or begins_block(base, generation.written[start:]):
            return base
    return None


def _whole_lines(generation: Generation, base: Context, start: int) -> Extent:
    """The block from `start` on; where the writing was cut short, without half a line."""
    written = generation.written[start:]
    extent, syntax = block(base, written), syntax_of(base.language)
    if syntax.braces and extent.finished:
        closed = shape.is_closed(near(base)[0], written[: extent.end], syntax)
        return extent if closed else Extent(0, True)  # its lines are not what they seem
    partial = generation.done and generation.cut_short and not extent.finished
    if partial and syntax.braces:
        part = written[: extent.end + 1]
        return Extent(shape.closed_part(near(base)[0], part, syntax), False)
    if not partial or written[extent.end : extent.end + 1] == "\n":
        return extent
    return Extent(max(written.rfind("\n", 0, extent.end), 0), False)
