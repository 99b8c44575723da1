"""What this session cost so far: kept here, told to who asks, sent nowhere.

Owns the counts and the last few hundred figures of each kind. Knows no text and no clock.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from .requests import Cost
from .tally import Spread

LAST = 500  # requests of which the spreads are made
_COUNTED = (
    "requests",
    "typedThrough",
    "cold",
    "tokensReadWaiting",
    "tokensReadInBackground",
    "tokensReused",
    "tokensGenerated",
)


@dataclass
class Statistics:
    """Grows with every `Cost`."""

    counts: Counter[str] = field(default_factory=Counter)
    _last: deque[Cost] = field(default_factory=lambda: deque(maxlen=LAST))

    def add(self, cost: Cost) -> None:
        """Take one in."""
        usage = cost.usage
        if cost.source == "background":
            self.counts["tokensReadInBackground"] += usage.tokens_read
            return
        self.counts["requests"] += 1
        self.counts["typedThrough"] += cost.source == "typed"
        self.counts["cold"] += usage.cold
        self.counts["tokensReadWaiting"] += usage.tokens_read
        self.counts["tokensReused"] += usage.tokens_reused
        self.counts["tokensGenerated"] += usage.tokens_generated
        if cost.source == "model":
            self._last.append(cost)

    def as_json(self) -> dict[str, Any]:
        """For the client, and for a bug report: numbers only."""
        usages = [cost.usage for cost in self._last]
        return {
            **{name: self.counts[name] for name in _COUNTED},
            "perRequest": {
                "tokensRead": _plain([usage.tokens_read for usage in usages]),
                "tokeniseMs": _plain([usage.tokenise_ms for usage in usages]),
                "readMs": _plain([usage.read_ms for usage in usages]),
                "writeMs": _plain([usage.write_ms for usage in usages]),
            },
        }


def _plain(values: list[int] | list[float]) -> dict[str, float | None]:
    spread = Spread.of(values)
    known = not math.isnan(spread.median)
    return {
        "median": round(spread.median, 2) if known else None,
        "p95": round(spread.p95, 2) if known else None,
    }
