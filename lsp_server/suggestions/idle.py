"""What is done while nobody asks: choosing the files around the open one, and reading ahead.

Owns one task that the next request ends. Knows neither the model nor the files, only who does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from threading import Event

from ...model.completer import Context, WorkspaceBudget
from ..edit.requests import CompletionRequest
from ..workspace.neighbourhood import SETTLED_S, Neighbourhood

logger = logging.getLogger(__name__)

# Reads some of what is left and says how many tokens still are; runs elsewhere.
ReadAhead = Callable[[Context, Event], Awaitable[int]]


class Idle:
    """One text at a time: the one that was asked about last."""

    def __init__(
        self,
        neighbourhood: Neighbourhood,
        budget: Callable[[], Awaitable[WorkspaceBudget]],
        read: ReadAhead,
    ) -> None:
        self._neighbourhood = neighbourhood
        self._budget = budget
        self._read = read
        self._task: asyncio.Task[None] | None = None
        self._stop = Event()
        self._last: CompletionRequest | None = None
        self._renewing: asyncio.Task[None] | None = None
        neighbourhood.listener = self._wake

    def begin(self, request: CompletionRequest, after_s: float) -> None:
        """Once so much time has passed without a `stop`, read what the next request will need."""
        self.stop()
        self._last = request
        stop = self._stop = Event()
        self._task = asyncio.get_running_loop().create_task(self._run(request, after_s, stop))

    def stop(self) -> None:
        """The thread goes on at once, or after its current chunk."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        self._last = None

    def _wake(self) -> None:
        """A file changed: what was read of it should not stay until somebody types."""
        at_work = self._task is not None and not self._task.done() and not self._stop.is_set()
        if self._last is not None and not at_work:
            self.begin(self._last, SETTLED_S)

    async def _run(self, request: CompletionRequest, after_s: float, stop: Event) -> None:
        around, uri, idle_s = self._neighbourhood, request.snapshot.uri, after_s
        try:
            await asyncio.sleep(after_s)
            while True:
                renewing = self._renewed(request) if around.due_in(uri, idle_s) == 0 else None
                await self._read_all(request.context, stop)
                if renewing is not None:
                    await asyncio.shield(renewing)
                    await self._read_all(request.context, stop)
                due_in_s = around.due_in(uri, idle_s)
                if due_in_s is None:
                    return
                await asyncio.sleep(due_in_s)
                idle_s += due_in_s
        except Exception as error:
            logger.error("Idle work failed: %s", type(error).__name__, exc_info=error)

    def _renewed(self, request: CompletionRequest) -> asyncio.Task[None]:
        """The choice of neighbours, under way. A request does not end it: who types without a
        pause would never get to the end of it."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._renew(request))
        return self._renewing

    async def _renew(self, request: CompletionRequest) -> None:
        budget = await self._budget()
        snapshot = request.snapshot
        await self._neighbourhood.renew(snapshot.uri, snapshot.text, budget)

    async def _read_all(self, context: Context, stop: Event) -> None:
        around = self._neighbourhood.around_reading(context)
        while await self._read(replace(context, around=around), stop):
            pass
