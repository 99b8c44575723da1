"""The workspace folders: which one a file stands in, and what it is called there.

Owns names and places of files: paths are strings here, absolute, and a model knows files by a
`FileId`, which becomes a path again nowhere else. Never looks at the disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ...model.completer import FileId
from .paths import is_installed, within


class Folders:
    """The folders that the editor has open, outermost or not."""

    def __init__(self, roots: Sequence[Path], names: Mapping[str, str] | None = None) -> None:
        """`names` are those that folders have on every machine; a folder without is its path."""
        self.roots = tuple(dict.fromkeys(os.path.abspath(root) for root in roots))
        self._names = dict(names or {})
        self._places = {name: root for root, name in self._names.items()}

    @property
    def names(self) -> frozenset[str]:
        """By which a model knows them."""
        return frozenset(self._names.get(root, root) for root in self.roots)

    def root(self, file: str) -> str | None:
        """The innermost workspace folder that a file stands in."""
        around = [root for root in self.roots if file != root and within(file, root)]
        return max(around, key=len, default=None)

    def owns(self, file: str) -> bool:
        """Whether a file is of the workspace's own making: in it, and of no installed package."""
        root = self.root(file)
        return root is not None and not is_installed(file, root)

    def name(self, file: str) -> str:
        """What a file is called, with slashes: its path from its workspace folder on.

        With several of those, from the folder's own name on; absolute if it stands in none.
        """
        if (root := self.root(file)) is None:
            return Path(file).as_posix()
        return (
            Path(file).relative_to(root if len(self.roots) == 1 else Path(root).parent).as_posix()
        )

    def identity(self, file: str) -> FileId:
        """By which a model knows a file."""
        file = os.path.abspath(file)
        if (root := self.root(file)) is None:
            return FileId("", file)
        return FileId(self._names.get(root, root), Path(file).relative_to(root).as_posix())

    def identities(self, file: str) -> frozenset[FileId]:
        """All that a file may have had: another session may have opened any folder around it."""
        path = Path(os.path.abspath(file))
        found = {FileId("", str(path))}
        for folder in map(str, path.parents):
            below = path.relative_to(folder).as_posix()
            found |= {FileId(folder, below), FileId(self._names.get(folder, folder), below)}
        return frozenset(found)

    def place(self, file: FileId) -> str:
        """The path that a file has here."""
        if not file.workspace:
            return file.path
        root = self._places.get(file.workspace, file.workspace)
        return os.path.join(root, *file.path.split("/"))

    def with_above(self, folders: Iterable[str]) -> tuple[str, ...]:
        """These folders, then those around them up to the workspace folders; each once."""
        near = dict.fromkeys(folders)
        return tuple(dict.fromkeys([*near, *(up for each in near for up in self._above(each))]))

    def _above(self, folder: str) -> Iterator[str]:
        while self.root(folder) is not None:
            folder = os.path.dirname(folder)
            yield folder
