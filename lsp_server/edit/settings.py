"""What a user may set, with defaults that are right for most.

Owns the reading of initializationOptions: untrusted JSON in, a `Settings` and the complaints
out; a bad value never stops the server. Also owns what they come to in one language, where some
are the model's to say as long as the user does not. Knows nothing of what the settings do.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...model.languages import language_of
from ...model.profile import Profile

_LONGEST_KEY = 30  # characters; nothing longer is a setting misspelt
_SIMILAR = 0.8  # of 1; `multiline` is, `editor` is not


@dataclass(frozen=True)
class Manner:
    """How suggestions are made in documents of one language."""

    gate: float  # least probability of a first line that is shown unasked
    multi_line: bool = True


@dataclass(frozen=True)
class Settings:
    """Every setting there is; docs/settings.md says more about the user's."""

    model: str = ""  # a model folder; empty: the embedded model
    languages: tuple[str, ...] = ()  # to complete in; "*" is all; none: those the model knows
    confidence: float | None = None  # least of a line that is shown unasked; None: the model's
    multi_line: bool = True
    memory_mib: int = 48  # budget for states in memory
    workspace_tokens: int = 0  # of other files, read before the open one; 0: as many as help
    exclude: tuple[str, ...] = ()  # patterns of files that are never read, as in .gitignore
    threads: int = 0  # of the model; 0: as many as help
    priority: str = "normal"  # of the server's process; or "low"
    # What the client says of itself, in the same place; docs/protocol.md.
    editor: str = ""  # its name, if that matters
    ghost_text: bool = False  # it draws inline completions without declaring them
    report_usage: bool = False  # it wants `stateline/usage` after each request

    def completes(self, identifier: str, profile: Profile) -> bool:
        """Whether documents with this LSP language identifier get suggestions from this model."""
        if not self.languages:
            return profile.knows(identifier)
        language = language_of(identifier)
        names = {"*", identifier, language.name if language else identifier}
        return not names.isdisjoint(self.languages)

    def manner(self, identifier: str, profile: Profile) -> Manner:
        """What counts in documents with this LSP language identifier."""
        gate = profile.gate(identifier) if self.confidence is None else self.confidence
        return Manner(gate, self.multi_line)


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_RULES: dict[str, tuple[str, Callable[[Any], bool], str]] = {
    "model": ("model", lambda v: isinstance(v, str), "a path"),
    "languages": (
        "languages",
        _strings,
        "a list of languages",
    ),
    "confidence": ("confidence", _number(0, 1), "a number from 0 to 1"),
    "multiLine": ("multi_line", lambda v: isinstance(v, bool), "true or false"),
    "memoryMiB": ("memory_mib", _whole(8, 65536), "a whole number from 8 to 65536"),
    "workspaceTokens": (
        "workspace_tokens",
        _whole(0, 1 << 20),
        f"a whole number from 0 to {1 << 20}",
    ),
    "exclude": (
        "exclude",
        _strings,
        "a list of patterns",
    ),
    "threads": ("threads", _whole(0, 256), "a whole number from 0 to 256"),
    "priority": ("priority", lambda v: v in ("normal", "low"), '"normal" or "low"'),
    "editor": ("editor", lambda v: isinstance(v, str), "a name"),
    "reportUsage": ("report_usage", lambda v: isinstance(v, bool), "true or false"),
    "ghostText": ("ghost_text", lambda v: isinstance(v, bool), "true or false"),
}


def read_settings(options: Any) -> tuple[Settings, list[str]]:
    """Settings from a client's initializationOptions, and a sentence for each bad value.

    A null is a setting that is not set. Clients put words of their own there, so an unknown key is
    ignored; but one that looks like a setting misspelt is worth a sentence.
    """
    values: dict[str, Any] = {}
    complaints: list[str] = []
    if options is not None and not isinstance(options, dict):
        return Settings(), ["initializationOptions is not an object; all settings are defaults."]
    for key, value in (options or {}).items():
        if key not in _RULES:
            near = difflib.get_close_matches(key[:_LONGEST_KEY], _RULES, 1, _SIMILAR)
            complaints += [
                f"There is no setting {key!r}; perhaps {each} is meant." for each in near
            ]
            continue
        name, good, what = _RULES[key]
        if value is None:
            continue
        if good(value):
            values[name] = tuple(value) if isinstance(value, list) else value
        else:
            default = getattr(Settings(), name)
            used = "the model's own" if default is None else json.dumps(default)
            complaints.append(f"The setting {key} must be {what}; using {used}.")
    return Settings(**values), complaints
