"""The folder of states on the disk: which files there are, which go, and how one is written.

Owns the names in it, `<folder>/<fingerprint>/<key>-<tokens>.safetensors`, and needs no torch, so
that the command line can list and forget states. What is inside a file stands in `statefile`.

Several servers may use one folder at once and without locks: a file is written under a name of
its own and then renamed into place, and never changed afterwards, so that whoever is reading it
reads one state to the end. Nothing is forced to the disk (fsync): after a power cut a file may be
damaged, which its checksums tell.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .statefile import DamagedStateError, Entry, read_header

ABANDONED_S = 600  # an unfinished file this old was left by a process that died

_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"(?P<key>[0-9a-f]{32})-(?P<tokens>\d{1,12})\.safetensors")
_UNFINISHED = re.compile(rf"{_NAME.pattern}\.[0-9a-f]+\.part")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Forgotten:
    """How many files were removed, and how many should have been but could not."""

    removed: int
    left: int


def entries(folder: Path) -> list[Entry]:
    """Every state in `folder`, of all models, last used first; needs no torch."""
    found = (_entry(file) for file in _files(folder) if not file.unfinished)
    return sorted((e for e in found if e is not None), key=lambda entry: -entry.used_s)


def forget(folder: Path, where: Callable[[Entry], bool]) -> Forgotten:
    """Remove the states in `folder` that `where` holds for, of all models; needs no torch.

    Files that cannot be read go too, since nobody knows what they hold. Windows removes no file
    that somebody has open: they count as `left`, and so does whatever is write-protected.
    """
    removed = left = 0
    for file in _files(folder):
        entry = _entry(file)
        if entry is not None and not where(entry):
            continue
        if remove(Path(file.path)):
            removed += 1
        else:
            logger.warning("the state %s could not be removed", Path(file.path).name)
            left += 1
    return Forgotten(removed, left)


def is_fingerprint(name: str) -> bool:
    """Whether a folder of this name holds states."""
    return _FINGERPRINT.fullmatch(name) is not None


def file_name(key: bytes, tokens: int) -> str:
    """A state's. Its length stands in it so that a list of names tells where states are."""
    return f"{key.hex()}-{tokens}.safetensors"


def listed(folder: Path) -> dict[bytes, int]:
    """The states of one model, key -> tokens, by their names alone: no file is touched."""
    names = (_NAME.fullmatch(item.name) for item in _regular_files(folder))
    return {bytes.fromhex(name["key"]): int(name["tokens"]) for name in names if name}


@dataclass(frozen=True)
class _File:
    """A file of ours, by its name; nobody has looked inside."""

    path: str
    nbytes: int
    used_ns: int
    unfinished: bool


def _regular_files(folder: Path) -> list[os.DirEntry[str]]:
    """Neither links nor folders nor pipes: whoever opens one of those may wait forever."""
    try:
        with os.scandir(folder) as items:
            return [item for item in items if item.is_file(follow_symlinks=False)]
    except OSError:
        return []


def _files(folder: Path) -> Iterator[_File]:
    for model in _model_folders(folder):
        for item in _regular_files(model):
            unfinished = _UNFINISHED.fullmatch(item.name) is not None
            if unfinished or _NAME.fullmatch(item.name):
                with suppress(OSError):  # It has gone meanwhile.
                    found = item.stat(follow_symlinks=False)
                    yield _File(item.path, found.st_size, found.st_mtime_ns, unfinished)


def _model_folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as items:
            found = [folder / item.name for item in items if item.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [model for model in found if is_fingerprint(model.name)]


def _entry(file: _File) -> Entry | None:
    try:
        about = read_header(Path(file.path), file.nbytes).about
    except (OSError, DamagedStateError):
        return None
    return Entry(**vars(about), nbytes=file.nbytes, used_s=file.used_ns / 1e9)


def remove(path: Path) -> bool:
    """Whether it is gone; another server may have been faster."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def make_room(folder: Path, needed: int, budget_bytes: int) -> int:
    """How many bytes may be written to `folder` once it has been cleared up.

    What dead processes left unfinished goes, and what was used least recently, of all models,
    until `needed` bytes fit.
    """
    files = sorted(_files(folder), key=lambda file: file.used_ns)
    room = budget_bytes - sum(file.nbytes for file in files)
    abandoned_ns = time.time_ns() - ABANDONED_S * 10**9
    for file in files if needed <= budget_bytes else ():
        unwanted = file.used_ns < abandoned_ns if file.unfinished else room < needed
        if unwanted and remove(Path(file.path)):
            room += file.nbytes
    return room


def make_folder(folder: Path) -> None:
    """The folder of one model's states, for its owner alone; raises `OSError`, `ValueError`."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink():
        raise ValueError("its folder is a symbolic link")


def write_whole(path: Path, parts: Sequence[bytes | memoryview]) -> None:
    """The file appears complete or not at all, and nobody else can read it at any time."""
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(unfinished, flags, 0o600), "wb") as file:
            file.writelines(parts)
        os.replace(unfinished, path)
    except BaseException:
        remove(unfinished)
        raise
