"""Compares what llama-server predicts with what our model does, after the same tokens.

Owns the texts and the comparison. Each text is put to the server as a prompt of its own, then in
two parts, then after a turn that was not taken, so that its cache is checked as well.
Probabilities are compared as natural logarithms, over every token of the vocabulary.

Float32 differs by the order of additions alone, 4e-5 for the embedded model. In Q8_0 llama.cpp
also rounds what goes into each matrix to 8 bits, in blocks of 32, while we compute in float32:
0.2 at most, 5e-4 nats. Rounding our own inputs likewise moves our predictions as far, and so does
a change of 2e-7 in what is rounded, so no closer agreement is to be had.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from stateline.model.folder.files import read_config, tokenizer_path
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.networks.torch.torch_network import torch_tensors
from stateline.model.tokens.tokenizer import Tokenizer
from torch import Tensor

from .llama import started

LENGTHS = (50, 64, 100, 129, 200, 256, 400, 600)
LEAST = -60.0  # e to this is still a float32; what is less likely is not compared
TURN = (1, 1, 1)  # tokens that no text goes on with


@dataclass(frozen=True)
class Difference:
    """Of one prompt: the largest in log probability, our divergence from theirs, the likeliest."""

    largest: float
    divergence: float  # nats, of their distribution from ours
    same_choice: bool


def show(folder: Path, paths: Mapping[str, Path]) -> None:
    """Print what `compare` finds of each file, by name, a line for each way of asking."""
    for name, path in paths.items():
        for way, found in compare(folder, path).items():
            largest = max(each.largest for each in found)
            divergence = max(each.divergence for each in found)
            same = sum(each.same_choice for each in found)
            print(
                f"{name:5} {way:12} log probability differs by at most {largest:.2e}, "
                f"divergence at most {divergence:.1e} nats, same choice {same} of {len(found)}"
            )


def compare(folder: Path, path: Path) -> dict[str, list[Difference]]:
    """By way of asking, the differences after each text. Raises PeerError."""
    config = read_config(folder)
    model = Mamba2(config).eval()
    model.load_state_dict(torch_tensors(folder, config))
    ways: dict[str, list[Difference]] = {"at once": [], "in two parts": [], "after a turn": []}
    with started(path) as server, torch.inference_mode():
        for tokens in prompts(Tokenizer.load(tokenizer_path(folder))):
            ours = model(torch.tensor([tokens]), model.zero_state())[0][0, -1].log_softmax(-1)
            for way, first in zip(ways, turns(tokens), strict=True):
                if first:
                    server.complete(first, 0)
                theirs = server.log_probabilities(tokens, config.vocab_size)
                ways[way].append(difference(ours, theirs))
    return ways


def prompts(tokenizer: Tokenizer) -> Iterator[list[int]]:
    """Python source of several lengths, each from another place."""
    tokens = tokenizer.encode(inspect.getsource(argparse))
    for i, length in enumerate(LENGTHS):
        yield tokens[1000 * i : 1000 * i + length]


def turns(tokens: Sequence[int]) -> Iterator[Sequence[int]]:
    """What is read before `tokens` are asked for, in the order of the ways."""
    yield ()
    yield tokens[: len(tokens) // 3]
    yield [*tokens[: -len(TURN)], *TURN]


def difference(ours: Tensor, theirs: Mapping[int, float]) -> Difference:
    """Between log probabilities: (v,) and by token."""
    beside = torch.full_like(ours, -torch.inf)
    beside[list(theirs)] = torch.tensor(list(theirs.values()), dtype=ours.dtype)
    counted = (ours > LEAST) & (beside > LEAST)
    apart = (ours - beside)[counted]
    return Difference(
        float(apart.abs().max()),
        float((ours[counted].exp() * apart).sum().clamp(min=0)),  # rounding can make it negative
        bool(ours.argmax() == beside.argmax()),
    )
