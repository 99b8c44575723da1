"""`stateline state`: what is kept on the disk of which files, and how to be rid of it.

Owns the choice of a workspace, the table, and what forgetting covers. Knows no server and no torch;
the files themselves are `model.states.statefolder`'s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...model.states.statefile import Entry
from ...model.states.statefolder import Forgotten, entries, forget
from ..workspace.cache import forget_orders, states_folder
from ..workspace.folders import Folders

_FOLDERS = Folders(())  # which ones there are does not matter: states name theirs
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class KeptFile:
    """What is kept of one file: a state belongs to every file that was read for it."""

    file: str
    states: int
    tokens: int  # of the longest of them, all files before this one included
    nbytes: int
    used_s: float  # when one of them was used last


def workspaces_of(place: Path, folders: Iterable[str]) -> set[str]:
    """Of these workspace folders the innermost that `place` is or lies in, by all its names."""
    here = _real(place)
    known = {folder: _real(folder) for folder in folders if folder}
    around = {name: folder for name, folder in known.items() if here.is_relative_to(folder)}
    innermost = max(around.values(), key=lambda folder: len(folder.parts), default=None)
    return {name for name, folder in around.items() if folder == innermost}


def kept_of(found: Sequence[Entry]) -> list[KeptFile]:
    """By file, the one used last first."""
    by_file: dict[str, list[Entry]] = {}
    for entry in found:
        for source in entry.sources:
            by_file.setdefault(_FOLDERS.place(source), []).append(entry)
    rows = [
        KeptFile(
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
    folders = {entry.workspace for entry in known}
    if place is not None:
        folders = workspaces_of(place, folders)
    workspaces = {
        folder: [entry for entry in known if entry.workspace == folder]
        for folder in sorted(folders)
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
        console.print("Nothing is kept.")
    for workspace in found["workspaces"]:
        title = f"{workspace['workspace'] or 'no workspace'}: "
        title += f"{workspace['states']} states, {_size(workspace['bytes'])}"
        table = Table(title=_plain(title), title_justify="left", box=SIMPLE, pad_edge=False)
        table.add_column("file", overflow="fold")
        for name in ("states", "tokens", "size", "used"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in workspace["files"]:
            age = _age(time.time() - row["used_s"])
            numbers = (str(row["states"]), str(row["tokens"]), _size(row["nbytes"]), f"{age} ago")
            table.add_row(_plain(_below(row["file"], workspace["workspace"])), *numbers)
        console.print(table)
    console.print(_plain(f"Kept in {found['folder']}"), soft_wrap=True)


def forget_place(place: Path) -> Forgotten:
    """Erase what is kept of a file, or of the workspace that a folder is or lies in.

    That is every state that was made for it or has read anything in it, and the order of its files.
    """
    around: set[str] = set()
    if place.is_dir():  # nothing but a file, or a folder that has gone, is meant by itself
        around = workspaces_of(place, {entry.workspace for entry in entries(states_folder())})
    wanted = _real(min(around, default=place))

    @cache
    def concerned(path: str) -> bool:
        return path != "" and _real(path).is_relative_to(wanted)

    forget_orders(concerned)
    return forget(
        states_folder(),
        lambda entry: (
            concerned(entry.workspace)
            or any(concerned(_FOLDERS.place(source)) for source in entry.sources)
        ),
    )


def forget_all() -> Forgotten:
    """Erase every state of every workspace, and the order of its files."""
    forget_orders(lambda path: True)
    return forget(states_folder(), lambda entry: True)


def _real(path: str | Path) -> Path:
    """By which a file is the same, whatever links lead to it."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # a state's file can name what is no path here
        return Path(path)


def _below(file: str, folder: str) -> str:
    """The path as it is within the folder; the whole of it if it lies elsewhere."""
    path = Path(file)
    return str(path.relative_to(folder)) if folder and path.is_relative_to(folder) else file


def _plain(text: str) -> Text:
    """Without what could speak to a terminal: no markup, no emoji codes, no control characters."""
    return Text("".join(c if c.isprintable() else "?" for c in text))


def _size(nbytes: int) -> str:
    return f"{nbytes / (1 << 20):.1f} MiB"


def _age(age_s: float) -> str:
    for unit_s, name in _UNITS:
        if age_s >= unit_s:
            return f"{age_s / unit_s:.0f} {name}"
    return "0 s"
