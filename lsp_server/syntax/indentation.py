"""Where a line and a block end in a language whose blocks are indented, as Python's are.

Owns these rules, for all languages that have none of their own. Knows no model and no suffix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .brackets import CLOSES, Brackets, brackets
from .lines import Extent, Row, columns, cursor_line, rows_after

_CLAUSES = ("else", "elif", "except", "finally")
_CLAUSE = re.compile(rf"\s*(?:{'|'.join(_CLAUSES)})\b")


def opens_block(line: str) -> bool:
    """Whether what follows this line is indented deeper: `if x:`, `call(`."""
    read = brackets(line)
    code = line[: read.code_end].rstrip()
    return not read.quote and code.endswith((":", "(", "[", "{"))


def first_line(prefix: str, written: str) -> Extent:
    """Up to the end of the cursor's line; of the next one where that is a block's first."""
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    here = cursor_line(prefix) + written[:end]
    if written[:end].strip() or not (opens_block(here) or brackets(here).awaited):
        return Extent(end, True)
    body = len(written) - len(written[end:].lstrip())
    start, after = written.rfind("\n", 0, body) + 1, written.find("\n", body)
    row_end = after if after >= 0 else len(written)
    row = Row(written[start:row_end], row_end, after >= 0)
    if body == len(written) or not _is_inside(row, here, brackets(here)):
        return Extent(end, body < len(written))
    return Extent(row.end, row.whole)


def block(prefix: str, written: str) -> Extent:
    """Up to the end of the statement or of the block, which ends at a dedent or blank line.

    On an empty line the block is the one that the cursor stands in, else the one that the
    cursor's line opens, with its `else`. What a bracket holds may have blank lines.
    """
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    line = cursor_line(prefix)
    here, rows = line + written[:end], rows_after(written, end)
    if not here.strip():
        return Extent(end, True)
    if not line.strip():
        return _surrounding(here, rows, end)
    return _opened(here, rows, end)


def without_next_lines(prefix: str, text: str, next_line: str, telling: bool) -> str:
    """Cut where the text begins to repeat the line that stands below the cursor's."""
    rows = text.split("\n")
    for i, row in enumerate(rows[1:], start=1):
        same = row.rstrip() == next_line and row.strip() and telling
        # `else` cannot stand before another clause, and `except` seldom should.
        level = columns(row) == columns(next_line)
        if same or (level and _CLAUSE.match(row) and _CLAUSE.match(next_line)):
            return "\n".join(rows[:i])
    return text


def _is_inside(row: Row, here: str, seen: Brackets) -> bool:
    """Whether it is part of what the line `here` opens, or closes it."""
    closes = bool(seen.awaited) and row.text.lstrip()[0] in CLOSES
    base = columns(here)
    return row.columns > base or (row.columns == base and closes)


def _goes_on(row: Row, here: str) -> bool | None:
    """Whether it is a clause of the statement `here`; None: too little is written."""
    code = row.text.lstrip()
    if row.columns != columns(here):
        return False
    if not row.whole and any(word.startswith(code) for word in _CLAUSES):
        return None
    return _CLAUSE.match(code) is not None


def _surrounding(here: str, rows: Sequence[Row], end: int) -> Extent:
    """The rest of the block that the line `here`, the first of it, stands in."""
    seen, base = brackets(here + "\n"), columns(here)
    for row in rows:
        if row.blank:
            if not (row.whole and seen.open):
                return Extent(end, row.whole)
            continue
        if row.columns < base:
            return Extent(end, True)
        seen, end = seen.then(row.text + "\n"), row.end
        if not row.whole:
            break
    return Extent(end, False)


def _opened(here: str, rows: Sequence[Row], end: int) -> Extent:
    """The statement that the line `here` begins or goes on with."""
    seen, first_end = brackets(here + "\n"), end
    in_header = bool(seen.awaited)
    if not in_header and not opens_block(here):
        return Extent(end, True)
    for row in rows:
        if row.blank:
            if not (row.whole and (seen.open or end == first_end)):
                return Extent(end, row.whole)
            continue
        belongs = _is_inside(row, here, seen) or (end != first_end and _goes_on(row, here))
        if not belongs:
            return Extent(end, belongs is False)
        seen, end = seen.then(row.text + "\n"), row.end
        if not row.whole:
            break
        if in_header and not seen.awaited:  # the bracket is closed; a body may follow
            in_header = False
            if not opens_block(row.text):
                return Extent(end, True)
    return Extent(end, False)
