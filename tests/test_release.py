"""A run becomes a folder that opens, with the weights that did better."""

import json
from pathlib import Path

import pytest
import tiny_model
import torch
from safetensors.torch import load_file, save_file
from stateline.model.folder import read_config
from stateline.model.memory import read_trust
from stateline.model.torch_network import TorchNetwork
from stateline.model.training.release import better_weights, release


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tiny_model.tiny_folder(tmp_path / "run")
    weights = load_file(folder / "model.safetensors")
    halves = {name: tensor / 2 for name, tensor in weights.items()}
    save_file(halves, folder / "averaged.safetensors")
    return folder


def log(run: Path, **last: float) -> None:
    rows = [
        {"step": 1, "loss": 3.0, "averaged_bits_per_byte": 0.1},
        {"step": 2, "loss": 2.0, **last},
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("last", "name"),
    [
        ({"heldout_bits_per_byte": 2.0, "averaged_bits_per_byte": 1.9}, "averaged.safetensors"),
        ({"heldout_bits_per_byte": 1.9, "averaged_bits_per_byte": 2.0}, "model.safetensors"),
        ({"heldout_bits_per_byte": 1.9}, "model.safetensors"),
        ({}, "model.safetensors"),
    ],
)
def test_the_weights_that_did_better_at_the_end_are_taken(run: Path, last: dict, name: str):
    log(run, **last)
    assert better_weights(run).name == name


def test_a_released_folder_opens_with_a_memory(run: Path, tmp_path: Path):
    log(run, heldout_bits_per_byte=2.0, averaged_bits_per_byte=1.9)
    out = tmp_path / "out"
    release(run, out, texts=2)
    assert {path.name for path in out.iterdir()} == {
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "memory.json",
        "workspace.json",
        "loss.png",
    }
    assert read_trust(out) is not None
    name = "backbone.layers.0.mixer.A_log"
    expected = load_file(run / "averaged.safetensors")[name]
    loaded = TorchNetwork.load(out, read_config(out)).model.state_dict()
    torch.testing.assert_close(loaded[name], expected)


def test_an_unfinished_run_is_refused(tmp_path: Path):
    with pytest.raises(SystemExit, match="no finished run"):
        release(tmp_path, tmp_path / "out")
