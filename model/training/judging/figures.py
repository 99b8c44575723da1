"""The tables of an evaluation for people, and its progress while they wait.

Owns which figures are shown and how they are written. Knows no measure beyond its report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from .evaluate import Plan, evaluate
from .judges import Steps

_PERCENT, _PLAIN = (100.0, ".1f", " %"), (1.0, ".3f", "")
_GATE = ("calibration", "at_gate")
_ROWS: tuple[tuple[str, tuple[str, ...], tuple[float, str, str]], ...] = (
    ("bits per byte", ("bits", "bits_per_byte"), _PLAIN),
    ("mid-line, rest of line exact", ("mid-line", "exact_match"), _PERCENT),
    ("mid-line, right as kept", ("mid-line", "right_as_kept"), _PERCENT),
    ("mid-line, edit similarity", ("mid-line", "edit_similarity"), _PLAIN),
    ("line start, line exact", ("line-start", "exact_match"), _PERCENT),
    ("line start, right as kept", ("line-start", "right_as_kept"), _PERCENT),
    ("line start, edit similarity", ("line-start", "edit_similarity"), _PLAIN),
    ("holes of 2 to 6 lines, exact", ("holes", "exact_match"), _PERCENT),
    ("holes, edit similarity", ("holes", "edit_similarity"), _PLAIN),
    ("holes, parses", ("holes", "parses"), _PERCENT),
    ("HumanEval single line, pass@1", ("humaneval", "pass_at_1"), _PERCENT),
    ("HumanEval single line, exact", ("humaneval", "exact_match"), _PERCENT),
    ("typing, characters saved", ("typing", "saved"), _PERCENT),
    ("typing, shown per 100 characters", ("typing", "shown_per_100"), (1.0, ".2f", "")),
    ("typing, accepted per 100 characters", ("typing", "accepted_per_100"), (1.0, ".2f", "")),
    ("at the gate, mid-line shown", (*_GATE, "mid_line", "coverage"), _PERCENT),
    ("at the gate, mid-line right of these", (*_GATE, "mid_line", "precision"), _PERCENT),
    ("at the gate, line start shown", (*_GATE, "line_starts", "coverage"), _PERCENT),
    ("at the gate, line start right of these", (*_GATE, "line_starts", "precision"), _PERCENT),
    *(
        (f"{use} {tokens} tokens", ("workspace", tokens, key, "bits_per_byte"), _PLAIN)
        for key, use in (
            ("recalled", "recalling"),
            ("both", "reading and recalling"),
            ("all_recalled", "recalling 16000, reading"),
            ("read", "without memory, reading"),
        )
        for tokens in ("0", "1000", "4000", "16000")
    ),
    *(
        (f"anchor at {name}, {label}", ("anchors", name, key), form)
        for key, label, form in (
            ("exact_match", "exact", _PERCENT),
            ("bits_per_byte", "bits per byte", _PLAIN),
        )
        for name in ("cursor", "8 lines above", "window start")
    ),
    *(
        (f"cold, exact from {tokens}", ("cold", tokens, "exact_match"), _PERCENT)
        for tokens in ("whole window", "256", "128", "96", "64")
    ),
)


def tables(report: dict[str, Any]) -> Iterator[Table]:
    """One for each language, with a column a subject, each figure with its 95 % interval."""
    subjects = report["subjects"]
    for language in next(iter(subjects.values()), {}):
        shown = Table("measure", title=f"On held-out {language} (95 % intervals; cases)")
        for name in subjects:
            shown.add_column(name, justify="right", overflow="fold")
        of_language = [by_language.get(language) for by_language in subjects.values()]
        for label, path, form in _ROWS:
            cells = [_cell(_at(measures, path), form) for measures in of_language]
            if any(cells):
                shown.add_row(label, *cells)
        yield shown
    if "float" in report:
        cost = _cell(report["float"]["relative_change"], (100.0, ".2f", " %"))
        shown = Table("int8 against float, bits per byte")
        shown.add_row(cost)
        yield shown


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


@contextmanager
def progress() -> Iterator[Steps]:
    """A bar for each series of cases, on standard error."""
    columns = (TextColumn("[bold]{task.description}"), BarColumn())
    counts = TextColumn("{task.completed}/{task.total}")
    console = Console(stderr=True)
    with Progress(*columns, counts, TimeRemainingColumn(), console=console) as bars:

        def steps(name: str, answers: Iterable[Any], count: int) -> Iterable[Any]:
            return bars.track(answers, total=count, description=name)

        yield steps


def show(plan: Plan) -> dict[str, Any]:
    """Evaluate with a progress bar, and print the tables; both on standard error."""
    with progress() as steps:
        report = evaluate(plan, steps)
    for each in tables(report):
        Console(stderr=True).print(each)
    return report
