"""The one error for a model folder that cannot be used.

Owns `ModelFolderError` and how values from such a folder are quoted in its sentence. Knows no
torch, so that the server can catch it without loading the engine.
"""

from __future__ import annotations

_LONGEST_QUOTE = 60


class ModelFolderError(Exception):
    """A model folder cannot be used; the message is one sentence that says what to do."""


def quoted(value: object) -> str:
    """A value from an untrusted file, short and on one line, for use inside an error sentence."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[: _LONGEST_QUOTE - 1]}…"


def quoted_names(names: list[str]) -> str:
    """The first three of some names, and how many more there are."""
    first = ", ".join(quoted(name) for name in names[:3])
    return first if len(names) <= 3 else f"{first} and {len(names) - 3} more"
