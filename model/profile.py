"""What a model says of itself: the languages it knows, and how sure of a line it has to be.

Owns `profile.json` of a model folder. Its languages have the names of `languages`; a language that
Stateline has no name for goes by its LSP identifier. Knows no model and no settings of a user.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ModelFolderError
from .json_file import read_json
from .languages import language_of

FILE = "profile.json"
UNCALIBRATED = 0.4  # of a model or a language for which no gate was found by measurement
_MAX_JSON_BYTES = 1 << 16


@dataclass(frozen=True)
class Profile:
    """`gates` are, by language, the least probabilities of a first line shown unasked, 0 to 1."""

    languages: tuple[str, ...] = ()  # none: all that there are
    gates: Mapping[str, float] = field(default_factory=dict)

    def knows(self, identifier: str) -> bool:
        """Whether it was made for documents with this LSP language identifier."""
        return not self.languages or _name(identifier) in self.languages

    def gate(self, identifier: str) -> float:
        """The gate for documents with this LSP language identifier."""
        return self.gates.get(_name(identifier), UNCALIBRATED)


def read_profile(folder: Path) -> Profile:
    """What the folder says, else that of a model for all languages. Raises ModelFolderError."""
    path = folder / FILE
    if not path.is_file():
        return Profile()
    try:
        found = read_json(path, _MAX_JSON_BYTES)
        return Profile(_languages(found["languages"]), _gates(found["gates"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelFolderError(
            f"{path} does not say which languages this model knows, and its gate for each "
            f"({error}); delete it to go without."
        ) from error


def write_profile(profile: Profile, folder: Path) -> None:
    """Say it in a model folder."""
    said = {"languages": profile.languages, "gates": dict(profile.gates)}
    (folder / FILE).write_text(json.dumps(said) + "\n")


def _name(identifier: str) -> str:
    language = language_of(identifier)
    return language.name if language else identifier


def _languages(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("languages must be a list of names")
    return tuple(value)


def _gates(value: object) -> dict[str, float]:
    if not isinstance(value, dict) or not all(map(_is_probability, value.values())):
        raise ValueError("gates must be numbers from 0 to 1 by a language's name")
    return {name: float(gate) for name, gate in value.items()}


def _is_probability(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
