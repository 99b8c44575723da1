"""How long a keystroke waits for its ghost text: `python -m benchmarks.latency [--quick] [--json]`.

Owns the percentiles, the stages of a wait, and the picture. What is typed is the replay's: its
traces through the real server, and the same keys behind more and more context. Knows no model.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from stateline.lsp_server.demo import SERVER
from stateline.lsp_server.tally import nearest_ranks

from .replay import flat, projects
from .replay.engines import Project, played_on
from .replay.flat import FAILURES, MOST_RATIO, SIZES_TOKENS, Flat
from .replay.player import Played, Usage
from .replay.releases import texts
from .replay.report import as_json

KEYS, ROUNDS, SEED = 500, 3, 0
QUICK_KEYS, QUICK_SIZES = 40, SIZES_TOKENS[:2]
P50_MS, P95_MS = 40.0, 120.0  # wanted, of a keystroke's wait
STAGES = ("tokenise", "read", "write", "rest")
BANDS = 20  # of the picture: questions from the fastest to the slowest


@dataclass(frozen=True)
class Question:
    """One question of a trace, from its keystroke to the answer; `stages_ms` add up to `ms`.

    The rest is the protocol, the event loop, and waiting for the engine's thread.
    """

    ms: float
    ghost: bool  # whether it got any text
    by_model: bool  # or from what was already written
    stages_ms: tuple[float, ...]  # in the order of STAGES


@dataclass(frozen=True)
class Percentiles:
    """Of some milliseconds (nearest rank); nan if there are none."""

    count: int
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Percentiles:
        return cls(len(values), *nearest_ranks(values, 0.5, 0.95, 0.99))


def main(arguments: Sequence[str] | None = None, command: Sequence[str] = SERVER) -> int:
    """Measure, print and draw; a failing server ends it with one sentence."""
    chosen = _parser().parse_args(arguments)
    if chosen.keys is not None and chosen.keys < 1:
        raise SystemExit("--keys must be a number from 1 up.")
    console = Console(stderr=True)
    keys, sizes, rounds = chosen.keys or KEYS, chosen.tokens or SIZES_TOKENS, chosen.rounds
    if chosen.quick:
        keys, sizes, rounds = chosen.keys or QUICK_KEYS, chosen.tokens or QUICK_SIZES, 1
    some = projects.projects()[: 1 if chosen.quick else None]
    try:
        asked = replayed(some, keys, command, chosen.model, console)
        found = flat.swept(command, chosen.model, sizes, rounds, console)
    except FAILURES as error:
        raise SystemExit(str(error)) from None
    show(asked, found, console)
    if chosen.picture:
        draw(asked, found, chosen.picture)
    if chosen.json:
        print(json.dumps(told(asked, found), allow_nan=False))
    return 0


def replayed(
    some: Sequence[projects.Project],
    keys: int,
    command: Sequence[str],
    model: Path | None,
    console: Console,
) -> list[Question]:
    """The questions of these projects' traces; raises one of FAILURES."""
    options = {"model": str(model.resolve())} if model else {}
    found = []
    for project in some:
        pair = Project(*projects.fetched(project), keys, SEED)
        with console.status(f"{pair.old.name} to {pair.new.name}"):
            found += questions(played_on(pair, command, options, texts(pair.old)))
    return found


def questions(played: Played) -> list[Question]:
    """Those of one trace, in order."""
    runs: dict[int | None, list[Usage]] = defaultdict(list)
    for usage in played.usages:
        if usage.source == "model":
            runs[usage.request].append(usage)
    return [
        Question(
            step.answer_ms,
            bool(step.offered and step.offered.new),
            bool(runs[step.request]),
            stages(step.answer_ms, runs[step.request]),
        )
        for step in played.steps
        if step.asked
    ]


def stages(answer_ms: float, runs: Sequence[Usage]) -> tuple[float, ...]:
    """The parts of one wait.

    What is written after the answer, as the rest of a block that came too late, is no part of it.
    """
    left, parts = answer_ms, []
    for name in ("tokenise_ms", "read_ms", "write_ms"):
        part = min(sum(getattr(run, name) for run in runs), left)
        left -= part
        parts.append(part)
    return (*parts, left)


def told(asked: Sequence[Question], sizes: Sequence[Flat]) -> dict[str, Any]:
    """All figures as plain data."""
    by_model = sum(question.by_model for question in asked)
    return {
        "answer_ms": {name: as_json(each) for name, each in waits(asked).items()},
        "stage_ms": {name: as_json(each) for name, each in by_stage(asked).items()},
        "typed_through": len(asked) - by_model,
        "contexts": [as_json(each) for each in sizes],
        "p95_ratio": flat.ratios(sizes)["answer_ms"],
    }


def waits(asked: Sequence[Question]) -> dict[str, Percentiles]:
    """Of all questions, and of those that got text."""
    return {
        "all questions": Percentiles.of([each.ms for each in asked]),
        "with ghost text": Percentiles.of([each.ms for each in asked if each.ghost]),
    }


def by_stage(asked: Sequence[Question]) -> dict[str, Percentiles]:
    """Of the questions that the model was asked."""
    parts = [each.stages_ms for each in asked if each.by_model]
    return {name: Percentiles.of([p[at] for p in parts]) for at, name in enumerate(STAGES)}


def show(asked: Sequence[Question], sizes: Sequence[Flat], console: Console) -> None:
    """For a person."""
    table = Table("milliseconds", box=SIMPLE)
    for column in ("times", "p50", "p95", "p99"):
        table.add_column(column, justify="right")
    for name, each in (waits(asked) | by_stage(asked)).items():
        figures = (each.p50, each.p95, each.p99)
        table.add_row(name, str(each.count), *(f"{figure:.1f}" for figure in figures))
    for size in sizes:
        ms = size.answer_ms
        name = f"{size.context_tokens >> 10}k tokens of context"
        table.add_row(name, str(ms.count), f"{ms.median:.1f}", f"{ms.p95:.1f}", "")
    console.print(table)
    console.print(_LEGEND, markup=False, highlight=False)
    for what, met in verdicts(asked, sizes):
        console.print(f"{_SAID[met]:8}{what}", markup=False, highlight=False)


_SAID = {True: "met", False: "MISSED", None: "unknown"}
_LEGEND = """all questions: from keystroke to answer, which is often that there is nothing
stages: where the model was asked; rest: protocol, event loop, engine's thread
context: read before the open file; of each key the fastest of the rounds
"""


def verdicts(asked: Sequence[Question], sizes: Sequence[Flat]) -> list[tuple[str, bool | None]]:
    """Each target in words and whether it was met; None where nothing was measured."""
    found: list[tuple[str, bool | None]] = []
    for name, each in waits(asked).items():
        for which, ms, most in (("p50", each.p50, P50_MS), ("p95", each.p95, P95_MS)):
            met = ms <= most if each.count else None
            found.append((f"{name}, {which}: {ms:.1f} ms of at most {most:.0f}", met))
    ratio = flat.ratios(sizes)["answer_ms"]
    small, large = (f"{size.context_tokens >> 10}k" for size in (sizes[0], sizes[-1]))
    value = "not known" if ratio is None else f"{ratio:.2f} times"
    what = f"p95 at {large} over {small}: {value} of at most {MOST_RATIO}"
    return [*found, (what, None if ratio is None else ratio <= MOST_RATIO)]


def bands(asked: Sequence[Question], count: int = BANDS) -> list[tuple[float, ...]]:
    """The mean stages of so many equal parts of all questions, the fastest first."""
    ranked = [each.stages_ms for each in sorted(asked, key=lambda each: each.ms)]
    edges = [len(ranked) * at // count for at in range(count + 1)]
    parts = (ranked[start:end] for start, end in itertools.pairwise(edges) if end > start)
    return [tuple(map(statistics.fmean, zip(*part, strict=True))) for part in parts]


def draw(asked: Sequence[Question], sizes: Sequence[Flat], picture: Path) -> None:
    """Waits by percentile and stage, and by length of context."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    found = bands(asked)
    at = [100 * (number + 0.5) / len(found) for number in range(len(found))]
    base = [0.0] * len(found)
    for stage, name in enumerate(STAGES):
        heights = [band[stage] for band in found]
        left.bar(at, heights, 90 / len(found), base, label=name)
        base = [low + height for low, height in zip(base, heights, strict=True)]
    left.set(xlabel="percentile of all questions", ylabel="milliseconds to the answer")
    left.legend()
    tokens = [each.context_tokens for each in sizes]
    for name, values in (
        ("p95", [each.answer_ms.p95 for each in sizes]),
        ("p50", [each.answer_ms.median for each in sizes]),
    ):
        right.plot(tokens, values, "o-", label=name)
    right.set_xscale("log", base=2)
    right.set_xticks(tokens, [f"{size >> 10}k" for size in tokens])
    right.set(xlabel="tokens of context", ylabel="milliseconds to the answer", ylim=0)
    right.legend()
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
    pyplot.close(figure)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency",
        description="Measure how long a keystroke waits for its ghost text, on the replay's traces "
        "and behind 1k to 128k tokens of context.",
    )
    add = parser.add_argument
    add("--keys", type=int, help=f"keystrokes per project; without it {KEYS}")
    add("--tokens", type=int, action="append", help="a size of context; several, smallest first")
    add("--rounds", type=int, default=ROUNDS, help="times that each size is typed in")
    add("--quick", action="store_true", help="one project, few keys, the two smallest sizes, once")
    add("--model", type=Path, help="a model folder; without it, the embedded model")
    add("--picture", type=Path, help="where a picture goes, .svg or .png; 100 KB at most")
    add("--json", action="store_true", help="print one JSON object on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
