"""The layout of a prompt: in which order a model reads what it is given of a file.

Owns the anchored fill-in-the-middle form and its prefix-only form, the window, the anchor
and the suffix, all as pure functions that the trainer and the engine share. Knows token ids
and texts; knows no model, no state and no editor. What `W` and `N` are, and whether a request gets
the whole layout, is `reading`'s to say.

    [bos] W N [pre] P0 [suf] S [mid] M0 | middle... [eom]

`W` the workspace part, `N` this file's name, `P0` this file up to an anchor, `S` what follows the
hole, `M0` the text from the anchor to the cursor. Least volatile first, so that typing only appends
to `M0`.
P0, M0 and the middle are tokenised as one string and cut between tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from .tokenizer import Markers

LAYOUT = 2  # counts the changes in how a prompt is laid out; states on the disk depend on it
WINDOW_CHARS = 12_000  # about 4k tokens of the embedded model
SUFFIX_TOKENS = 128
SUFFIX_CHARS = 1_000
ANCHOR_LINES = 8
ANCHOR_TOKENS = 256  # a new anchor stands at most this far above the cursor
LONG_TOKENS = 192  # while idle, an M0 longer than this gets a new anchor
LONGEST_TOKENS = 512  # and at this length it gets one at once
COLD_TOKENS = 64  # what is read before a first answer when nothing is known

_AUTO_CLOSED = re.compile(r"[)\]}>\"'`;,:]*[ \t]*")


def window_start(text: str, offset: int) -> int:
    """Where the part of `text` before `offset` that is read begins; a line start.

    It moves in hops of half a window, so it stands still for thousands of keystrokes: a
    recurrent state cannot slide. Offsets are code points. Between lines that are thousands of
    characters long it is no line start, since something has to be left to read.
    """
    hop = WINDOW_CHARS // 2
    if offset <= WINDOW_CHARS:
        return 0
    start = (offset - hop) // hop * hop
    line = text.find("\n", start, start + hop // 2)
    return line + 1 if line >= 0 else start


def suffix_start(text: str, offset: int) -> int:
    """Where the suffix of a cursor at `offset` begins: there, or at the end of its line.

    When only characters stand right of the cursor that editors close by themselves, the
    model writes the line to its end, and the overlap is removed from what it wrote.
    """
    end = line_end(text, offset)
    return end if _AUTO_CLOSED.fullmatch(text, offset, end) else offset


def line_end(text: str, offset: int) -> int:
    """The offset of the line break at or after `offset`, or of the end of the text."""
    end = text.find("\n", offset)
    return end if end >= 0 else len(text)


def boundary(ends: Sequence[int], offset: int) -> int:
    """How many tokens to take so that they reach `offset`, never splitting a character."""
    if offset <= 0 or not ends:
        return 0
    index = min(bisect_left(ends, offset), len(ends) - 1)
    return bisect_right(ends, ends[index])


def place_anchor(text: str, ends: Sequence[int]) -> int:
    """The anchor for a cursor at the end of `text`, as a count of its tokens.

    Some lines above the cursor, but not further than ANCHOR_TOKENS. `ends` are those of the
    settled tokens.
    """
    start = len(text)
    for _ in range(ANCHOR_LINES + 1):
        start = text.rfind("\n", 0, start)
        if start < 0:
            return _not_further(ends, 0)
    return _not_further(ends, boundary(ends, start + 1))


def _not_further(ends: Sequence[int], anchor: int) -> int:
    if len(ends) - anchor <= ANCHOR_TOKENS:
        return anchor
    return boundary(ends, ends[len(ends) - ANCHOR_TOKENS])


def anchored(
    markers: Markers,
    prefix: Sequence[int],
    anchor: int,
    suffix: Sequence[int],
    workspace: Sequence[int] = (),
) -> tuple[list[int], tuple[int, ...]]:
    """The whole layout up to the cursor (or to the end of the middle), and its landmarks.

    The prefix-only form, `[bos] W P0 M0`, where the vocabulary cannot fill in the middle.
    """
    head = [] if markers.bos is None else [markers.bos]
    head += workspace
    if markers.pre is None or markers.suf is None or markers.mid is None:
        return [*head, *prefix], (len(head),)
    before = [*head, markers.pre, *prefix[:anchor]]
    around = [*before, markers.suf, *suffix[:SUFFIX_TOKENS], markers.mid]
    return [*around, *prefix[anchor:]], (len(head), len(before), len(around))
