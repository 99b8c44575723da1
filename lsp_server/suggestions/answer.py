"""What a request gets of what the model writes: nothing, a line, a block; and what grows meanwhile.

Owns the reading of an answer from a generation, for the request it was begun for and for later ones
that typed what it says. Pure functions; who waits for what is `asking`'s.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...model.completer import Context
from ..edit.requests import Suggestion, Trigger
from ..edit.settings import Manner
from . import shape
from .ends import Ends, Start
from .generation import Generation

_HALF_WORD = re.compile(r"\w+\Z")


@dataclass(frozen=True)
class Answer:
    """What a generation says to a request now; `ready` when waiting would not better it."""

    suggestion: Suggestion | None
    ready: bool


def answer(generation: Generation, context: Context, trigger: Trigger, manner: Manner) -> Answer:
    """Read the answer to a request whose text agrees with the generation."""
    ends = _ends(generation, context, trigger, manner)
    line, over = ends.line, generation.done
    if not line.finished and (not over or generation.cut_short):
        return Answer(None, over)  # nobody wants half a line
    confidence = generation.probability(ends.here.at, line.end)
    if trigger is Trigger.AUTOMATIC and confidence < manner.gate:
        return Answer(None, True)
    end, ready = line.end, True
    if (block := ends.sound_block(over and generation.cut_short)) is not None:
        ready = block.finished or over
        end = max(block.end, line.end) if ready else line.end
    return Answer(_shaped(ends, end, confidence), ready)


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
    ends = _ends(generation, context, trigger, manner)
    line, written, at = ends.line, generation.written, ends.here.at
    end = line.end
    if line.finished and ends.block is not None:
        end = max(ends.block.end, line.end)
    if end == len(written):  # its end is in the making
        whole = len(_HALF_WORD.sub("", written[at:])) + at
        end = whole if asked else max(written.rfind("\n", at), line.end)
    end = at + len(written[at:end].rstrip())
    return _shaped(ends, end, generation.probability(at, line.end))


@dataclass(frozen=True)
class Answers:
    """As `Answer`, of a generation and its alternatives."""

    first: Answer  # the generation's own
    suggestions: tuple[Suggestion, ...]  # different ones, best first
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


def _ends(generation: Generation, context: Context, trigger: Trigger, manner: Manner) -> Ends:
    here = Start(context, trigger, len(generation.typed(context) or ""))
    return Ends(generation.written, here, manner.multi_line, generation.start)


def _shaped(ends: Ends, end: int, confidence: float) -> Suggestion | None:
    """The text between the cursor and `end`, as it fits there."""
    here = ends.here
    shaped = shape.shape(*here.near, ends.written[here.at : end], here.syntax)
    return Suggestion(shaped.text, shaped.overwrites, confidence) if shaped else None
