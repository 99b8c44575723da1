"""Positions in a text: the one module that knows UTF-8, UTF-16 and UTF-32 code units.

Everywhere else an offset counts code points. Lines end as LSP says, at CR LF, LF and a lone CR;
form feed, VT, NEL, U+2028 and U+2029 are characters like any other, unlike in `str.splitlines`.
This module knows no documents, no versions and no protocol types.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
"""Python's codec and the bytes in one code unit, by LSP's name."""

_LINE_FEED = re.compile("\n")
_LONE_CARRIAGE_RETURN = re.compile("\r(?!\n)")


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class LineIndex:
    """A text and where its lines start; an immutable value, cheap to derive by `replaced`.

    Every look-up clamps instead of raising: a position past a line's end is the line's end (before
    its line break), a line past the last one is the text's end, and a position inside a character
    is that character's start.
    """

    text: str
    _starts: list[int]
    """Ascending offsets of line starts. Shared between values, so never changed in place."""
    _seam: int
    """Starts from this line on lie `_shift` further than stored, so that an edit need not touch
    every line below it, only those between the previous edit and itself."""
    _shift: int

    @classmethod
    def of(cls, text: str) -> LineIndex:
        """Index a text from scratch; takes time in proportion to its length."""
        starts = [0, *_line_break_ends(text)]
        return cls(text, starts, len(starts), 0)

    @property
    def line_count(self) -> int:
        """How many lines there are; a text that ends in a line break has an empty last line."""
        return len(self._starts)

    def line_at(self, offset: int) -> int:
        """The line that holds this code point offset."""
        return max(self._starts_up_to(offset), 1) - 1

    def start_of(self, line: int) -> int:
        """The code point offset of a line's first character."""
        line = min(max(line, 0), self.line_count - 1)
        return self._starts[line] + (self._shift if line >= self._seam else 0)

    def end_of(self, line: int) -> int:
        """The code point offset of a line's end, before its line break."""
        if line + 1 >= self.line_count:
            return len(self.text)
        begin, after = self.start_of(line), self.start_of(line + 1)
        return after - (2 if self.text.endswith("\r\n", begin, after) else 1)

    def offset_of(self, line: int, character: int, encoding: Encoding) -> int:
        """The code point offset of an LSP position, whose `character` counts code units."""
        if line < 0:
            return 0
        if line >= self.line_count:
            return len(self.text)
        begin, wanted = self.start_of(line), max(character, 0)
        # A character takes at least one unit, so this slice reaches far enough.
        head = self.text[begin : min(begin + wanted, self.end_of(line))]
        return begin + code_points_within(head, wanted, encoding)

    def position_of(self, offset: int, encoding: Encoding) -> tuple[int, int]:
        """The LSP position (line, code units into it) of a code point offset.

        Between CR and LF there is no position; that offset is taken for the line's end.
        """
        offset = min(max(offset, 0), len(self.text))
        line = self.line_at(offset)
        head = self.text[self.start_of(line) : min(offset, self.end_of(line))]
        return line, _code_units(head, encoding)

    def replaced(self, start: int, end: int, new: str) -> LineIndex:
        """The value after `text[start:end]` became `new`; needs 0 <= start <= end <= len(text)."""
        text = "".join((self.text[:start], new, self.text[end:]))
        first = max(self._starts_up_to(start - 1), 1)
        last = self._starts_up_to(end)
        # A start depends on the character before it and, after CR, on the one behind it. So those
        # from `start` to the end of `new` are looked up again, with one character either side.
        begin, reach = max(start - 1, 0), start + len(new)
        ends = (begin + at for at in _line_break_ends(text[begin : reach + 1]))
        found = [at for at in ends if start <= at <= reach]
        starts = self._with_seam_at(last)
        starts[first:last] = found
        return LineIndex(text, starts, first + len(found), self._shift + len(text) - len(self.text))

    def _starts_up_to(self, offset: int) -> int:
        """How many lines start at or before this offset."""
        seam = self._seam
        if seam < len(self._starts) and self._starts[seam] + self._shift <= offset:
            return bisect_right(self._starts, offset - self._shift, lo=seam)
        return bisect_right(self._starts, offset, hi=seam)

    def _with_seam_at(self, line: int) -> list[int]:
        """A copy of the stored starts as they would be with the seam at `line`."""
        starts = self._starts.copy()
        low, high = sorted((self._seam, line))
        shift = self._shift if line > self._seam else -self._shift
        starts[low:high] = [start + shift for start in starts[low:high]]
        return starts


def _line_break_ends(text: str) -> list[int]:
    # Two searches for one literal each, merged, take half the time of one for alternatives.
    ends = [match.end() for match in _LINE_FEED.finditer(text)]
    lone = [match.end() for match in _LONE_CARRIAGE_RETURN.finditer(text)]
    return sorted(ends + lone) if lone else ends


def _code_units(text: str, encoding: Encoding) -> int:
    codec, size = _CODECS[encoding]
    return len(text) if text.isascii() else len(text.encode(codec, "replace")) // size


def code_points_within(text: str, units: int, encoding: Encoding) -> int:
    """How many whole characters of `text` fit into so many code units."""
    units = max(units, 0)
    if text.isascii():
        return min(len(text), units)
    codec, size = _CODECS[encoding]
    # "ignore" drops the character that the cut may have split.
    return len(text.encode(codec, "replace")[: units * size].decode(codec, "ignore"))
