"""When the model has written enough, seen from its own thread.

Owns that decision, piece by piece. Knows nothing of requests that come later; `generation` does.
"""

from __future__ import annotations

from ...model.completer import Context, Piece
from ..edit.requests import Trigger
from ..edit.settings import Manner
from .generation import begins_block, block, first_line, probability, wants_block

CONFIDENT = 0.5  # a first line less likely than this is not followed by a second, unasked


class Enough:
    """Looks at the pieces as they come and says when no more are wanted."""

    def __init__(self, context: Context, trigger: Trigger, manner: Manner) -> None:
        self._context = context
        self._automatic = trigger is Trigger.AUTOMATIC
        self._least = manner.gate
        self._multi_line = manner.multi_line
        self._wants_block = wants_block(context, trigger)
        self._written = ""
        self._pieces: list[Piece] = []

    def after(self, piece: Piece) -> bool:
        self._written += piece.text
        self._pieces.append(piece)
        line = first_line(self._context, self._written)
        likely = probability(self._pieces, 0, line.end)  # as `answer` will see it
        hopeless = self._automatic and likely < self._least  # whatever follows
        if hopeless or not line.finished:
            return hopeless
        if not self._multi_line or (self._automatic and likely < CONFIDENT):
            return True
        if not self._wants_block and not begins_block(self._context, self._written):
            return True
        return block(self._context, self._written).finished
