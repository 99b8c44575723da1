"""When the model has written enough, seen from its own thread.

Owns that decision, piece by piece. Knows nothing of requests that come later; `generation` does.
"""

from __future__ import annotations

from ..model.completer import Piece
from . import shape
from .generation import probability
from .requests import Trigger
from .settings import Settings

CONFIDENT = 0.5  # a first line less likely than this is not followed by a second, unasked


class Enough:
    """Looks at the pieces as they come and says when no more are wanted."""

    def __init__(self, prefix: str, trigger: Trigger, settings: Settings) -> None:
        self._prefix = prefix[-shape.REACH_CHARS :]
        self._automatic = trigger is Trigger.AUTOMATIC
        self._least = settings.confidence
        self.block = settings.multi_line and (
            not self._automatic or shape.wants_block(self._prefix)
        )
        self._written = ""
        self._pieces: list[Piece] = []

    def after(self, piece: Piece) -> bool:
        self._written += piece.text
        self._pieces.append(piece)
        line = shape.first_line(self._prefix, self._written)
        likely = probability(self._pieces, 0, line.end)  # as `answer` will see it
        hopeless = self._automatic and likely < self._least  # whatever follows
        if hopeless or not line.finished:
            return hopeless
        if not self.block or (self._automatic and likely < CONFIDENT):
            return True
        return shape.block(self._prefix, self._written).finished
