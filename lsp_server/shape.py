"""From what a model wrote to what a user should see: where it ends, what is cut, whether at all.

Owns the rules, as pure functions of texts. Knows no model, no protocol and no time. Texts here
have line feeds only; offsets are code points. An extent that is finished stays as it is however
much more is written, so whoever writes may stop there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .babble import babbles
from .brackets import CLOSES, Brackets, brackets

_TAB_COLUMNS = 4
_LONGEST_LINE = 2_000  # characters of a line that are looked at; the nearest to the cursor
_LINES_BELOW = 8
REACH_CHARS = (1 + _LINES_BELOW) * _LONGEST_LINE  # of text before or after the cursor that count
_SHORTEST_OVERLAP = 3  # characters of a line; shorter ones are the same by chance
_CLOSERS_ONLY = re.compile(r"[)\]}\"'`;,:>\s]*")
_PUNCTUATION = frozenset(",;:>")
_CLAUSES = ("else", "elif", "except", "finally")


@dataclass(frozen=True)
class Extent:
    """How much of a written text belongs to the suggestion so far, and whether that is all."""

    end: int
    finished: bool


@dataclass(frozen=True)
class Shaped:
    """Text to insert, and how many characters right of the cursor it replaces."""

    text: str
    overwrites: int


def opens_block(line: str) -> bool:
    """Whether what follows this line is indented deeper: `if x:`, `call(`."""
    read = brackets(line)
    code = line[: read.code_end].rstrip()
    return not read.quote and code.endswith((":", "(", "[", "{"))


def wants_block(prefix: str) -> bool:
    """Whether several lines are expected: at a block opener, or on an empty line under one."""
    line = _cursor_line(prefix)
    return opens_block(line if line.strip() else _line_above(prefix))


def first_line(prefix: str, written: str) -> Extent:
    """Up to the end of the cursor's line; of the next one where that is a block's first."""
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    here = _cursor_line(prefix) + written[:end]
    if written[:end].strip() or not (opens_block(here) or brackets(here).awaited):
        return Extent(end, True)
    body = len(written) - len(written[end:].lstrip())
    start, after = written.rfind("\n", 0, body) + 1, written.find("\n", body)
    row = _Row(written[start : after if after >= 0 else len(written)], after >= 0)
    if body == len(written) or not row.is_inside(here, brackets(here)):
        return Extent(end, body < len(written))
    return Extent(after if row.whole else len(written), row.whole)


def block(prefix: str, written: str) -> Extent:
    """Up to the end of the statement or of the block, which ends at a dedent or blank line.

    On an empty line the block is the one that the cursor stands in, else the one that the
    cursor's line opens, with its `else`. What a bracket holds may have blank lines.
    """
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    line = _cursor_line(prefix)
    here, rows = line + written[:end], _rows(written, end)
    if not here.strip():
        return Extent(end, True)
    if not line.strip():
        return _surrounding(here, rows, end)
    return _opened(here, rows, end)


def shape(prefix: str, suffix: str, text: str) -> Shaped | None:
    """What to insert between `prefix` and `suffix`, made from `text`; None: better nothing.

    The text is only ever cut at its end.
    """
    line = _cursor_line(prefix)
    rest, below = _right_of_cursor(suffix)
    text = _without_next_lines(text, below)
    if _CLOSERS_ONLY.fullmatch(rest):
        text = text.rstrip()
    if not text[: first_line(prefix, text + "\n").end].strip() or babbles(line, text):
        return None
    shaped = _joined(line, text, rest)
    if shaped is None or _repeats(line + shaped.text + rest[shaped.overwrites :], prefix, below):
        return None
    return shaped


@dataclass(frozen=True)
class _Row:
    """A line written after the cursor's; `whole` once its line break is there."""

    text: str
    whole: bool

    def is_inside(self, here: str, seen: Brackets) -> bool:
        """Whether it is part of what the line `here` opens, or closes it."""
        columns, base = _columns(self.text), _columns(here)
        closes = bool(seen.awaited) and self.text.lstrip()[0] in CLOSES
        return columns > base or (columns == base and closes)

    def goes_on(self, here: str) -> bool | None:
        """Whether it is a clause of the statement `here`; None: too little is written."""
        code = self.text.lstrip()
        if _columns(self.text) != _columns(here):
            return False
        if not self.whole and any(word.startswith(code) for word in _CLAUSES):
            return None
        return _is_clause(code)


def _rows(written: str, end: int) -> list[tuple[_Row, int]]:
    """The rows after the line break at `end`, each with the offset of its own end."""
    found = []
    for text in written[end + 1 :].split("\n"):
        end += 1 + len(text)
        found.append((_Row(text, end < len(written)), end))
    return found


def _surrounding(here: str, rows: Sequence[tuple[_Row, int]], end: int) -> Extent:
    """The rest of the block that the line `here`, the first of it, stands in."""
    seen, base = brackets(here + "\n"), _columns(here)
    for row, row_end in rows:
        if not row.text.strip():
            if not (row.whole and seen.open):
                return Extent(end, row.whole)
            continue
        if _columns(row.text) < base:
            return Extent(end, True)
        seen, end = seen.then(row.text + "\n"), row_end
        if not row.whole:
            break
    return Extent(end, False)


def _opened(here: str, rows: Sequence[tuple[_Row, int]], end: int) -> Extent:
    """The statement that the line `here` begins or goes on with."""
    seen, first_end = brackets(here + "\n"), end
    in_header = bool(seen.awaited)
    if not in_header and not opens_block(here):
        return Extent(end, True)
    for row, row_end in rows:
        if not row.text.strip():
            if not (row.whole and (seen.open or end == first_end)):
                return Extent(end, row.whole)
            continue
        belongs = row.is_inside(here, seen) or (end != first_end and row.goes_on(here))
        if not belongs:
            return Extent(end, belongs is False)
        seen, end = seen.then(row.text + "\n"), row_end
        if not row.whole:
            break
        if in_header and not seen.awaited:  # the bracket is closed; a body may follow
            in_header = False
            if not opens_block(row.text):
                return Extent(end, True)
    return Extent(end, False)


def _joined(line: str, text: str, rest: str) -> Shaped | None:
    """Fit `text` to what already stands right of the cursor on its line."""
    if not rest.strip():
        return Shaped(text, len(rest))
    first = text.partition("\n")[0]
    if not _CLOSERS_ONLY.fullmatch(rest):
        kept = first[: len(first) - _best(line, first, rest, _overlaps(first, rest))]
        covered = 0
    else:
        kept, covered = text, _best(line, text, rest, _covered(line, text, rest))
        if "\n" in text and rest[covered:].strip():
            # The closers stay, so nothing may come after this line.
            kept = first.rstrip()
            covered = _best(line, kept, rest, _covered(line, kept, rest))
        covered = covered if rest[covered:].strip() else len(rest)
    if not kept.strip() or _stays_open(line, kept, rest[covered:]):
        return None
    return Shaped(kept, covered)


def _stays_open(line: str, text: str, rest: str) -> bool:
    """Whether `text` opens on its line what is not closed there."""
    line_so_far, rest = brackets(line), rest[:_LONGEST_LINE]
    without, with_text = line_so_far.then(rest), line_so_far.then(text + rest)
    more = len(with_text.awaited) > len(without.awaited)
    return more or bool(with_text.quote) > bool(without.quote)


def _covered(line: str, text: str, rest: str) -> set[int]:
    """How many of the closers in `rest` the text may be meant to stand for."""
    first = text.partition("\n")[0]
    found = _overlaps(text, rest)
    closed, at = brackets(line).then(text).closed, 0
    for i, c in enumerate(rest[:_LONGEST_LINE]):
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


def _best(line: str, text: str, rest: str, lengths: set[int]) -> int:
    """The length of the overlap that leaves the line's brackets best balanced; the longest."""
    before = brackets(line).then(text)
    faults = {n: before.then(rest[n : n + _LONGEST_LINE]).faults for n in lengths}
    return max(lengths, key=lambda n: (-faults[n], n))


def _without_next_lines(text: str, below: Sequence[str]) -> str:
    """Cut where the text begins to repeat what stands below the cursor's line."""
    next_line = next((row.rstrip() for row in below if row.strip()), "")
    telling = len(next_line.strip()) >= _SHORTEST_OVERLAP or _CLOSERS_ONLY.fullmatch(next_line)
    rows = text.split("\n")
    for i, row in enumerate(rows[1:], start=1):
        same = row.rstrip() == next_line and row.strip() and telling
        # `else` cannot stand before another clause, and `except` seldom should.
        clauses = _columns(row) == _columns(next_line) and _is_clause(row) and _is_clause(next_line)
        if same or clauses:
            return "\n".join(rows[:i])
    return text


def _is_clause(row: str) -> bool:
    return re.match(rf"\s*(?:{'|'.join(_CLAUSES)})\b", row) is not None


def _repeats(result: str, prefix: str, below: Sequence[str]) -> bool:
    """Whether the line made is the one above or below it."""
    first = result.partition("\n")[0].rstrip()
    if len(first.strip()) < _SHORTEST_OVERLAP or first == _cursor_line(prefix).rstrip():
        return False  # made by the user alone: what is suggested stands below it
    near = [row.rstrip() for row in below[:3] if row.strip()][:1]
    return first in (*near, _line_above(prefix))


def _cursor_line(prefix: str) -> str:
    """The line up to the cursor; what is nearest to the cursor, if that is very long."""
    return prefix[max(prefix.rfind("\n") + 1, len(prefix) - _LONGEST_LINE) :]


def _line_above(prefix: str) -> str:
    """The nearest line above the cursor's that is not blank, without its trailing space."""
    end = max(prefix.rfind("\n"), 0)
    return prefix[max(0, end - _LONGEST_LINE) : end].rstrip().rpartition("\n")[2]


def _right_of_cursor(suffix: str) -> tuple[str, list[str]]:
    """What follows the cursor on its line, and the next few lines."""
    end = suffix.find("\n")
    if end < 0:
        return suffix, []
    near = suffix[end + 1 : end + 1 + _LINES_BELOW * _LONGEST_LINE]
    return suffix[:end], near.split("\n", _LINES_BELOW)[:_LINES_BELOW]


def _columns(row: str) -> int:
    """How deep a line is indented."""
    return len(row[: len(row) - len(row.lstrip())].expandtabs(_TAB_COLUMNS))
