"""What someone does in an editor, as values, and the buffer it is done in.

Owns the kinds of action, the edit, and `Buffer`, which turns edits into actions while it keeps the
text and the cursor. Knows neither why something is done nor any server. Offsets are code points.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NEAR_LINES = 8  # the cursor moving further than this is a jump


class ActionKind(StrEnum):
    """What is told apart in the figures."""

    OPEN = "open"
    SWITCH = "switch"  # to a file that was open before, with the cursor where it was left
    JUMP = "jump"
    MOVE = "move"  # as a jump, over few lines
    TYPE = "type"
    RETYPE = "retype"  # what a typo or an undo took away
    BACKSPACE = "backspace"
    DELETE = "delete"  # lines, or a selection, at once
    PASTE = "paste"
    UNDO = "undo"
    ACCEPT = "accept"  # what the server had offered, or a part of it
    INSERT = "insert"  # a text inserted in one edit, as from another completion
    ELSEWHERE = "edit elsewhere"  # far from the cursor, which stays, as an added import
    SAVE = "save"
    CLOSE = "close"
    PAUSE = "pause"  # until the server has nothing left to read


class Form(StrEnum):
    """How much of an offered text is accepted at once."""

    WHOLE = "whole"
    LINE = "line"
    WORD = "word"


SILENT = frozenset({ActionKind.SAVE, ActionKind.CLOSE, ActionKind.PAUSE})
"""After these no editor asks for a suggestion."""

KEYSTROKES = frozenset(
    {
        *(ActionKind.TYPE, ActionKind.RETYPE, ActionKind.BACKSPACE, ActionKind.DELETE),
        *(ActionKind.PASTE, ActionKind.UNDO, ActionKind.ACCEPT, ActionKind.INSERT),
    }
)
"""Each of these is one press of a key, or of two together."""


@dataclass(frozen=True)
class TextEdit:
    """The text from `start` to `end` becomes `new`."""

    start: int
    end: int
    new: str

    def applied(self, text: str) -> str:
        """The text after it."""
        return text[: self.start] + self.new + text[self.end :]

    def undone(self, text: str) -> TextEdit:
        """The edit that takes this one back, when it is made to `text`."""
        return TextEdit(self.start, self.start + len(self.new), text[self.start : self.end])


@dataclass(frozen=True)
class Action:
    """One thing done in one file, and where the cursor stands after it."""

    kind: ActionKind
    path: str
    cursor: int
    edit: TextEdit | None = None
    form: Form | None = None  # of an acceptance

    @property
    def asks(self) -> bool:
        """Whether an editor asks for a suggestion at the cursor then."""
        return self.kind not in SILENT


class Buffer:
    """The text of one file while it is worked on."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.cursor = 0

    def edited(self, kind: ActionKind, edit: TextEdit, cursor: int | None = None) -> Action:
        """Make an edit; the cursor then stands behind what is new, or where it is told to."""
        self.text = edit.applied(self.text)
        self.cursor = edit.start + len(edit.new) if cursor is None else cursor
        return Action(kind, self.path, self.cursor, edit)

    def plain(self, kind: ActionKind) -> Action:
        """An action that changes nothing here."""
        return Action(kind, self.path, self.cursor)

    def moved(self, offset: int) -> list[Action]:
        """Put the cursor elsewhere; nothing if it is there."""
        if offset == self.cursor:
            return []
        far = self.lines_to(offset) > NEAR_LINES
        self.cursor = offset
        return [self.plain(ActionKind.JUMP if far else ActionKind.MOVE)]

    def lines_to(self, offset: int) -> int:
        """How many lines lie between the cursor and an offset."""
        return self.text.count("\n", *sorted((self.cursor, offset)))
