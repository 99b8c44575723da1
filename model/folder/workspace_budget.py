"""How much of the workspace a model is given, as its evaluation found it useful.

Owns `workspace.json` of a model folder. Knows no model and no file of any workspace.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from ..completer import WorkspaceBudget
from ..errors import ModelFolderError
from ..json_file import read_json

FILE = "workspace.json"
MOST_TOKENS = 1 << 20
# Of a model that was not evaluated: what most code models gain something from.
UNPROVEN = WorkspaceBudget(read_tokens=4096)
_MAX_JSON_BYTES = 1 << 16


def read_workspace_budget(folder: Path) -> WorkspaceBudget:
    """What the folder says, else UNPROVEN. Raises ModelFolderError."""
    path = folder / FILE
    if not path.is_file():
        return UNPROVEN
    try:
        found = read_json(path, _MAX_JSON_BYTES)
        return WorkspaceBudget(
            _tokens(found["read_tokens"]),
            _tokens(found["recalled_tokens"]),
            _chars(found["chars_per_token"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelFolderError(
            f"{path} does not say how much of a workspace this model is to be given ({error}); "
            "delete it to go without."
        ) from error


def write_workspace_budget(workspace_budget: WorkspaceBudget, folder: Path) -> None:
    """Say it in a model folder."""
    (folder / FILE).write_text(json.dumps(asdict(workspace_budget)) + "\n")


def _tokens(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_TOKENS:
        raise ValueError(f"token counts must be whole numbers from 0 to {MOST_TOKENS}")
    return value


def _chars(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0.5 <= value <= 20:
        raise ValueError("chars_per_token must be a number from 0.5 to 20")
    return float(value)
