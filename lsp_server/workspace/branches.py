"""Which branches are checked out around the workspace folders.

Owns what git said of it last. How git says it is `access.git`'s to know, and what follows from a
switch the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..access.git import read_line, repository_of


class Branches:
    """Reads the disk; only one thread may ask."""

    def __init__(self, roots: Iterable[str]) -> None:
        places = [repository_of(Path(root)) for root in roots]
        repositories = [each for each in places if each]
        self.folders = [folder for each in repositories for folder in each.folders]
        self.heads = frozenset(each.head for each in repositories)  # files that name a branch
        self._named = self._read()

    def switched(self) -> bool:
        """Whether one is another than when this was asked last."""
        before, self._named = self._named, self._read()
        return self._named != before

    def _read(self) -> dict[str, str]:
        return {head: read_line(head) for head in self.heads}
