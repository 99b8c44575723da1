"""What this session cost and was worth so far: kept here, told to who asks, sent nowhere.

Owns the counts and the last few hundred figures of each kind, and what of them goes to the ledger.
Knows no text and no clock.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ..client.tally import Spread
from ..edit.requests import Cost
from .ledger import Page, duration_class

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
_WORTH = (
    "offered",
    "shown",
    "accepted",
    "acceptedWhole",
    "acceptedLine",
    "acceptedWord",
    "charactersAccepted",
    "lookedAfter30s",
    "keptAfter30s",
    "lookedAfter5min",
    "keptAfter5min",
)


@dataclass
class Statistics:
    """Grows with every `Cost`, and with what becomes of suggestions."""

    counts: Counter[str] = field(default_factory=Counter)
    _latency: Counter[int] = field(default_factory=Counter)
    _written: Counter[str] = field(default_factory=Counter)
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

    def count(self, name: str, amount: int) -> None:
        """So much became of suggestions; `name` is one of `_WORTH`."""
        self.counts[name] += amount

    def answered(self, waited_ms: float) -> None:
        """Somebody waited so long for something to look at."""
        self._latency[duration_class(waited_ms)] += 1

    def page(self, day: date) -> Page:
        """What is new for the ledger since the last page."""
        now = Counter({name: self.counts[name] for name in _WORTH})
        page = Page(day, now - self._written, self._latency)
        self._written, self._latency = now, Counter()
        return page

    def as_json(self) -> dict[str, Any]:
        """For the client, and for a bug report: numbers only."""
        usages = [cost.usage for cost in self._last]
        return {
            **{name: self.counts[name] for name in (*_COUNTED, *_WORTH)},
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
