"""Training: runs that learn, and that can be killed, resumed and made longer."""

import gzip
import json
import math
import random
from dataclasses import replace
from pathlib import Path
from threading import Event

import awkward_code
import pytest
import tiny_model
import torch
from safetensors.torch import load_file
from stateline.model.completer import Context, Sampling, Usage
from stateline.model.engine import Engine
from stateline.model.folder.files import read_config
from stateline.model.masked import view_of
from stateline.model.networks.torch.torch_network import TorchNetwork
from stateline.model.training.corpus.corpus import SourceFile
from stateline.model.training.run import run, trainer, workers
from stateline.model.training.run.pace import schedule
from stateline.model.training.run.recipe import Recipe
from stateline.model.training.run.trainer import bits_per_byte, train

OURS = tiny_model.ours()
FILES = [
    SourceFile(f"pkg/{path.name}", path.read_text(encoding="utf-8")) for path in awkward_code.FILES
]


RECIPE = Recipe(
    model={"d_model": 16, "n_layer": 2, "d_state": 8, "headdim": 8},
    vocabulary=300,
    steps=7,
    lanes=2,
    length=24,
    warmup=2,
    decay=3,
    save_every=3,
    validate_every=4,
)


def write_shard(path: Path, files: list[SourceFile]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps({"path": file.path, "text": file.text}) + "\n" for file in files)
    path.write_bytes(gzip.compress("".join(rows).encode()))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_shard(folder / "one.jsonl.gz", FILES[:3])
    write_shard(folder / "two.jsonl.gz", [SourceFile("two.py", FILES[5].text[:4_000])])
    write_shard(folder / "heldout" / "three.jsonl.gz", FILES[-1:])
    return folder


@pytest.fixture(scope="module")
def finished(corpus: Path, tmp_path_factory) -> Path:
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("finished")
    train(RECIPE, corpus, out)
    return out


def rows_of(out: Path) -> list[dict]:
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    others = {"tokens_per_s", "kernels"}  # not the run's own numbers
    return [{name: row[name] for name in row if name not in others} for row in rows]


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return TorchNetwork.load(out, read_config(out)).model.state_dict()


@pytest.mark.parametrize("killed_at", [1, 3, 5])
def test_a_run_killed_and_resumed_is_as_one_that_was_not(
    corpus: Path, finished: Path, tmp_path: Path, monkeypatch, killed_at: int
):
    """Killed before the first save, right after one, and two steps after one."""

    def killing(step: int, *rest: float) -> float:
        if step == killed_at:
            raise KeyboardInterrupt
        return schedule(step, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(run, "schedule", killing)
        with pytest.raises(KeyboardInterrupt):
            train(RECIPE, corpus, tmp_path)
    assert len(rows_of(tmp_path)) == killed_at
    train(RECIPE, corpus, tmp_path)
    expected = {row["step"]: row for row in rows_of(finished)}
    assert sorted(expected) == [*range(1, 8)]
    resumed = rows_of(tmp_path)
    assert len(resumed) == 7 + killed_at % 3, "steps after the last save are taken again"
    for row in resumed:
        assert row == pytest.approx(expected[row["step"]], rel=1e-6)
    for name, tensor in weights_of(tmp_path).items():
        torch.testing.assert_close(tensor, weights_of(finished)[name], rtol=1e-5, atol=1e-6)


def test_the_schedule_rules_both_optimizers(corpus: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(run, "schedule", lambda step, *rest: float(step == 0))
    train(replace(RECIPE, steps=1), corpus, tmp_path)
    after_one = weights_of(tmp_path)
    train(replace(RECIPE, steps=4), corpus, tmp_path)
    for name, tensor in weights_of(tmp_path).items():
        assert torch.equal(tensor, after_one[name]), "at a rate of 0 nothing is learned"


def test_a_run_learns_and_logs(finished: Path):
    rows = rows_of(finished)
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[0]["loss"] == pytest.approx(math.log(300), rel=0.05), "at first it knows nothing"
    assert [row["step"] for row in rows if "heldout_bits_per_byte" in row] == [4, 7]
    assert rows[0]["lr"] == 0.5


def test_a_finished_run_opens_as_a_model(finished: Path):
    engine = Engine.open(finished)
    assert engine.network.config.vocab_size == 300
    context = Context("def f():\n    return ", 20, "a.py")
    *_, usage = engine.complete(view_of(context), Sampling(max_tokens=3), Event())
    assert isinstance(usage, Usage)
    assert usage.tokens_read > 0


def test_a_finished_run_is_left_as_it_is(finished: Path, corpus: Path, tmp_path: Path):
    for path in finished.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    train(RECIPE, corpus, tmp_path)  # nothing is left to do
    assert rows_of(tmp_path) == rows_of(finished)


def test_several_processes_reach_the_same_losses_and_weights(finished: Path, corpus, tmp_path):
    train(RECIPE, corpus, tmp_path, workers=2)
    assert rows_of(tmp_path) == rows_of(finished)
    for name, tensor in weights_of(tmp_path).items():
        assert torch.equal(tensor, weights_of(finished)[name])


def test_a_worker_that_dies_ends_the_run_with_a_sentence(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_LOOK_EVERY_S", 0.05)
    model = tiny_model.tiny_model(torch.float32)
    buffers = workers.SharedBuffers.of(model, lanes=4, length=8, together=1)
    with workers.started(buffers, model.config, 2) as several:
        assert several.run() > 0
        for worker in several.workers:
            worker.kill()
            worker.join()
        with pytest.raises(SystemExit, match="fewer --workers"):
            several.run()


def test_lanes_taken_together_have_the_same_gradients():
    found = []
    for together in (1, 2, 4):
        model = tiny_model.tiny_model(torch.float64)
        buffers = workers.SharedBuffers.of(model, lanes=4, length=8, together=together)
        buffers.tokens.copy_(torch.arange(36).view(4, 9) % tiny_model.SIZE)
        buffers.keep.fill_(1.0)
        with workers.started(buffers, model.config, 1) as alone:
            losses = [alone.run().item(), alone.run().item()]
        found.append((losses, buffers.gradients[0], buffers.states))
    for losses, gradients, states in found[1:]:
        assert losses == pytest.approx(found[0][0], rel=1e-6)
        torch.testing.assert_close(gradients, found[0][1], rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(states, found[0][2])


def test_half_precision_as_on_a_gpu_gives_the_same_direction():
    """A GPU computes under autocast; its states and gradients stay float32."""
    model = tiny_model.tiny_model(torch.float32)
    buffers = workers.SharedBuffers.of(model, lanes=4, length=64, together=4)
    buffers.tokens.copy_(torch.arange(260).view(4, 65) * 7 % tiny_model.SIZE)
    found = []
    for enabled in (False, True):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss, states = workers.loss_of(model, buffers.tokens, buffers.states, buffers.keep)
        loss.backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
        found.append((loss.item(), gradient))
        assert {t.dtype for t in (*states, gradient)} == {torch.float32}
    assert found[1][0] == pytest.approx(found[0][0], rel=0.01)
    assert torch.cosine_similarity(found[0][1], found[1][1], dim=0) > 0.99


def test_a_longer_run_goes_on_from_before_the_rate_fell(finished: Path, corpus, tmp_path):
    for path in finished.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    train(replace(RECIPE, steps=9), corpus, tmp_path)
    again = [row["step"] for row in rows_of(tmp_path)[7:]]
    assert again == [5, 6, 7, 8, 9], "the rate began to fall after step 4"
    unbroken = tmp_path / "unbroken"
    train(replace(RECIPE, steps=9), corpus, unbroken)
    assert rows_of(tmp_path)[-1]["loss"] == pytest.approx(rows_of(unbroken)[-1]["loss"], rel=1e-6)


def test_a_run_can_start_from_a_models_weights(finished: Path, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "schedule", lambda step, *rest: 0.0)
    train(replace(RECIPE, steps=1), corpus, tmp_path, start=finished)
    for name, tensor in weights_of(tmp_path).items():
        assert torch.equal(tensor, weights_of(finished)[name])
    assert (tmp_path / "tokenizer.json").read_bytes() == (finished / "tokenizer.json").read_bytes()


def test_averaged_weights_lie_between_those_of_the_steps(corpus, tmp_path):
    recipe = replace(RECIPE, average=1000)
    weights = []
    for steps in (1, 2, 3, 4):
        train(replace(recipe, steps=steps, decay=0), corpus, tmp_path / str(steps))
        weights.append(load_file(tmp_path / str(steps) / "model.safetensors"))
    found = load_file(tmp_path / "4" / "averaged.safetensors")
    for name, tensor in found.items():
        torch.testing.assert_close(tensor, sum(w[name] for w in weights) / 4)
    assert "averaged_bits_per_byte" in rows_of(tmp_path / "4")[-1]


def test_bits_per_byte_of_a_model_that_knows_nothing():
    model = tiny_model.tiny_model(torch.float32)
    torch.nn.init.zeros_(model.backbone.embedding.weight)  # tied, so all logits are 0
    texts = ["x = 1\n", "größe = '日本'\n", tiny_model.texts()[0][:500]]
    tokens = sum(len(OURS.encode(text)) for text in texts)
    size = sum(len(text.encode()) for text in texts)
    expected = tokens * math.log2(tiny_model.SIZE) / size
    assert bits_per_byte(model, OURS, texts) == pytest.approx(expected, rel=1e-5)


def test_bits_per_byte_weighs_texts_by_their_bytes():
    model = tiny_model.tiny_model(torch.float32)
    one, two = tiny_model.texts()[0][:300], tiny_model.texts()[1][:900]
    alone = [bits_per_byte(model, OURS, [text]) for text in (one, two)]
    together = bits_per_byte(model, OURS, [one, two])
    assert together == pytest.approx((alone[0] + 3 * alone[1]) / 4, rel=0.01)


def test_a_corpus_too_small_for_its_lanes_is_refused(corpus: Path, tmp_path: Path):
    with pytest.raises(SystemExit, match="No shards"):
        train(RECIPE, tmp_path, tmp_path / "out")
    with pytest.raises(SystemExit, match="lower `lanes`"):
        train(replace(RECIPE, lanes=64), corpus, tmp_path / "out")


def test_validation_texts_are_the_same_in_every_run(corpus: Path):
    some = trainer._validation(corpus)
    random.seed(5)
    assert some == trainer._validation(corpus)
    assert some == {"python": [FILES[-1].text[:3000]]}
