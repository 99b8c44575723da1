"""The thread that a completer lives on: one session's, or shared by several.

Owns what the completer is asked, one thing after another, and that reading ahead gives way to
whoever waits for a text. Knows no session and no request. All methods are called on event loops'
threads, and whatever they tell, they tell there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any, TypeVar

from ...model.completer import Completer, Context, Ended, Piece, Sampling, Usage
from ...model.profile import Profile
from ..edit.settings import Settings
from .generation import Generation
from .stopping import Enough

logger = logging.getLogger(__name__)

T = TypeVar("T")


class EngineThread:
    """A completer that is loaded in the background, and the queue of those who wait for it."""

    def __init__(self, load: Callable[[], Completer]) -> None:
        self._load = load
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._completer: Completer | None = None
        self._to_write: deque[Generation] = deque()  # that have not begun
        self._closed = False

    @property
    def advice(self) -> str:
        """What the user might set better for the model that was loaded; mostly empty."""
        return self._completer.advice if self._completer else ""

    @property
    def profile(self) -> Profile:
        """What the model says of itself; until it is loaded, what any might."""
        return self._completer.profile if self._completer else Profile()

    def load(self) -> asyncio.Future[None]:
        """Begin to load the model; done when it is there, or failed with whatever that raises.

        Not a coroutine: requests of the next moment must find it before them in the queue.
        """
        return self._submit(self._open, None)

    def ask(self, what: Callable[[Completer], T], otherwise: T) -> asyncio.Future[T]:
        """Ask the completer once all that came before is done; `otherwise` where there is none."""

        def asked() -> T:
            return otherwise if self._completer is None else what(self._completer)

        return self._submit(asked, otherwise)

    def write(self, generation: Generation, settings: Settings) -> asyncio.Future[None]:
        """Write a text, which is told each piece; failed with whatever the completer raises."""
        self._to_write.append(generation)
        told = _teller(generation.add)
        return self._submit(partial(self._write, generation, settings, told), None)

    def read(
        self, context: Context, stop: Event, settings: Settings, report: Callable[[Usage], None]
    ) -> asyncio.Future[int]:
        """Read some ahead; how many tokens are left, 0 where there is no use in going on."""
        stop = _AnyOf(stop, self._to_write)
        return self._submit(partial(self._read, context, stop, settings, _teller(report)), 0)

    def held(self) -> asyncio.Future[dict[str, Any]]:
        """The states that the model holds, by why it does."""
        return self.ask(lambda completer: dict[str, Any](completer.held()), {})

    def close(self) -> None:
        """Stop at once; the thread ends with its current token or chunk, or once it has loaded.

        Whatever waits is cancelled, and nothing that is asked later comes to the completer.
        """
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _submit(self, work: Callable[[], T], otherwise: T) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        if not self._closed:
            return loop.run_in_executor(self._pool, work)
        done: asyncio.Future[T] = loop.create_future()
        done.set_result(otherwise)
        return done

    # Below this line, everything runs on the thread.

    def _open(self) -> None:
        # Set here, since requests that came meanwhile are next in the queue.
        self._completer = self._load()

    def _read(
        self, context: Context, stop: Event, settings: Settings, report: Callable[[Usage], None]
    ) -> int:
        completer = self._completer
        if completer is None or not settings.completes(context.language, completer.profile):
            return 0
        try:
            usage = completer.warm(context, stop)
        except Exception as error:
            logger.error("Reading ahead failed: %s", type(error).__name__, exc_info=error)
            usage = Usage()
        report(usage)
        return usage.tokens_left

    def _write(
        self,
        generation: Generation,
        settings: Settings,
        told: Callable[[Piece | Ended | Usage], None],
    ) -> None:
        self._to_write.remove(generation)
        context, completer = generation.context, self._completer
        if completer is None or generation.stop.is_set():
            return
        # Asked once more, for who asked before the model was there.
        if not settings.completes(context.language, completer.profile):
            return
        manner = settings.manner(context.language, completer.profile)
        enough = [Enough(context, generation.trigger, manner) for _ in generation.candidates]
        stops = [each.stop for each in generation.candidates]
        for piece in _pieces(completer, generation, stops):
            if isinstance(piece, Piece) and enough[piece.candidate].after(piece):
                stops[piece.candidate].set()  # before anybody sees it: see `Generation.ending`
            told(piece)


class _AnyOf(Event):
    """Set once reading is to stop: nobody wants it any more, or somebody waits for a text."""

    def __init__(self, stop: Event, to_write: deque[Generation]) -> None:
        super().__init__()
        self._stop, self._to_write = stop, to_write

    def is_set(self) -> bool:
        """See `Event`."""
        return self._stop.is_set() or bool(self._to_write)


def _teller(listener: Callable[[T], Any]) -> Callable[[T], None]:
    """Calls a listener on this event loop's thread, if that still runs."""
    loop = asyncio.get_running_loop()

    def told(value: T) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(listener, value)

    return told


def _pieces(
    completer: Completer, generation: Generation, stops: Sequence[Event]
) -> Iterator[Piece | Ended | Usage]:
    sampling = Sampling(max_tokens=generation.max_tokens)
    if len(stops) > 1:
        return completer.choices(generation.context, sampling, stops)
    return completer.complete(generation.context, sampling, stops[0])
