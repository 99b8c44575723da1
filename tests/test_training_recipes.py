"""The recipes on a CPU: the embedded model's own run in small, and runs that end by the clock."""

import json
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from stateline.model.folder.files import read_config
from stateline.model.training.corpus.corpus import SourceFile
from stateline.model.training.run import run, trainer
from stateline.model.training.run.pace import COMPILED_AFTER_STEPS, Clock
from stateline.model.training.run.recipe import Recipe
from stateline.model.training.run.trainer import train
from test_feed import write_shard

SMALL = {"d_model": 16, "n_layer": 2, "d_state": 8, "headdim": 8}
PYTHON = "def add_{0}(one: int) -> int:\n    return one + {0}\n\n\n"
SCRIPT = "export function add(one: number) {{\n  return one + {};\n}}\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A project of Python, one of both others, and held-out files of all three."""
    folder = tmp_path_factory.mktemp("corpus")
    text = "".join(PYTHON.format(n) for n in range(600))
    python = [SourceFile(f"{i}.py", text[i * 100 : i * 100 + 25_000]) for i in range(12)]
    web = [
        SourceFile(f"{i}.{suffix}", "".join(SCRIPT.format(i * n) for n in range(400)))
        for i in range(2)
        for suffix in ("ts", "js")
    ]
    write_shard(folder / "one.jsonl.gz", python)
    write_shard(folder / "web.jsonl.gz", web)
    write_shard(folder / "heldout" / "three.jsonl.gz", [python[0], web[0], web[1]])
    return folder


@pytest.fixture
def seconds(monkeypatch):
    """A clock that is one second later whenever it is looked at."""
    monkeypatch.setattr(run, "Clock", partial(Clock, now=count().__next__))


def rows_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def small(recipe: Recipe) -> Recipe:
    """What a CPU can do of a recipe: less of everything, but all of it."""
    model = recipe.model | SMALL
    return replace(recipe, model=model, vocabulary=300, lanes=8, together=8, length=32)


def test_the_gpu_recipe_runs_on_a_cpu(corpus: Path, tmp_path: Path):
    recipe = Recipe.load(Path(trainer.__file__).parents[1] / "gpu.toml").in_steps(20)
    train(replace(small(recipe), warmup=5), corpus, tmp_path)
    rows = rows_of(tmp_path)
    assert [row["step"] for row in rows] == [*range(1, 21)]
    assert {row["kernels"] for row in rows} == {"torch"}
    assert rows[-1]["loss"] < rows[0]["loss"] - 0.5
    assert rows[-1]["lr"] == pytest.approx(1 / 9), "the rate falls over the last 45 % of a run"
    assert set(rows[-1]["by_language"]) == {"python", "typescript", "javascript"}
    assert read_config(tmp_path).n_layer == 2


CLOCKED = Recipe(SMALL, 300, minutes=0.5, lanes=2, length=16, warmup=2, decay_share=0.5)


def test_a_run_by_the_clock_stays_and_then_falls_to_nothing(corpus, tmp_path, seconds):
    train(CLOCKED, corpus, tmp_path)
    rates = [row["lr"] for row in rows_of(tmp_path)]
    stayed = rates.count(1.0)
    assert stayed > COMPILED_AFTER_STEPS
    assert rates[1 : stayed + 1] == [1.0] * stayed
    falling = rates[stayed + 1 :]
    assert 2 <= len(falling) < 15
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 0.25
    assert (tmp_path / run.STABLE).is_file()


def test_a_finished_run_by_the_clock_is_left_and_a_longer_one_goes_on_from_before(
    corpus, tmp_path, seconds
):
    train(CLOCKED, corpus, tmp_path)
    steps = len(rows_of(tmp_path))
    stable = run._plan(tmp_path / run.STABLE)
    assert 15 <= stable["spent_s"] < 20, "where the rate began to fall"
    train(CLOCKED, corpus, tmp_path)
    assert len(rows_of(tmp_path)) == steps, "its time is over"
    train(CLOCKED.in_minutes(1), corpus, tmp_path)
    again = rows_of(tmp_path)[steps:]
    assert again[0]["step"] == stable["step"] + 1
    assert again[0]["lr"] == 1.0
    assert again[-1]["lr"] < 0.25


def test_a_start_from_other_weights_has_its_own_clock(corpus, tmp_path, seconds):
    train(CLOCKED, corpus, tmp_path / "first")
    train(CLOCKED, corpus, tmp_path / "second", start=tmp_path / "first")
    first, second = rows_of(tmp_path / "first"), rows_of(tmp_path / "second")
    assert second[0]["step"] == 1
    assert second[0]["loss"] < first[0]["loss"] - 0.2, "it begins with what was learned"
    assert [row["lr"] for row in second] == [row["lr"] for row in first]


def test_a_quiet_start_makes_what_layers_add_small():
    recipe = Recipe(SMALL | {"n_layer": 8}, 300, steps=1)
    config = trainer.Mamba2Config(vocab_size=300, **recipe.model)
    loud, quiet = (
        trainer._new_model(config, replace(recipe, quiet_start=chosen), None).backbone.layers[0]
        for chosen in (False, True)
    )
    added = [layer.mixer.out_proj.weight.std().item() for layer in (loud, quiet)]
    assert added[1] < 0.6 * added[0]
    assert quiet.mixer.in_proj.weight.std().item() == pytest.approx(0.6 / 4, rel=0.1)
