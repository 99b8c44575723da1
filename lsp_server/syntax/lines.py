"""The lines around a cursor, as pure functions of the text before and after it.

Owns how far a rule looks, how deep a line is indented, and `Extent`, which says how much of what
was written counts. Knows no language. Texts have line feeds only; offsets are code points.
"""

from __future__ import annotations

from dataclasses import dataclass

_TAB_COLUMNS = 4
LONGEST_LINE = 2_000  # characters of a line that are looked at; the nearest to the cursor
_LINES_BELOW = 8
REACH_CHARS = (1 + _LINES_BELOW) * LONGEST_LINE  # of text before or after the cursor that count


@dataclass(frozen=True)
class Extent:
    """How much of a written text belongs to the suggestion so far, and whether that is all."""

    end: int
    finished: bool


@dataclass(frozen=True)
class Row:
    """A line written after the cursor's; `whole` once its line break is there."""

    text: str
    end: int  # its own, in what was written
    whole: bool

    @property
    def blank(self) -> bool:
        return not self.text.strip()

    @property
    def columns(self) -> int:
        return columns(self.text)


def rows_after(written: str, end: int) -> list[Row]:
    """The rows after the line break at `end`."""
    found = []
    for text in written[end + 1 :].split("\n"):
        end += 1 + len(text)
        found.append(Row(text, end, end < len(written)))
    return found


def cursor_line(prefix: str) -> str:
    """The line up to the cursor; what is nearest to the cursor, if that is very long."""
    return prefix[max(prefix.rfind("\n") + 1, len(prefix) - LONGEST_LINE) :]


def line_above(prefix: str) -> str:
    """The nearest line above the cursor's that is not blank, without its trailing space."""
    end = max(prefix.rfind("\n"), 0)
    return prefix[max(0, end - LONGEST_LINE) : end].rstrip().rpartition("\n")[2]


def right_of_cursor(suffix: str) -> tuple[str, list[str]]:
    """What follows the cursor on its line, and the next few lines."""
    end = suffix.find("\n")
    if end < 0:
        return suffix, []
    near = suffix[end + 1 : end + 1 + _LINES_BELOW * LONGEST_LINE]
    return suffix[:end], near.split("\n", _LINES_BELOW)[:_LINES_BELOW]


def columns(row: str) -> int:
    """How deep a line is indented."""
    return len(row[: len(row) - len(row.lstrip())].expandtabs(_TAB_COLUMNS))
