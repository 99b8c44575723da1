"""Reading wheels and npm tarballs: their source files, in memory and under limits.

Archives are untrusted: nothing is written by a member's own path, links are not followed, and what
claims to be small may not turn out large. Knows nothing of what makes a file good text.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ...languages import JAVASCRIPT, TYPESCRIPT
from .sources import CorpusError

MAX_MEMBERS = 60_000
MAX_MEMBER_BYTES = 2_000_000  # larger sources are dropped by cleaning anyway
MAX_ARCHIVE_BYTES = 512_000_000  # unpacked; of a wheel, only its sources count
WHEEL_SUFFIXES = (".py",)
PACKAGE_SUFFIXES = (*TYPESCRIPT.suffixes, *JAVASCRIPT.suffixes)

_UNREADABLE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, RuntimeError, EOFError)


def source_members(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Every source file as (path, bytes), in path order. Raises CorpusError if unreadable."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                yield from _wheel_members(wheel, archive)
        else:
            with gzip.open(archive) as stream:  # whole, so that no header can ask for more
                unpacked = stream.read(MAX_ARCHIVE_BYTES + 1)
            _check_size(len(unpacked), archive)
            with tarfile.open(fileobj=io.BytesIO(unpacked)) as package:
                yield from _package_members(package, archive)
    except _UNREADABLE as error:
        told = f"{archive} cannot be read ({error}); delete it and try again."
        raise CorpusError(told) from error


def _wheel_members(wheel: zipfile.ZipFile, archive: Path) -> Iterator[tuple[str, bytes]]:
    infos = sorted(wheel.infolist(), key=lambda info: info.filename)
    _check_count(len(infos), archive)
    read_bytes = 0
    for info in infos:
        if info.filename.endswith(WHEEL_SUFFIXES) and info.file_size <= MAX_MEMBER_BYTES:
            with wheel.open(info) as member:  # the declared size may lie, so the read is bounded
                data = member.read(MAX_MEMBER_BYTES + 1)
            read_bytes += len(data)
            _check_size(read_bytes, archive)
            yield info.filename, data


def _package_members(package: tarfile.TarFile, archive: Path) -> Iterator[tuple[str, bytes]]:
    """Paths within the package's one folder, whatever that is called."""
    members = sorted(package.getmembers(), key=lambda member: member.name)
    _check_count(len(members), archive)
    for member in members:
        fit = member.isfile() and member.size <= MAX_MEMBER_BYTES
        if fit and member.name.endswith(PACKAGE_SUFFIXES):
            stream = package.extractfile(member)
            yield member.name.partition("/")[2], stream.read() if stream else b""


def _check_count(members: int, archive: Path) -> None:
    if members > MAX_MEMBERS:
        raise CorpusError(f"{archive} has {members} members, more than {MAX_MEMBERS}; leave it.")


def _check_size(size_bytes: int, archive: Path) -> None:
    if size_bytes > MAX_ARCHIVE_BYTES:
        raise CorpusError(f"{archive} unpacks to over {MAX_ARCHIVE_BYTES} bytes; leave it.")
