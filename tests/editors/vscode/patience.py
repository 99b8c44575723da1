"""Waiting for what another program does: on a condition, with a generous deadline."""

import time
from collections.abc import Callable
from typing import Any

DEADLINE_S = 60.0
LOOK_S = 0.02


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Wait until the condition answers something true, and give that back."""
    deadline = time.monotonic() + deadline_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(LOOK_S)
    raise AssertionError(f"In {deadline_s:.0f} s there was no {what}.")
