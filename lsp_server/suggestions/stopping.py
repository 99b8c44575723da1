"""When the model has written enough, seen from its own thread.

Owns that decision, piece by piece; where lines and blocks end is `ends`'. Knows nothing of requests
that come later.
"""

from __future__ import annotations

from ...model.completer import Context, Piece
from ..edit.requests import Trigger
from ..edit.settings import Manner
from .ends import Ends, Start
from .generation import probability

CONFIDENT = 0.5  # a first line less likely than this is not followed by a second, unasked


class Enough:
    """Looks at the pieces as they come and says when no more are wanted."""

    def __init__(self, context: Context, trigger: Trigger, manner: Manner) -> None:
        self._start, self._manner = Start(context, trigger), manner
        self._written = ""
        self._pieces: list[Piece] = []

    def after(self, piece: Piece) -> bool:
        self._written += piece.text
        self._pieces.append(piece)
        ends = Ends(self._written, self._start, self._manner.multi_line)
        if self._start.trigger is Trigger.AUTOMATIC:
            likely = probability(self._pieces, 0, ends.line.end)  # as `answer` will see it
            if likely < self._manner.gate:
                return True  # whatever follows
            if ends.line.finished and likely < CONFIDENT:
                return True
        return ends.line.finished and (ends.block is None or ends.block.finished)
