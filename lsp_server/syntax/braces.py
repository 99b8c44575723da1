"""Where a line and a block end where braces say so: TypeScript and JavaScript, JSX included.

Owns these rules. A statement goes on while a bracket, an element, a template literal or a comment
is open, where its line ends with an operator, and where the next line begins with one. Knows no
model and no suffix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .ecmascript import read, read_line
from .lines import Extent, Row, columns, cursor_line, rows_after

# What a line may begin with that goes on with the one before it.
_OPERATOR = re.compile(
    r"\?\.|\.(?!\.)|[?:|&^%]|=(?!=)|\+(?!\+)|-(?!-)"
    r"|(?:extends|implements|instanceof|satisfies|as)\b"
)
_CLAUSE = re.compile(r"(?:\}\s*)?(?:else|catch|finally)\b")
_WHILE = re.compile(r"(?:\}\s*)?while\b")
_DO = re.compile(r"\s*do\b")
_LABEL = re.compile(r"\s*(?:case\b.*|default\s*):")
_LABEL_BEGUN = re.compile(r"case\b.*|default\s*")
_CLOSES = re.compile(r"[)\]}`]|</|/?>")
_ONLY_CLOSES = re.compile(r"(?:[)\]};,`\s]|</[\w.:-]*>)+")
_ONLY_CLOSES_YET = re.compile(r"(?:[)\]};,`\s]|</[\w.:-]*>)*(?:<|</[\w.:-]*)?")  # as it is written
_UNDECIDED = re.compile(r"\w{1,10}|[^\w\s]{1,2}")  # a row's beginning that may become any of these
_ENDS_OPEN = re.compile(r"=>$|(?:&&|\|\||\?\?|[=(\[{,?:|&^%<]|(?<!\+)\+|(?<!-)-|(?<!\*)\*)$")
_HEADER = re.compile(r"\s*(?:\}\s*)?(?:(?:else\s+)?if|for(?:\s+await)?|while)\s*(?=\()")
_BARE_HEADER = re.compile(r"\s*(?:\}\s*)?(?:else|do)")
_OPENS = ("(", "[", "{", "=>")


def opens_block(line: str, jsx: bool) -> bool:
    """Whether what follows this line is deeper: `if (x) {`, `call(`, `case 1:`, `<div>`."""
    seen = read(line, jsx)
    code = line[: seen.code_end].rstrip()
    if seen.quote or not code:
        return False
    element = seen.awaited.endswith("<") and code.endswith(">")
    return element or code.endswith(_OPENS) or _is_header(code) or _is_label(code)


def first_line(prefix: str, written: str, jsx: bool) -> Extent:
    """Up to the end of the cursor's line; of the next one where that goes on with a whole one."""
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    if written[:end].strip():
        return Extent(end, True)
    statement = _Statement(prefix, written[:end], jsx)
    if statement.over or not statement.here.strip():
        return Extent(end, True)
    for row in rows_after(written, end):
        if row.blank:
            if row.whole and statement.open:
                continue
            return Extent(end, row.whole)
        belongs = statement.holds(row)
        taken = row.end if belongs else end
        return Extent(taken, row.whole if belongs else belongs is False)
    return Extent(end, False)


def block(prefix: str, written: str, jsx: bool) -> Extent:
    """Up to the end of the statement or of the block, its closing brace included.

    On an empty line the block is the one that the cursor stands in, and ends with a blank line as
    well; else it is the statement that the cursor's line is a part of.
    """
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    statement, rows = _Statement(prefix, written[:end], jsx), rows_after(written, end)
    if not statement.here.strip():
        return Extent(end, True)
    if not cursor_line(prefix).strip():
        return _surrounding(statement, rows, end)
    return _rest(statement, rows, end)


def without_next_lines(prefix: str, text: str, next_line: str, telling: bool, jsx: bool) -> str:
    """Cut where the text begins to say what stands below: the next line, or what closes there.

    A closing character in its last line that closes nothing is cut as well.
    """
    line, seen, end = cursor_line(prefix), read_line(prefix, jsx), 0
    below = columns(next_line) if next_line else -1
    for i, row in enumerate(text.split("\n")):
        code, depth = row.strip(), columns(row if i else line + row)
        row_end = end + bool(i) + len(row)
        if i and code and (telling or code == "*/") and row.rstrip() == next_line:
            return text[:end]
        if (i or not line.strip()) and not seen.quote and _CLOSES.match(code):
            reaches = depth == below if i else depth >= below
            if reaches and _CLOSES.match(next_line.lstrip()):
                return text[:end]
            if not seen.awaited and seen.then(row).closed:  # it closes what was open above
                return text[: end if below > depth else row_end]
        last, seen, end = seen.then(row), seen.then(row + "\n"), row_end
    stray = last.stray - len(last.text) + len(text)
    return text[:stray] if "\n" in text and last.stray >= 0 and _ends_row(text[stray:]) else text


def _ends_row(text: str, yet: bool = False) -> bool:
    """Whether it closes what is open above it and nothing else; `yet`: its end is not written."""
    return (_ONLY_CLOSES_YET if yet else _ONLY_CLOSES).fullmatch(text) is not None


class _Statement:
    """What the cursor's line begins or goes on with, row by row."""

    def __init__(self, prefix: str, first: str, jsx: bool) -> None:
        self.here = cursor_line(prefix) + first
        self._base = columns(self.here)
        self.seen = read_line(prefix, jsx)
        self._is_do = _DO.match(self.here) is not None
        self._has_body = False
        self._take(first)
        self._in_label = not self.open and _is_label(self._code)

    @property
    def open(self) -> bool:
        return self.seen.open

    @property
    def over(self) -> bool:
        """Whether nothing can follow that belongs to it, whatever it is."""
        ended = self._code.endswith(";") or not self._code
        return ended and not self.open and not self._in_label

    def take(self, row: Row) -> None:
        self._has_body = True
        self._take(row.text)

    def _take(self, text: str) -> None:
        here = self.seen.then(text)
        code = here.text[: here.code_end].rstrip()
        if code or not self._has_body:  # a comment between two lines parts nothing
            self._code = code
        self.seen = here.then("\n")

    def holds(self, row: Row) -> bool | None:
        """Whether this row, which is not blank, belongs to it; None: too little is written."""
        code = row.text.lstrip()
        if self.seen.quote:
            return True
        begun = _UNDECIDED.fullmatch(code) or (self.open and _LABEL_BEGUN.fullmatch(code))
        undecided = not row.whole and begun is not None
        if row.columns > self._base and (self.open or self._in_label or _awaits_more(self._code)):
            return True
        if self.open:
            closes = row.columns == self._base and bool(_CLOSES.match(code) or _LABEL.match(code))
            return None if undecided and not closes and row.columns == self._base else closes
        if row.columns < self._base or self.over:
            return self._clause(row, code, undecided)
        if undecided:
            return None
        return bool(_OPERATOR.match(code)) or self._clause(row, code, undecided)

    def _clause(self, row: Row, code: str, undecided: bool) -> bool | None:
        """Whether it is an `else` or its like, which may follow only what has a body."""
        if row.columns != self._base or not self._has_body:
            return False
        if undecided:
            return None
        return bool(_CLAUSE.match(code) or (self._is_do and _WHILE.match(code)))


def _rest(statement: _Statement, rows: Sequence[Row], end: int) -> Extent:
    """What is left of the statement."""
    if statement.over:
        return Extent(end, True)
    for row in rows:
        if row.blank:
            if row.whole and statement.open:
                continue
            return Extent(end, row.whole)
        belongs = statement.holds(row)
        if not belongs:
            return Extent(end, belongs is False)
        statement.take(row)
        end = row.end
        if not row.whole:
            break
        if statement.over and row.columns == columns(statement.here):
            return Extent(end, True)
    return Extent(end, False)


def _is_label(code: str) -> bool:
    return _LABEL.fullmatch(code) is not None


def _is_header(code: str) -> bool:
    """Whether it is an `if (...)` or its like, of which the body is still to come."""
    head = _HEADER.match(code)
    if head is None:
        return _BARE_HEADER.fullmatch(code) is not None
    depth = 0
    for at in range(head.end(), len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if not depth:
            return at == len(code) - 1
    return False


def _awaits_more(code: str) -> bool:
    """Whether a line of code that ends so goes on with the next one."""
    return _ENDS_OPEN.search(code) is not None or _is_header(code)


def _surrounding(statement: _Statement, rows: Sequence[Row], end: int) -> Extent:
    """The rest of the block that the cursor's line, the first of it, stands in."""
    base = columns(statement.here)
    for row in rows:
        if row.blank:
            if row.whole and statement.open:
                continue
            return Extent(end, row.whole)
        if row.columns < base and not statement.seen.quote:
            closes = not statement.open and _ends_row(row.text, not row.whole)
            if not row.whole:
                return Extent(end, not closes)
            return Extent(row.end if closes else end, True)
        statement.take(row)
        end = row.end
        if not row.whole:
            break
    return Extent(end, False)
