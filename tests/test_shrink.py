"""What the matrices of a model are multiplied with, and the file that is made of it."""

import gzip
import json
from dataclasses import replace
from itertools import chain

import pytest
import torch
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.training.shipping.shrink import TOKENS, moments, texts
from tiny_folders import TINY, random_tensors

TIED = replace(TINY, tie_embeddings=True)


class Letters:
    """A tokenizer with a token for each character."""

    def encode(self, text):
        return [ord(each) for each in text]


@pytest.mark.parametrize("config", [TINY, TIED])
def test_moments_are_mean_products_of_the_inputs(config):
    model = Mamba2(config)
    model.load_state_dict(random_tensors(config))
    read = [[1, 2, 3], [4, 5]]
    found = moments(model, read)
    head = "backbone.embedding.weight" if config.tie_embeddings else "lm_head.weight"
    assert set(found) == {
        head, *(n for n in config.tensor_shapes() if n.endswith("_proj.weight"))
    }  # fmt: skip
    layer = model.backbone.layers[0]
    inputs = layer.norm(model.backbone.embedding(torch.tensor([*chain(*read)])))
    first = found["backbone.layers.0.mixer.in_proj.weight"]
    assert torch.allclose(first, inputs.T @ inputs / 5, atol=1e-5)
    hidden = torch.cat([model.hidden(torch.tensor([t]), model.zero_state())[0][0] for t in read])
    assert torch.allclose(found[head], hidden.T @ hidden / 5, atol=1e-5)


def test_texts_come_from_every_shard_and_are_long_enough(tmp_path):
    for shard in "ab":
        with gzip.open(tmp_path / f"{shard}.jsonl.gz", "wt") as file:
            for length in (TOKENS - 1, TOKENS, TOKENS + 9):
                file.write(json.dumps({"path": "x.py", "text": shard * length}) + "\n")
    found = list(texts(tmp_path, Letters()))
    assert {len(each) for each in found} == {TOKENS}
    assert sorted(chr(each[0]) for each in found) == ["a", "a", "b", "b"]
