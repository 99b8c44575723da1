"""The projects that are replayed by default, and their releases, fetched once and pinned by hash.

Owns the reading of `projects.toml`. How a release is fetched and checked is
`training.corpus.downloads`'.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stateline.model.training.corpus.downloads import fetch
from stateline.model.training.corpus.sources import Distribution, Package, Release

TABLE = Path(__file__).with_name("projects.toml")
SIDES = ("old", "new")
CACHE = Path(__file__).parents[2] / "build" / "replay"


@dataclass(frozen=True)
class PinnedProject:
    """Two releases of one distribution, or of one package of npm."""

    old: Release
    new: Release
    folder: str = ""  # that has the source, where a release has more than that


def projects(table: Path = TABLE) -> tuple[PinnedProject, ...]:
    """Those of a table, in its order."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["project"]
    return tuple(
        PinnedProject(*(_release(row, row[side]) for side in SIDES), row.get("folder", ""))
        for row in rows
    )


def _release(row: Mapping[str, Any], pinned: Mapping[str, str]) -> Release:
    kind = Package if "integrity" in pinned else Distribution
    return kind(row["name"], licence=row["licence"], **pinned)


def fetched(project: PinnedProject, cache: Path = CACHE) -> tuple[Path, Path]:
    """The archives of both releases; downloads what the cache lacks.

    Raises CorpusError if that fails or brings something else than what is pinned.
    """
    return fetch(project.old, cache), fetch(project.new, cache)
