"""The files that the user touched, in the order of their last use.

Owns that order and its bound. Never looks at the disk: whether a file is still there, and whether
it may be read, is not known here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from .families import SUFFIXES
from .folders import Folders

MAX_RECENT = 64  # files


class Recent:
    """Any thread may ask, and the event loop's may call it."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._lock = threading.Lock()
        self._files: OrderedDict[str, None] = OrderedDict()  # the last one was used last

    def touch(self, file: str) -> None:
        """The user is at this file; one of an installed package, or no language, is left out."""
        with self._lock:
            self._add(file)

    def files(self) -> list[str]:
        """The last one last."""
        with self._lock:
            return list(self._files)

    def restore(self, files: Sequence[str]) -> None:
        """Take an order over from an earlier session; what was touched since comes after it."""
        with self._lock:
            since = list(self._files)
            self._files.clear()
            for file in (*files, *since):
                self._add(file)

    def _add(self, file: str) -> None:
        if not self._folders.owns(file) or not file.endswith(SUFFIXES):
            return
        self._files[file] = None
        self._files.move_to_end(file)
        if len(self._files) > MAX_RECENT:
            self._files.popitem(last=False)
