"""Building the corpus: what is read, in which order, and what becomes of copies.

Owns the order. First what judges is read, so that copies of it leave the training text; then each
source to train on, copies of earlier ones left out; last what judges again, less what shares too
much with what is trained on. A build that is broken off goes on where it was. Knows no screen.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from .cleaning import RULES, Drop
from .copies import Lines, SeenLines, telling_lines
from .downloads import fetch_all
from .manifest import Manifest, load_manifest
from .selection import Candidate, Seen, candidates, select
from .shards import (
    HELDOUT,
    LEARN,
    SUFFIX,
    Shard,
    ShardIndex,
    by_language,
    read,
    shard_path,
    shards,
    write,
)
from .sources import STANDARD_LIBRARY, CorpusError, Release, unseen_texts

DEFAULT_MAX_MB = 3.0  # of a project to train on, so that no one's habits dominate
JUDGING_MAX_MB = 1.0
_AHEAD = 24  # sources that are cleaned before their turn

Cleaned = tuple[list[Candidate], Counter[Drop]]
Arrived = tuple[Release, Cleaned | None]  # None: it could not be had
Listener = Callable[[str, int], None]


@dataclass
class Built:
    """What a build came to."""

    train: list[Shard] = field(default_factory=list)
    heldout: list[Shard] = field(default_factory=list)
    learn: list[Shard] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)  # a source's stem, and why


def build(
    manifest: Path,
    out: Path,
    cache: Path,
    *,
    only: Collection[str] = (),
    max_mb: float = DEFAULT_MAX_MB,
    unseen: Path = STANDARD_LIBRARY,
    processes: int = 1,
    on_source: Listener = lambda stem, total: None,
) -> Built:
    """Build what is missing; `only` limits it to some names, `max_mb` caps a project's text.

    Shards finished earlier under the same rules stay as they are, and new text that repeats them
    is dropped, as are copies of files in the folder `unseen`. A source that cannot be had is named
    in what is returned, and tried again by the next build. `on_source` hears of each source that
    is done with, and of how many there are. Raises CorpusError.
    """
    wanted = load_manifest(manifest)
    known = {source.name for source in wanted}
    if unknown := sorted(set(only) - known):
        raise CorpusError(f"The manifest has no {', '.join(unknown)}; choose names that it lists.")
    total = sum(1 for source in wanted if not only or source.name in only)
    with _workers(processes) as workers:
        assembly = _Assembly(out, cache, workers, lambda stem: on_source(stem, total))
        return assembly.run(wanted, frozenset(only) or known, int(max_mb * 1e6), unseen)


def _workers(processes: int) -> Executor:
    # Threads download meanwhile, and what has threads should not be forked.
    return ProcessPoolExecutor(processes, get_context("spawn")) if processes > 1 else _Here()


class _Here(Executor):
    """Does what is submitted at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except CorpusError as error:
            future.set_exception(error)
        return future


class _Assembly:
    """One build, from what judges over what trains to what judges again."""

    def __init__(
        self, out: Path, cache: Path, workers: Executor, on_source: Callable[[str], None]
    ) -> None:
        self._out, self._cache, self._workers = out, cache, workers
        self._on_source = on_source
        self._built = Built()
        self._judging, self._training, self._library = SeenLines(), SeenLines(), SeenLines()

    def run(self, wanted: Manifest, names: Collection[str], max_bytes: int, unseen: Path) -> Built:
        heldout, learn, train = (
            [source for source in side if source.name in names]
            for side in (wanted.heldout, wanted.learn, wanted.train)
        )
        context = sorted(source.digest for source in (*heldout, *learn))
        keys = {source.stem: _key(source, max_bytes, context) for source in wanted.train}
        index = _opened(self._out, keys)
        finished = self._finished(index, keys)
        missing = [source for source in train if source.stem not in finished]
        # One stream, so that the training text is downloaded while judges are cleaned.
        arriving = self._cleaned([*heldout, *learn, *missing])
        judged = [list(islice(arriving, len(side))) for side in (heldout, learn)]
        self._read_before(judged, finished, unseen)
        for source in train:
            if source.stem in finished:
                self._end(source, finished[source.stem], self._built.train)
        seen = Seen(self._training, other=self._judging)
        for source, found in arriving:
            if found is not None:
                key = keys[source.stem]
                shard = _written(source, found, key, self._out, seen, max_bytes)
                index.add(shard)
                self._end(source, shard, self._built.train)
        seen = Seen(self._library, other=self._training)
        context = sorted(shard.key for shard in self._finished(index, keys).values())
        self._judge(self._out / HELDOUT, wanted.heldout, judged[0], context, seen)
        self._judge(self._out / LEARN, wanted.learn, judged[1], context, seen)
        return self._built

    def _finished(self, index: ShardIndex, keys: dict[str, str]) -> dict[str, Shard]:
        return {
            name: shard
            for name, shard in index.shards.items()
            if keys.get(name) == shard.key and shard_path(self._out, name).is_file()
        }

    def _read_before(
        self, judged: Iterable[Iterable[Arrived]], finished: Iterable[str], unseen: Path
    ) -> None:
        """Remember the lines of all that no text to train on may repeat."""
        for _, found in (each for side in judged for each in side):
            for candidate in found[0] if found else ():
                self._judging.add(candidate.lines)
        for text in unseen_texts(unseen):
            lines = telling_lines(text)
            self._training.add(lines)
            self._library.add(lines)
        paths = [shard_path(self._out, name) for name in finished]
        for lines in self._workers.map(lines_of_shard, paths):
            self._training.add(lines)

    def _judge(
        self,
        folder: Path,
        listed: Iterable[Release],
        judged: Iterable[Arrived],
        context: list[str],
        seen: Seen,
    ) -> None:
        """Write one folder of judges. What repeats training text cannot judge, so each depends on
        every shard that is trained on."""
        max_bytes = int(JUDGING_MAX_MB * 1e6)
        keys = {source.stem: _key(source, max_bytes, context) for source in listed}
        index = _opened(folder, keys)
        into = self._built.heldout if folder.name == HELDOUT else self._built.learn
        for source, found in judged:
            if found is not None:
                shard = _written(source, found, keys[source.stem], folder, seen, max_bytes)
                index.add(shard)
                self._end(source, shard, into)

    def _end(self, source: Release, shard: Shard, into: list[Shard]) -> None:
        into.append(shard)
        self._on_source(source.stem)

    def _cleaned(self, sources: Iterable[Release]) -> Iterator[Arrived]:
        """Each in order; the next ones are cleaned meanwhile."""
        pending: deque[tuple[Release, Future[Cleaned]]] = deque()
        for source, archive in fetch_all(sources, self._cache):
            if isinstance(archive, CorpusError):
                found: Future[Cleaned] = Future()
                found.set_exception(archive)
            else:
                found = self._workers.submit(candidates, archive)
            pending.append((source, found))
            if len(pending) > _AHEAD:
                yield self._outcome(*pending.popleft())
        for each in pending:
            yield self._outcome(*each)

    def _outcome(self, source: Release, found: Future[Cleaned]) -> Arrived:
        try:
            return source, found.result()
        except CorpusError as error:
            self._built.missing[source.stem] = str(error)
            self._on_source(source.stem)
            return source, None


def lines_of_shard(path: Path) -> Lines:
    """The telling lines of a finished shard."""
    return np.unique(
        np.concatenate([telling_lines(""), *(telling_lines(f.text) for f in read(path))])
    )


def _key(source: Release, max_bytes: int, context: Iterable[str]) -> str:
    parts = [str(RULES), str(max_bytes), source.digest, *context]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _opened(folder: Path, keys: dict[str, str]) -> ShardIndex:
    """The index of a folder that holds nothing but shards of these stems."""
    index = ShardIndex(folder)
    found = [path.name.removesuffix(SUFFIX) for path in shards(folder)]
    if strays := [f"{stem}{SUFFIX}" for stem in found if stem not in keys]:
        raise CorpusError(f"{folder} holds {', '.join(strays)}, not in the manifest; delete them.")
    return index


def _written(
    source: Release, found: Cleaned, key: str, folder: Path, seen: Seen, max_bytes: int
) -> Shard:
    clean, dropped = found
    kept = select(clean, seen, max_bytes, dropped)
    write(shard_path(folder, source.stem), kept)
    files, chars = by_language(kept)
    return Shard(
        *(source.stem, source.version, source.licence, key, files, chars),
        size_bytes=sum(len(file.text.encode()) for file in kept),
        dropped={reason.value: count for reason, count in sorted(dropped.items())},
    )
