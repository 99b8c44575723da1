"""How much of a workspace a model is given: what its folder says, or one sentence."""

import json
from pathlib import Path

import pytest
from stateline.model.completer import WorkspaceBudget
from stateline.model.errors import ModelFolderError
from stateline.model.folder.workspace_budget import (
    FILE,
    MOST_TOKENS,
    UNPROVEN,
    read_workspace_budget,
)

GOOD = {"read_tokens": 0, "recalled_tokens": 16_000, "chars_per_token": 3}


def test_a_folder_without_a_word_on_it_is_unproven(tmp_path: Path):
    assert read_workspace_budget(tmp_path) == UNPROVEN


def test_what_the_folder_says_counts(tmp_path: Path):
    (tmp_path / FILE).write_text(json.dumps(GOOD))
    assert read_workspace_budget(tmp_path) == WorkspaceBudget(0, 16_000, 3.0)


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
            json.dumps(GOOD | {key: value})
            for key in ("read_tokens", "recalled_tokens")
            for value in (-1, MOST_TOKENS + 1, 1.0, True, "1", None)
        ),
        *(
            json.dumps(GOOD | {"chars_per_token": value})
            for value in (0, 21, 10**400, float("nan"), float("inf"), "3.5", True, None)
        ),
    ],
)
def test_anything_else_is_explained_in_a_sentence(tmp_path: Path, text: str):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ModelFolderError, match=r"delete it to go without\.$") as error:
        read_workspace_budget(tmp_path)
    assert "\n" not in str(error.value)
