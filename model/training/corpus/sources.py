"""What text may come from: released wheels and npm packages, pinned by hash.

Owns what a pin says, which licences and names are allowed, and which names are held out of
training. Knows no files: `manifest` reads the list of pins, `downloads` brings their archives.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ALLOWED_LICENCES = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"}
    | {"PSF-2.0", "Unlicense", "Zlib"}
)
# What judges models may not be read by the model that it judges, nor may its translations.
_EVALUATION = re.compile(r"human-?eval|evalplus|multipl-e\b|mbpp|lm-?eval|bigcode")
# It demonstrates the model on text it never saw, and some projects carry copies of its files.
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))

_WHEEL_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_WHEEL_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!]*")
_WHEEL_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+!-]*\.whl")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NPM_NAME = re.compile(r"(@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*")
_NPM_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?")
_SHA512 = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")


class CorpusError(ValueError):
    """The corpus cannot be built or read as asked; the message says what to do."""


@dataclass(frozen=True)
class Distribution:
    """One released wheel."""

    name: str  # PEP 503 normalised
    version: str
    licence: str  # SPDX expression
    file: str  # the wheel's file name
    sha256: str  # of the wheel, hex

    @property
    def stem(self) -> str:
        """What its shard and its folder are called."""
        return self.name

    @property
    def digest(self) -> str:
        return self.sha256

    @property
    def held_out(self) -> bool:
        return is_held_out(self.name)

    @property
    def is_well_formed(self) -> bool:
        names = ((_WHEEL_NAME, self.name), (_WHEEL_VERSION, self.version))
        pinned = ((_WHEEL_FILE, self.file), (_SHA256, self.sha256))
        return all(shape.fullmatch(value) for shape, value in (*names, *pinned))


@dataclass(frozen=True)
class Package:
    """One released npm package."""

    name: str  # as published, with its scope
    version: str
    licence: str  # SPDX expression
    file: str  # the tarball's name in the registry
    integrity: str  # of the tarball: `sha512-` and base64, as npm writes it

    @property
    def stem(self) -> str:
        """What its shard and its folder are called; no wheel's name has a dot."""
        return self.name.replace("/", "__") + ".npm"

    @property
    def digest(self) -> str:
        return self.integrity

    @property
    def held_out(self) -> bool:
        return _in_the_eighth(f"npm:{self.name}")

    @property
    def is_well_formed(self) -> bool:
        shapes = ((_NPM_NAME, self.name), (_NPM_VERSION, self.version), (_SHA512, self.integrity))
        expected = f"{self.name.rpartition('/')[2]}-{self.version}.tgz"
        return self.file == expected and all(shape.fullmatch(value) for shape, value in shapes)


Release = Distribution | Package


def normalise(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_held_out(name: str) -> bool:
    """Whether no text of this distribution may ever be trained on (one name in eight)."""
    return _in_the_eighth(normalise(name))


def _in_the_eighth(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 8 == 0


def licence_allowed(expression: str) -> bool:
    """Whether every licence of an SPDX expression is permissive; `OR` needs one such side."""
    expression = re.sub(r"^\(([^()]*)\)$", r"\1", expression.strip())  # npm likes to enclose it
    terms = expression.replace("(", " ").replace(")", " ").split(" OR ")
    sides = [re.split(r"\s+AND\s+", term.strip()) for term in terms]
    if "(" in expression:  # a mixed expression: the strictest reading
        return all(part in ALLOWED_LICENCES for side in sides for part in map(str.strip, side))
    return any(all(part in ALLOWED_LICENCES for part in side) for side in sides)


def check(source: Release) -> None:
    """Raise CorpusError if nothing may be learnt or judged with this source."""
    if not source.is_well_formed:
        raise CorpusError(f"The manifest row of {source.name!r} is malformed: {source}.")
    if not licence_allowed(source.licence):
        raise CorpusError(
            f"The licence {source.licence!r} of {source.name} is not on the allow-list."
        )
    if _EVALUATION.search(source.name):
        raise CorpusError(f"{source.name} belongs to an evaluation; take it out of the manifest.")


def matches(source: Release, archive: Path) -> bool:
    """Whether the file is what the pin names."""
    algorithm = "sha256" if isinstance(source, Distribution) else "sha512"
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, algorithm).digest()
    if isinstance(source, Distribution):
        return digest.hex() == source.sha256
    try:
        return digest == base64.b64decode(source.integrity.removeprefix("sha512-"), validate=True)
    except binascii.Error:
        return False


def unseen_texts(folder: Path) -> Iterator[str]:
    """The Python files of a library that the model may not be trained on, tests left out."""
    for path in sorted(folder.rglob("*.py")):
        if not {"site-packages", "test", "tests"} & set(path.relative_to(folder).parts):
            yield path.read_text(encoding="utf-8", errors="replace")
