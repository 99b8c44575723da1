"""What the files of a workspace have to do with each other, as long as none of them changes.

Owns the answers, remembered: which files a text imports, and which tests go with a file. Lives
until something on the disk is different; then another takes its place. How the answers are found
is `imports` and `counterparts`' to say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from itertools import islice

from .counterparts import counterparts
from .imports import imported_files
from .lookup import Lookup
from .script_project import package_folders
from .walk import Index

MAX_ANSWERS = 256
MAX_FOLDERS = 1000  # whose lists are kept
MAX_LISTED = 10_000  # of a folder; of longer lists none is made


class Relations:
    """Reads the disk; belongs on a worker thread."""

    def __init__(
        self, roots: Sequence[str], index: Index, read: Callable[[str], str | None]
    ) -> None:
        """`read` gives the text of a file that may be read, else None."""
        packages = cache(lambda: package_folders(index.packages, read))
        self._names = lru_cache(MAX_FOLDERS)(_names)
        self._lookup = Lookup(roots, self._is_file, read, index.with_tail, packages)
        self._imports: dict[tuple[str, int], list[str]] = {}  # by path and hash of the text

    def imports(self, file: str, text: str) -> list[str]:
        """The files that a text imports, which is or may soon be in this file."""
        key = file, hash(text)
        if (found := self._imports.get(key)) is None:
            found = imported_files(text, file, self._lookup)
            if len(self._imports) >= MAX_ANSWERS:
                self._imports.clear()
            self._imports[key] = found
        return found

    def tests(self, file: str) -> list[str]:
        """The tests of a file, or what it tests."""
        return counterparts(file, self._lookup)

    def _is_file(self, path: str) -> bool:
        """Of a name a dozen variants are looked for in a folder, so it is looked through once."""
        folder, name = os.path.split(path)
        names = self._names(folder)
        return (names is None or name in names) and os.path.isfile(path)


def _names(folder: str) -> frozenset[str] | None:
    """All that a folder holds, which is nothing if it cannot be read; None if that is too much."""
    try:
        with os.scandir(folder) as listing:
            names = frozenset(entry.name for entry in islice(listing, MAX_LISTED + 1))
    except (OSError, ValueError):
        return frozenset()
    return names if len(names) <= MAX_LISTED else None
