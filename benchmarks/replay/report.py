"""What a trace cost each engine, by kind of action, and how it looks.

Owns the figures and the tables. Pure but for the printing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from stateline.lsp_server.client.tally import Spread

from .actions import ActionKind
from .costs import Outcome, QuestionCost, resident_mib
from .targets import TargetVerdict


@dataclass(frozen=True)
class Figures:
    """Of one kind. `tokens_waiting` is of the questions that the model was asked for."""

    actions: int
    typed_through: int
    cold: int
    tokens_waiting: Spread
    tokens_background: Spread
    answer_ms: Spread
    tokens_waiting_sum: int
    tokens_background_sum: int


@dataclass(frozen=True)
class Report:
    """Of some traces together; `kinds` in their order, without those nobody asked after."""

    kinds: dict[str, Figures]
    keystrokes: int
    accepted: dict[str, int]  # by how much of what was offered
    cpu_s: float | None
    cpu_s_per_1000_keystrokes: float | None
    unreported: int  # questions whose cost never came
    pauses: int
    pauses_without_end: int  # the server did not say in time that it was done
    resident_mib: float | None  # the most at the end of a trace


def report(outcomes: Sequence[Outcome]) -> Report:
    """Sum up what one engine did."""
    found = [cost for outcome in outcomes for cost in outcome.costs]
    keystrokes = sum(outcome.keystrokes for outcome in outcomes)
    known = [outcome.cpu_s for outcome in outcomes if outcome.cpu_s is not None]
    cpu_s = sum(known) if known and len(known) == len(outcomes) else None
    kinds = {kind: [cost for cost in found if cost.kind is kind] for kind in ActionKind}
    return Report(
        {kind.value: _figures(several) for kind, several in kinds.items() if several},
        keystrokes,
        dict(sum((outcome.accepted for outcome in outcomes), Counter())),
        cpu_s,
        cpu_s / keystrokes * 1000 if cpu_s is not None and keystrokes else None,
        sum(not cost.source for cost in found),
        sum(outcome.pauses for outcome in outcomes),
        sum(outcome.pauses_without_end for outcome in outcomes),
        resident_mib(outcomes),
    )


def _figures(several: Sequence[QuestionCost]) -> Figures:
    waiting = [cost.tokens_waiting for cost in several if cost.source == "model"]
    background = [cost.tokens_background for cost in several]
    return Figures(
        len(several),
        sum(cost.source == "typed" for cost in several),
        sum(cost.cold for cost in several),
        Spread.of(waiting),
        Spread.of(background),
        Spread.of([cost.answer_ms for cost in several if cost.answer_ms is not None]),
        sum(waiting),
        sum(background),
    )


def as_json(value: Any) -> Any:
    """Plain data of a report; what is no number, as the middle of nothing, is null."""
    return _without_nan(asdict(value))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def show(
    reports: Mapping[str, Report], verdicts: Sequence[TargetVerdict], console: Console
) -> None:
    """For a person."""
    if len(reports) > 1:
        console.print(_beside(reports))
    for name, result in reports.items():
        console.print(_table(name, result))
        console.print(_summary(result), markup=False, highlight=False)
    console.print(_LEGEND, markup=False, highlight=False)
    for verdict in verdicts:
        console.print(f"{_SAID[verdict.met]:8}{verdict.what}", markup=False, highlight=False)


def _table(name: str, result: Report) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))  # it fits into 80 columns
    table.add_column(name, no_wrap=True)
    for column in ("times", "typed", "cold", "waiting", "later", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for kind, figures in result.kinds.items():
        table.add_row(kind, *_cells(figures))
    return table


def _beside(reports: Mapping[str, Report]) -> Table:
    """What tells the engines apart, in one table."""
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("ms to the answer", no_wrap=True)
    for name in reports:
        table.add_column(name, justify="right", no_wrap=True)
    every = [kind.value for kind in ActionKind if any(kind in r.kinds for r in reports.values())]
    for kind in every:
        found = [r.kinds.get(kind) for r in reports.values()]
        table.add_row(kind, *(_pair(f.answer_ms) if f else "none" for f in found))
    for what, values in _SUMS.items():
        table.add_row(what, *(_number(values(r)) for r in reports.values()))
    return table


_SUMS: Mapping[str, Callable[[Report], float | None]] = {
    "tokens read, waiting": lambda r: sum(f.tokens_waiting_sum for f in r.kinds.values()),
    "tokens read, later": lambda r: sum(f.tokens_background_sum for f in r.kinds.values()),
    "CPU-s, 1,000 keys": lambda r: r.cpu_s_per_1000_keystrokes,
    "resident MiB, at most": lambda r: r.resident_mib,
}


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else f"{value:.1f}"


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        str(figures.actions),
        f"{figures.typed_through / figures.actions:.0%}",
        f"{figures.cold / figures.actions:.0%}",
        _pair(figures.tokens_waiting),
        _pair(figures.tokens_background),
        _pair(figures.answer_ms),
    )


def _pair(spread: Spread) -> str:
    return f"{spread.median:.0f} / {spread.p95:.0f}" if spread.count else "none"


_SAID = {True: "met", False: "MISSED", None: "unknown"}
_LEGEND = """typed: answered from what was already written; cold: from nearby text only
waiting, later: tokens read for an answer, if the model was asked, and after it
ms: to the answer; pairs are median / p95
"""


def _summary(result: Report) -> str:
    each = result.cpu_s_per_1000_keystrokes
    waiting = sum(figures.tokens_waiting_sum for figures in result.kinds.values())
    later = sum(figures.tokens_background_sum for figures in result.kinds.values())
    cpu = "not known on this system" if each is None else f"{each:.1f} CPU-seconds"
    lines = [
        f"{waiting} tokens read while waiting and {later} later",
        f"{result.keystrokes} keystrokes; the engine's CPU per 1,000 of them: {cpu}",
    ]
    if result.resident_mib is not None:
        lines.append(f"{result.resident_mib:.0f} MiB resident at the end of a trace, at most")
    if result.accepted:
        forms = ", ".join(f"{count} by the {form}" for form, count in result.accepted.items())
        lines.append(f"accepted: {forms}")
    if result.unreported:
        lines.append(f"The server never told the cost of {result.unreported} questions.")
    if result.pauses_without_end:
        lines.append(
            f"In {result.pauses_without_end} of {result.pauses} pauses the server did not say in "
            "time that it had read everything."
        )
    return "\n".join(lines)
