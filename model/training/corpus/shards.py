"""The corpus on the disk: one shard for each source, and how to read it back.

Owns the shards' format (gzip, one JSON object `{"path", "text"}` a line), the folders for what only
judges, and the index of what is finished. Which text a shard holds is `assembly`'s to say.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ...languages import language_of_path
from .cleaning import SourceFile
from .sources import CorpusError

HELDOUT = "heldout"  # the folder, inside the corpus, of shards that only judge
LEARN = "learn"  # and of those from which what is beside the weights is learnt
SUFFIX = ".jsonl.gz"
INDEX = "index.jsonl"
_COMPRESSION = 3


@dataclass(frozen=True)
class Shard:
    """What became of one source."""

    name: str  # its stem
    version: str
    licence: str
    key: str  # of everything that the shard's text depends on
    files: dict[str, int]  # by language
    chars: dict[str, int]  # by language
    size_bytes: int  # of the text in UTF-8
    dropped: dict[str, int]  # files by reason


def shards(folder: Path) -> list[Path]:
    """The shards in a folder, by name; those held out lie in `HELDOUT` and `LEARN` below it."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read(path: Path) -> Iterator[SourceFile]:
    """The files of one shard, in order. Raises CorpusError if it is no shard."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                row = json.loads(line)
                yield SourceFile(str(row["path"]), str(row["text"]))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path} is not a corpus shard ({error}); build it again.") from error


def shard_path(folder: Path, stem: str) -> Path:
    return folder / f"{stem}{SUFFIX}"


def write(path: Path, files: Iterable[SourceFile]) -> None:
    rows = (json.dumps(asdict(file), ensure_ascii=False) + "\n" for file in files)
    _replace(path, gzip.compress("".join(rows).encode(), _COMPRESSION, mtime=0))


def by_language(files: Sequence[SourceFile]) -> tuple[dict[str, int], dict[str, int]]:
    """How many files there are of each language, and of how many characters."""
    counts: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    for file in files:
        language = language_of_path(file.path)
        if language is not None:
            counts[language.name] += 1
            chars[language.name] += len(file.text)
    return dict(sorted(counts.items())), dict(sorted(chars.items()))


class ShardIndex:
    """The finished shards of one folder, a line each; of two with one name the later one holds.

    A line is only ever added, so that a build that is broken off has lost at most its last shard.
    """

    def __init__(self, folder: Path) -> None:
        """Raises CorpusError if what is there is no index."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / INDEX
        self.shards = self._read()
        rows = (self._row(shard) for _, shard in sorted(self.shards.items()))
        _replace(self._path, "".join(rows).encode())

    def add(self, shard: Shard) -> None:
        self.shards[shard.name] = shard
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(self._row(shard))

    def _row(self, shard: Shard) -> str:
        return json.dumps(asdict(shard)) + "\n"

    def _read(self) -> dict[str, Shard]:
        if not self._path.exists():
            return {}
        try:
            whole, _, _torn = self._path.read_text(encoding="utf-8").rpartition("\n")
            found = [Shard(**json.loads(row)) for row in whole.splitlines()]
        except (OSError, ValueError, TypeError) as error:
            told = f"{self._path} cannot be read ({error}); delete it to build anew."
            raise CorpusError(told) from error
        return {shard.name: shard for shard in found}


def _replace(path: Path, data: bytes) -> None:
    """Replace a file at once, so that a reader never meets half of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)
