"""Brackets, strings and comments in a piece of source text, told apart roughly but sanely.

Owns one reader for all languages that quote with ", ' or ` and comment with #: brackets in strings
and comments count for nothing, and a string in single quote characters ends with its line at the
latest, so an apostrophe does no lasting harm. Knows no grammar. Offsets are code points.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

OPENS = {"(": ")", "[": "]", "{": "}"}
CLOSES = frozenset(OPENS.values())
_TOKEN = re.compile(r"\\[^\n]|\"\"\"|'''|[\"'`\n()\[\]{}]|(?<!\S)#")


@dataclass(frozen=True)
class Brackets:
    """What is open after a text that was read in one or more parts."""

    text: str
    awaited: str = ""  # closing brackets, innermost last
    quote: str = ""  # of the string that the text ends in
    closed: str = ""  # what the last part closed of what was not opened in it
    faults: int = 0  # all that is unbalanced: strays, strings cut by a line's end, all still open
    code_end: int = 0  # where the last line's comment begins, or the text's end

    @property
    def open(self) -> bool:
        """Whether a bracket or a string goes on."""
        return bool(self.awaited or self.quote)

    def then(self, more: str) -> Brackets:
        """The same after more text."""
        return _read(self.text + more, len(self.text))


def brackets(text: str) -> Brackets:
    """Read a text from a place that is in no string and no comment."""
    return _read(text, 0)


def _read(text: str, part: int) -> Brackets:
    """Read `text`, whose last part begins at `part`."""
    reader = _Reader(part)
    for token in _TOKEN.finditer(text):
        reader.take(token[0], token.start())
    code_end = len(text) if reader.comment is None else reader.comment
    awaited = "".join(closer for closer, _ in reader.stack)
    faults = reader.faults + len(awaited) + bool(reader.quote)
    return Brackets(text, awaited, reader.quote, reader.closed, faults, code_end)


class _Reader:
    """Takes the telling tokens of a text one after another."""

    def __init__(self, part: int) -> None:
        self.part = part
        self.stack: list[tuple[str, int]] = []  # awaited closers, and where each was opened
        self.quote, self.quote_start = "", 0
        self.comment: int | None = None
        self.closed, self.faults = "", 0

    def take(self, token: str, at: int) -> None:
        if self.comment is not None:
            self.comment = None if token == "\n" else self.comment
        elif self.quote:
            self._in_string(token, at)
        elif token[0] in "\"'`":
            self.quote, self.quote_start = token, at
        elif token == "#":
            self.comment = at
        elif token in OPENS:
            self.stack.append((OPENS[token], at))
        elif token in CLOSES:
            self._close(token, at)

    def _in_string(self, token: str, at: int) -> None:
        if token == "\n" and len(self.quote) == 1:
            self.quote, self.faults = "", self.faults + 1
        elif token == self.quote or token == 3 * self.quote:
            self._note(token, self.quote_start, at)
            self.quote = ""

    def _close(self, token: str, at: int) -> None:
        if self.stack and self.stack[-1][0] == token:
            self._note(token, self.stack.pop()[1], at)
        else:
            self.faults += 1
            self._note(token, -1, at)

    def _note(self, token: str, opened: int, at: int) -> None:
        if opened < self.part <= at:
            self.closed += token
