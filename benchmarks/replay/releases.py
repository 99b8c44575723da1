"""Two releases of a package, as the texts of their Python files; nothing of them is ever run.

Owns what is taken from a folder, a wheel, a zip or a tar: regular UTF-8 files called `*.py`, within
limits, by their path below the release's own folder. Archives are read in memory, never unpacked.
"""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from .traces import Change

MOST_FILES, MOST_BYTES_OF_FILE = 5_000, 400_000
MOST_BYTES = 64 << 20  # of all files of a release together
_VERSIONED = re.compile(r".+-\d[^/]*")  # the folder that a source distribution stands in


class ReleaseError(Exception):
    """A release cannot be read; the message says why and what to do, in a sentence."""


def changes(old: Path, new: Path) -> list[Change]:
    """The Python files that both releases have and that differ, by path.

    Raises ReleaseError if there is none, or if a release cannot be read.
    """
    before, after = texts(old), texts(new)
    both = sorted(before.keys() & after.keys())
    found = [Change(path, before[path], after[path]) for path in both]
    differing = [change for change in found if change.old != change.new]
    if not differing:
        raise ReleaseError(
            f"{old} and {new} have no Python file that differs; name two releases of one package."
        )
    return differing


def texts(release: Path) -> dict[str, str]:
    """All Python files of a folder or an archive, with line feeds only, by path."""
    try:
        contents = dict(_bounded(release, _members(release)))
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as e:
        why = getattr(e, "strerror", None) or str(e) or type(e).__name__
        raise ReleaseError(
            f"{release} cannot be read ({why}); name a folder, a wheel or a source archive."
        ) from None
    return _from_own_folder(contents)


def _members(release: Path) -> Iterator[tuple[str, bytes]]:
    """Names with `/`, and at most one byte more than a file may have."""
    if release.is_dir():
        return _of_folder(release)
    if zipfile.is_zipfile(release):
        return _of_zip(release)
    return _of_tar(release)


def _of_folder(release: Path) -> Iterator[tuple[str, bytes]]:
    for folder, below, names in os.walk(release):
        below.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if name.endswith(".py") and path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    yield path.relative_to(release).as_posix(), _head(stream)


def _of_zip(release: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(release) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".py"):
                with archive.open(member) as stream:
                    yield member.filename, _head(stream)


def _of_tar(release: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(release, "r:*") as archive:
        for member in archive:
            if member.isreg() and member.name.endswith(".py"):
                stream = archive.extractfile(member)
                assert stream is not None  # it is a regular file
                yield member.name, _head(stream)


def _head(stream: IO[bytes]) -> bytes:
    return stream.read(MOST_BYTES_OF_FILE + 1)


def _bounded(release: Path, members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, str]]:
    """Those that are text of a fair size under a harmless name."""
    count = size = 0
    for name, content in members:
        count, size = count + 1, size + len(content)
        if count > MOST_FILES or size > MOST_BYTES:
            raise ReleaseError(
                f"{release} has more than {MOST_FILES} Python files or {MOST_BYTES >> 20} MiB of "
                "them; name a smaller package."
            )
        if len(content) > MOST_BYTES_OF_FILE or not _harmless(name):
            continue
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            continue
        yield name, text.replace("\r\n", "\n").replace("\r", "\n")


def _harmless(name: str) -> bool:
    """Whether the name stays below the folder that it is put into, on any system."""
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or re.search(r"[\\:\0]", name))


def _from_own_folder(contents: dict[str, str]) -> dict[str, str]:
    """Without the one folder `name-version/` around all of a source distribution."""
    tops = {name.partition("/")[0] for name in contents}
    if len(tops) != 1 or not _VERSIONED.fullmatch(top := tops.pop()):
        return contents
    return {name.removeprefix(f"{top}/"): text for name, text in contents.items()}
