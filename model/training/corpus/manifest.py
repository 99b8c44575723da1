"""The manifest: which sources the model is trained on, which judge it, which it is set by.

Owns the file: one pin a line, in six columns with tabs between them (side, name, version, licence,
file, hash), sorted. A row whose file ends in `.whl` is a wheel's, any other an npm package's. What
a pin may be is for `sources` to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .sources import CorpusError, Distribution, Package, Release, check

MANIFEST = Path(__file__).with_name("manifest.tsv")
SIDES = ("train", "heldout", "learn")
_COLUMNS = 6


@dataclass(frozen=True)
class Manifest:
    """The sources by what they are for, each side sorted: wheels first, then by name."""

    train: tuple[Release, ...] = ()
    heldout: tuple[Release, ...] = ()  # these judge, and nothing else
    learn: tuple[Release, ...] = ()  # held out too: what is learnt beside the weights

    def __iter__(self) -> Iterator[Release]:
        yield from (*self.heldout, *self.learn, *self.train)


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest. Raises CorpusError for a row that may not be used."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"The manifest {path} cannot be read ({error}); check it.") from error
    sides: dict[str, list[Release]] = {side: [] for side in SIDES}
    for number, line in enumerate(lines, 1):
        if line and not line.startswith("#"):
            side, source = _row(line, f"{path}, line {number}")
            sides[side].append(source)
    manifest = Manifest(*(tuple(sorted(sides[side], key=_order)) for side in SIDES))
    _check_sides(manifest)
    return manifest


def manifest_text(manifest: Manifest, comment: str = "") -> str:
    """The file that `load_manifest` reads; `comment` is put before the rows."""
    parts = [f"# {line}".rstrip() for line in comment.splitlines()]
    for side in SIDES:
        rows: Iterable[Release] = sorted(getattr(manifest, side), key=_order)
        for row in rows:
            parts.append(
                "\t".join((side, row.name, row.version, row.licence, row.file, row.digest))
            )
    return "\n".join([*parts, ""])


def _order(source: Release) -> tuple[bool, str]:
    return isinstance(source, Package), source.name


def _row(line: str, where: str) -> tuple[str, Release]:
    columns = line.split("\t")
    if len(columns) != _COLUMNS or columns[0] not in SIDES:
        raise CorpusError(
            f"{where}: a row needs a side ({', '.join(SIDES)}), name, version, licence, file and"
            " hash, with tabs between them."
        )
    kind = Distribution if columns[4].endswith(".whl") else Package
    source = kind(*columns[1:])
    check(source)
    return columns[0], source


def _check_sides(manifest: Manifest) -> None:
    stems = [source.stem for source in manifest]
    if len(set(stems)) < len(stems):
        twice = sorted({stem for stem in stems if stems.count(stem) > 1})
        raise CorpusError(f"The manifest names {', '.join(twice)} twice; keep one row.")
    for source in manifest.train:
        if source.held_out:
            raise CorpusError(f"{source.name} is held out by its name; it may not be trained on.")
    for source in (*manifest.heldout, *manifest.learn):
        if not source.held_out:
            raise CorpusError(
                f"{source.name} is not held out by its name; it cannot judge a model."
            )
