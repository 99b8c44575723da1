"""From what a model wrote to what a user should see: what is cut, how it fits, whether at all.

Owns the rules that all languages share, as pure functions of texts; where a line and a block end
is a language's, see `syntax`. Knows no model, no protocol and no time. Texts here have line feeds
only; offsets are code points. An extent that is finished stays as it is however much more is
written, so whoever writes may stop there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..syntax.brackets import Brackets
from ..syntax.lines import (
    LONGEST_LINE,
    Extent,
    cursor_line,
    line_above,
    right_of_cursor,
    rows_after,
)
from ..syntax.syntax import INDENTED, Syntax
from .babble import babbles

_SHORTEST_OVERLAP = 3  # characters of a line; shorter ones are the same by chance
_CLOSERS_ONLY = re.compile(r"[)\]}\"'`;,:>\s]*")
_PUNCTUATION = frozenset(",;:>")
_CLOSING = frozenset(")]}\"'`;")
# What a statement ends with at a line's end: a semicolon, or what might have one behind it.
_STATEMENT_END = re.compile(r"([;)\]\w\"'`])[ \t]*$", re.MULTILINE)
_JUDGED_CHARS = 2_000  # on either side of the cursor
_FEW_STATEMENTS = 4  # fewer say nothing about a file's manner
_HARDLY = 0.1  # of them


@dataclass(frozen=True)
class Shaped:
    """Text to insert, and how many characters right of the cursor it replaces."""

    text: str
    overwrites: int


def opens_block(line: str, syntax: Syntax = INDENTED) -> bool:
    """Whether what follows this line is indented deeper: `if x:`, `call(`."""
    return syntax.opens_block(line)


def wants_block(prefix: str, syntax: Syntax = INDENTED) -> bool:
    """Whether several lines are expected: at a block opener, or on an empty line under one."""
    line = cursor_line(prefix)
    return syntax.opens_block(line if line.strip() else line_above(prefix))


def begins_block(prefix: str, written: str, syntax: Syntax) -> bool:
    """Whether the cursor's line, as it was written to its end, leaves a brace open."""
    if not syntax.braces:
        return False
    first = written.partition("\n")[0]
    return bool(first.strip()) and syntax.opens_block(cursor_line(prefix) + first)


def is_closed(prefix: str, block: str, syntax: Syntax) -> bool:
    """Whether a block that has ended leaves nothing open that it opened."""
    line = syntax.read_line(prefix)
    read = line.then(block)
    return len(read.awaited) <= len(line.awaited) and bool(read.quote) <= bool(line.quote)


def closed_part(prefix: str, block: str, syntax: Syntax) -> int:
    """Where a block is to end that was not written to its end: after the last whole line that
    leaves no more open than its first one."""
    end = found = max(block.find("\n"), 0)
    read = syntax.read_line(prefix).then(block[:end])
    most = len(read.awaited)
    for row in rows_after(block, end)[:-1]:
        read = read.then(block[end : row.end])
        end = row.end
        if len(read.awaited) <= most and not read.quote:
            found = end
    return found


def first_line(prefix: str, written: str, syntax: Syntax = INDENTED) -> Extent:
    """Up to the end of the cursor's line; of the next one where that is a block's first."""
    return syntax.first_line(prefix, written)


def block(prefix: str, written: str, syntax: Syntax = INDENTED) -> Extent:
    """Up to the end of the statement, or of the block that the cursor stands in."""
    return syntax.block(prefix, written)


def shape(prefix: str, suffix: str, text: str, syntax: Syntax = INDENTED) -> Shaped | None:
    """What to insert between `prefix` and `suffix`, made from `text`; None: better nothing.

    The text is only ever cut at its end.
    """
    line = cursor_line(prefix)
    rest, below = right_of_cursor(suffix)
    text = _without_next_lines(prefix, text, below, syntax)
    if _CLOSERS_ONLY.fullmatch(rest):
        text = text.rstrip()
    elif syntax.braces and not rest.lstrip().startswith("//"):
        text = text.partition("\n")[0].removesuffix(";")  # the statement ends with the line
    if syntax.braces and _is_too_much(prefix, suffix, text):
        text = text[:-1]
    first = syntax.first_line(prefix, text + "\n").end
    shaped = _joined(syntax.read_line(prefix), text, rest) if text[:first].strip() else None
    if shaped is None or babbles(line, shaped.text):
        return None
    result = line + shaped.text + rest[shaped.overwrites :]
    return None if _repeats(result, prefix, below) else shaped


def _is_too_much(prefix: str, suffix: str, text: str) -> bool:
    """Whether the text is a line with a semicolon at its end, where others have none."""
    if "\n" in text or not text.endswith(";") or text.endswith(";;"):
        return False
    around = f"{prefix[-_JUDGED_CHARS:]}\n{suffix[:_JUDGED_CHARS]}"
    ends = _STATEMENT_END.findall(around)
    return len(ends) >= _FEW_STATEMENTS and ends.count(";") <= _HARDLY * len(ends)


def _joined(line: Brackets, text: str, rest: str) -> Shaped | None:
    """Fit `text` to what already stands right of the cursor on its line."""
    if not rest.strip():
        return Shaped(text, len(rest))
    first = text.partition("\n")[0]
    if not _CLOSERS_ONLY.fullmatch(rest):
        kept = first[: len(first) - _best(line, first, rest, _overlaps(first, rest))]
        kept, covered = _up_to_closing(line, kept, rest), 0
    else:
        kept, covered = text, _best(line, text, rest, _covered(line, text, rest))
        if "\n" in text and not _ends_before(text, rest[covered:].strip()):
            # The closers stay, so nothing may come after this line.
            kept = first.rstrip()
            covered = _best(line, kept, rest, _covered(line, kept, rest))
        covered = covered if rest[covered:].strip() else len(rest)
    if not kept.strip() or _stays_open(line, kept, rest[covered:]):
        return None
    return Shaped(kept, covered)


def _up_to_closing(line: Brackets, text: str, rest: str) -> str:
    """The text up to where it closes what `rest` begins by closing, if it would not fit else."""
    closer, rest = rest[0], rest[:LONGEST_LINE]
    fewest = line.then(rest).faults
    if closer not in _CLOSING or line.then(text + rest).faults <= fewest:
        return text
    cuts = (i for i in range(len(text) - 1, -1, -1) if text[i] == closer)
    return next((text[:i] for i in cuts if line.then(text[:i] + rest).faults <= fewest), text)


def _ends_before(text: str, left: str) -> bool:
    """Whether what is left right of the cursor may stand behind the last of several lines."""
    last = text.rpartition("\n")[2]
    return not left or (left in (";", ",") and _CLOSERS_ONLY.fullmatch(last) is not None)


def _stays_open(line: Brackets, text: str, rest: str) -> bool:
    """Whether `text` opens on its line what is not closed there."""
    rest = rest[:LONGEST_LINE]
    without, with_text = line.then(rest), line.then(text + rest)
    more = len(with_text.awaited) > len(without.awaited)
    return more or bool(with_text.quote) > bool(without.quote)


def _covered(line: Brackets, text: str, rest: str) -> set[int]:
    """How many of the closers in `rest` the text may be meant to stand for."""
    first = text.partition("\n")[0]
    found = _overlaps(text, rest)
    closed, at = line.then(text).closed, 0
    for i, c in enumerate(rest[:LONGEST_LINE]):
        if not c.isspace():
            at = closed.find(c, at) + 1
            if not at:
                break
            found.add(i + 1)
    left = [rest[i:].strip() for i in found]
    if any(tail and set(tail) <= _PUNCTUATION and first.endswith(tail) for tail in left):
        found.add(len(rest))
    return found


def _overlaps(text: str, rest: str) -> set[int]:
    """Lengths at which the beginning of `rest` is what `text` ends with; 0 always."""
    return {n for n in range(min(len(rest), len(text)) + 1) if text.endswith(rest[:n])}


def _best(line: Brackets, text: str, rest: str, lengths: set[int]) -> int:
    """The length of the overlap that leaves the line's brackets best balanced; the longest."""
    before = line.then(text)
    faults = {n: before.then(rest[n : n + LONGEST_LINE]).faults for n in lengths}
    return max(lengths, key=lambda n: (-faults[n], n))


def _repeats(result: str, prefix: str, below: Sequence[str]) -> bool:
    """Whether the line made is the one above or below it."""
    first = result.partition("\n")[0].rstrip()
    if len(first.strip()) < _SHORTEST_OVERLAP or first == cursor_line(prefix).rstrip():
        return False  # made by the user alone: what is suggested stands below it
    near = [row.rstrip() for row in below[:3] if row.strip()][:1]
    return first in (*near, line_above(prefix))


def _without_next_lines(prefix: str, text: str, below: Sequence[str], syntax: Syntax) -> str:
    """Cut where the text begins to repeat what stands below the cursor's line."""
    next_line = next((row.rstrip() for row in below if row.strip()), "")
    telling = len(next_line.strip()) >= _SHORTEST_OVERLAP or _CLOSERS_ONLY.fullmatch(next_line)
    return syntax.without_next_lines(prefix, text, next_line, bool(telling))
