"""Holes of several lines: what a completer fills them with, and whether the file still parses.

Owns how holes are cut and judged. A hole begins after the indentation of a line and ends where
a line ends, as when a user has opened an empty line. Knows no model.
"""

from __future__ import annotations

import ast
import random
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...completer import Writer
from ...languages import PYTHON, language_of_path
from ...tokens import layout
from .cursors import Cursor, FilePage, draw, similarity, write
from .intervals import mean_of, share_of

FEWEST_LINES, MOST_LINES = 2, 6
HOLE_TOKENS = 192
_WRITTEN_LINES = MOST_LINES + 2  # more are never right, and need not be waited for
_TOP_LEVEL = re.compile(r"^[^\s#)\]}]", re.MULTILINE)


@dataclass(frozen=True)
class Filled:
    """A hole and what was written into it."""

    hole: Cursor
    written: str

    @property
    def exact(self) -> bool:
        return self.written.rstrip() == self.hole.truth.rstrip()

    @property
    def parses(self) -> bool | None:
        """Whether the file does, or else the block around; None: neither did with the truth, or
        it is not Python."""
        if language_of_path(self.hole.file.path) not in (PYTHON, None):
            return None
        text, start, end = self.hole.file.text, self.hole.offset, self.hole.end
        for first, last in ((0, len(text)), _block(text, start, end)):
            if parses(text[first:last]):
                return parses(text[first:start] + self.written + text[end:last])
        return None


def parses(text: str) -> bool:
    """Whether this Python reads `text` as a module."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are none of our business
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _block(text: str, start: int, end: int) -> tuple[int, int]:
    """The top-level statement around a hole: from a line that is not indented to the next one."""
    first = 0
    for found in _TOP_LEVEL.finditer(text, 0, start + 1):
        first = found.start()
    after = _TOP_LEVEL.search(text, end)
    return first, after.start() if after else len(text)


def hole_cursors(judged: Sequence[FilePage], count: int, seed: int) -> list[Cursor]:
    """Random holes of 2 to 6 lines, of which first and last are code. Raises CorpusError."""
    return draw(judged, count, f"holes {seed}", _hole)


def _hole(page: FilePage, rng: random.Random) -> Cursor | None:
    file = page.file
    start = file.text.rfind("\n", 0, page.anywhere(rng)) + 1
    end = start - 1
    for _ in range(rng.randint(FEWEST_LINES, MOST_LINES)):
        if end >= len(file.text):
            return None
        end = layout.line_end(file.text, end + 1)
    lines = file.text[start:end].split("\n")
    offset = start + len(lines[0]) - len(lines[0].lstrip())
    ends_in_code = lines[0].strip() and lines[-1].strip()
    return Cursor(file, offset, end) if ends_in_code else None


def fill(completer: Writer, hole: Cursor) -> Filled:
    """Let a completer fill a hole; it says itself where it ends."""
    pieces = write(
        completer, hole.context, HOLE_TOKENS, lambda text: text.count("\n") >= _WRITTEN_LINES
    )
    return Filled(hole, "".join(piece.text for piece in pieces))


def hole_report(filled: Sequence[Filled]) -> dict[str, Any]:
    """Exact match, edit similarity and the share that parses, with 95 % intervals."""
    judged = [each.parses for each in filled]
    return {
        "exact_match": share_of([each.exact for each in filled]),
        "edit_similarity": mean_of([similarity(f.hole.truth, f.written) for f in filled]),
        "parses": share_of([parse for parse in judged if parse is not None]),
    }
