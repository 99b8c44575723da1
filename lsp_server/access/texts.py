"""Text files as they stand on the disk, read so that no file can do harm, and cached.

Owns what counts as a readable text and when one that was read is still the one on the disk. Knows
nothing of workspaces, rules and models. Any thread may ask.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_FILE_BYTES = 256 * 1024
CACHE_CHARS = 8 * 1024 * 1024
# A file system's clock may stand still that long: a second change within it leaves the same stamp.
_TICK_NS = 100_000_000
# A fifo without a writer would block `open`, and a link could lead anywhere; where these flags do
# not exist (Windows), neither does the danger of the first, and the second is checked by `lstat`.
FOLLOWING = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):
    FOLLOWING |= getattr(os, _flag, 0)
NOT_FOLLOWING = FOLLOWING | getattr(os, "O_NOFOLLOW", 0)


class Stamp(NamedTuple):
    """What tells a file's versions apart without reading it."""

    mtime_ns: int
    ctime_ns: int
    size_bytes: int
    inode: int


@dataclass(frozen=True)
class _Entry:
    stamp: Stamp
    settled: bool  # whether the stamp would differ, had the file changed since
    text: str | None = field(repr=False)


class Texts:
    """A cache of files' texts by path; what it returns was on the disk at the time of the call."""

    def __init__(self, cache_chars: int = CACHE_CHARS) -> None:
        self._cache_chars = cache_chars
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._chars = 0
        self._lock = threading.Lock()

    def get(self, path: str) -> str | None:
        """A file's text, line feeds only; None if there is none that may be read.

        None for anything but a regular file of at most 256 KiB that holds UTF-8 (a byte order mark
        is left out) and no NUL; for a symbolic link too, wherever it leads.
        """
        stamp = _stamp(path)
        if stamp is None:
            self._forget(path)
            return None
        with self._lock:
            entry = self._entries.get(path)
            if entry is not None and entry.settled and entry.stamp == stamp:
                self._entries.move_to_end(path)
                return entry.text
        now_ns = time.time_ns()
        settled = not 0 <= now_ns - max(stamp.mtime_ns, stamp.ctime_ns) < _TICK_NS
        entry = _Entry(stamp, settled, read(path))
        self._keep(path, entry)
        return entry.text

    def _keep(self, path: str, entry: _Entry) -> None:
        self._forget(path)
        with self._lock:
            self._entries[path] = entry
            self._chars += _cost(entry)
            while self._chars > self._cache_chars:
                self._chars -= _cost(self._entries.popitem(last=False)[1])

    def _forget(self, path: str) -> None:
        with self._lock:
            if (entry := self._entries.pop(path, None)) is not None:
                self._chars -= _cost(entry)


def plain_bytes(path: str, most_bytes: int, flags: int) -> bytes:
    """The first `most_bytes` of a regular file; `flags` are one of the two above.

    Raises OSError, for what is no regular file too, and ValueError for a NUL in the path.
    """
    descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:
        # Only now is it certain what was opened: the name may have changed hands meanwhile.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{os.path.basename(path)} is not a regular file")
        return file.read(most_bytes)


def read(path: str) -> str | None:
    """A file's text as `Texts.get` describes it, from the disk."""
    try:
        return _decoded(plain_bytes(path, MAX_FILE_BYTES + 1, NOT_FOLLOWING))
    except (OSError, ValueError):
        return None


def _decoded(content: bytes) -> str | None:
    if len(content) > MAX_FILE_BYTES or b"\0" in content:
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _stamp(path: str) -> Stamp | None:
    try:
        seen = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(seen.st_mode) or seen.st_size > MAX_FILE_BYTES:
        return None
    return Stamp(seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino)


def _cost(entry: _Entry) -> int:
    return 1000 + len(entry.text or "")  # so that many small entries are bounded as well
