"""How well a model does on text it never saw, by language: the measures, and running them.

Owns the names of the measures and the report. What a measure is stands in the modules of its
nouns: cursors, holes, infilling, typing_saved, calibration, layouts; where cases stand, in cases.
Every subject meets the same ones. Knows no editor and no shaping.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from ...languages import PYTHON
from ..corpus.corpus import HELDOUT, shards
from . import cursors, holes, infilling, layouts, typing_saved, workspaces
from .calibration import BINS, Case, calibration_report, gate_row
from .cases import Cases, cases_of
from .intervals import ratio_of
from .judges import Judges, Steps, judges_of
from .likelihood import bits_in
from .subjects import Subject, open_subject

DEFAULT_COUNT = 400
HUMANEVAL = "humaneval"


class EvaluationError(ValueError):
    """An evaluation cannot be done as asked; the message says what to do."""


# What is asked at a cursor, by a name; cursors of one file are asked together.
CursorQuestion = tuple[str, cursors.Cursor]
_AT_CURSORS: dict[str, Callable[[Subject, cursors.Cursor], Any]] = {
    "mid_line": lambda subject, place: cursors.rest_of_line(subject.completer, place),
    "line_starts": lambda subject, place: cursors.rest_of_line(subject.completer, place),
    "typed_lines": lambda subject, place: typing_saved.type_line(subject.completer, place),
    "holes": lambda subject, place: holes.fill(subject.completer, place),
    "anchored": lambda subject, place: layouts.under_anchors(_engine(subject), place),
    "cold": lambda subject, place: layouts.from_nearby(_engine(subject), place),
}


def at_cursors(subject: Subject, questions: Sequence[CursorQuestion]) -> list[Any]:
    """The answers to questions about one file, which is read once."""
    return [_AT_CURSORS[kind](subject, place) for kind, place in questions]


def _nats(subject: Subject, text: str) -> float:
    return subject.nats(text)


def workspace_nats(subject: Subject, target: workspaces.Target) -> list[workspaces.Prefixed]:
    return workspaces.workspace_nats(_engine(subject), target)


def _solved(subject: Subject, tasks: Sequence[infilling.Task]) -> list[infilling.Solved]:
    return [infilling.solve(subject.completer, task) for task in tasks]


def _engine(subject: Subject) -> Any:
    assert subject.engine is not None
    return subject.engine


class Sheet:
    """One subject's answers to the cases of one language, each asked for once."""

    def __init__(self, judges: Judges, cases: Cases, names: Sequence[str]) -> None:
        self.judges, self.cases = judges, cases
        self.has_engine = judges.subject.engine is not None
        self._kinds = sorted({kind for name in names for kind in MEASURES[name].kinds})

    @cached_property
    def answers(self) -> dict[str, list[Any]]:
        """By what was asked, in the order of its cursors."""
        asked = {
            kind: getattr(self.cases, kind)
            for kind in self._kinds
            if self.has_engine or kind not in ("anchored", "cold")
        }
        name = f"{self.cases.language.name}: cursors"
        return answers_by_kind(self.judges, name, asked)

    @property
    def gate(self) -> float:
        """The subject's own, for this language."""
        return self.judges.subject.profile.gate(self.cases.language.ids[0])

    def shown(self, confidence: Callable[[cursors.Trial], float], *kinds: str) -> list[Case]:
        """Of cursors, where something was written."""
        trials = (trial for kind in kinds for trial in self.answers[kind])
        return [(confidence(trial), trial.right) for trial in trials if trial.shown]

    def ask(self, name: str, question: Callable[[Subject, Any], Any], cases: Sequence[Any]) -> Any:
        return self.judges.ask(f"{self.cases.language.name}: {name}", question, cases)


def answers_by_kind(
    judges: Judges, name: str, asked: Mapping[str, Sequence[cursors.Cursor]]
) -> dict[str, list[Any]]:
    """The answers to each kind of question, in the order of its cursors."""
    pages: defaultdict[Any, list[tuple[int, str, int]]] = defaultdict(list)
    for kind, places in asked.items():
        for i, place in enumerate(places):
            pages[place.file].append((place.offset, kind, i))
    found: dict[str, list[Any]] = {kind: [None] * len(places) for kind, places in asked.items()}
    order = [sorted(page) for page in pages.values()]
    jobs = [[(kind, asked[kind][i]) for _, kind, i in page] for page in order]
    for page, answers in zip(order, judges.ask(name, at_cursors, jobs), strict=True):
        for (_, kind, i), answer in zip(page, answers, strict=True):
            found[kind][i] = answer
    return found


def bits(sheet: Sheet) -> dict[str, Any]:
    texts = sheet.cases.texts
    nats = sheet.ask("bits per byte", _nats, texts)
    return {"bits_per_byte": ratio_of(nats, [bits_in(text) for text in texts])}


def mid_line(sheet: Sheet) -> dict[str, Any]:
    return cursors.line_report(sheet.answers["mid_line"])


def line_start(sheet: Sheet) -> dict[str, Any]:
    return cursors.line_report(sheet.answers["line_starts"])


def multi_line(sheet: Sheet) -> dict[str, Any]:
    return holes.hole_report(sheet.answers["holes"])


def human_eval(sheet: Sheet) -> dict[str, Any] | None:
    if sheet.cases.language is not PYTHON:
        return None
    by_problem: defaultdict[str, list[infilling.Task]] = defaultdict(list)
    for task in sheet.cases.tasks:
        by_problem[task.problem.task_id].append(task)
    solved = sheet.ask("HumanEval", _solved, list(by_problem.values()))
    return infilling.infilling_report([each for problem in solved for each in problem])


def typing(sheet: Sheet) -> dict[str, Any]:
    typed = sheet.answers["typed_lines"]
    return {
        **typing_saved.typing_report(typed, sheet.gate),
        "by_threshold": [typing_saved.typing_report(typed, i / BINS) for i in range(BINS)],
        "calibration_at_pauses": calibration_report(
            typing_saved.typing_cases(typed), sum(len(line.trials) for line in typed)
        ),
    }


def calibration(sheet: Sheet) -> dict[str, Any]:
    kinds = ("mid_line", "line_starts")
    asked = {kind: len(sheet.answers[kind]) for kind in kinds}
    cases = {kind: sheet.shown(lambda trial: trial.confidence, kind) for kind in kinds}
    with_end = sheet.shown(lambda trial: trial.with_end, *kinds)
    return {
        **calibration_report([case for kind in kinds for case in cases[kind]], sum(asked.values())),
        "at_gate": {kind: gate_row(cases[kind], asked[kind], sheet.gate) for kind in kinds},
        "with_line_end": calibration_report(with_end, sum(asked.values())),
    }


def workspace(sheet: Sheet) -> dict[str, Any] | None:
    targets = sheet.cases.targets
    if not (sheet.has_engine and targets):
        return None
    return workspaces.workspace_report(targets, sheet.ask("workspace", workspace_nats, targets))


def anchors(sheet: Sheet) -> dict[str, Any] | None:
    return layouts.anchor_report(sheet.answers["anchored"]) if sheet.has_engine else None


def cold(sheet: Sheet) -> dict[str, Any] | None:
    if not sheet.has_engine:
        return None
    trials = sheet.answers["cold"]
    whole = cursors.line_report(sheet.answers["mid_line"][: len(trials)])
    return {**layouts.cold_report(trials), "whole window": whole}


@dataclass(frozen=True)
class Measure:
    """A report of a sheet, and what it needs to have been asked at cursors."""

    report: Callable[[Sheet], dict[str, Any] | None]
    kinds: tuple[str, ...] = ()


MEASURES = {
    "bits": Measure(bits),
    "mid-line": Measure(mid_line, ("mid_line",)),
    "line-start": Measure(line_start, ("line_starts",)),
    "holes": Measure(multi_line, ("holes",)),
    HUMANEVAL: Measure(human_eval),
    "typing": Measure(typing, ("typed_lines",)),
    "calibration": Measure(calibration, ("mid_line", "line_starts")),
    "workspace": Measure(workspace),
    "anchors": Measure(anchors, ("anchored",)),
    "cold": Measure(cold, ("mid_line", "cold")),
}


def measure(judges: Judges, cases: Cases, names: Sequence[str]) -> dict[str, Any]:
    """The reports of the named measures; those that a subject cannot take are left out."""
    sheet = Sheet(judges, cases, names)
    reports = {name: MEASURES[name].report(sheet) for name in names}
    return {name: report for name, report in reports.items() if report is not None}


def float_report(int8: Subject, whole: Subject, texts: Sequence[str]) -> dict[str, Any]:
    """What storing weights in 8 bits costs, in bits per byte of the same texts."""
    sizes = [bits_in(text) for text in texts]
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
    workers: int = 0  # processes that judge; 0: one a core

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


def held_out(plan: Plan) -> list[Cases]:
    """Of each language in the held-out shards. Raises EvaluationError and CorpusError."""
    downloads = user_cache_path("stateline") / "downloads"
    if plan.corpus is None:  # HumanEval alone, as `check` has seen
        return [Cases(PYTHON, [], downloads, plan.count, plan.seed)]
    found = shards(plan.corpus / HELDOUT)
    if not found:
        raise EvaluationError(
            f"No held-out shards in {plan.corpus}; run `stateline corpus build` first."
        )
    return cases_of(found, downloads, plan.count, plan.seed)


def evaluate(plan: Plan, steps: Steps) -> dict[str, Any]:
    """All that was asked for. Raises EvaluationError, CorpusError and ModelFolderError."""
    check(plan)
    languages, began = held_out(plan), time.monotonic()
    subjects = {}
    for folder in (plan.model, *plan.baselines):
        with judges_of(folder, steps, plan.workers) as judges:
            subjects[judges.subject.name] = {
                cases.language.name: measure(judges, cases, plan.names) for cases in languages
            }
    report: dict[str, Any] = {"count": plan.count, "seed": plan.seed, "subjects": subjects}
    if plan.float_folder is not None:
        texts = [text for cases in languages for text in cases.texts]
        whole = open_subject(plan.float_folder)
        report["float"] = float_report(open_subject(plan.model), whole, texts)
    report["seconds"] = round(time.monotonic() - began, 1)
    if plan.out is not None:
        plan.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report
