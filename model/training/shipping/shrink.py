"""From float weights to blocks of 4 bits: what every matrix is multiplied with, on real text.

    python -m stateline.model.training.shipping.shrink FLOAT CORPUS OUT

Owns the texts that are read for it, some of each shard of a corpus, and the moments that the model
has on them; what is made of these is `quantize`'s. The model's folder is not touched.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import Tensor, nn

from ...folder.files import read_config, tokenizer_path
from ...networks.torch.mamba2 import Mamba2
from ...networks.torch.quantize import save_quantized
from ...networks.torch.torch_network import TorchNetwork, torch_model, torch_tensors
from ...tokens.tokenizer import Tokenizer
from ..corpus import corpus

TEXTS, TOKENS = 48, 512  # read, and of each

Moments = dict[str, Tensor]  # by weight: mean products of its inputs (columns, columns)


def texts(folder: Path, tokenizer: Tokenizer, seed: int = 0) -> Iterator[list[int]]:
    """The first tokens of files long enough, each of another shard as far as there are."""
    chosen, found = random.Random(seed), 0
    files = {path: list(corpus.read(path)) for path in corpus.shards(folder)}
    for of_shard in files.values():
        chosen.shuffle(of_shard)
    while any(files.values()):
        for of_shard in files.values():
            while of_shard and found < TEXTS:
                ids = tokenizer.encode(of_shard.pop().text)
                if len(ids) >= TOKENS:
                    found += 1
                    yield ids[:TOKENS]
                    break
        if found == TEXTS:
            return


@torch.inference_mode()
def moments(model: Mamba2, read: Iterable[list[int]]) -> Moments:
    """What the model's matrices are multiplied with while it reads each text from nothing."""
    sums: Moments = {}
    count = 0

    def add(name: str, inputs: Tensor) -> None:
        rows = inputs.reshape(-1, inputs.shape[-1]).float()  # (l, columns)
        sums[name] = sums.get(name, torch.zeros(())) + rows.T @ rows

    hooks = [
        module.register_forward_pre_hook(lambda _, inputs, name=name: add(name, inputs[0]))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name != "lm_head"
    ]
    head = "backbone.embedding" if model.config.tie_embeddings else "lm_head"
    for ids in read:
        hidden, _ = model.hidden(torch.tensor([ids]), model.zero_state())
        add(head, hidden)
        count += len(ids)
    for hook in hooks:
        hook.remove()
    return {f"{name}.weight": total / count for name, total in sums.items()}


def shrink(model: Path, corpus_folder: Path, out: Path) -> None:
    """Store the float weights of a model folder in blocks of 4 bits, rounded on shards' text."""
    config = read_config(model)
    network = TorchNetwork.load(model, config)
    tokenizer = Tokenizer.load(tokenizer_path(model))
    found = moments(torch_model(network), texts(corpus_folder, tokenizer))
    save_quantized(torch_tensors(model, config), out, found)


def main(
    model: Annotated[Path, typer.Argument(help="A model folder with float weights.")],
    corpus_folder: Annotated[Path, typer.Argument(help="A folder of shards to read.")],
    out: Annotated[Path, typer.Argument(help="The safetensors file to write.")],
) -> None:
    """Store a model's matrices in blocks of 4 bits."""
    shrink(model, corpus_folder, out)


if __name__ == "__main__":
    typer.run(main)
