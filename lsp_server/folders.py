"""The workspace folders: which one a file stands in, and what it is called there.

Owns names and places of files, as strings with absolute paths. Never looks at the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path


class Folders:
    """The folders that the editor has open, outermost or not."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(dict.fromkeys(os.path.abspath(root) for root in roots))

    def root(self, file: str) -> str | None:
        """The innermost workspace folder that a file stands in."""
        around = [root for root in self.roots if file.startswith(root.rstrip(os.sep) + os.sep)]
        return max(around, key=len, default=None)

    def name(self, file: str) -> str:
        """What a file is called, with slashes: its path from its workspace folder on.

        With several of those, from the folder's own name on; absolute if it stands in none.
        """
        if (root := self.root(file)) is None:
            return Path(file).as_posix()
        return (
            Path(file).relative_to(root if len(self.roots) == 1 else Path(root).parent).as_posix()
        )

    def with_above(self, folders: Iterable[str]) -> tuple[str, ...]:
        """These folders, then those around them up to the workspace folders; each once."""
        near = dict.fromkeys(folders)
        return tuple(dict.fromkeys([*near, *(up for each in near for up in self._above(each))]))

    def _above(self, folder: str) -> Iterator[str]:
        while self.root(folder) is not None:
            folder = os.path.dirname(folder)
            yield folder


def is_among(path: str, hints: frozenset[str]) -> bool:
    """Whether a path, or a folder around it, is one of these."""
    while path not in hints:
        if (above := os.path.dirname(path)) == path:
            return False
        path = above
    return True
