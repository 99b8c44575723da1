"""One client's connection, from its greeting to its end.

Owns the tasks that no request waits for, and what is said and written when the client comes and
goes. What it is served with meanwhile is its `host`. Knows no handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcServerNotInitialized
from pygls.lsp.server import LanguageServer

from ..worth import ledger
from ..worth.statistics import Statistics
from .greeting import Greeting
from .process import end_with, take_priority
from .protocol import Protocol

if TYPE_CHECKING:
    from .host import Host

logger = logging.getLogger(__name__)

SAVE_STATISTICS_S = 300.0


class StatelineServer(LanguageServer):
    """Serves one client."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("stateline", version("stateline"), protocol_cls=Protocol)
        self.greeting = Greeting()
        self._host: Host | None = None
        self._background: set[asyncio.Task[None]] = set()
        self.statistics = Statistics()
        self.protocol.capability_policy = self._advertise

    @property
    def host(self) -> Host:
        """What the client is served with; a client that is too early gets an error."""
        if self._host is None:
            raise JsonRpcServerNotInitialized()
        return self._host

    def greet(self, params: types.InitializeParams) -> None:
        """Learn who the client is, and what its user wants."""
        self.greeting = Greeting.of(params)
        for complaint in self.greeting.complaints:
            logger.warning("%s", complaint)
        take_priority(self.greeting.settings.priority)  # threads that are made later have it too
        if params.process_id:
            self.spawn(end_with(params.process_id, self.save_statistics))

    def begin(self, host: Host) -> None:
        """The client is ready, and is served with this from now on."""
        self._host = host
        self.protocol.edited = host.offers.edited
        host.loading.begin()
        self.spawn(self._save_statistics_now_and_then())

    async def end(self) -> None:
        """The client goes; it may never have been ready."""
        self.save_statistics()
        if self._host is not None:
            await self._host.close()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a task that no request waits for."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def save_statistics(self) -> None:
        """Write what is new to the ledger."""
        if page := self.statistics.page(date.today()):
            ledger.write(page)

    async def _save_statistics_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_STATISTICS_S)
            self.save_statistics()

    def _advertise(
        self, params: types.InitializeParams, capabilities: types.ServerCapabilities
    ) -> None:
        """Plain completion only for clients that would otherwise see nothing."""
        if self.greeting.editor.draws:
            capabilities.completion_provider = None

    def report_server_error(self, error: Exception, source: Any) -> None:
        # pygls would pop up a window for each malformed message.
        logger.error("%s: %s", type(error).__name__, str(error)[:300])
