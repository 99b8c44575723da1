"""How far a memory is trusted: weights learned on text that neither trains nor judges.

Owns the learning text, the one formula for weights, and the learning of `memory.json` for a model
folder. How what is recalled is weighed while writing is `memory`'s.

    python -m stateline.model.training.trust MODEL
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from ..engine import Engine
from ..memory import (
    MOST_WEIGHT,
    SHAPE,
    Trust,
    cell,
    history,
    recall,
    write_trust,
)
from ..tokenizer import Tokenizer
from ..torch_network import TorchNetwork, torch_model
from .sources import STANDARD_LIBRARY, unseen_texts

LEARNING_TEXTS = 60  # of the standard library
LEARNING_CHARS = 12_000  # of each: a window of the engine
CHUNK_TOKENS = 512
PRIOR = (0.3, 1.0)  # a cell starts as if it had been seen so often, with this much of it recalled

Floats = NDArray[np.float64]


def learning_texts(tokenizer: Tokenizer, count: int = LEARNING_TEXTS) -> Iterator[list[int]]:
    """Tokens of some of the standard library, [bos] first; the same for one Python version."""
    texts = [text for text in unseen_texts(STANDARD_LIBRARY) if text]
    for text in random.Random(0).sample(texts, min(count, len(texts))):
        yield [tokenizer.markers.bos or 0, *tokenizer.encode(text[:LEARNING_CHARS])]


def likeliest(
    mine: Floats, theirs: Floats, cells: NDArray[np.int64], size: int, rounds: int = 60
) -> Floats:
    """(size,) weights of `theirs` under which the tokens are likeliest, by cell.

    `mine` and `theirs` (l,) are two probabilities of each token. By expectation maximisation,
    which for a mixture of two finds the only maximum.
    """
    weights = np.full(size, PRIOR[0] / PRIOR[1])
    seen = np.bincount(cells, minlength=size) + PRIOR[1]
    for _ in range(rounds):
        part = weights[cells] * theirs
        by_them = np.bincount(cells, part / (part + (1 - weights[cells]) * mine), size)
        weights = (by_them + PRIOR[0]) / seen
    return weights


def learn(engine: Engine, texts: Iterator[list[int]]) -> Trust:
    """The memory's table for a model on a `TorchNetwork`, from texts read left to right."""
    rows = [row for ids in texts for row in _recalled(engine, ids)]
    mine, theirs, cells = (np.array(column) for column in zip(*rows, strict=True))
    weights = likeliest(mine, theirs, cells, SHAPE[0] * SHAPE[1])
    return Trust(weights.reshape(SHAPE).clip(max=MOST_WEIGHT))


def _recalled(engine: Engine, ids: Sequence[int]) -> Iterator[tuple[float, float, int]]:
    """Where something is recalled: the next token's probability by model and memory, the cell."""
    past = history(ids, engine.tokenizer.markers)
    first = len(past) - len(ids)
    for i, (p, confidence) in enumerate(_predicted(engine, ids), 1):
        found = recall(past[: first + i])
        if found is not None:
            at = cell(found.length, confidence)
            yield p, float(found.shares[found.tokens == ids[i]].sum()), at[0] * SHAPE[1] + at[1]


@torch.inference_mode()
def _predicted(engine: Engine, ids: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Of each token after the first: its probability, and the highest of any."""
    model = torch_model(engine.network)
    device = model.backbone.embedding.weight.device
    tokens, state = torch.tensor([list(ids)], device=device), model.zero_state()
    for start in range(0, len(ids) - 1, CHUNK_TOKENS):
        end = min(start + CHUNK_TOKENS, len(ids) - 1)
        logits, state = model(tokens[:, start:end], state)
        p = logits[0].float().softmax(-1)
        ours = p.gather(-1, tokens[0, start + 1 : end + 1, None])[:, 0]
        yield from zip(ours.tolist(), p.amax(-1).tolist(), strict=True)


def main(
    model: Annotated[Path, typer.Argument(help="A model folder; memory.json is written there.")],
    count: Annotated[int, typer.Option(help="Files to learn from.")] = LEARNING_TEXTS,
) -> None:
    """Learn how far the memory is to be trusted beside a model; minutes on a CPU."""
    engine = Engine.open(model, network=TorchNetwork.load)
    write_trust(learn(engine, learning_texts(engine.tokenizer, count)), model)


if __name__ == "__main__":
    typer.run(main)
