"""The process that started this one, and what becomes of this one when it is gone.

Owns the looking for it. Knows no protocol: whoever calls has been told its number.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

logger = logging.getLogger(__name__)

POLL_S = 5.0


async def end_with(process_id: int, last: Callable[[], None]) -> None:
    """End this process when the client's ends without saying so; `last` is called before."""
    while _alive(process_id):
        await asyncio.sleep(POLL_S)
    logger.warning("The client has ended; so does the server.")
    last()
    os._exit(1)


def _alive(process_id: int) -> bool:
    if os.name == "nt":
        return True  # signal 0 would end it there; the closed pipe must do
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
