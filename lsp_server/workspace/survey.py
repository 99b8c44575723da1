"""What is known of the workspace as a whole: which files there are, and how they hang together.

Owns the thread that walks over the folders, its pauses, and the relations that hold until something
is different. Knows nothing of changes but that there was one, nor of what is chosen.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .families import SUFFIXES
from .free_files import FreeFiles
from .relations import Relations
from .walk import Index, walk

logger = logging.getLogger(__name__)

# The walk's pauses. While the user types it hardly works: an answer needs Python's one lock some
# hundred times, and in a workspace of 100,000 files took a fifth longer.
PAUSE_S, LONG_PAUSE_S = 0.004, 0.05
TYPING_S = 0.2  # after an edit


class Survey:
    """Walks once at the start, and then when it is told to. Any thread may call its methods."""

    def __init__(self, files: FreeFiles, walked: Callable[[], None]) -> None:
        """`walked` is called at the end of each walk, on the walk's thread."""
        self._files, self._walked = files, walked
        self._lock = threading.Lock()  # the next two change together; no disk is read
        self.index = Index()
        self.relations = self._new_relations()
        self._due = threading.Event()
        self._closed = False
        self._typed_s = -math.inf
        if files.folders.roots:
            self._due.set()
            threading.Thread(target=self._run, name="walk", daemon=True).start()

    def typing(self) -> None:
        """The user is at work: hardly walk for a moment."""
        self._typed_s = time.monotonic()

    def renew(self, index: Index | None = None) -> None:
        """Something on the disk is different: what was found out so far does not count."""
        with self._lock:
            self.index = index or self.index
            self.relations = self._new_relations()

    def walk_again(self) -> None:
        """Folders may be entered that were not, or hold other files; a walk in progress ends."""
        self._due.set()

    def close(self) -> None:
        """Let the thread end; it is not waited for."""
        self._closed = True
        self._due.set()

    def _new_relations(self) -> Relations:
        return Relations(self._files.folders.roots, self.index, self._files.text)

    # Below this line, everything runs on the walk's thread.

    def _run(self) -> None:
        while self._due.wait() and not self._closed:
            self._due.clear()
            self.renew(self._walk())
            self._walked()

    def _walk(self) -> Index | None:
        """None if it failed."""
        roots = [Path(root) for root in self._files.folders.roots]
        try:
            return walk(roots, SUFFIXES, self._files.rules.enters, self._pause)
        except Exception as error:
            logger.error("The walk failed: %s", type(error).__name__, exc_info=error)
            return None

    def _pause(self) -> bool:
        """Let other threads work; once a new walk is due, this one is of no use."""
        typing = time.monotonic() - self._typed_s < TYPING_S
        return not self._due.wait(LONG_PAUSE_S if typing else PAUSE_S)
