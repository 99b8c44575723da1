"""A completer that writes a piece only when the test lets it, so the order of things is the test's.

Owns that, and a session to ask. Nothing here waits for time to pass.
"""

import asyncio
import threading
import time
from contextlib import asynccontextmanager

from stateline.lsp_server.edit.documents import Snapshot
from stateline.lsp_server.edit.requests import CompletionRequest, Trigger
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.suggestions.engine_thread import EngineThread
from stateline.lsp_server.suggestions.session import Session
from stateline.model.completer import Piece, Scripted, Usage, WorkspaceBudget
from stateline.model.profile import Profile

AUTOMATIC, INVOKED = Trigger.AUTOMATIC, Trigger.INVOKED
PATIENCE_S = 30  # after which a test that hangs fails
FOREVER_S = 1000.0


def run(coroutine):
    asyncio.run(asyncio.wait_for(coroutine, PATIENCE_S))


class Paced:
    """Writes one list of pieces after another, a piece each time that it may."""

    def __init__(self, *scripts):
        self.scripts = [[each if isinstance(each, Piece) else Piece(each, 1.0) for each in script]
                        for script in scripts]  # fmt: skip
        self.workspace_budget, self.profile = WorkspaceBudget(), Profile()
        self.asked, self.stops, self.warmed = [], [], []
        self.taken = 0
        self._may, self._waits = threading.Semaphore(0), threading.Semaphore(0)

    def complete(self, context, sampling, stop):
        script = self.scripts[len(self.asked)]
        self.asked.append(context)
        self.stops.append(stop)
        for piece in script:
            self._waits.release()
            assert self._may.acquire(timeout=PATIENCE_S)
            if stop.is_set():
                break
            self.taken += 1
            yield piece
        yield Usage(tokens_generated=self.taken)

    def choices(self, context, sampling, stops):
        """One candidate; of the others nothing comes."""
        return self.complete(context, sampling, stops[0])

    def warm(self, context, stop):
        self.warmed.append(context)
        self._waits.release()
        until_set(stop)
        return Usage()

    async def waits(self, count=1):
        """Until it has come to a piece this many times more; what it wrote before has arrived."""
        for _ in range(count):
            assert await asyncio.to_thread(self._waits.acquire, timeout=PATIENCE_S)

    def let(self, count=1):
        self._may.release(count)


def until_set(stop):
    """A completer's loop of work: it only ever looks whether it is to stop."""
    end_s = time.monotonic() + PATIENCE_S
    while not stop.is_set():
        assert time.monotonic() < end_s
        time.sleep(0.001)


@asynccontextmanager
async def serving(completer, report=lambda *_: None, **settings):
    engine = EngineThread(lambda: completer)
    session = Session(engine, Settings(**settings), report)
    await engine.load()
    try:
        yield session
    finally:
        close(session)
        if isinstance(completer, Paced):
            completer.let(1000)


def close(session):
    """The session, and the engine that is its alone."""
    session.close()
    session.engine.close()


def request(marked, trigger=AUTOMATIC, uri="a", **selected):
    text, offset = marked.replace("█", ""), marked.index("█")
    return CompletionRequest(Snapshot(uri, 1, "python", text), offset, trigger, **selected)


def ask(session, *args, **kwargs):
    return asyncio.ensure_future(answer(session, request(*args, **kwargs)))


async def answer(session, asked):
    """The suggestions that a request gets in the end."""
    (found,) = [each async for each in session.suggest(asked)]
    assert found.final
    return found.suggestions


async def texts_of(task):
    return [suggestion.text for suggestion in await task]


async def text_of(task):
    """Of the best suggestion; None without one."""
    return next(iter(await texts_of(task)), None)


async def shown(session, *args, **kwargs):
    return await text_of(ask(session, *args, **kwargs))


def scripted(text, confidence=1.0):
    """A completer that always writes this text, a character a piece."""
    return Scripted(lambda context: [Piece(c, confidence) for c in text])


async def turns():
    """Let everybody on the loop's thread do what there is to do."""
    for _ in range(20):
        await asyncio.sleep(0)


def pieces(*of):
    return [Piece(*piece) for piece in of]


def stop_the_clock(monkeypatch, module):
    """Nothing happens because time passes, unless a test says so."""
    monkeypatch.setattr(module, "BLOCK_DEADLINE_S", FOREVER_S)
    monkeypatch.setattr(module, "IDLE_S", FOREVER_S)
    monkeypatch.setattr(module, "ABANDON_S", FOREVER_S)
