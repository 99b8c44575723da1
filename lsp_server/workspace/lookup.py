"""What an import is looked up in: the workspace folders, by a few questions about their files.

Owns the questions, and that none is asked about a place outside the folders: what a text imports
is untrusted, and on some systems a mere look at a path goes over the network. Who answers them,
and what a language makes of the answers, is not known here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .paths import is_installed, steps, within

# What a project's modules stand under, beside its root.
_SOURCE_FOLDERS = ("", "src", "lib")


@dataclass(frozen=True)
class Lookup:
    """Paths are absolute. Without answers there is nothing but the roots."""

    roots: Sequence[str]
    exists: Callable[[str], bool] = lambda path: False
    read: Callable[[str], str | None] = lambda path: None  # None: there is none to be read
    # Which files' paths end with these parts, suffix aside; for layouts that no rule foresees.
    with_tail: Callable[[Sequence[str]], Sequence[str]] = lambda parts: ()
    # The folders of JavaScript's packages in the workspace, by their names.
    packages: Callable[[], Mapping[str, str]] = dict

    def first(self, stem: str, endings: Sequence[str]) -> str | None:
        """The first of a path's endings with which there is a file of the workspace's making."""
        root = self.root(stem)
        if root is None or stem == root or is_installed(stem, root):
            return None
        return next((path for each in endings if self.exists(path := stem + each)), None)

    def text(self, path: str) -> str | None:
        """A file's text; None if there is none, or none that may be read."""
        return None if self.root(path) is None else self.read(path)

    def root(self, path: str) -> str | None:
        """The innermost folder of the workspace that a path lies in."""
        return max((root for root in self.roots if within(path, root)), key=len, default=None)

    def upwards(self, file: str) -> list[str]:
        """A file's folder and those around it, up to its root."""
        root, folder, found = self.root(file), os.path.dirname(file), list[str]()
        while root is not None and within(folder, root):
            found.append(folder)
            folder = os.path.dirname(folder)
        return found

    def source_folders(self, file: str) -> list[str]:
        """Where a file's absolute imports may start: its folder and those above, then the roots."""
        below = (
            os.path.join(root, name) if name else root
            for root in self.roots
            for name in _SOURCE_FOLDERS
        )
        return list(dict.fromkeys([*self.upwards(file), *below]))

    def nearest_with_tail(
        self, parts: Sequence[str], file: str, suffixes: tuple[str, ...]
    ) -> str | None:
        """Of the files whose paths end so, the one that is nearest to a file."""
        found = [path for path in self.with_tail(parts) if path.endswith(suffixes)]
        return min(found, key=lambda path: (steps(file, path), path), default=None)
