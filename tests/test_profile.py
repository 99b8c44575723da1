"""Which languages a model knows, and its gates: what its folder says, or one sentence."""

import json
from pathlib import Path

import pytest
from stateline.model import PRETRAINED
from stateline.model.errors import ModelFolderError
from stateline.model.languages import LANGUAGES
from stateline.model.profile import FILE, UNCALIBRATED, Profile, read_profile, write_profile

GOOD = {"languages": ["python", "typescript"], "gates": {"python": 0.42, "typescript": 1}}


def test_a_model_that_names_no_language_knows_them_all(tmp_path: Path):
    profile = read_profile(tmp_path)
    assert profile == Profile()
    assert profile.knows("python")
    assert profile.knows("brainfuck")
    assert profile.gate("python") == UNCALIBRATED


def test_what_the_folder_says_counts(tmp_path: Path):
    (tmp_path / FILE).write_text(json.dumps(GOOD))
    expected = Profile(("python", "typescript"), {"python": 0.42, "typescript": 1.0})
    assert read_profile(tmp_path) == expected


def test_what_is_written_is_read(tmp_path: Path):
    profile = Profile(("python", "lua"), {"python": 0.25})
    write_profile(profile, tmp_path)
    assert read_profile(tmp_path) == profile


@pytest.mark.parametrize(
    ("identifier", "known", "gate"),
    [
        ("python", True, 0.42),
        ("typescript", True, 0.5),
        ("typescriptreact", True, 0.5),  # a language's name stands for all its identifiers
        ("lua", True, 0.3),  # and an identifier for itself, where Stateline knows no name
        ("javascript", False, UNCALIBRATED),
        ("Python", False, UNCALIBRATED),
        ("", False, UNCALIBRATED),
    ],
)
def test_a_document_is_known_by_its_languages_name(identifier: str, known: bool, gate: float):
    gates = {"python": 0.42, "typescript": 0.5, "lua": 0.3}
    profile = Profile(("python", "typescript", "lua"), gates)
    assert profile.knows(identifier) is known
    assert profile.gate(identifier) == gate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 50_000,
        " " * (1 << 16) + json.dumps(GOOD),
        *(json.dumps({k: v for k, v in GOOD.items() if k != key}) for key in GOOD),
        *(
            json.dumps(GOOD | {"languages": value})
            for value in ("python", [1], [None], {"python": 1}, None)
        ),
        *(json.dumps(GOOD | {"gates": value}) for value in (0.4, [0.4], None)),
        *(
            json.dumps(GOOD | {"gates": {"python": value}})
            for value in (-0.1, 1.1, 10**400, float("nan"), float("inf"), "0.4", True, None)
        ),
    ],
)
def test_anything_else_is_explained_in_a_sentence(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ModelFolderError, match=r"delete it to go without\.$") as error:
        read_profile(tmp_path)
    assert "\n" not in str(error.value)


def test_the_embedded_model_knows_three_languages():
    profile = read_profile(PRETRAINED)
    assert profile.languages == tuple(each.name for each in LANGUAGES)
    assert profile.gates.keys() == set(profile.languages)
