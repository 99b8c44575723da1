"""The loading of the model, shown to the client from its beginning to its end.

Owns when it is loaded again, and what is said of a failure. Knows no session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from ...model.errors import ModelFolderError
from ..suggestions.engine_thread import EngineThread
from .messages import RELOAD
from .progress import Spawn, shown
from .status import READY, Kind, Said, Status

logger = logging.getLogger(__name__)


class Loading:
    """Of one engine, one at a time."""

    def __init__(
        self,
        server: LanguageServer,
        engine: EngineThread,
        status: Status,
        spawn: Spawn,
        loaded: Callable[[], None],
    ) -> None:
        """`loaded` is called when the model is there."""
        self._server, self._engine, self._status = server, engine, status
        self._spawn, self._loaded = spawn, loaded
        self._busy = False

    def begin(self) -> None:
        """Load the model, or load it again after an error; nothing while that is being done."""
        if not self._busy:
            self._busy = True
            self._spawn(self._follow(self._engine.load()))

    async def _follow(self, loading: asyncio.Future[None]) -> None:
        self._status.say(Said("Loading the model", busy=True))
        async with shown(self._server, "stateline/load", "Stateline: loading the model"):
            try:
                await loading
            except ModelFolderError as error:
                self._fail(str(error))
            except Exception as error:
                logger.exception("The model did not load")
                self._fail(
                    f"The model did not load ({type(error).__name__}: {error}); "
                    "`stateline doctor` may say more."
                )
            else:
                self._is_there()
            finally:
                self._busy = False

    def _is_there(self) -> None:
        advice = self._engine.advice
        if advice:
            logger.warning(advice)
        self._status.say(Said(advice, Kind.WARNING) if advice else READY)
        self._loaded()

    def _fail(self, message: str) -> None:
        again = types.Command("Load the model again", RELOAD)
        self._status.say(Said(message, Kind.ERROR, command=again))
        params = types.ShowMessageParams(types.MessageType.Error, f"Stateline: {message}")
        self._server.window_show_message(params)
