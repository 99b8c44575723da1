"""The table of an evaluation for people, and its progress while they wait.

Owns which figures are shown and how they are written. Knows no measure beyond its report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .evaluate import Plan, evaluate

T = TypeVar("T")

_PERCENT, _PLAIN = (100.0, ".1f", " %"), (1.0, ".3f", "")
_ROWS: tuple[tuple[str, tuple[str, ...], tuple[float, str, str]], ...] = (
    ("bits per byte", ("bits", "bits_per_byte"), _PLAIN),
    ("mid-line, rest of line exact", ("mid-line", "exact_match"), _PERCENT),
    ("mid-line, edit similarity", ("mid-line", "edit_similarity"), _PLAIN),
    ("line start, line exact", ("line-start", "exact_match"), _PERCENT),
    ("line start, edit similarity", ("line-start", "edit_similarity"), _PLAIN),
    ("holes of 2 to 6 lines, exact", ("holes", "exact_match"), _PERCENT),
    ("holes, edit similarity", ("holes", "edit_similarity"), _PLAIN),
    ("holes, parses", ("holes", "parses"), _PERCENT),
    ("HumanEval single line, pass@1", ("humaneval", "pass_at_1"), _PERCENT),
    ("HumanEval single line, exact", ("humaneval", "exact_match"), _PERCENT),
    ("typing, characters saved", ("typing", "saved"), _PERCENT),
    ("typing, shown per 100 characters", ("typing", "shown_per_100"), (1.0, ".2f", "")),
    ("typing, accepted per 100 characters", ("typing", "accepted_per_100"), (1.0, ".2f", "")),
    ("gate, precision at its threshold", ("calibration", "at_threshold", "precision"), _PERCENT),
    ("workspace, change by 1k tokens", ("workspace", "1000", "change"), _PLAIN),
    ("workspace, change by 4k tokens", ("workspace", "4000", "change"), _PLAIN),
    ("workspace, change by 16k tokens", ("workspace", "16000", "change"), _PLAIN),
    ("anchor at the cursor, exact", ("anchors", "cursor", "exact_match"), _PERCENT),
    ("anchor 8 lines above, exact", ("anchors", "8 lines above", "exact_match"), _PERCENT),
    ("anchor at window start, exact", ("anchors", "window start", "exact_match"), _PERCENT),
    ("anchor at the cursor, bits per byte", ("anchors", "cursor", "bits_per_byte"), _PLAIN),
    ("anchor 8 lines above, bits per byte", ("anchors", "8 lines above", "bits_per_byte"), _PLAIN),
    ("anchor at window start, bits per byte", ("anchors", "window start", "bits_per_byte"), _PLAIN),
)


def table(report: dict[str, Any]) -> Table:
    """One column a subject, each figure with its 95 % interval."""
    shown = Table("measure", title="On held-out text (95 % intervals)")
    subjects = report["subjects"]
    for name in subjects:
        shown.add_column(name, justify="right", overflow="fold")
    for label, path, form in _ROWS:
        cells = [_cell(_at(measures, path), form) for measures in subjects.values()]
        if any(cells):
            shown.add_row(label, *cells)
    thresholds = [_at(measures, ("calibration", "threshold")) for measures in subjects.values()]
    if any(threshold is not None for threshold in thresholds):
        cells = ["none" if t is None else f"{t:.2f}" for t in thresholds]
        shown.add_row("gate, lowest threshold with 60 % right", *cells)
    if "float" in report:
        cost = _cell(report["float"]["relative_change"], (100.0, ".2f", " %"))
        shown.add_row("int8 against float, bits per byte", cost, *[""] * (len(subjects) - 1))
    return shown


def _at(found: Any, path: Sequence[str]) -> Any:
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _cell(figure: Any, form: tuple[float, str, str]) -> str:
    """`4.0 % (2.5 to 6.3; 400)`; empty where there is no figure."""
    if not isinstance(figure, dict) or figure.get("value") is None:
        return ""
    scale, spec, unit = form
    value, low, high = (format(figure[key] * scale, spec) for key in ("value", "low", "high"))
    return f"{value}{unit} ({low} to {high}; {figure['n']})"


def show(plan: Plan) -> dict[str, Any]:
    """Evaluate with a progress bar, and print the table; both on standard error."""
    console = Console(stderr=True)
    columns = (TextColumn("[bold]{task.description}"), BarColumn())
    counts = TextColumn("{task.completed}/{task.total}")
    with Progress(*columns, counts, TimeRemainingColumn(), console=console) as progress:

        def steps(name: str, things: Sequence[T]) -> Iterable[T]:
            return progress.track(things, description=name)

        report = evaluate(plan, steps)
    console.print(table(report))
    return report
