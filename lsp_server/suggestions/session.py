"""One editor's use of one model: which request runs, and which waits.

Owns the engine's thread and the generation in progress; what happens in between is `idle`'s. All
methods are called on the event loop's thread. Knows nothing of the protocol, and of the model only
that it is a `Completer`.

A newer request supersedes an older one, which is answered with nothing; but while what was
typed agrees with what is being written, the writing goes on and answers the newer one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from ...model.completer import (
    Completer,
    Context,
    Ended,
    FileId,
    Piece,
    Sampling,
    Usage,
    WorkspaceBudget,
)
from ...model.profile import Profile
from ..edit.requests import CompletionRequest, Cost, Suggestions, Trigger
from ..edit.settings import Manner, Settings
from ..workspace.neighbourhood import Neighbourhood
from .answering import Asking, Grown
from .generation import Generation, may_be_block
from .idle import Idle
from .stopping import Enough

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
    """Answers requests one after another from a completer that is loaded in the background."""

    def __init__(
        self,
        load: Callable[[], Completer],
        settings: Settings,
        report: Callable[[Cost], None] = lambda cost: None,
        neighbourhood: Neighbourhood | None = None,
    ) -> None:
        """`report` is told what each run of the model cost."""
        self._settings = settings
        self._report = report
        self._load = load
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._generation: Generation | None = None
        self._recent: deque[Generation] = deque()  # that may answer again, the latest last
        self._newest: object = None
        self.neighbourhood = neighbourhood or Neighbourhood(None)
        self._idle = Idle(self.neighbourhood, self._workspace_budget, self._read_ahead)
        self._completer: Completer | None = None
        self._closed = False

    def load(self) -> asyncio.Future[None]:
        """Begin to load the model; done when it is there, or failed with whatever that raises.

        Not a coroutine: requests of the next moment must find it before them in the thread's queue.
        """
        if self._closed:
            return asyncio.ensure_future(asyncio.sleep(0))
        return self._loop.run_in_executor(self._thread, self._open)

    @property
    def advice(self) -> str:
        """What the user might set better for the model that was loaded; mostly empty."""
        return self._completer.advice if self._completer else ""

    @property
    def profile(self) -> Profile:
        """What the model says of itself; until it is loaded, what any might."""
        return self._completer.profile if self._completer else Profile()

    async def suggest(self, request: CompletionRequest, grown: Grown | None = None) -> Suggestions:
        """The suggestions for a request, best first; none if a newer request came.

        Who did not ask gets one at most. With `grown`, the best one is told while it is written.
        """
        if self._closed:
            return ()
        self._supersede(request)
        around = self.neighbourhood.around(request.snapshot.uri)
        context = replace(request.context, around=around)
        continued = self._continued(context, request.trigger)
        generation = continued or self._start(context, request)
        try:
            suggestions = await self._answered(generation, context, request, grown)
            same = generation.typed(context) == ""  # then there is nothing else to be found
            if continued and not same and not suggestions and self._awaits(request):
                # What was being written turned out to be of no use for this request.
                continued, generation = None, self._start(context, request)
                suggestions = await self._answered(generation, context, request, grown)
        except asyncio.CancelledError:
            self._loop.call_later(ABANDON_S, self._abandon, generation, request)
            raise
        if not self._awaits(request):
            return ()
        if continued:
            self._report(Cost(context.uri, Usage(), "typed", request.number))
        if not generation.cold:
            self.read_ahead(request)
        elif continued:  # this request stopped the reading that `_finish` began
            self._idle.begin(request, 0)
        return suggestions

    def read_ahead(self, request: CompletionRequest) -> None:
        """Once nothing is asked for a moment, read what the next request will need."""
        if not self._closed:
            self._idle.begin(request, IDLE_S)

    def move(self, neighbourhood: Neighbourhood) -> None:
        """The workspace is another one from now on."""
        self._idle.close()
        self.neighbourhood = neighbourhood
        self._idle = Idle(neighbourhood, self._workspace_budget, self._read_ahead)
        self._answer_for_stored()

    def forget(self, files: Collection[Path]) -> asyncio.Future[None]:
        """Drop all that was read from these files; done when no state and no cache has it."""
        self.neighbourhood.drop(files)
        self._idle.stop()
        for generation in self._recent:
            generation.cancel()
        self._recent.clear()
        names = self.neighbourhood.identities(files)
        if self._closed:
            return asyncio.ensure_future(asyncio.sleep(0))
        return self._loop.run_in_executor(self._thread, self._forget, names)

    async def held(self) -> dict[str, Any]:
        """The states that the model holds, by why it does."""
        if self._closed:
            return {}
        return await self._loop.run_in_executor(self._thread, self._ask_held)

    def close(self) -> None:
        """Stop at once; the thread ends with its current token or chunk, or once it has loaded.

        Requests that wait are answered with None, and so are all later ones.
        """
        self._closed = True
        self._idle.close()
        if self._generation is not None:
            self._generation.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _supersede(self, request: CompletionRequest) -> None:
        """Make a request the newest; those that wait see it at once and give up."""
        self._idle.stop()
        self._newest = request
        if self._generation is not None:
            self._generation.wake()

    def _manner(self, language: str) -> Manner:
        return self._settings.manner(language, self.profile)

    def _knows(self, context: Context) -> bool:
        """Asked once more on the engine's thread, for who asked before the model was there."""
        return self._settings.completes(context.language, self.profile)

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
        block = self._settings.multi_line and may_be_block(context, request.trigger)
        max_tokens = BLOCK_TOKENS if block else LINE_TOKENS
        others = tuple(Generation(context, request, max_tokens) for _ in range(1, count))
        generation = Generation(context, request, max_tokens, alternatives=others)
        self._keep(generation)
        future = self._loop.run_in_executor(self._thread, self._write, generation)
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

    async def _answered(
        self,
        generation: Generation,
        context: Context,
        request: CompletionRequest,
        grown: Grown | None,
    ) -> Suggestions:
        manner, awaits = partial(self._manner, context.language), partial(self._awaits, request)
        asking = Asking(request.trigger, manner, awaits, BLOCK_DEADLINE_S, grown)
        return await asking.of(generation, context)

    def _abandon(self, generation: Generation, request: CompletionRequest) -> None:
        if self._newest is request:
            generation.leave()

    async def _workspace_budget(self) -> WorkspaceBudget:
        """The model's, once it is loaded."""
        return await self._loop.run_in_executor(self._thread, self._ask_workspace_budget)

    async def _read_ahead(self, context: Context, stop: Event) -> int:
        return await self._loop.run_in_executor(self._thread, self._read, context, stop)

    def _answer_for_stored(self) -> None:
        """The workspace looks at the files that the model kept from earlier sessions."""
        if self._completer is not None:
            stored_files = self._completer.stored_files
            self._loop.run_in_executor(None, self.neighbourhood.answer_for, stored_files)

    # Below this line, everything runs on the engine's thread.

    def _open(self) -> None:
        # Set here, since requests that came meanwhile are next in this thread's queue.
        self._completer = self._load()
        self._tell(self._answer_for_stored)

    def _tell(self, listener: Callable[..., None], *values: object) -> None:
        """Call a listener on the event loop's thread, if that still runs."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(listener, *values)

    def _read(self, context: Context, stop: Event) -> int:
        """Read some; how many tokens are left, 0 where there is no use in going on."""
        if self._completer is None or stop.is_set() or not self._knows(context):
            return 0
        try:
            usage = self._completer.warm(context, stop)
        except Exception as error:
            logger.error("Reading ahead failed: %s", type(error).__name__, exc_info=error)
            usage = Usage()
        self._tell(self._report, Cost(context.uri, usage, "background"))
        return usage.tokens_left

    def _ask_workspace_budget(self) -> WorkspaceBudget:
        return self._completer.workspace_budget if self._completer else WorkspaceBudget()

    def _ask_held(self) -> dict[str, Any]:
        return dict(self._completer.held()) if self._completer else {}

    def _forget(self, files: Collection[FileId]) -> None:
        if self._completer is not None:
            self._completer.forget(files)

    def _write(self, generation: Generation) -> None:
        context = generation.context
        if self._completer is None or generation.stop.is_set() or not self._knows(context):
            return
        manner = self._manner(context.language)
        enough = [Enough(context, generation.trigger, manner) for _ in generation.candidates]
        stops = [each.stop for each in generation.candidates]
        for told in self._pieces(self._completer, generation, stops):
            if isinstance(told, Piece) and enough[told.candidate].after(told):
                stops[told.candidate].set()  # before anybody sees it: see `Generation.ending`
            self._tell(generation.add, told)

    def _pieces(
        self, completer: Completer, generation: Generation, stops: Sequence[Event]
    ) -> Iterator[Piece | Ended | Usage]:
        sampling = Sampling(max_tokens=generation.max_tokens)
        if len(stops) > 1:
            return completer.choices(generation.context, sampling, stops)
        return completer.complete(generation.context, sampling, stops[0])
