"""How likely an engine finds a text: its loss, with its memory if it has one.

Owns the loss of some tokens after others. Lays out nothing and writes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import memory
from ..engine import Engine

CHUNK_TOKENS = 64  # read at once


def nats_after(engine: Engine, before: Sequence[int], target: Sequence[int]) -> float:
    """Of the tokens `target` when `before` was read first; `before` has at least one."""
    past = memory.history(before if engine.decoder.trust else (), engine.tokenizer.markers)
    nats = 0.0
    for token, logits in zip(target, _predictions(engine, before, target), strict=True):
        mixed = engine.decoder.recalling(logits, past)
        top = mixed.max()
        nats += float(top - mixed[token]) + math.log(np.exp(mixed - top).sum(dtype=np.float64))
        past = memory.extended(past, token)
    return nats


def nats_of(engine: Engine, text: str) -> float:
    """Of a text read left to right from an empty state."""
    return nats_after(engine, [engine.tokenizer.markers.bos or 0], engine.tokenizer.encode(text))


def _predictions(
    engine: Engine, before: Sequence[int], target: Sequence[int]
) -> Iterator[NDArray[Any]]:
    """Logits (v,) before each token of `target`, by the model alone."""
    ids = [*before, *target][:-1]
    state = engine.network.zero_state()
    for start in range(0, len(ids), CHUNK_TOKENS):
        chunk = ids[start : start + CHUNK_TOKENS]
        unjudged = len(before) - 1 - start  # earlier ones predict what is not judged
        wanted = min(len(chunk), max(0, len(chunk) - unjudged))
        logits, state = engine.network.advance_all(chunk, state, wanted)
        yield from logits
