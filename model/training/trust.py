"""How far a memory is trusted: weights learned on text that neither trains nor judges.

Owns the learning text, the one formula for weights, and the learning of `memory.json` for a model
folder. How what is recalled is weighed while writing is `memory`'s.

    python -m stateline.model.training.trust MODEL
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
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
EXCERPT_CHARS = 1_500  # of a file that has just been begun
PRIOR = 0.3  # of a cell that nothing is known of
PRIOR_TOKENS = 1.0  # that it is worth
SHARED_TOKENS = 50.0  # and so many, what is known of the cell for all sizes

_DEFINITION = re.compile(r"^(?:def|class) ", re.MULTILINE)

Floats = NDArray[np.float64]


def learning_texts(tokenizer: Tokenizer, count: int = LEARNING_TEXTS) -> Iterator[list[int]]:
    """Tokens of some of the standard library, [bos] first; the same for one Python version."""
    texts = [text for text in unseen_texts(STANDARD_LIBRARY) if text]
    for text in random.Random(0).sample(texts, min(count, len(texts))):
        yield _encoded(tokenizer, text[:LEARNING_CHARS])


def excerpts(tokenizer: Tokenizer, count: int) -> Iterator[list[int]]:
    """As `learning_texts`, of a function or class and a little after it, as if it were all."""
    chance = random.Random(1)
    texts = [text for text in unseen_texts(STANDARD_LIBRARY) if "\ndef " in text]
    for text in chance.choices(texts, k=count):
        starts = [match.start() for match in _DEFINITION.finditer(text)]
        start = chance.choice(starts)
        yield _encoded(tokenizer, text[start : start + EXCERPT_CHARS])


def all_texts(tokenizer: Tokenizer, count: int = LEARNING_TEXTS) -> Iterator[list[int]]:
    """What the memory's table is learned from: whole windows, and files just begun."""
    return chain(learning_texts(tokenizer, count), excerpts(tokenizer, 5 * count))


def _encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    return [tokenizer.markers.bos or 0, *tokenizer.encode(text)]


def likeliest(
    mine: Floats,
    theirs: Floats,
    cells: NDArray[np.int64],
    prior: Floats,
    prior_tokens: float = PRIOR_TOKENS,
    rounds: int = 60,
) -> Floats:
    """(c,) weights of `theirs` under which the tokens are likeliest, by cell.

    `mine` and `theirs` (l,) are two probabilities of each token, `prior` (c,) are weights that
    each cell starts with, as if seen in so many tokens. By expectation maximisation, which for a
    mixture of two finds the only maximum.
    """
    weights = prior
    seen = np.bincount(cells, minlength=len(prior)) + prior_tokens
    for _ in range(rounds):
        part = weights[cells] * theirs
        by_them = np.bincount(cells, part / (part + (1 - weights[cells]) * mine), len(prior))
        weights = (by_them + prior * prior_tokens) / seen
    return weights


def learn(engine: Engine, texts: Iterable[list[int]]) -> Trust:
    """The memory's table for a model on a `TorchNetwork`, from texts read left to right.

    What is known of a cell for all sizes together is where each size begins.
    """
    rows = [row for ids in texts for row in _recalled(engine, ids)]
    mine, theirs, sizes, cells = (np.array(column) for column in zip(*rows, strict=True))
    per_size = SHAPE[1] * SHAPE[2]
    together = likeliest(mine, theirs, cells, np.full(per_size, PRIOR))
    prior = np.tile(together, SHAPE[0])
    weights = likeliest(mine, theirs, sizes * per_size + cells, prior, SHARED_TOKENS)
    return Trust(weights.reshape(SHAPE).clip(max=MOST_WEIGHT))


def _recalled(engine: Engine, ids: Sequence[int]) -> Iterator[tuple[float, float, int, int]]:
    """Where something is recalled: the next token's probability by model and memory, the cell
    as its size and its place among those of one size."""
    past = history(ids, engine.tokenizer.markers)
    first = len(past) - len(ids)
    for i, (p, confidence) in enumerate(_predicted(engine, ids), 1):
        found = recall(past[: first + i])
        if found is not None:
            theirs = float(found.shares[found.tokens == ids[i]].sum())
            size, length, sure = cell(found.size, found.length, confidence)
            yield p, theirs, size, length * SHAPE[2] + sure


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
    write_trust(learn(engine, all_texts(engine.tokenizer, count)), model)


if __name__ == "__main__":
    typer.run(main)
