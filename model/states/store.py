"""States on the disk: found again after a restart, bounded in bytes, shared by several servers.

Owns how arrays become a file and a file becomes arrays, and which states of one model there are.
Knows states only as named arrays; what a file says about itself stands in `statefile`, and which
files there are in `statefolder`.

Whatever goes wrong here costs reading again, and nothing more.
"""

from __future__ import annotations

import logging
import math
import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..completer import FileId
from ..folder import files as model_folder
from .statefile import (
    FORMAT,
    About,
    DamagedStateError,
    Entry,
    Header,
    Slot,
    checksum,
    decode,
    encode,
)
from .statefolder import (
    Forgotten,
    entries,
    file_name,
    forget,
    is_fingerprint,
    listed,
    make_folder,
    make_room,
    remove,
    write_whole,
)

DEFAULT_BUDGET_BYTES = 512 << 20
REFRESH_S = 1.0  # how old the list of what is there may become: other servers add and delete

_DTYPES: dict[str, np.dtype[Any]] = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4")}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

logger = logging.getLogger(__name__)


def fingerprint(folder: Path, layout: int, arithmetic: str) -> str:
    """32 hexadecimal digits for the states of the model in `folder`; others cannot use them.

    `layout` counts the changes in how prompts are laid out or states computed, `arithmetic` is
    the network's. Raises `ModelFolderError`.
    """
    parts = (FORMAT, layout, arithmetic, model_folder.fingerprint(folder))
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


class Store:
    """The states of one model. Threads and processes may share it; it never raises `OSError`."""

    def __init__(
        self, folder: Path, fingerprint: str, budget_bytes: int = DEFAULT_BUDGET_BYTES
    ) -> None:
        """`budget_bytes` bounds all of `folder`, other models' states included.

        Each further server that is writing at the same time may exceed it by a sixteenth.
        """
        if not is_fingerprint(fingerprint):
            raise ValueError("a fingerprint has 32 hexadecimal digits")
        self.budget_bytes = budget_bytes
        self._root, self._folder = folder, folder / fingerprint
        self._fingerprint = fingerprint
        self._lock = Lock()  # held by who writes; whoever looks things up never waits for it
        self._known: Mapping[bytes, int] = {}  # key -> tokens; replaced, never changed
        self._listed_s = -math.inf
        self._room_bytes = 0  # what may be written before the folder has to be measured again
        self._failing = False

    def __contains__(self, key: bytes) -> bool:
        return key in self._listed()

    @property
    def lengths(self) -> frozenset[int]:
        """After how many tokens there are states."""
        return frozenset(self._listed().values())

    def load(self, key: bytes) -> dict[str, NDArray[Any]] | None:
        """The arrays of a state, read from its file and checked; it counts as used now.

        None without a file, or when the file is not what was written; that one is removed. They
        are as the file has them: whether they fit the model is for the caller to see.
        """
        tokens = self._listed().get(key)
        if tokens is None:
            return None
        path = self._path(key, tokens)
        try:
            whole = _read(path, self.budget_bytes)
            arrays = self._unpacked(whole, key, tokens)
        except DamagedStateError as error:
            logger.warning("the state %s is ignored: %s", path.name, error)
            remove(path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, MemoryError) as error:
            logger.warning("the state %s cannot be read (%s)", path.name, type(error).__name__)
        else:
            with suppress(OSError):
                os.utime(path)
            return arrays
        self._known = {known: n for known, n in self._known.items() if known != key}
        return None

    def save(
        self,
        key: bytes,
        tokens: int,
        arrays: Mapping[str, NDArray[Any]],
        workspace: str,
        sources: Sequence[FileId],
    ) -> bool:
        """Write a state, or write it anew; whether that succeeded.

        `key` is the hash of the `tokens` tokens that were read; a state of the same key is
        replaced. The arrays must be float32 or float64. The first of a row of failures is logged.
        """
        about = About(self._fingerprint, key, tokens, workspace, tuple(sources))
        path = self._path(key, tokens)
        with self._lock:
            try:
                self._write(path, _packed(about, arrays))
            except (OSError, ValueError) as error:
                if not self._failing:
                    reason = getattr(error, "strerror", None) or error
                    logger.warning("the state %s could not be saved: %s", path.name, reason)
                self._failing = True
                return False
            self._failing = False
            self._known = {**self._known, key: tokens}
            return True

    def entries(self) -> list[Entry]:
        """All states, those of other models too."""
        return entries(self._root)

    def forget(self, where: Callable[[Entry], bool]) -> Forgotten:
        """Remove the states that `where` holds for, those of other models too."""
        with self._lock:
            try:
                return forget(self._root, where)
            finally:
                self._list()

    def _path(self, key: bytes, tokens: int) -> Path:
        return self._folder / file_name(key, tokens)

    def _listed(self) -> Mapping[bytes, int]:
        due = time.monotonic() - self._listed_s >= REFRESH_S
        if due and self._lock.acquire(blocking=False):
            try:
                self._list()
            finally:
                self._lock.release()
        return self._known

    def _list(self) -> None:
        self._known = listed(self._folder)
        self._listed_s = time.monotonic()

    def _unpacked(
        self, whole: NDArray[np.uint8], key: bytes, tokens: int
    ) -> dict[str, NDArray[Any]]:
        """The arrays within the bytes of a file; raises `DamagedStateError`."""
        data = whole.data
        header = decode(data, len(data))
        about = header.about
        if (about.fingerprint, about.key, about.tokens) != (self._fingerprint, key, tokens):
            raise DamagedStateError("it belongs to other tokens or to another model")
        if checksum([data[header.size :]]) != header.content:
            raise DamagedStateError("its tensors are damaged")
        return {slot.name: _array(whole, header, slot) for slot in header.slots}

    def _write(self, path: Path, parts: Sequence[bytes | memoryview]) -> None:
        needed = sum(len(part) for part in parts)
        share = self.budget_bytes // 16
        if needed > self._room_bytes:
            # Some more than needed, so that a full folder is not measured for every small state.
            room = make_room(self._root, max(needed, min(8 * needed, share)), self.budget_bytes)
            if room < needed:
                raise ValueError("the budget for states on the disk has no room for it")
            # Other servers use the same room, so it is not trusted for long.
            self._room_bytes = max(needed, min(room, share))
        make_folder(self._folder)
        write_whole(path, parts)
        self._room_bytes -= needed


def _packed(about: About, arrays: Mapping[str, NDArray[Any]]) -> list[bytes | memoryview]:
    """A file's parts, in order. The widest numbers come first, so that each is aligned."""
    ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
    slots: list[Slot] = []
    data: list[memoryview] = []
    end = 0
    for name, array in ordered:
        dtype, begin, end = _NAMES[array.dtype], end, end + array.nbytes
        slots.append(Slot(name, dtype, array.shape, begin, end))
        data.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return [encode(about, checksum(data), slots), *data]


def _array(whole: NDArray[np.uint8], header: Header, slot: Slot) -> NDArray[Any]:
    data = whole[header.size + slot.begin : header.size + slot.end]
    return data.view(_DTYPES[slot.dtype]).reshape(slot.shape)


def _read(path: Path, longest: int) -> NDArray[np.uint8]:
    """The bytes of a file, in memory: the checksum needs all of them in any case.

    Mapped, each would hold a file open (before Python 3.13 there is no other way), and thousands
    of states may be in use. Raises `DamagedStateError` for anything but a plain file of at most
    `longest` bytes, and `OSError`.
    """
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > longest:
        raise DamagedStateError("it is not a plain file, or too large")
    return np.fromfile(path, np.uint8, count=found.st_size)
