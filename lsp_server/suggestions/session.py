"""One editor's use of one model: which request runs, and which waits.

Owns the generation in progress and those that may answer again; what happens in between is
`idle`'s. Lives on the event loop's thread. Knows nothing of the protocol, and of the model only
the thread that it is on.

A newer request supersedes an older one, which is answered with nothing; but while what was
typed agrees with what is being written, the writing goes on and answers the newer one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

from ...model.completer import Context, Usage, WorkspaceBudget
from ..edit.requests import CompletionRequest, Cost, Suggested, Trigger
from ..edit.settings import Manner, Settings
from ..workspace.neighbourhood import Neighbourhood
from .asking import Asking
from .ends import Start
from .engine_thread import EngineThread
from .generation import Generation
from .idle import Idle

logger = logging.getLogger(__name__)

# How long a finished first line waits for its block, and a finished suggestion for alternatives.
BLOCK_DEADLINE_S = 0.15
CHOICES = 3  # suggestions at most, for who asked
IDLE_S = 0.3  # of no request, before reading ahead
# How long a cancelled request's writing waits to be taken up by a newer one. VS Code cancels at a
# keystroke and asks again some 50 ms later.
ABANDON_S = 0.2
MOST_RECENT, MOST_CHARS = 64, 4 << 20  # generations that may answer again, and their texts
LINE_TOKENS = 48
BLOCK_TOKENS = 160


class Session:
    """Answers requests one after another, from a completer that others may ask as well."""

    def __init__(
        self,
        engine: EngineThread,
        settings: Settings,
        report: Callable[[Cost], None] = lambda cost: None,
        neighbourhood: Neighbourhood | None = None,
    ) -> None:
        """`report` is told what each run of the model cost."""
        self.engine = engine
        self._settings = settings
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._generation: Generation | None = None
        self._recent: deque[Generation] = deque()  # that may answer again, the latest last
        self._newest: object = None
        self.neighbourhood = neighbourhood or Neighbourhood(None)
        self._idle = Idle(self.neighbourhood, self._workspace_budget, self._read_ahead)
        self._closed = False

    async def suggest(
        self, request: CompletionRequest, *, growing: bool = False
    ) -> AsyncIterator[Suggested]:
        """What there is for a request. The last is the answer, empty if a newer request came.

        Who did not ask gets one suggestion at most. With `growing`, there is more before the
        answer: the best suggestion, each time that some of it was written.
        """
        if self._closed:
            yield Suggested()
            return
        self._supersede(request)
        around = self.neighbourhood.around(request.snapshot.uri)
        context = replace(request.context, around=around)
        continued = self._continued(context, request.trigger)
        generation = continued or self._start(context, request)
        asking, found = self._asking(request, growing), Suggested()
        try:
            while True:
                async for found in asking.of(generation, context):
                    if not found.final:
                        yield found
                # What was being written may turn out to be of no use here; where nothing was typed
                # since, nothing else is to be found.
                useless = continued and not found.suggestions and continued.typed(context) != ""
                if not useless or not self._awaits(request):
                    break
                continued, generation = None, self._start(context, request)
        except asyncio.CancelledError:
            self._loop.call_later(ABANDON_S, self._abandon, generation, request)
            raise
        if self._awaits(request):
            self._answered(request, generation, bool(continued))
            yield found
        else:
            yield Suggested()

    def read_ahead(self, request: CompletionRequest) -> None:
        """Once nothing is asked for a moment, read what the next request will need."""
        if not self._closed:
            self._idle.begin(request, IDLE_S)

    def move(self, neighbourhood: Neighbourhood) -> None:
        """The workspace is another one from now on."""
        self._idle.close()
        self.neighbourhood = neighbourhood
        self._idle = Idle(neighbourhood, self._workspace_budget, self._read_ahead)

    async def answer_for_stored(self) -> None:
        """Have the workspace look at the files that the model kept from earlier sessions.

        To be called once the model is loaded, and again when the workspace is another one.
        """
        stored_files = await self.engine.ask(lambda model: model.stored_files, None)
        if stored_files is not None:
            await asyncio.to_thread(self.neighbourhood.answer_for, stored_files)

    def forget(self, files: Collection[Path]) -> asyncio.Future[None]:
        """Drop all that was read from these files; done when no state and no cache has it."""
        gone = self.neighbourhood.drop(files)
        self._idle.stop()
        for generation in self._recent:
            generation.cancel()
        self._recent.clear()
        return self.engine.ask(lambda completer: completer.forget(gone), None)

    def close(self) -> None:
        """Stop at once; requests that wait are answered with nothing, and so are all later ones."""
        self._closed = True
        self._idle.close()
        if self._generation is not None:
            self._generation.cancel()

    def _supersede(self, request: CompletionRequest) -> None:
        """Make a request the newest; those that wait see it at once and give up."""
        self._idle.stop()
        self._newest = request
        if self._generation is not None:
            self._generation.wake()

    def _manner(self, language: str) -> Manner:
        return self._settings.manner(language, self.engine.profile)

    def _asking(self, request: CompletionRequest, growing: bool) -> Asking:
        manner = partial(self._manner, request.snapshot.language)
        wanted = partial(self._awaits, request)
        return Asking(request.trigger, manner, wanted, BLOCK_DEADLINE_S, growing)

    def _awaits(self, request: CompletionRequest) -> bool:
        return self._newest is request and not self._closed

    def _continued(self, context: Context, trigger: Trigger) -> Generation | None:
        """The latest generation that can answer this as well.

        Who undoes, deletes or comes back to a file stands where the model has written already.
        """
        for generation in reversed(self._recent):
            unasked = generation.trigger is not Trigger.INVOKED
            if trigger is Trigger.INVOKED and unasked:
                continue  # it may have stopped at the first line
            if generation.cancelled or generation.context.around != context.around:
                continue
            if generation.typed(context) is not None:
                self._supersede_writing(generation)
                return generation
        return None

    def _supersede_writing(self, by: Generation | None) -> None:
        """Cancel the writing in progress unless it goes on for the newest request."""
        now = self._generation
        if now is None or now is by:
            return
        now.leave()
        if now.cancelled:
            with contextlib.suppress(ValueError):  # there were too many since
                self._recent.remove(now)

    def _keep(self, generation: Generation) -> None:
        self._generation = generation
        self._recent.append(generation)
        chars = sum(len(each.context.text) for each in self._recent)
        while len(self._recent) > MOST_RECENT or (len(self._recent) > 1 and chars > MOST_CHARS):
            chars -= len(self._recent.popleft().context.text)

    def _start(self, context: Context, request: CompletionRequest) -> Generation:
        self._supersede_writing(None)
        count = CHOICES if request.trigger is Trigger.INVOKED else 1
        block = self._settings.multi_line and Start(context, request.trigger).may_want_block
        max_tokens = BLOCK_TOKENS if block else LINE_TOKENS
        others = tuple(Generation(context, request, max_tokens) for _ in range(1, count))
        generation = Generation(context, request, max_tokens, alternatives=others)
        self._keep(generation)
        future = self.engine.write(generation, self._settings)
        future.add_done_callback(lambda f: self._finish(generation, f))
        return generation

    def _finish(self, generation: Generation, future: asyncio.Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.error("A completion failed: %s", type(error).__name__, exc_info=error)
            generation.cancel()  # half of a line is no answer
        generation.finish()
        if generation.usage is None:
            return
        request = generation.request
        self._report(Cost(request.snapshot.uri, generation.usage, "model", request.number))
        if generation.cold and generation is self._generation and not self._closed:
            # Who types on without a pause would otherwise get cold answers for ever.
            self._idle.begin(request, 0)

    def _answered(self, request: CompletionRequest, by: Generation, continued: bool) -> None:
        """Say what it cost if it cost nothing, and go on to what the next request will need."""
        if continued:
            self._report(Cost(request.snapshot.uri, Usage(), "typed", request.number))
        if not by.cold:
            self.read_ahead(request)
        elif continued:  # this request stopped the reading that `_finish` began
            self._idle.begin(request, 0)

    def _abandon(self, generation: Generation, request: CompletionRequest) -> None:
        if self._newest is request:
            generation.leave()

    async def _workspace_budget(self) -> WorkspaceBudget:
        """The model's, once it is loaded."""
        return await self.engine.ask(lambda model: model.workspace_budget, WorkspaceBudget())

    async def _read_ahead(self, context: Context, stop: Event) -> int:
        def report(usage: Usage) -> None:
            self._report(Cost(context.uri, usage, "background"))

        return await self.engine.read(context, stop, self._settings, report)
