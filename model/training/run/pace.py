"""How far a training run is, in steps or in seconds, and how fast it learns there.

Owns the learning rate's schedule and the clock. Knows no model, no optimizer and no file.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

COMPILED_AFTER_STEPS = 12  # of a process: by then all is compiled, and the clock starts


def schedule(step: int, warmup: int, left: float, decay: float) -> float:
    """Warm up over so many steps, stay, fall linearly to zero over the last `decay`.

    `left` and `decay` are of one unit, steps or seconds.
    """
    falling = left / decay if decay else float(left > 0)
    return min(1.0, (step + 1) / warmup, max(0.0, falling))


@dataclass(frozen=True)
class RunPace:
    """The length of a run and of its end, in which the rate falls; both in one unit."""

    unit: Literal["steps", "seconds"]
    total: float
    decay: float
    warmup: int  # steps, whatever the unit

    @property
    def stays_until(self) -> float:
        """Where the rate begins to fall."""
        return self.total - self.decay


class Clock:
    """Seconds that a run has learned for, in this process and in those before it.

    What a process compiles in its first steps is not counted.
    """

    def __init__(self, spent_s: float = 0.0, now: Callable[[], float] = time.monotonic) -> None:
        self._before_s, self._now = spent_s, now
        self._steps = 0
        self._start_s: float | None = None

    @property
    def spent_s(self) -> float:
        return self._before_s + (0.0 if self._start_s is None else self._now() - self._start_s)

    def step_done(self) -> bool:
        """One more step of this process is over; True if the clock starts with it."""
        self._steps += 1
        starts = self._steps == COMPILED_AFTER_STEPS
        if starts:
            self._start_s = self._now()
        return starts
