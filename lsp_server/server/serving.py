"""A process that serves one editor: made quickly, and ended without delay.

Owns where the server listens and logs, and what is done once so that the editor is answered soon.
Knows no message.
"""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from .language_server import StatelineServer


def serve(port: int = 0, log: Path | None = None, log_level: str = "warning") -> NoReturn:
    """Serve on stdin and stdout or, with a `port`, one client on the loopback; ends the process.

    Logs to stderr, or to the file `log`.
    """
    logging.basicConfig(
        level=logging.WARNING,
        handlers=[logging.FileHandler(log, encoding="utf-8")] if log else None,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("stateline").setLevel(log_level.upper())
    server = make_server()
    code = 0
    try:
        if port:
            server.start_tcp("127.0.0.1", port)
        else:
            server.start_io()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    server.save_statistics()  # for clients that end without a word
    logging.shutdown()
    # Not sys.exit: that would wait for the engine's thread, which may be loading for seconds yet.
    os._exit(code)


def make_server() -> StatelineServer:
    """A server with all it imports; what is there by then is never looked through again.

    For the first server of a process.
    """
    # Thousands of classes and functions are made here, and all of them stay. The collector would
    # go through them again and again meanwhile, and later during keystrokes.
    gc.disable()
    from .features import create_server

    server = create_server()
    gc.freeze()
    gc.enable()
    return server
