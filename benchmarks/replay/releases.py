"""Two releases of a package, as the texts of their source files; nothing of them is ever run.

Owns what is taken from a folder, a wheel, a zip or a tar: regular UTF-8 files of the languages that
Stateline knows, within limits, by their path below the release's own folder. Archives are read in
memory, never unpacked. Declarations (`.pyi`, `.d.ts`) are left out: nobody types them twice.
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

from stateline.model.languages import language_of_path

from .traces import Change

MOST_FILES, MOST_BYTES_OF_FILE = 5_000, 400_000
MOST_BYTES = 64 << 20  # of all files of a release together
# The folder that a source distribution or a package of npm stands in.
_OWN_FOLDER = re.compile(r".+-\d[^/]*|package")
_DECLARATIONS = re.compile(r".+\.(pyi|d\.[mc]?ts)")


class ReleaseError(Exception):
    """A release cannot be read; the message says why and what to do, in a sentence."""


def language_id(path: str) -> str:
    """LSP's identifier for a document of this path; empty for a file of no known language."""
    language = language_of_path(path)
    if language is None or _DECLARATIONS.fullmatch(path):
        return ""
    return language.ids[-1 if path.endswith("x") else 0]


def changes(old: Path, new: Path, folder: str = "") -> list[Change]:
    """The source files that both releases have and that differ, by path; see `texts`.

    Raises ReleaseError if there is none, or if a release cannot be read.
    """
    before, after = texts(old, folder), texts(new, folder)
    both = sorted(before.keys() & after.keys())
    found = [Change(path, before[path], after[path]) for path in both]
    differing = [change for change in found if change.old != change.new]
    if not differing:
        raise ReleaseError(
            f"{old} and {new} have no source file that differs; name two releases of one package."
        )
    return differing


def texts(release: Path, folder: str = "") -> dict[str, str]:
    """All source files of a folder or an archive, with line feeds only, by path.

    With `folder`, only those below it: a package of npm carries what was made of its source, too.
    """
    try:
        contents = dict(_bounded(release, _members(release)))
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as e:
        why = getattr(e, "strerror", None) or str(e) or type(e).__name__
        raise ReleaseError(
            f"{release} cannot be read ({why}); name a folder, a wheel or a source archive."
        ) from None
    own = _from_own_folder(contents)
    return {path: text for path, text in own.items() if not folder or path.startswith(f"{folder}/")}


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
            if language_id(name) and path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    yield path.relative_to(release).as_posix(), _head(stream)


def _of_zip(release: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(release) as archive:
        for member in archive.infolist():
            if language_id(member.filename):
                with archive.open(member) as stream:
                    yield member.filename, _head(stream)


def _of_tar(release: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(release, "r:*") as archive:
        for member in archive:
            if member.isreg() and language_id(member.name):
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
                f"{release} has more than {MOST_FILES} source files or {MOST_BYTES >> 20} MiB of "
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
    """Without the one folder, `name-version/` or `package/`, around all of a release."""
    tops = {name.partition("/")[0] for name in contents}
    if len(tops) != 1 or not _OWN_FOLDER.fullmatch(top := tops.pop()):
        return contents
    return {name.removeprefix(f"{top}/"): text for name, text in contents.items()}
