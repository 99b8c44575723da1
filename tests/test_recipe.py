"""Recipes: what is refused, what comes along, and which lanes read which language."""

from pathlib import Path

import pytest
from stateline.model.training.run import recipe as recipe_module
from stateline.model.training.run.pace import RunPace
from stateline.model.training.run.recipe import Recipe

WHOLE = "vocabulary = 3\nmodel = {}\n"


@pytest.mark.parametrize(
    ("content", "because"),
    [
        ("", "required"),
        ("steps = 3", "required"),
        ("steps = ", "Invalid value"),
        (WHOLE, "either steps or minutes"),
        (WHOLE + "steps = 1\nminutes = 2", "either steps or minutes"),
        (WHOLE + "steps = 1\nlayers = 2", "layers"),
        (WHOLE + "steps = 1\nlanes = 8\ntogether = 3", "do not divide"),
        (WHOLE + "minutes = 1\ndecay_share = 1.5", "from 0 to 1"),
        (WHOLE + "steps = 1\n[languages]\ncobol = 1.0", "cobol is no language"),
        (WHOLE + "steps = 1\n[languages]\npython = 0.5", "add up to 1"),
        (
            WHOLE + "steps = 1\nlanes = 1\n[languages]\npython = 0.5\ntypescript = 0.5",
            "1 lanes are too few for 2 languages",
        ),
    ],
)
def test_a_recipe_that_is_none_is_refused(tmp_path: Path, content: str, because: str):
    path = tmp_path / "recipe.toml"
    path.write_text(content)
    with pytest.raises(SystemExit, match=f"is not a training recipe .*{because}"):
        Recipe.load(path)


def test_a_recipe_that_is_missing_is_refused(tmp_path: Path):
    with pytest.raises(SystemExit, match="is not a training recipe"):
        Recipe.load(tmp_path / "missing.toml")


def load(name: str) -> Recipe:
    return Recipe.load(Path(recipe_module.__file__).parents[1] / name)


@pytest.mark.parametrize("name", ["cpu.toml", "gpu.toml", "smoke.toml"])
def test_the_recipes_that_come_along_load(name: str):
    pace = load(name).pace
    assert pace.total > pace.decay > 0
    assert pace.unit == "seconds" or pace.total > pace.warmup + pace.decay


def test_the_gpu_recipe_is_the_run_that_made_the_embedded_model():
    recipe = load("gpu.toml")
    assert recipe.pace == RunPace("seconds", 540, 243, 150)
    assert recipe.lanes * recipe.length == 65_536
    assert recipe.lanes_of().count("python") == 48
    assert recipe.lanes == recipe.together == 64


@pytest.mark.parametrize(
    ("shares", "lanes", "expected"),
    [
        ({}, 3, [None] * 3),
        ({"python": 1.0}, 2, ["python"] * 2),
        ({"python": 0.75, "typescript": 0.25}, 8, ["python"] * 6 + ["typescript"] * 2),
        ({"python": 0.9, "typescript": 0.1}, 4, ["python"] * 3 + ["typescript"]),
        (
            {"python": 0.5, "typescript": 0.25, "javascript": 0.25},
            6,
            ["python"] * 3 + ["typescript"] * 2 + ["javascript"],
        ),
    ],
)
def test_lanes_are_dealt_by_share_and_no_language_goes_without(shares, lanes, expected):
    assert Recipe({}, 3, steps=1, lanes=lanes, languages=shares).lanes_of() == expected


def test_a_run_by_the_clock_can_be_one_of_steps_and_back():
    by_clock = Recipe({}, 3, minutes=9, decay_share=0.45, warmup=7)
    assert by_clock.in_steps(20).pace == RunPace("steps", 20, 9, 7)
    assert by_clock.in_minutes(2).pace == RunPace("seconds", 120, 54, 7)
    by_steps = Recipe({}, 3, steps=100, decay=40, warmup=7)
    assert by_steps.in_steps(200).pace == RunPace("steps", 200, 40, 7)
    assert by_steps.in_steps(200).in_minutes(1).pace.unit == "seconds"
