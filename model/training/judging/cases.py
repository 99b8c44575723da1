"""What everyone is judged by: held-out text of one language, and places in it.

Owns how many cases each measure gets for a count, and where they stand; the same for the same seed
and count. Knows no subject and no measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ...languages import LANGUAGES, PYTHON, Language, language_of_path
from ..corpus.corpus import SourceFile, read
from . import cursors, holes, infilling, workspaces

TEXT_CHARS = 3_000  # of each file that is read for bits per byte


@dataclass(frozen=True)
class Cases:
    """Of one language."""

    language: Language
    projects: Sequence[Sequence[SourceFile]]  # held out; files of one project stay together
    downloads: Path  # where HumanEval is, or will be put
    count: int
    seed: int

    @cached_property
    def pages(self) -> list[cursors.FilePage]:
        return cursors.pages(self.projects, self.seed)

    @cached_property
    def texts(self) -> list[str]:
        return [page.file.text[:TEXT_CHARS] for page in self.pages[: self.some(0.3)]]

    @cached_property
    def mid_line(self) -> list[cursors.Cursor]:
        return cursors.mid_line_cursors(self.pages, self.count, self.seed)

    @cached_property
    def line_starts(self) -> list[cursors.Cursor]:
        return cursors.line_start_cursors(self.pages, self.count, self.seed)

    @cached_property
    def typed_lines(self) -> list[cursors.Cursor]:
        return cursors.line_start_cursors(self.pages, self.some(0.25), self.seed + 1)

    @cached_property
    def holes(self) -> list[cursors.Cursor]:
        return holes.hole_cursors(self.pages, self.some(0.3), self.seed)

    @property
    def anchored(self) -> list[cursors.Cursor]:
        return self.mid_line[: self.some(0.1)]

    @property
    def cold(self) -> list[cursors.Cursor]:
        return self.mid_line[: self.some(0.5)]

    @cached_property
    def targets(self) -> list[workspaces.Target]:
        return workspaces.targets(self.projects, self.some(0.025), self.seed)

    @cached_property
    def tasks(self) -> list[infilling.Task]:
        """All at the default count; none where it is not Python."""
        if self.language is not PYTHON:
            return []
        tasks = infilling.tasks_of(infilling.load_problems(self.downloads))
        return infilling.some_tasks(tasks, self.some(2.6), self.seed)

    def some(self, per_count: float) -> int:
        """So many cases of a costlier measure, one at least."""
        return max(1, round(self.count * per_count))


def cases_of(shards: Sequence[Path], downloads: Path, count: int, seed: int) -> list[Cases]:
    """Of each language that the shards hold text of. Raises CorpusError."""
    projects = [list(read(shard)) for shard in shards]
    parts = {language: in_language(projects, language) for language in LANGUAGES}
    return [
        Cases(language, held, downloads, count, seed) for language, held in parts.items() if held
    ]


def in_language(
    projects: Sequence[Sequence[SourceFile]], language: Language
) -> list[list[SourceFile]]:
    """Of each project its files in a language; projects without any are left out."""
    parts = [[f for f in files if language_of_path(f.path) is language] for files in projects]
    return [part for part in parts if part]
