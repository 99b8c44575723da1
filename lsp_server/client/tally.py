"""What came of typing with suggestions: the counts and the spreads that are worth telling.

Owns the record of each keystroke and of each cost, and what is computed from them. Knows no
server, no clock and no screen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .typist import Judgement, Key


@dataclass(frozen=True)
class Keystroke:
    """One keystroke and the answer to the question that followed it."""

    key: Key
    began_s: float
    answer_ms: float | None  # from the keystroke; None: the next one came first
    ghost: str
    judgement: Judgement


@dataclass(frozen=True)
class ReportedCost:
    """What one request, or one reading ahead, put through the model."""

    at_s: float  # when it was reported
    source: str  # model, typed (answered from what was already written) or background
    tokens_reused: int
    tokens_read: int
    tokens_generated: int
    read_ms: float
    cold: bool

    @classmethod
    def of(cls, params: Mapping[str, Any], at_s: float) -> ReportedCost:
        """From the params of `stateline/usage`."""
        return cls(
            at_s,
            params["source"],
            params["tokensReused"],
            params["tokensRead"],
            params["tokensGenerated"],
            params["readMs"],
            params["cold"],
        )


@dataclass(frozen=True)
class Spread:
    """The middle and the bad end of some numbers (nearest rank); nan if there are none."""

    count: int
    median: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(len(values), *nearest_ranks(values, 0.5, 0.95))


def nearest_ranks(values: Sequence[float], *shares: float) -> list[float]:
    """The values that these shares do not exceed (nearest rank); nan if there are none."""
    ranked = sorted(values)
    return [ranked[math.ceil(len(ranked) * s) - 1] if ranked else math.nan for s in shares]


@dataclass(frozen=True)
class Tally:
    """All keystrokes and all costs, in order."""

    keystrokes: tuple[Keystroke, ...] = ()
    costs: tuple[ReportedCost, ...] = ()

    @cached_property
    def shown(self) -> tuple[Keystroke, ...]:
        """Those that a suggestion followed."""
        return tuple(stroke for stroke in self.keystrokes if stroke.ghost)

    @property
    def accepted(self) -> tuple[Keystroke, ...]:
        """Those that accepted a suggestion."""
        return tuple(stroke for stroke in self.keystrokes if stroke.key.accepts)

    @property
    def accepted_share(self) -> float:
        """Of the characters that came into the text, the part that suggestions brought."""
        everything = sum(len(stroke.key.inserts) for stroke in self.keystrokes)
        accepted = sum(len(stroke.key.inserts) for stroke in self.accepted)
        return accepted / everything if everything else 0.0

    @property
    def answer_ms(self) -> Spread:
        """From keystroke to answer, whether or not it was a suggestion."""
        times = (stroke.answer_ms for stroke in self.keystrokes)
        return Spread.of([ms for ms in times if ms is not None])

    @property
    def overtaken(self) -> int:
        """Keystrokes whose answer had not come when the next one did."""
        return sum(stroke.answer_ms is None for stroke in self.keystrokes)

    @property
    def first_read(self) -> ReportedCost | None:
        """What the first request cost; it happens once."""
        return next((cost for cost in self.costs if cost.source == "model"), None)

    @property
    def tokens_read(self) -> Spread:
        """Per request that the model was asked for, after the first."""
        asked = [cost.tokens_read for cost in self.costs if cost.source == "model"]
        return Spread.of(asked[1:])

    @property
    def typed_through(self) -> int:
        """Requests answered from what was already written, without the model."""
        return sum(cost.source == "typed" for cost in self.costs)

    @property
    def background_tokens(self) -> int:
        """Read while nobody waited."""
        return sum(cost.tokens_read for cost in self.costs if cost.source == "background")

    def cost_of(self, index: int) -> ReportedCost | None:
        """What was reported between this keystroke and the next one, reading ahead apart."""
        began_s = self.keystrokes[index].began_s
        later = self.keystrokes[index + 1 : index + 2]
        end_s = later[0].began_s if later else math.inf
        fitting = (
            cost
            for cost in reversed(self.costs)
            if cost.source != "background" and began_s <= cost.at_s < end_s
        )
        return next(fitting, None)
