"""How well a model does on text it never saw: which measures there are, and running them.

Owns the names of the measures, how many cases each takes for a count, and the report. What a
measure is stands in the modules of its nouns: cursors, holes, infilling, typing_saved,
calibration, layouts. Every subject meets the same cases. Knows no editor and no shaping.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_path

from . import cursors, holes, infilling, layouts, typing_saved
from .calibration import BINS, Case, calibration_report, lowest_threshold
from .corpus import HELDOUT, SourceFile, read, shards
from .intervals import ratio_of
from .subjects import Subject, open_subject

DEFAULT_COUNT = 150
TEXT_CHARS = 3_000  # of each file that is read for bits per byte
UNCALIBRATED = 0.4  # the gate's threshold where too little was right to choose one
HUMANEVAL = "humaneval"

T = TypeVar("T")
Steps = Callable[[str, Sequence[T]], Iterable[T]]


class EvaluationError(ValueError):
    """An evaluation cannot be done as asked; the message says what to do."""


@dataclass(frozen=True)
class Cases:
    """What everyone is judged by; the same for the same seed and count."""

    projects: Sequence[Sequence[SourceFile]]  # held out; files of one project stay together
    downloads: Path  # where HumanEval is, or will be put
    count: int
    seed: int

    @cached_property
    def files(self) -> list[SourceFile]:
        return [file for project in self.projects for file in project]

    @cached_property
    def texts(self) -> list[str]:
        wanted = min(self.some(0.3), len(self.files))
        return [f.text[:TEXT_CHARS] for f in random.Random(self.seed).sample(self.files, wanted)]

    @cached_property
    def mid_line(self) -> list[cursors.Cursor]:
        return cursors.mid_line_cursors(self.files, self.count, self.seed)

    @cached_property
    def line_starts(self) -> list[cursors.Cursor]:
        return cursors.line_start_cursors(self.files, self.count, self.seed)

    @cached_property
    def typed_lines(self) -> list[cursors.Cursor]:
        wanted = self.some(0.3)
        return cursors.line_start_cursors(self.files, wanted, self.seed + 1)

    @cached_property
    def holes(self) -> list[cursors.Cursor]:
        return holes.hole_cursors(self.files, self.some(0.33), self.seed)

    @cached_property
    def targets(self) -> list[layouts.Target]:
        return layouts.targets(self.projects, self.some(0.06), self.seed)

    @cached_property
    def tasks(self) -> list[infilling.Task]:
        tasks = infilling.tasks_of(infilling.load_problems(self.downloads))
        return infilling.some_tasks(tasks, self.some(infilling.TASKS / DEFAULT_COUNT), self.seed)

    def some(self, per_count: float) -> int:
        """So many cases of a costlier measure, one at least."""
        return max(1, round(self.count * per_count))


class Sheet:
    """One subject's answers, each asked for once, though several measures may read it."""

    def __init__(self, subject: Subject, cases: Cases, steps: Steps[Any]) -> None:
        self.subject, self.cases, self.steps = subject, cases, steps

    def lines(self, name: str, places: Sequence[cursors.Cursor]) -> list[cursors.Trial]:
        completer = self.subject.completer
        return [cursors.rest_of_line(completer, place) for place in self.steps(name, places)]

    @cached_property
    def mid_line(self) -> list[cursors.Trial]:
        return self.lines("mid-line", self.cases.mid_line)

    @cached_property
    def line_starts(self) -> list[cursors.Trial]:
        return self.lines("line starts", self.cases.line_starts)

    def shown(self, confidence: Callable[[cursors.Trial], float]) -> list[Case]:
        """Of both kinds of cursors, where something was written."""
        trials = (*self.mid_line, *self.line_starts)
        return [(confidence(trial), trial.right) for trial in trials if trial.shown]

    @cached_property
    def threshold(self) -> float:
        """Of the gate, as these cursors set it."""
        found = lowest_threshold(self.shown(lambda trial: trial.confidence))
        return UNCALIBRATED if found is None else found

    @cached_property
    def nats(self) -> list[float]:
        return [self.subject.nats(text) for text in self.steps("bits per byte", self.cases.texts)]


def bits(sheet: Sheet) -> dict[str, Any]:
    return {
        "bits_per_byte": ratio_of(sheet.nats, [layouts.bits_in(text) for text in sheet.cases.texts])
    }


def mid_line(sheet: Sheet) -> dict[str, Any]:
    return cursors.line_report(sheet.mid_line)


def line_start(sheet: Sheet) -> dict[str, Any]:
    return cursors.line_report(sheet.line_starts)


def multi_line(sheet: Sheet) -> dict[str, Any]:
    places = sheet.steps("holes", sheet.cases.holes)
    return holes.hole_report([holes.fill(sheet.subject.completer, place) for place in places])


def human_eval(sheet: Sheet) -> dict[str, Any]:
    tasks = sheet.steps("HumanEval", sheet.cases.tasks)
    return infilling.infilling_report([infilling.solve(sheet.subject.completer, t) for t in tasks])


def typing(sheet: Sheet) -> dict[str, Any]:
    lines = sheet.steps("typing", sheet.cases.typed_lines)
    typed = [typing_saved.type_line(sheet.subject.completer, line) for line in lines]
    return {
        **typing_saved.typing_report(typed, sheet.threshold),
        "by_threshold": [typing_saved.typing_report(typed, i / BINS) for i in range(BINS)],
        "calibration_at_pauses": calibration_report(
            typing_saved.typing_cases(typed), sum(len(line.trials) for line in typed)
        ),
    }


def calibration(sheet: Sheet) -> dict[str, Any]:
    asked = len(sheet.mid_line) + len(sheet.line_starts)
    return {
        **calibration_report(sheet.shown(lambda trial: trial.confidence), asked),
        "with_line_end": calibration_report(sheet.shown(lambda trial: trial.with_end), asked),
    }


def workspace(sheet: Sheet) -> dict[str, Any] | None:
    engine, judged = sheet.subject.engine, sheet.cases.targets
    if engine is None:
        return None
    nats = [layouts.workspace_nats(engine, t) for t in sheet.steps("workspace", judged)]
    return layouts.workspace_report(judged, nats)


def anchors(sheet: Sheet) -> dict[str, Any] | None:
    engine = sheet.subject.engine
    if engine is None:
        return None
    places = sheet.steps("anchors", sheet.cases.mid_line[: sheet.cases.some(0.3)])
    return layouts.anchor_report([layouts.under_anchors(engine, place) for place in places])


MEASURES: dict[str, Callable[[Sheet], dict[str, Any] | None]] = {
    "bits": bits,
    "mid-line": mid_line,
    "line-start": line_start,
    "holes": multi_line,
    HUMANEVAL: human_eval,
    "typing": typing,
    "calibration": calibration,
    "workspace": workspace,
    "anchors": anchors,
}


def measure(
    subject: Subject, cases: Cases, names: Sequence[str], steps: Steps[Any]
) -> dict[str, Any]:
    """The reports of the named measures; those that a subject cannot take are left out."""
    sheet = Sheet(subject, cases, steps)
    reports = {name: MEASURES[name](sheet) for name in names}
    return {name: report for name, report in reports.items() if report is not None}


def float_report(int8: Subject, whole: Subject, texts: Sequence[str]) -> dict[str, Any]:
    """What storing weights in 8 bits costs, in bits per byte of the same texts."""
    sizes = [layouts.bits_in(text) for text in texts]
    mine, theirs = [int8.nats(text) for text in texts], [whole.nats(text) for text in texts]
    return {
        "bits_per_byte": ratio_of(mine, sizes),
        "float_bits_per_byte": ratio_of(theirs, sizes),
        "relative_change": ratio_of([a - b for a, b in zip(mine, theirs, strict=True)], theirs),
    }


@dataclass(frozen=True)
class Plan:
    """What was asked for."""

    model: Path
    corpus: Path | None = None
    count: int = DEFAULT_COUNT
    measures: tuple[str, ...] = ()  # none: all
    seed: int = 0
    baselines: tuple[Path, ...] = ()
    float_folder: Path | None = None
    out: Path | None = None

    @property
    def names(self) -> list[str]:
        return [name for name in MEASURES if not self.measures or name in self.measures]


def check(plan: Plan) -> None:
    """Raises EvaluationError where a plan cannot be carried out, before hours are spent."""
    if plan.count < 1:
        raise EvaluationError(f"--count must be 1 or more, not {plan.count}.")
    if unknown := sorted(set(plan.measures) - set(MEASURES)):
        raise EvaluationError(
            f"There is no measure {', '.join(unknown)}; choose among {', '.join(MEASURES)}."
        )
    if plan.corpus is None and (plan.names != [HUMANEVAL] or plan.float_folder):
        raise EvaluationError(
            "These measures need held-out text; give the folder of `stateline corpus build` with "
            f"--corpus, or only `--measure {HUMANEVAL}`."
        )
    if plan.out is not None and (plan.out.is_dir() or not plan.out.absolute().parent.is_dir()):
        raise EvaluationError(f"{plan.out} cannot be written; name a file in an existing folder.")


def cases_of(plan: Plan) -> Cases:
    """Reads the held-out shards. Raises EvaluationError and CorpusError."""
    found = [] if plan.corpus is None else shards(plan.corpus / HELDOUT)
    if plan.corpus is not None and not found:
        raise EvaluationError(
            f"No held-out shards in {plan.corpus}; run `stateline corpus build` first."
        )
    projects = [list(read(shard)) for shard in found]
    return Cases(projects, user_cache_path("stateline") / "downloads", plan.count, plan.seed)


def evaluate(plan: Plan, steps: Steps[Any]) -> dict[str, Any]:
    """All that was asked for. Raises EvaluationError, CorpusError and ModelFolderError."""
    check(plan)
    cases = cases_of(plan)
    subjects = [open_subject(folder) for folder in (plan.model, *plan.baselines)]
    whole = None if plan.float_folder is None else open_subject(plan.float_folder)
    began = time.monotonic()
    report: dict[str, Any] = {"count": plan.count, "seed": plan.seed}
    report["subjects"] = {
        subject.name: measure(subject, cases, plan.names, steps) for subject in subjects
    }
    if whole is not None:
        report["float"] = float_report(subjects[0], whole, cases.texts)
    report["seconds"] = round(time.monotonic() - began, 1)
    if plan.out is not None:
        plan.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report
