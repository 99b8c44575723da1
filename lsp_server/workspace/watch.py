"""Notices that files may have changed on the disk.

Owns one thread that gathers hints, from the operating system where it gives them and from the
clock where it does not, and passes them on in one go once they calm down. A hint is a path that
should be looked at again; whether it changed, and what that means, is the caller's to find out.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from watchdog import events
from watchdog.observers import Observer
from watchdog.observers.api import ObservedWatch

logger = logging.getLogger(__name__)

# watchdog holds a thread for each folder; what stands in further ones is polled.
MAX_WATCHES = 64
MAX_HINTS = 1000  # paths; of more it is only said that they are many
# Reading a file is an event as well, so these must be named.
_EVENTS: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileDeletedEvent,
    events.FileMovedEvent,
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirMovedEvent,
]

Look = Callable[[frozenset[str] | None], None]  # at these paths, or at all
Matters = Callable[[str], bool]  # says, quickly, whether an event at a file is worth a look at it


@dataclass(frozen=True)
class Pace:
    """How soon a change is told."""

    quiet_s: float = 0.3  # without another hint, after which a burst is over
    burst_s: float = 2.0  # after which it is told all the same
    poll_s: float = 2.0  # between two looks at a file that nobody watches
    # And at one that is watched, or not in use: network file systems lose events without a word.
    glance_s: float = 30.0


PACE = Pace()


@dataclass(frozen=True)
class Subjects:
    """What to watch; all paths are absolute."""

    files: frozenset[str] = frozenset()  # in use
    folders: tuple[str, ...] = ()  # that hold them, or rules about them; the first matter most
    others: frozenset[str] = frozenset()  # files to have a glance at now and then


class Watcher(Protocol):
    """The part of watchdog's observers that is used."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def unschedule(self, watch: ObservedWatch) -> None: ...
    def schedule(
        self,
        event_handler: events.FileSystemEventHandler,
        path: str,
        *,
        event_filter: list[type[events.FileSystemEvent]] | None = None,
    ) -> ObservedWatch: ...


@dataclass
class _Hints:
    """What gathered since the last look."""

    paths: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)  # those of the paths that are known as such
    too_many: bool = False
    first_s: float = math.inf
    last_s: float = math.inf

    def due_s(self, pace: Pace) -> float:
        return min(self.last_s + pace.quiet_s, self.first_s + pace.burst_s)


class Watch:
    """Calls `look` on a thread of its own with the paths to look at, or None for all of them.

    A folder's path stands for all that is in it.
    """

    def __init__(
        self,
        look: Look,
        matters: Matters,
        pace: Pace = PACE,
        watcher: Callable[[], Watcher] = Observer,
    ) -> None:
        self._look, self._matters, self._pace = look, matters, pace
        self._subjects, self._stale = Subjects(), False
        self._hints = _Hints()
        self._closed = False
        self._woken = threading.Condition()
        self._armed = _Armed(_Handler(self._note), watcher)
        self._polled_s = self._glanced_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def follow(self, subjects: Subjects) -> None:
        """Watch these from now on, and no others. Returns at once."""
        with self._woken:
            if subjects != self._subjects:
                self._subjects, self._stale = subjects, True
                self._woken.notify()

    def hint(self, paths: Iterable[str]) -> None:
        """Say that these should be looked at; for those who know better than the system."""
        for path in paths:
            self._add(path, False)

    def close(self) -> None:
        """Stop; waits for a `look` in progress, unless called from within it."""
        with self._woken:
            self._closed = True
            self._woken.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=5)

    def _note(self, path: str, is_folder: bool) -> None:
        if is_folder or self._matters(path):
            self._add(path, is_folder)

    def _add(self, path: str, is_folder: bool) -> None:
        with self._woken:
            hints = self._hints
            hints.last_s = time.monotonic()
            if hints.first_s == math.inf:
                hints.first_s = hints.last_s
                self._woken.notify()
            if len(hints.paths) < MAX_HINTS:
                hints.paths.add(path)
                if is_folder:
                    hints.folders.add(path)
            elif path not in hints.paths:
                hints.too_many = True

    # Below this line, everything runs on the watch's thread.

    def _run(self) -> None:
        while self._wait():
            try:
                self._turn()
            except Exception as error:
                logger.error("Looking at changes failed: %s", type(error).__name__, exc_info=error)
        self._armed.close()

    def _wait(self) -> bool:
        """Sleep until there is something to do; False once closed."""
        with self._woken:
            while not self._closed and not self._stale:
                left_s = min(self._hints.due_s(self._pace), self._next_poll_s()) - time.monotonic()
                if left_s <= 0:
                    break
                self._woken.wait(None if left_s == math.inf else left_s)
            return not self._closed

    def _next_poll_s(self) -> float:
        glance_s, poll_s = math.inf, math.inf
        if self._subjects.files or self._subjects.others:
            glance_s = self._glanced_s + self._pace.glance_s
        if any(not self._armed.holds(path) for path in self._subjects.files):
            poll_s = self._polled_s + self._pace.poll_s
        return min(glance_s, poll_s)

    def _turn(self) -> None:
        with self._woken:
            subjects, self._stale = self._subjects, False
            hints = _Hints()
            if self._hints.due_s(self._pace) <= time.monotonic():
                hints, self._hints = self._hints, hints
        new = self._armed.arm(subjects.folders, hints.folders)
        if hints.too_many:
            self._look(None)
            return
        # What changed in a folder before it was watched, nobody told: so all in it is looked at.
        if paths := new | hints.paths | self._polled(subjects):
            self._look(frozenset(paths))

    def _polled(self, subjects: Subjects) -> set[str]:
        now_s, paths = time.monotonic(), set[str]()
        if now_s >= self._glanced_s + self._pace.glance_s:
            self._glanced_s = self._polled_s = now_s
            paths |= {*subjects.folders, *subjects.files, *subjects.others}
        elif now_s >= self._polled_s + self._pace.poll_s:
            self._polled_s = now_s
            paths |= {path for path in subjects.files if not self._armed.holds(path)}
        return paths


class _Armed:
    """The folders that the operating system watches, without those below them."""

    def __init__(
        self, handler: events.FileSystemEventHandler, watcher: Callable[[], Watcher]
    ) -> None:
        self._handler, self._make = handler, watcher
        self._watcher: Watcher | None = None
        self._failed = False
        self._watches: dict[str, tuple[ObservedWatch, tuple[int, int]]] = {}

    def holds(self, path: str) -> bool:
        """Whether a file's folder is watched."""
        return os.path.dirname(path) in self._watches

    def arm(self, folders: Sequence[str], doubtful: Collection[str]) -> set[str]:
        """Watch these, as many as may be, and no others; returns those not watched before.

        A folder that was removed and made anew is another one, of which the old watch says nothing;
        `doubtful` are those that may have been, since the new one often has the old one's number.
        """
        identities = {folder: _identity(folder) for folder in folders[:MAX_WATCHES]}
        for folder, (watch, identity) in list(self._watches.items()):
            if identities.get(folder) != identity or folder in doubtful:
                del self._watches[folder]
                self._unschedule(watch)
        new = set()
        for folder, found in identities.items():
            if found is not None and folder not in self._watches and self._schedule(folder, found):
                new.add(folder)
        return new

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()
        self._watches.clear()

    def _schedule(self, folder: str, identity: tuple[int, int]) -> bool:
        try:
            if self._watcher is None:
                if self._failed:
                    return False
                watcher = self._make()
                watcher.start()
                self._watcher = watcher
            watch = self._watcher.schedule(self._handler, folder, event_filter=_EVENTS)
        except Exception as error:  # a limit of the system, or a file system that gives no events
            if not self._failed:
                logger.info("Some folders are polled, not watched: %s", type(error).__name__)
            self._failed = True
            return False
        self._watches[folder] = watch, identity
        return True

    def _unschedule(self, watch: ObservedWatch) -> None:
        if self._watcher is not None:
            try:
                self._watcher.unschedule(watch)
            except Exception as error:  # it ended by itself, with its folder
                logger.debug("A watch was gone already: %s", type(error).__name__)


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


class _Handler(events.FileSystemEventHandler):
    def __init__(self, note: Callable[[str, bool], None]) -> None:
        self._note = note

    def dispatch(self, event: events.FileSystemEvent) -> None:
        for path in (event.src_path, event.dest_path):
            if path:
                self._note(os.fsdecode(path), event.is_directory)
