"""Waiting for what a generation says to one request, and showing what there is of it meanwhile.

Owns how long a finished part waits for the rest. Knows no session: whether the answer is still
wanted it is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from ...model.completer import Context
from ..edit.requests import Suggested, Trigger
from ..edit.settings import Manner
from .answer import Answer, answers, growing
from .generation import Generation

GROW_S = 0.03  # between two looks at a growing text; more often is more than anybody sees


@dataclass(frozen=True)
class Asking:
    """A request that waits; `wanted` says for how long it does.

    One that looks at the growing text is in no hurry. Others get a finished first line or, if
    they asked, a finished first suggestion, after `patience_s` without the rest.
    """

    trigger: Trigger
    manner: Callable[[], Manner]  # asked when there is something to judge: it is the model's
    wanted: Callable[[], bool]
    patience_s: float
    growing: bool = False

    async def of(self, generation: Generation, context: Context) -> AsyncIterator[Suggested]:
        """See `Session.suggest`; the last one is empty once it is not wanted, or not to be had."""
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        show = _Show(self, loop.time)
        while self.wanted() and not generation.cancelled:
            if generation.typed(context) is None:
                break
            now = answers(generation, context, self.trigger, self.manner())
            if now.ready:
                yield Suggested(now.suggestions)
                return
            if (grown := show.of(now.first, generation, context)) is not None:
                yield grown
            automatic = self.trigger is Trigger.AUTOMATIC
            line = now.first.suggestion and not self.growing
            if line if automatic else now.first.ready or generation.done:
                deadline = loop.time() + self.patience_s if deadline is None else deadline
                if loop.time() >= deadline:
                    yield Suggested(now.suggestions)
                    return
            left = None if deadline is None else deadline - loop.time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(generation.change(), left)
        yield Suggested()


class _Show:
    """What there is of a growing text, now and then, and never the same twice."""

    def __init__(self, asking: Asking, clock: Callable[[], float]) -> None:
        self._asking, self._clock = asking, clock
        self._shown: tuple[str, int] | None = None
        self._next_s = 0.0

    def of(self, answer: Answer, generation: Generation, context: Context) -> Suggested | None:
        asking = self._asking
        if not asking.growing or self._clock() < self._next_s:
            return None
        now = growing(answer, generation, context, asking.trigger, asking.manner())
        if now is None or (now.text, now.overwrites) == self._shown:
            return None
        self._shown = now.text, now.overwrites
        self._next_s = self._clock() + GROW_S
        return Suggested((now,), final=False)
