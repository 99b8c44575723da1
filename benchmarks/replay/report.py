"""What a played trace cost, by kind of action, and how it looks.

Owns which cost belongs to which action, the figures, and the table. Pure but for the printing.

A run of the model is reported once it ends, maybe after later actions, but always in the order of
the questions that began it. What is read in the background belongs to the last question before it
was reported, so that of a reading that a question stops is counted with that question.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from stateline.lsp_server.tally import Spread

from .actions import KEYSTROKES, Kind
from .player import Played, Step, Usage


@dataclass(frozen=True)
class Cost:
    """One question, and what was read for it."""

    kind: Kind
    answer_ms: float
    source: str  # model, typed (from what was already written), or nothing if never reported
    tokens_waiting: int = 0
    tokens_background: int = 0
    cold: bool = False


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
    """Of some traces together; `kinds` in the order of `Kind`, without those nobody asked after."""

    kinds: dict[str, Figures]
    keystrokes: int
    cpu_s: float | None
    cpu_s_per_1000_keystrokes: float | None
    unreported: int  # questions whose cost never came
    pauses: int
    pauses_without_end: int  # the server did not say in time that it was done


def report(traces: Sequence[Played]) -> Report:
    """Sum up."""
    found = [cost for played in traces for cost in costs(played.steps, played.usages)]
    steps = [step for played in traces for step in played.steps]
    keystrokes = sum(step.kind in KEYSTROKES for step in steps)
    known = [played.cpu_s for played in traces if played.cpu_s is not None]
    cpu_s = sum(known) if known and len(known) == len(traces) else None
    each = cpu_s / keystrokes * 1000 if cpu_s is not None and keystrokes else None
    kinds = {kind: [cost for cost in found if cost.kind is kind] for kind in Kind}
    return Report(
        {kind.value: _figures(several) for kind, several in kinds.items() if several},
        keystrokes,
        cpu_s,
        each,
        sum(not cost.source for cost in found),
        sum(step.kind is Kind.PAUSE for step in steps),
        sum(not step.over for step in steps),
    )


def costs(steps: Iterable[Step], usages: Iterable[Usage]) -> list[Cost]:
    """What each question cost, in order."""
    asked = [step for step in steps if step.asked]
    background, typed = [0] * len(asked), [False] * len(asked)
    runs: deque[Usage] = deque()
    now = 0
    for usage in usages:
        while now + 1 < len(asked) and asked[now + 1].mark <= usage.index:
            now += 1
        if usage.source == "model":
            runs.append(usage)
        elif usage.source == "typed" and asked:
            typed[now] = True
        elif asked:
            background[now] += usage.tokens_read
    return [
        _cost(*each, None if each[2] or not runs else runs.popleft())
        for each in zip(asked, background, typed, strict=True)
    ]


def _cost(step: Step, background: int, typed: bool, run: Usage | None) -> Cost:
    if run is None:
        source = "typed" if typed else ""
        return Cost(step.kind, step.answer_ms, source, 0, background)
    return Cost(step.kind, step.answer_ms, "model", run.tokens_read, background, run.cold)


def _figures(several: Sequence[Cost]) -> Figures:
    waiting = [cost.tokens_waiting for cost in several if cost.source == "model"]
    background = [cost.tokens_background for cost in several]
    return Figures(
        len(several),
        sum(cost.source == "typed" for cost in several),
        sum(cost.cold for cost in several),
        Spread.of(waiting),
        Spread.of(background),
        Spread.of([cost.answer_ms for cost in several]),
        sum(waiting),
        sum(background),
    )


def as_json(result: Report) -> dict[str, Any]:
    """Plain data; what is no number, as the middle of nothing, is null."""
    plain: dict[str, Any] = _without_nan(asdict(result))
    return plain


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def show(result: Report, console: Console) -> None:
    """For a person."""
    table = Table(box=SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))  # it fits into 80 columns
    table.add_column("action", no_wrap=True)
    for name in ("times", "typed", "cold", "waiting", "later", "ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind, figures in result.kinds.items():
        table.add_row(kind, *_cells(figures))
    console.print(table)
    console.print(_summary(result), markup=False, highlight=False)


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


def _summary(result: Report) -> str:
    each = result.cpu_s_per_1000_keystrokes
    waiting = sum(figures.tokens_waiting_sum for figures in result.kinds.values())
    later = sum(figures.tokens_background_sum for figures in result.kinds.values())
    cpu = "not known on this system" if each is None else f"{each:.1f} CPU-seconds"
    lines = [
        "typed: answered from what was already written; cold: from nearby text only",
        "waiting, later: tokens read for an answer, if the model was asked, and after it",
        "ms: to the answer; pairs are median / p95",
        f"{waiting} tokens read while waiting and {later} later",
        f"{result.keystrokes} keystrokes; the server's CPU per 1,000 of them: {cpu}",
    ]
    if result.unreported:
        lines.append(f"The server never told the cost of {result.unreported} questions.")
    if result.pauses_without_end:
        lines.append(
            f"In {result.pauses_without_end} of {result.pauses} pauses the server did not say in "
            "time that it had read everything."
        )
    return "\n".join(lines)
