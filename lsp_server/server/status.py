"""How things are, as the client was told last: a sentence, and whether it is good.

Owns that, and its message. Knows not what it is about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lsprotocol import types

from .messages import STATUS


class Kind(Enum):
    """As the client shows it."""

    NORMAL = "Normal"
    INACTIVE = "Inactive"  # nothing is suggested here, for the reason that the sentence gives
    WARNING = "Warning"
    ERROR = "Error"


@dataclass(frozen=True)
class Said:
    """What the status line says; `command` is what a click would do."""

    message: str
    kind: Kind = Kind.NORMAL
    busy: bool = False
    command: types.Command | None = None


class Status:
    """Says nothing twice in a row."""

    def __init__(self, notify: Callable[[str, object], None]) -> None:
        self._notify = notify
        self._said: Said | None = None

    @property
    def kind(self) -> Kind | None:
        """Of what was said last; None before anything was."""
        return self._said.kind if self._said else None

    def say(self, said: Said) -> None:
        """Tell the client, unless that is what it was told last."""
        if said == self._said:
            return
        self._said = said
        params: dict[str, Any] = {"busy": said.busy, "message": said.message}
        params["kind"] = said.kind.value
        if said.command is not None:
            params["command"] = said.command
        self._notify(STATUS, params)
