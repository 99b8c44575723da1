"""What each run of the model cost, for the log, the statistics and whoever wants to be told.

Owns who is told, and that long reading ahead is shown while it lasts. Knows no session.
"""

from __future__ import annotations

import logging
from dataclasses import asdict

from pygls.lsp.server import LanguageServer

from ..edit.requests import Cost
from ..worth.statistics import Statistics
from .messages import USAGE
from .progress import Progress, Spawn, Warming
from .status import READY, Kind, Said, Status

logger = logging.getLogger(__name__)


class Costs:
    """Of one client; `told`: it asked to hear of each."""

    def __init__(
        self,
        server: LanguageServer,
        statistics: Statistics,
        status: Status,
        spawn: Spawn,
        *,
        told: bool,
    ) -> None:
        self._server, self._statistics, self._status = server, statistics, status
        self._told = told
        self._warming = Warming(self._progress, spawn, self._say_reading)
        self._readings = 0

    def add(self, cost: Cost) -> None:
        logger.debug("request %s, %s: %s", cost.request, cost.source, cost.usage)
        self._statistics.add(cost)
        if cost.source == "background" and (cost.usage.tokens_read or not cost.usage.tokens_left):
            self._warming.left(cost.usage.tokens_left)
        if self._told:
            values = {_camel(name): value for name, value in asdict(cost.usage).items()}
            about = {"uri": cost.uri, "source": cost.source, "request": cost.request}
            self._server.protocol.notify(USAGE, {**about, **values})

    def _progress(self) -> Progress:
        self._readings += 1  # a token is good for one piece of work
        token = f"stateline/read{self._readings}"
        return Progress(self._server, token, "Stateline: reading files")

    def _say_reading(self, busy: bool) -> None:
        if self._status.kind is Kind.NORMAL:
            self._status.say(Said("Reading files", busy=True) if busy else READY)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
