"""Work that takes a while, shown by clients that can show it: loading, and long reading ahead.

Owns the agreement on a token, the messages under it, and when reading is worth a word and how far
it is. Knows nothing of the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

ANSWER_S = 1.0
WORTH_TELLING_TOKENS = 4096  # left to be read: some seconds

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a task that no request waits for."""


class Progress:
    """One piece of work from its beginning to its end; silent where the client takes none."""

    def __init__(self, server: LanguageServer, token: str, title: str) -> None:
        self._server, self._token, self._title = server, token, title
        self._begun = self._over = False

    async def begin(self) -> None:
        """Agree on the token and say what is done, unless that is over by then."""
        if await _agreed_on(self._server, self._token) and not self._over:
            begin = types.WorkDoneProgressBegin(title=self._title, percentage=0)
            self._server.work_done_progress.begin(self._token, begin)
            self._begun = True

    def report(self, percentage: int) -> None:
        """How far it is, 0 to 100."""
        if self._begun:
            report = types.WorkDoneProgressReport(percentage=percentage)
            self._server.work_done_progress.report(self._token, report)

    def end(self) -> None:
        """It is done, or given up."""
        self._over = True
        if self._begun:
            self._begun = False  # nothing may follow an end
            self._server.work_done_progress.end(self._token, types.WorkDoneProgressEnd())


class Warming:
    """Follows what is left from report to report."""

    def __init__(
        self,
        new: Callable[[], Progress],
        spawn: Spawn,
        told: Callable[[bool], None] = lambda busy: None,
    ) -> None:
        """`told` is told when it begins to be worth a word, and when it is over."""
        self._new, self._spawn, self._told = new, spawn, told
        self._progress: Progress | None = None
        self._most_tokens = 0
        self._percentage = 0

    def left(self, tokens: int) -> None:
        """So many tokens are still to be read."""
        if self._progress is None and tokens >= WORTH_TELLING_TOKENS:
            self._most_tokens, self._percentage, self._progress = tokens, 0, self._new()
            self._spawn(self._progress.begin())
            self._told(True)
        elif self._progress is not None and tokens:
            self._most_tokens = max(self._most_tokens, tokens)
            done = 100 * (self._most_tokens - tokens) // self._most_tokens
            self._percentage = max(self._percentage, done)  # more may come to be read meanwhile
            self._progress.report(self._percentage)
        elif self._progress is not None:
            self._progress.end()
            self._progress = None
            self._told(False)


@asynccontextmanager
async def shown(server: LanguageServer, token: str, title: str) -> AsyncIterator[None]:
    """For as long as the block takes."""
    progress = Progress(server, token, title)
    await progress.begin()
    try:
        yield
    except asyncio.CancelledError:
        raise  # the server ends, and nobody is there to be told
    except Exception:
        progress.end()
        raise
    progress.end()


async def _agreed_on(server: LanguageServer, token: str) -> bool:
    """Whether the client takes progress under this token; silence is a no."""
    window = server.protocol.client_capabilities.window
    if window is None or not window.work_done_progress:
        return False
    create = server.work_done_progress.create_async(token)
    try:
        await asyncio.wait_for(asyncio.shield(create), ANSWER_S)
    except Exception:
        return False
    return True
