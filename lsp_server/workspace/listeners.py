"""Who is told what becomes of the files of a workspace, until it is closed.

Owns the promise that afterwards nobody is told any more. What there is to tell is not known here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path


class Listeners:
    """Any thread may tell. A listener is quick and reads no disk; it may close."""

    def __init__(
        self, changed: Callable[[], None], gone: Callable[[frozenset[Path]], None]
    ) -> None:
        self._changed, self._gone = changed, gone
        self._lock = threading.RLock()  # held while one is told, so that closing waits for it
        self._closed = False

    def changed(self) -> None:
        """A selection made anew may differ."""
        with self._lock:
            if not self._closed:
                self._changed()

    def gone(self, files: Iterable[str]) -> None:
        """Every trace of these must leave."""
        with self._lock:
            if not self._closed:
                self._gone(frozenset(map(Path, files)))

    def close(self) -> None:
        """Once this has returned, nobody is told any more."""
        with self._lock:
            self._closed = True
