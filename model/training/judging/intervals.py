"""How far a figure from few cases may be off: 95 % intervals.

Owns Wilson's interval for shares and the bootstrap for means, ratios and differences. A figure
is a dict with `value`, `low`, `high` and `n`, as it goes into the JSON. Knows no text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Z = 1.959964  # of the normal distribution, two-sided 95 %
_DRAWS = 1_000


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of independent cases (Wilson 1927); (0, 1) for none."""
    if not n:
        return 0.0, 1.0
    share = successes / n
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + (Z / (2 * n)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)


def share_of(cases: Sequence[bool]) -> dict[str, Any]:
    """The share of true cases; its value is None without cases."""
    low, high = wilson(sum(cases), len(cases))
    value = sum(cases) / len(cases) if cases else None
    return {"value": value, "low": low, "high": high, "n": len(cases)}


def mean_of(values: Sequence[float]) -> dict[str, Any]:
    """The mean, its interval by bootstrap over the values."""
    return ratio_of(values, [1.0] * len(values))


def ratio_of(tops: Sequence[float], bottoms: Sequence[float]) -> dict[str, Any]:
    """The sum of `tops` over the sum of `bottoms`, its interval by bootstrap over the pairs.

    Deterministic: the draws depend on the number of pairs only, so that two models that were
    judged by the same cases are compared under the same draws.
    """
    n = len(tops)
    if not n or not sum(bottoms):
        return {"value": None, "low": None, "high": None, "n": n}
    over, under = np.asarray(tops, float), np.asarray(bottoms, float)
    drawn = np.random.default_rng(n).integers(0, n, (_DRAWS, n))
    ratios = over[drawn].sum(1) / np.maximum(under[drawn].sum(1), 1e-12)
    low, high = np.quantile(ratios, [0.025, 0.975])
    value = float(over.sum() / under.sum())
    return {"value": value, "low": float(low), "high": float(high), "n": n}
