"""One walk over the workspace folders, and what is found by name in its result.

Owns the bounds of the walk and the index of modules, and of the files that say where packages are.
Knows nothing of threads: the caller lets it pause, and runs it where nobody waits. File contents
are never looked at.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = "package.json"
# Python's other threads wait for one that works; so it works that long and lets them.
_STINT_S = 0.001


@dataclass(frozen=True)
class Bounds:
    """Where a walk gives up and is content with what it has; near the roots it looks first."""

    files: int = 50_000  # that are kept
    folders: int = 10_000
    packages: int = 200  # whose names are worth knowing
    entries: int = 1_000_000  # of folders, whatever they are
    seconds: float = 60.0


@dataclass(frozen=True)
class Index:
    """The files of a walk by the last part of their module's name."""

    modules: Mapping[str, Sequence[str]] = field(default_factory=dict)
    packages: Sequence[str] = ()  # package.json files, nearest to the roots first
    files: int = 0
    folders: int = 0
    complete: bool = False  # no bound was met

    def with_tail(self, parts: Sequence[str]) -> list[str]:
        """The files of modules whose full name ends with these parts."""
        found = self.modules.get(parts[-1], ()) if parts else ()
        wanted = list(parts)
        return [path for path in found if _module_parts(path)[-len(wanted) :] == wanted]


def walk(
    roots: Sequence[Path],
    suffixes: tuple[str, ...],
    enters: Callable[[Path], bool],
    pause: Callable[[], bool] = lambda: True,
    bounds: Bounds = Bounds(),
) -> Index:
    """Look through folders, nearest to the roots first.

    Symbolic links are neither followed nor listed; folders that cannot be read, or that `enters`
    refuses, are left out. `pause` is called every few milliseconds; once it returns False the
    walk ends with what it has.
    """
    modules: dict[str, list[str]] = {}
    packages: list[str] = []
    files = folders = entries = 0
    complete = True
    queue = deque(os.path.abspath(root) for root in roots)
    started = resumed = time.monotonic()
    while queue:
        if folders >= bounds.folders or files >= bounds.files or entries >= bounds.entries:
            complete = False
            break
        folder = queue.popleft()
        folders += 1
        for entry in _entries(folder):
            entries += 1
            if (now := time.monotonic()) - resumed > _STINT_S:
                if now - started > bounds.seconds or not pause():
                    return Index(modules, packages, files, folders)
                resumed = time.monotonic()
            if entry.name.endswith(suffixes):
                if _is_file(entry) and files < bounds.files:
                    modules.setdefault(_module_parts(entry.path)[-1], []).append(entry.path)
                    files += 1
            elif entry.name == PACKAGE:
                if _is_file(entry) and len(packages) < bounds.packages:
                    packages.append(entry.path)
            elif _is_folder(entry) and len(queue) < bounds.folders and enters(Path(entry.path)):
                queue.append(entry.path)
            if entries >= bounds.entries:
                break
    return Index(modules, packages, files, folders, complete)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """What stands in a folder, in no order; nothing if it cannot be read."""
    try:
        with os.scandir(folder) as listing:
            yield from listing
    except OSError:
        return


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file(follow_symlinks=False)
    except OSError:  # Some file systems do not say what an entry is, and then it is looked at.
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_dir(follow_symlinks=False):
            return False
        # A Windows junction is no symbolic link, and leads elsewhere all the same (Python 3.12).
        return not getattr(entry, "is_junction", lambda: False)()
    except OSError:
        return False


def siblings(file: str, suffixes: tuple[str, ...], most: int) -> list[str]:
    """Other files of a file's folder, by name, at most so many of the first thousand listed."""
    found = []
    for count, entry in enumerate(_entries(os.path.dirname(file))):
        if count >= 1000:
            break
        if entry.name.endswith(suffixes) and entry.path != file:
            found.append(entry.path)
    return sorted(found)[:most]


def _module_parts(path: str) -> list[str]:
    """A file's path as a module's name; a package's `__init__` is called as its folder."""
    stem, name = os.path.splitext(path)[0].split(os.sep), os.path.basename(path)
    return stem[:-1] if name.startswith("__init__.") else stem
