"""How many characters a typist would save: lines typed with suggestions, at any threshold.

Owns where a typist pauses and what an accepted suggestion saves. Every pause of a line is tried
once; a gate is then applied to what was written, so that all thresholds cost one run. A shown
suggestion is accepted if it is right up to what a user would keep, by one key; a wrong one is
typed past. Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...completer import Writer
from .calibration import Case
from .cursors import Cursor, Trial, kept, rest_of_line
from .intervals import ratio_of, share_of

KEYS_TO_ACCEPT = 1
_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass(frozen=True)
class Typed:
    """A line and what was suggested at each pause in it, in order."""

    chars: int  # that a typist has to type, what editors close apart
    trials: tuple[Trial, ...]

    def walk(self, threshold: float) -> tuple[int, list[bool]]:
        """Characters saved under a gate, and of each suggestion shown whether it is accepted."""
        shown = []
        for trial in self.trials:
            if trial.shown and trial.confidence >= threshold:
                shown.append(trial.right)
                if trial.right:
                    return max(0, len(kept(trial.truth)) - KEYS_TO_ACCEPT), shown
        return 0, shown


def pauses(line: Cursor) -> list[Cursor]:
    """Where a typist of the line from the cursor on would look: there, and after each word.

    No pause where nothing is left to type.
    """
    offsets = [line.offset, *(line.offset + m.end() for m in _WORD.finditer(line.truth))]
    cursors = (replace(line, offset=offset) for offset in offsets)
    return [cursor for cursor in cursors if kept(cursor.truth).strip()]


def type_line(completer: Writer, line: Cursor) -> Typed:
    """Ask a completer at each pause of a line."""
    trials = tuple(rest_of_line(completer, cursor) for cursor in pauses(line))
    return Typed(len(kept(line.truth)), trials)


def typing_cases(lines: Sequence[Typed]) -> list[Case]:
    """Confidence and rightness at every pause, for `calibration`."""
    trials = (trial for line in lines for trial in line.trials)
    return [(trial.confidence, trial.right) for trial in trials if trial.shown]


def typing_report(lines: Sequence[Typed], threshold: float) -> dict[str, Any]:
    """The share of characters saved, and what is shown and accepted per 100 characters."""
    walks = [line.walk(threshold) for line in lines]
    chars = [float(line.chars) for line in lines]
    shown = [float(len(each)) for _, each in walks]
    accepted = [float(sum(each)) for _, each in walks]
    return {
        "threshold": threshold,
        "saved": ratio_of([float(saved) for saved, _ in walks], chars),
        "shown_per_100": ratio_of([100 * n for n in shown], chars),
        "accepted_per_100": ratio_of([100 * n for n in accepted], chars),
        "precision": share_of([right for _, each in walks for right in each]),
    }
