"""A run becomes a folder that opens, with the weights that did better."""

import gzip
import json
from pathlib import Path

import pytest
import tiny_model
import torch
from safetensors.torch import load_file, save_file
from stateline.model.folder.files import read_config
from stateline.model.folder.workspace_budget import read_workspace_budget
from stateline.model.memory.mixing import read_trust
from stateline.model.networks.torch.torch_network import TorchNetwork
from stateline.model.profile import UNCALIBRATED, read_profile
from stateline.model.training.corpus.corpus import CorpusError
from stateline.model.training.shipping.learn import Effort, between, learn, worth
from stateline.model.training.shipping.release import better_weights, release

LITTLE = Effort(windows=1, cursors=2, targets=1)


def steps(name, answers, count):
    return answers


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """With learning shards of two languages."""
    folder = tmp_path / "corpus" / "learn"
    folder.mkdir(parents=True)
    for name, line in (("a.py", "total = add(first, second)\n"), ("b.ts", "const a = b(c);\n")):
        row = json.dumps({"path": name, "text": line * 9})
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(row.encode()))
    return tmp_path / "corpus"


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


def test_a_released_folder_opens_with_a_memory(run: Path, corpus: Path, tmp_path: Path):
    log(run, heldout_bits_per_byte=2.0, averaged_bits_per_byte=1.9)
    out = tmp_path / "out"
    release(run, out, corpus, steps, LITTLE)
    assert {path.name for path in out.iterdir()} == {
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "memory.json",
        "profile.json",
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
        release(tmp_path, tmp_path / "out", tmp_path, steps)


def test_what_is_learned_is_of_the_languages_that_there_is_text_of(corpus: Path, tmp_path: Path):
    model = tiny_model.tiny_folder(tmp_path / "model")
    (model / "memory.json").write_text("not a table: it is learned anew")
    learn(model, corpus, steps, LITTLE, workers=1)
    profile = read_profile(model)
    assert profile.languages == ("python", "typescript")
    assert set(profile.gates) == {"python", "typescript"}
    budget = read_workspace_budget(model)
    assert budget.chars_per_token > 1
    assert (budget.read_tokens, budget.recalled_tokens) == (0, 16_000)


def test_without_learning_shards_nothing_is_touched(tmp_path: Path):
    model = tiny_model.tiny_folder(tmp_path / "model")
    (model / "memory.json").write_text("kept")
    with pytest.raises(CorpusError, match="corpus build"):
        learn(model, tmp_path, steps)
    assert (model / "memory.json").read_text() == "kept"


@pytest.mark.parametrize(
    ("bits", "tokens"),
    [
        ((1.0, 0.97, 0.9, 0.8), 16_000),
        ((1.0, 0.97, 0.9, 0.89), 4_000),
        ((1.0, 0.99, 0.5, 0.495), 4_000),
        ((1.0, 0.99, 0.985, 0.981), 0),
        ((1.0, 1.1, 1.2, 1.3), 0),
    ],
)
def test_more_of_other_files_is_given_if_that_saves_enough(bits, tokens):
    by_tokens = zip(("0", "1000", "4000", "16000"), bits, strict=True)
    report = {name: {"both": {"bits_per_byte": {"value": value}}} for name, value in by_tokens}
    assert worth(report, "both", 0.02) == tokens


def test_a_gate_lies_between_a_languages_own_and_that_of_all():
    right, wrong = [(0.8, True)] * 40, [(0.31, False)] * 40
    found = between({"python": right, "typescript": right + wrong, "javascript": wrong})
    assert found == {"python": 0.16, "typescript": 0.32, "javascript": 0.32}
    assert between({"python": wrong}) == {"python": UNCALIBRATED}
