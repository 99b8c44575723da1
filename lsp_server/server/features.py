"""The language server, put together.

Owns which handlers there are, and those for a session's beginning and end. Those for requests are
`completing`'s, those for documents and files `following`'s. Knows of models how one is opened.
"""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from ...model import open_completer
from ...model.completer import Completer
from .completing import complete_with
from .following import follow_with
from .host import Host
from .language_server import StatelineServer
from .messages import RELOAD, STATISTICS


def create_server() -> StatelineServer:
    """A server with all its handlers; it serves one client."""
    server = StatelineServer()

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.greet(params)

    @server.feature(types.INITIALIZED)
    def initialized(_: types.InitializedParams) -> None:
        server.begin(Host(server, server.greeting, server.statistics, _opened, server.spawn))

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def did_change_configuration(_: types.DidChangeConfigurationParams) -> None:
        """Settings are read once, from initializationOptions; some clients send this at once."""

    @server.command(RELOAD)
    def reload() -> None:
        server.host.loading.begin()

    @server.command(STATISTICS)
    async def statistics() -> dict[str, Any]:
        """What this session cost and was worth, and which states are held."""
        held = await server.host.engine.held()
        return {**server.statistics.as_json(), "held": held}

    @server.feature(types.SHUTDOWN)
    async def shutdown(_: Any) -> None:
        await server.end()

    complete_with(server)
    follow_with(server)
    return server


def _opened(*args: Any, **options: Any) -> Completer:
    return open_completer(*args, **options)  # looked up at the last moment: tests put others there
