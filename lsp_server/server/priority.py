"""How urgent this process is to the operating system, beside the editor and all else that runs.

Owns the system call for it, and that no session fails over it. Knows no protocol and no model.
"""

from __future__ import annotations

import logging
import os
import sys

logger = logging.getLogger(__name__)

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
