"""The chunks of every lane, step by step; prepared ahead by other processes where that pays.

Owns which lane reads which files, and the processes. What a lane makes of its files is
`examples`. The chunks are the same however many processes there are. A GPU takes in tokens
faster than one core can make them.
"""

from __future__ import annotations

import multiprocessing
import queue
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..tokenizer import Tokenizer
from .corpus import SourceFile, read
from .examples import Lane, Mix, segments_of

_AHEAD = 4  # steps that a process may be ahead
_LOOK_EVERY_S = 5.0

Chunk = tuple[list[int], bool]  # tokens, and whether they start from an empty state


@dataclass(frozen=True)
class Plan:
    """One lane, before it runs; can be sent to a process."""

    segments: Sequence[Sequence[SourceFile]]
    tokenizer: Path
    mix: Mix
    seed: str


def plans_of(
    shards: Sequence[Path], tokenizer: Path, lanes: int, mix: Mix, seed: int
) -> list[Plan]:
    """Every lane's part of the corpus. SystemExit if there is too little text for so many."""
    segments = [s for shard in shards for s in segments_of(list(read(shard)))]
    if len(segments) < lanes:  # a lane without text would look for some forever
        raise SystemExit(
            f"The corpus has {len(segments)} runs of files for {lanes} lanes; "
            "add shards or lower `lanes`."
        )
    random.Random(seed).shuffle(segments)
    return [Plan(segments[i::lanes], tokenizer, mix, f"{seed}/{i}") for i in range(lanes)]


@contextmanager
def feed(
    plans: Sequence[Plan], length: int, skip: int, processes: int
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


def _part(plans: Sequence[Plan], i: int, of: int) -> Sequence[Plan]:
    """Neighbours stay together, so that the parts in order are all lanes in order."""
    return plans[len(plans) * i // of : len(plans) * (i + 1) // of]


def _steps(plans: Sequence[Plan], length: int, skip: int) -> Iterator[list[Chunk]]:
    tokenizers = {path: Tokenizer.load(path) for path in {plan.tokenizer for plan in plans}}
    lanes = [Lane(p.segments, tokenizers[p.tokenizer], p.mix, p.seed) for p in plans]
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


def _serve(plans: Sequence[Plan], length: int, skip: int, waiting: Any) -> None:
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
