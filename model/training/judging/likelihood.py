"""How likely an engine finds a text: its loss, with its memory if it has one.

Owns the loss of some tokens after others. Lays out nothing and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine import Engine
from ...memory import mixing
from ...memory.archive import NO_FILES, Archive
from ...memory.match import Match
from ...memory.mixing import Trust
from ...networks.interface import Network, State
from ...writing.writing import remembering

CHUNK_TOKENS = 64  # of which the predictions are held at once

Logits = NDArray[Any]


def nats_after(engine: Engine, before: Sequence[int], target: Sequence[int]) -> float:
    """Of the tokens `target` when `before` was read first; `before` has at least one."""
    trust, predictions = engine.decoder.trust, predicted(engine, before, target)
    return recalled_nats(engine, predictions, target, before, trust)


def nats_of(engine: Engine, text: str) -> float:
    """Of a text read left to right from an empty state."""
    return nats_after(engine, [engine.tokenizer.markers.bos or 0], engine.tokenizer.encode(text))


def bits_in(text: str) -> float:
    """The bytes of `text`, in the unit that makes nats over it bits per byte."""
    return len(text.encode()) * math.log(2)


def recalled_nats(
    engine: Engine,
    predictions: Iterator[Logits] | Sequence[Logits],
    target: Sequence[int],
    past: Sequence[int],
    trust: Trust | None,
    others: Archive = NO_FILES,
) -> float:
    """Of `target` by what the model predicts, and what the memory recalls of `past` and `others`.

    Without trust, by the model alone.
    """
    end = engine.tokenizer.markers.eom
    match = Match.of(mixing.history(past, engine.tokenizer.markers), others) if trust else None
    nats = 0.0
    for token, logits in zip(target, predictions, strict=True):
        mixed = remembering(logits, match, trust, end)
        top = mixed.max()
        nats += float(top - mixed[token]) + math.log(np.exp(mixed - top).sum(dtype=np.float64))
        match = match.then(token) if match else None
    return nats


def predicted(engine: Engine, before: Sequence[int], target: Sequence[int]) -> Iterator[Logits]:
    """Logits (v,) before each token of `target`, by the model alone."""
    logits, state = engine.network.advance(before, engine.network.zero_state())
    yield from going_on(engine.network, logits, state, target)


def going_on(
    network: Network, logits: Logits, state: State, target: Sequence[int]
) -> Iterator[Logits]:
    """As `predicted`, from a state and the logits there."""
    yield from [logits][: len(target)]
    for start in range(0, len(target) - 1, CHUNK_TOKENS):
        chunk = target[start : min(start + CHUNK_TOKENS, len(target) - 1)]
        after, state = network.advance_all(chunk, state, len(chunk))
        yield from after
