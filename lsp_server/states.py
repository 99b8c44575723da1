"""`stateline state`: what is kept on the disk of which files, and how to be rid of it.

Owns the choice of a workspace, the table, and what forgetting covers. Knows no server and no torch;
the files themselves are `model.statefolder`'s.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..model.statefile import Entry
from ..model.statefolder import Forgotten, entries, forget
from .cache import forget_order, states_folder

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class Kept:
    """What is kept of one file: a state belongs to every file that was read for it."""

    file: str
    states: int
    tokens: int  # of the longest of them, all files before this one included
    nbytes: int
    used_s: float  # when one of them was used last


def workspace_of(place: Path, known: Sequence[Entry]) -> str:
    """The workspace folder with states that `place` is, or lies in; empty if there is none."""
    folders = {entry.workspace for entry in known}
    around = [str(place), *map(str, place.parents)]
    return next((folder for folder in around if folder in folders), "")


def kept_of(found: Sequence[Entry]) -> list[Kept]:
    """By file, the one used last first."""
    by_file: dict[str, list[Entry]] = {}
    for entry in found:
        for source in entry.sources:
            by_file.setdefault(source.path, []).append(entry)
    rows = [
        Kept(
            file,
            len(mine),
            max(entry.tokens for entry in mine),
            sum(entry.nbytes for entry in mine),
            max(entry.used_s for entry in mine),
        )
        for file, mine in by_file.items()
    ]
    return sorted(rows, key=lambda row: (-row.used_s, row.file))


def report(place: Path | None) -> dict[str, Any]:
    """All workspaces with states, or the one that `place` lies in, as plain data."""
    known = entries(states_folder())
    chosen = {entry.workspace for entry in known}
    if place is not None:
        chosen &= {workspace_of(place.resolve(), known)}
    workspaces = {
        folder: [entry for entry in known if entry.workspace == folder] for folder in sorted(chosen)
    }
    return {
        "folder": str(states_folder()),
        "workspaces": [
            {
                "workspace": folder,
                "states": len(mine),
                "bytes": sum(entry.nbytes for entry in mine),
                "files": [vars(row) for row in kept_of(mine)],
            }
            for folder, mine in workspaces.items()
        ],
    }


def show(found: dict[str, Any], console: Console) -> None:
    """For a person. Paths come from files, so they are printed as text and nothing else."""
    if not found["workspaces"]:
        console.print("Nothing is kept.", markup=False)
    for workspace in found["workspaces"]:
        title = f"{_printable(workspace['workspace']) or 'no workspace'}: "
        title += f"{workspace['states']} states, {_size(workspace['bytes'])}"
        table = Table(title=escape(title), title_justify="left", box=SIMPLE, pad_edge=False)
        table.add_column("file", overflow="fold")
        for name in ("states", "tokens", "size", "used"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in workspace["files"]:
            name = _printable(row["file"].removeprefix(workspace["workspace"]).lstrip("/\\"))
            age = _age(time.time() - row["used_s"])
            numbers = (str(row["states"]), str(row["tokens"]), _size(row["nbytes"]), f"{age} ago")
            table.add_row(escape(name), *numbers)
        console.print(table)
    console.print(f"Kept in {found['folder']}", markup=False, highlight=False, soft_wrap=True)


def forget_workspace(place: Path) -> Forgotten:
    """Erase every state of the workspace that `place` lies in, and its order of files."""
    folder = workspace_of(place.resolve(), entries(states_folder())) or str(place.resolve())
    forget_order(folder)
    return forget(states_folder(), lambda entry: entry.workspace == folder)


def forget_file(file: Path) -> Forgotten:
    """Erase every state that has read a file."""
    path = str(file.resolve())
    return forget(states_folder(), lambda entry: any(s.path == path for s in entry.sources))


def forget_all() -> Forgotten:
    """Erase every state of every workspace."""
    forget_order("")
    return forget(states_folder(), lambda entry: True)


def _printable(text: str) -> str:
    """Without what could speak to a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _size(nbytes: int) -> str:
    return f"{nbytes / (1 << 20):.1f} MiB"


def _age(age_s: float) -> str:
    for unit_s, name in _UNITS:
        if age_s >= unit_s:
            return f"{age_s / unit_s:.0f} {name}"
    return "0 s"
