"""Whether a model's confidence can be trusted, and where the gate's threshold stands.

Owns the reliability table, the precision-coverage curve and the choice of a threshold, as pure
functions of pairs (confidence, right). Knows no text and no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .intervals import share_of

BINS = 10
WANTED_PRECISION = 0.65
ENOUGH_SHOWN = 40  # fewer shown cases cannot tell 65 % from 50 %
_STEPS = 100

Case = tuple[float, bool]  # confidence from 0 to 1, and whether that suggestion was right


def reliability(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Ten bins of confidence: how many cases, their mean confidence, the share that is right."""
    bins: list[list[Case]] = [[] for _ in range(BINS)]
    for case in cases:
        bins[min(int(case[0] * BINS), BINS - 1)].append(case)
    return [
        {
            "from": i / BINS,
            "to": (i + 1) / BINS,
            "confidence": sum(c for c, _ in held) / len(held) if held else None,
            "right": share_of([right for _, right in held]),
        }
        for i, held in enumerate(bins)
    ]


def calibration_error(cases: Sequence[Case]) -> float | None:
    """The expected calibration error: |confidence - right| over the bins, weighted by cases."""
    if not cases:
        return None
    gaps = (
        row["right"]["n"] * abs(row["confidence"] - row["right"]["value"])
        for row in reliability(cases)
        if row["right"]["n"]
    )
    return float(sum(gaps)) / len(cases)


def gate_row(cases: Sequence[Case], asked: int, threshold: float) -> dict[str, Any]:
    """What a gate at `threshold` does: the share of `asked` that is shown, and of it the right."""
    shown = [right for confidence, right in cases if confidence >= threshold]
    return {
        "threshold": threshold,
        "coverage": share_of([True] * len(shown) + [False] * (asked - len(shown))),
        "precision": share_of(shown),
    }


def lowest_threshold(
    cases: Sequence[Case],
    precision: float = WANTED_PRECISION,
    enough: int = ENOUGH_SHOWN,
) -> float | None:
    """The lowest threshold, in hundredths, from which on at least `precision` is right.

    "From on": at every higher one that still shows `enough` cases as well, since the first
    crossing by chance would promise too much. None where no threshold does.
    """
    best = None
    for step in range(_STEPS, -1, -1):
        shown = [right for confidence, right in cases if confidence >= step / _STEPS]
        if len(shown) >= enough:
            if sum(shown) < precision * len(shown):
                break
            best = step / _STEPS
    return best


def calibration_report(cases: Sequence[Case], asked: int) -> dict[str, Any]:
    """All of it; `cases` are those of `asked` cursors where something was written."""
    threshold = lowest_threshold(cases)
    return {
        "threshold": threshold,
        "at_threshold": None if threshold is None else gate_row(cases, asked, threshold),
        "wanted_precision": WANTED_PRECISION,
        "least_shown": ENOUGH_SHOWN,
        "expected_calibration_error": calibration_error(cases),
        "reliability": reliability(cases),
        "curve": [gate_row(cases, asked, i / BINS) for i in range(BINS)],
    }
