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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from stateline.lsp_server.client.tally import nearest_ranks
from stateline.lsp_server.commands.demo import SERVER

from .replay import flat, projects
from .replay.__main__ import MODEL_HELP
from .replay.actions import ActionKind
from .replay.engines import ReleasePair, beside, named
from .replay.flat import FAILURES, MOST_RATIO, SIZES_TOKENS, Flat
from .replay.player import Played, UsageMessage
from .replay.report import as_json

KEYS, ROUNDS, SEED = 500, 3, 0
QUICK_KEYS, QUICK_SIZES = 40, SIZES_TOKENS[:2]
ALL, GHOST, JUMP = "all questions", "with ghost text", "jumps"
WANTED_MS = {ALL: (40.0, 120.0), GHOST: (20.0, 80.0), JUMP: (100.0, 100.0)}  # at p50 and p95
STAGES = ("tokenise", "read", "write", "rest")
BANDS = 20  # of the picture: questions from the fastest to the slowest


@dataclass(frozen=True)
class TimedQuestion:
    """One question of a trace, from its keystroke to the answer; `stages_ms` add up to `ms`.

    The rest is the protocol, the event loop, and waiting for the engine's thread.
    """

    ms: float
    ghost: bool  # whether it got any text
    by_model: bool  # or from what was already written
    stages_ms: tuple[float, ...]  # in the order of STAGES
    kind: ActionKind = ActionKind.TYPE  # of what was done before


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
        models = named(chosen.model)
        asked = replayed(some, keys, command, models, console)
        found = flat.swept(command, models, sizes, rounds, console)
    except FAILURES as error:
        raise SystemExit(str(error)) from None
    show(asked, found, console)
    *_, last = models
    if chosen.picture:
        draw(asked[last], found[last], chosen.picture)
    if chosen.json:
        each = {name: told(asked[name], found[name]) for name in models}
        print(json.dumps(each if len(models) > 1 else each[last], allow_nan=False))
    return 0


def replayed(
    some: Sequence[projects.PinnedProject],
    keys: int,
    command: Sequence[str],
    models: Mapping[str, Path | None],
    console: Console,
) -> dict[str, list[TimedQuestion]]:
    """The questions of these projects' traces, by model; raises one of FAILURES."""
    found: dict[str, list[TimedQuestion]] = {name: [] for name in models}
    for turn, project in enumerate(some):
        pair = ReleasePair(*projects.fetched(project), keys, SEED, project.folder)
        with console.status(f"{pair.old.name} to {pair.new.name}"):
            for name, played in beside(pair, command, models, {}, turn).items():
                found[name] += questions(played)
    return found


def questions(played: Played) -> list[TimedQuestion]:
    """Those of one trace, in order."""
    runs: dict[int | None, list[UsageMessage]] = defaultdict(list)
    for usage in played.usages:
        if usage.source == "model":
            runs[usage.request].append(usage)
    return [
        TimedQuestion(
            step.answer_ms,
            bool(step.offered and step.offered.new),
            bool(runs[step.request]),
            stages(step.answer_ms, runs[step.request]),
            step.kind,
        )
        for step in played.steps
        if step.asked
    ]


def stages(answer_ms: float, runs: Sequence[UsageMessage]) -> tuple[float, ...]:
    """The parts of one wait.

    What is written after the answer, as the rest of a block that came too late, is no part of it.
    """
    left, parts = answer_ms, []
    for name in ("tokenise_ms", "read_ms", "write_ms"):
        part = min(sum(getattr(run, name) for run in runs), left)
        left -= part
        parts.append(part)
    return (*parts, left)


def told(asked: Sequence[TimedQuestion], sizes: Sequence[Flat]) -> dict[str, Any]:
    """All figures as plain data."""
    by_model = sum(question.by_model for question in asked)
    return {
        "answer_ms": {name: as_json(each) for name, each in waits(asked).items()},
        "stage_ms": {name: as_json(each) for name, each in by_stage(asked).items()},
        "typed_through": len(asked) - by_model,
        "contexts": [as_json(each) for each in sizes],
        "p95_ratio": flat.ratios(sizes)["answer_ms"],
    }


def waits(asked: Sequence[TimedQuestion]) -> dict[str, Percentiles]:
    """Of all questions, of those that got text, and of those after a jump."""
    return {
        ALL: Percentiles.of([each.ms for each in asked]),
        GHOST: Percentiles.of([each.ms for each in asked if each.ghost]),
        JUMP: Percentiles.of([each.ms for each in asked if each.kind is ActionKind.JUMP]),
    }


def by_stage(asked: Sequence[TimedQuestion]) -> dict[str, Percentiles]:
    """Of the questions that the model was asked."""
    parts = [each.stages_ms for each in asked if each.by_model]
    return {name: Percentiles.of([p[at] for p in parts]) for at, name in enumerate(STAGES)}


def show(
    asked: Mapping[str, Sequence[TimedQuestion]],
    sizes: Mapping[str, Sequence[Flat]],
    console: Console,
) -> None:
    """For a person: one table, a column for each model."""
    table = Table("milliseconds, p50 / p95 / p99", *asked, box=SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    for cells in zip(*(_rows(asked[name], sizes[name]) for name in asked), strict=True):
        table.add_row(cells[0][0], *(cell for _, cell in cells))
    console.print(table)
    console.print(_LEGEND, markup=False, highlight=False)
    for name in asked:
        model = f"{name}, " if len(asked) > 1 else ""
        for what, met in verdicts(asked[name], sizes[name]):
            console.print(f"{_SAID[met]:8}{model}{what}", markup=False, highlight=False)


def _rows(asked: Sequence[TimedQuestion], sizes: Sequence[Flat]) -> list[tuple[str, str]]:
    """What is told of one model, and its cells."""
    rows = [
        (name, f"{each.p50:.1f} / {each.p95:.1f} / {each.p99:.1f} (of {each.count:,})")
        for name, each in (waits(asked) | by_stage(asked)).items()
    ]
    for size in sizes:
        ms = size.answer_ms
        name = f"{size.context_tokens >> 10}k tokens of context"
        rows.append((name, f"{ms.median:.1f} / {ms.p95:.1f} (of {ms.count:,})"))
    return rows


_SAID = {True: "met", False: "MISSED", None: "unknown"}
_LEGEND = """all questions: from keystroke to answer, which is often that there is nothing
stages: where the model was asked; rest: protocol, event loop, engine's thread
context: read before the open file; of each key the fastest of the rounds
"""


def verdicts(
    asked: Sequence[TimedQuestion], sizes: Sequence[Flat]
) -> list[tuple[str, bool | None]]:
    """Each target in words and whether it was met; None where nothing was measured."""
    found: list[tuple[str, bool | None]] = []
    for name, each in waits(asked).items():
        most_p50, most_p95 = WANTED_MS[name]
        for which, ms, most in (("p50", each.p50, most_p50), ("p95", each.p95, most_p95)):
            met = ms <= most if each.count else None
            found.append((f"{name}, {which}: {ms:.1f} ms of at most {most:.0f}", met))
    ratio = flat.ratios(sizes)["answer_ms"]
    small, large = (f"{size.context_tokens >> 10}k" for size in (sizes[0], sizes[-1]))
    value = "not known" if ratio is None else f"{ratio:.2f} times"
    what = f"p95 at {large} over {small}: {value} of at most {MOST_RATIO}"
    return [*found, (what, None if ratio is None else ratio <= MOST_RATIO)]


def bands(asked: Sequence[TimedQuestion], count: int = BANDS) -> list[tuple[float, ...]]:
    """The mean stages of so many equal parts of all questions, the fastest first."""
    ranked = [each.stages_ms for each in sorted(asked, key=lambda each: each.ms)]
    edges = [len(ranked) * at // count for at in range(count + 1)]
    parts = (ranked[start:end] for start, end in itertools.pairwise(edges) if end > start)
    return [tuple(map(statistics.fmean, zip(*part, strict=True))) for part in parts]


def draw(asked: Sequence[TimedQuestion], sizes: Sequence[Flat], picture: Path) -> None:
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
    add("--model", type=Path, action="append", default=[], help=MODEL_HELP)
    add("--picture", type=Path, help="where a picture goes, .svg or .png; 100 KB at most")
    add("--json", action="store_true", help="print one JSON object on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
