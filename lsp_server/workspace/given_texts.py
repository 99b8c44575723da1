"""The book of the texts that were given out: of which files, and for which open ones.

Owns what is remembered of each, which is no more than a hash, and for how many open files. Never
looks at the disk: what became of a file, others find out and write down here.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from .watch import Subjects

MAX_OPEN = 8  # selections whose files are in use


class GivenTexts:
    """Any thread may write and ask; files are absolute paths."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hashes: dict[str, int | None] = {}  # by file; None: nobody knows what it said
        self._selected: OrderedDict[str, tuple[str, ...]] = OrderedDict()  # by open file

    def __contains__(self, file: str) -> bool:
        with self._lock:
            return file in self._hashes

    def add(self, texts: Mapping[str, str]) -> None:
        """These were given out."""
        with self._lock:
            self._hashes |= _hashes(texts)

    def select(self, file: str, texts: Mapping[str, str]) -> None:
        """These were given out for an open file, in place of what was before."""
        with self._lock:
            self._hashes |= _hashes(texts)
            self._selected[file] = tuple(texts)
            self._selected.move_to_end(file)
            if len(self._selected) > MAX_OPEN:
                self._selected.popitem(last=False)

    def hold(self, files: Iterable[str]) -> None:
        """Some text of these was given out in an earlier session."""
        with self._lock:
            for file in files:
                self._hashes.setdefault(file, None)

    def hashes(self) -> dict[str, int | None]:
        """What each file's text was when it was given out; a copy."""
        with self._lock:
            return dict(self._hashes)

    def settle(self, texts: Mapping[str, str | None]) -> None:
        """This is what became of some; those without a text have left."""
        with self._lock:
            self._hashes |= _hashes(texts)
            for file in (each for each, text in texts.items() if text is None):
                self._hashes.pop(file, None)

    def subjects(self) -> Subjects:
        """What to watch: those in use, with the folders of what was worked on last in front."""
        with self._lock:
            chosen = [file for files in reversed(self._selected.values()) for file in files]
            homes = [os.path.dirname(file) for file in (*reversed(self._selected), *chosen)]
            given = frozenset(self._hashes)
        used = given.intersection(chosen)
        return Subjects(used, tuple(homes), given - used)


def _hashes(texts: Mapping[str, str | None]) -> dict[str, int]:
    return {file: hash(text) for file, text in texts.items() if text is not None}
