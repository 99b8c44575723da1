"""How likely an engine finds a text: its loss, with its memory if it has one.

Owns the loss of some tokens after others. Lays out nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from .. import memory
from ..engine import Engine

CHUNK_TOKENS = 1_024  # read at once


@torch.inference_mode()
def nats_after(engine: Engine, before: Sequence[int], target: Sequence[int]) -> float:
    """Of the tokens `target` when `before` was read first; `before` has at least one."""
    past = memory.history(before if engine.decoder.trust else (), engine.tokenizer.markers)
    nats = 0.0
    for token, logits in zip(target, _predictions(engine, before, target), strict=True):
        logits = engine.decoder.recalling(logits, past)
        nats -= float(logits[token]) - float(logits.logsumexp(-1))
        past = memory.extended(past, token)
    return nats


def nats_of(engine: Engine, text: str) -> float:
    """Of a text read left to right from an empty state."""
    return nats_after(engine, [engine.tokenizer.markers.bos or 0], engine.tokenizer.encode(text))


def _predictions(engine: Engine, before: Sequence[int], target: Sequence[int]) -> Iterator[Tensor]:
    """Logits (v,) before each token of `target`, by the model alone."""
    device = engine.model.backbone.embedding.weight.device
    ids = torch.tensor([[*before, *target]], device=device)[:, :-1]
    state = engine.model.zero_state()
    for start in range(0, ids.shape[1], CHUNK_TOKENS):
        hidden, state = engine.model.hidden(ids[:, start : start + CHUNK_TOKENS], state)
        first = max(0, len(before) - 1 - start)  # earlier ones predict what is not judged
        if first < hidden.shape[1]:
            yield from engine.model.logits(hidden[0, first:]).float()
