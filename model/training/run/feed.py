"""The chunks of every lane, step by step; prepared ahead by other processes where that pays.

Owns which lane reads which files of which language, and the processes. What a lane makes of its
files is `examples`. The chunks are the same however many processes there are. A GPU takes in tokens
faster than one core can make them.

Nobody holds the whole corpus: a process reads a shard when one of its lanes first comes to it, and
keeps only what its own lanes read of it.
"""

from __future__ import annotations

import multiprocessing
import queue
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...languages import language_of_path
from ...tokens.tokenizer import Tokenizer
from ..corpus.corpus import SourceFile, read
from .examples import Lane, Mix, runs_of

_AHEAD = 4  # steps that a process may be ahead
_LOOK_EVERY_S = 5.0

Chunk = tuple[list[int], bool]  # tokens, and whether they start from an empty state


@dataclass(frozen=True)
class Segment:
    """Some files of a project that stay together: their numbers in its shard."""

    shard: Path
    files: tuple[int, ...]


@dataclass(frozen=True)
class LanePlan:
    """One lane, before it runs; can be sent to a process."""

    segments: Sequence[Segment]
    tokenizer: Path
    mix: Mix
    seed: str


@dataclass(frozen=True)
class Corpus:
    """Shards by what their files are of, without their text: the segments by language.

    The one name is None if languages are not told apart.
    """

    segments: dict[str | None, list[Segment]]

    @classmethod
    def of(cls, shards: Sequence[Path], *, by_language: bool, processes: int = 1) -> Corpus:
        """Reads every shard once."""
        look = partial(_segments_in, by_language=by_language)
        if processes == 1:
            found = list(map(look, shards))
        else:
            with multiprocessing.get_context("spawn").Pool(processes) as pool:
                found = pool.map(look, shards, chunksize=8)
        merged: dict[str | None, list[Segment]] = defaultdict(list)
        for each in found:
            for name, segments in each.items():
                merged[name] += segments
        return cls(merged)


def _segments_in(shard: Path, *, by_language: bool) -> dict[str | None, list[Segment]]:
    sizes: dict[str | None, list[tuple[int, int]]] = defaultdict(list)  # file's number, characters
    for i, file in enumerate(read(shard)):
        language = language_of_path(file.path) if by_language else None
        sizes[None if language is None else language.name].append((i, len(file.text)))
    return {
        name: [
            Segment(shard, tuple(files[i][0] for i in run))
            for run in runs_of([size for _, size in files])
        ]
        for name, files in sizes.items()
    }


def plans_of(
    corpus: Corpus, tokenizer: Path, lanes: Sequence[str | None], mix: Mix, seed: int
) -> list[LanePlan]:
    """Every lane's part of the corpus; `lanes` says of which language.

    SystemExit if there is too little text for so many.
    """
    shares: dict[str | None, Iterator[Sequence[Segment]]] = {}
    for name in dict.fromkeys(lanes):
        segments, wanted = list(corpus.segments.get(name, ())), lanes.count(name)
        if len(segments) < wanted:  # a lane without text would look for some forever
            of = "" if name is None else f" of {name}"
            raise SystemExit(
                f"The corpus has {len(segments)} runs of files{of} for {wanted} lanes; "
                "add shards or lower `lanes`."
            )
        random.Random(seed).shuffle(segments)
        shares[name] = iter([segments[i::wanted] for i in range(wanted)])
    return [
        LanePlan(next(shares[name]), tokenizer, mix, f"{seed}/{i}") for i, name in enumerate(lanes)
    ]


@contextmanager
def feed(
    plans: Sequence[LanePlan], length: int, skip: int, processes: int
) -> Iterator[Iterator[list[Chunk]]]:
    """Yields the steps after the first `skip`: one chunk of each lane, endlessly."""
    if processes == 1:
        yield _steps(plans, length, skip)
        return
    context: Any = multiprocessing.get_context("spawn")
    parts = [part for i in range(processes) if (part := _part(plans, i, processes))]
    queues = [context.Queue(_AHEAD) for _ in parts]
    feeders = [
        context.Process(target=_serve, args=(part, length, skip, queue), daemon=True)
        for part, queue in zip(parts, queues, strict=True)
    ]
    for feeder in feeders:
        feeder.start()
    try:
        yield _joined(feeders, queues)
    finally:
        for feeder in feeders:
            feeder.terminate()
            feeder.join()


def _part(plans: Sequence[LanePlan], i: int, of: int) -> Sequence[LanePlan]:
    """Neighbours stay together, so that the parts in order are all lanes in order."""
    return plans[len(plans) * i // of : len(plans) * (i + 1) // of]


class _Texts:
    """The files of some lanes' segments, read shard by shard as they are asked for."""

    def __init__(self, plans: Sequence[LanePlan]) -> None:
        self._unread: dict[Path, list[Segment]] = defaultdict(list)
        self._read: dict[Segment, list[SourceFile]] = {}
        for plan in plans:
            for segment in plan.segments:
                self._unread[segment.shard].append(segment)

    def of(self, segment: Segment) -> list[SourceFile]:
        wanted = self._unread.pop(segment.shard, None)
        if wanted is not None:
            files = list(read(segment.shard))
            for each in wanted:
                self._read[each] = [files[i] for i in each.files]
        return self._read[segment]


@dataclass(frozen=True)
class _Segments:
    """What a lane goes through; iterating reads."""

    segments: Sequence[Segment]
    texts: _Texts

    def __iter__(self) -> Iterator[list[SourceFile]]:
        return map(self.texts.of, self.segments)


def _steps(plans: Sequence[LanePlan], length: int, skip: int) -> Iterator[list[Chunk]]:
    tokenizers = {path: Tokenizer.load(path) for path in {plan.tokenizer for plan in plans}}
    texts = _Texts(plans)
    lanes = [
        Lane(_Segments(p.segments, texts), tokenizers[p.tokenizer], p.mix, p.seed) for p in plans
    ]
    for lane in lanes:  # a lane is a function of its seed: go over what was read before
        for _ in range(skip):
            lane.chunk(length)
    while True:
        yield [lane.chunk(length) for lane in lanes]


def _joined(feeders: Sequence[Any], queues: Sequence[Any]) -> Iterator[list[Chunk]]:
    while True:
        yield [
            chunk
            for feeder, waiting in zip(feeders, queues, strict=True)
            for chunk in _next(feeder, waiting)
        ]


def _next(feeder: Any, waiting: Any) -> list[Chunk]:
    while True:
        try:
            chunks: list[Chunk] = waiting.get(timeout=_LOOK_EVERY_S)
            return chunks
        except queue.Empty:
            if not feeder.is_alive():
                raise SystemExit(
                    "A process that prepares text ended (out of memory?); run the same command "
                    "again, perhaps with fewer --workers: it goes on from what was saved."
                ) from None


def _serve(plans: Sequence[LanePlan], length: int, skip: int, waiting: Any) -> None:
    """A process that prepares text; a parent that was killed is noticed."""
    parent = multiprocessing.parent_process()
    for chunks in _steps(plans, length, skip):
        while True:
            try:
                waiting.put(chunks, timeout=_LOOK_EVERY_S)
                break
            except queue.Full:
                if parent is None or not parent.is_alive():
                    return
