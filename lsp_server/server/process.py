"""This process beside others: how urgent it is, and that it ends with the one that started it.

Owns the system calls for both, and that no session fails over them. Knows no protocol and no model:
whoever calls has been told the number of the client's process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable

logger = logging.getLogger(__name__)

POLL_S = 5.0  # between two looks for the client's process
# With both of two cores busy an answer then takes 27 ms in place of 15 (median); at 10 it takes 75.
LOW_NICE = 5
_BELOW_NORMAL = 0x4000  # Windows' name for about the same


def take_priority(priority: str) -> None:
    """Let others go first if `priority` is "low"; "normal" is as the editor started us.

    Never raises: where it cannot be done, the log says so. On Linux it counts for this thread and
    those started later, so it comes before the threads that compute.
    """
    if priority != "low":
        return
    try:
        _lower()
    except OSError as error:
        logger.warning(
            'The setting priority stays without effect (%s); "normal" avoids this message.', error
        )


def _lower() -> None:
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.SetPriorityClass.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        if not kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL):
            raise ctypes.WinError(ctypes.get_last_error())
    else:
        now = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, max(now, LOW_NICE))  # raising it is not allowed


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
