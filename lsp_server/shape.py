"""From what a model wrote to what a user should see: where it ends, what is cut, whether at all.

Owns the rules, as pure functions of texts. Knows no model, no protocol and no time. Texts here
have line feeds only; offsets are code points.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENS = {"(": ")", "[": "]", "{": "}"}
_CLOSES = frozenset(_OPENS.values())
_QUOTES = frozenset("\"'`")
_TAB_COLUMNS = 4
_SHORTEST_OVERLAP = 3  # characters; fewer agree by chance
_DEGENERATE = re.compile(r"(\S.{0,11}?)\1{5,}", re.DOTALL)
_CLOSERS_ONLY = re.compile(r"[)\]}\"'`;,:>\s]*")


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
    line = line.split("#", 1)[0].rstrip()
    return bool(line) and line[-1] in ":([{"


def wants_block(prefix: str) -> bool:
    """Whether several lines are expected: at a block opener, or on an empty line under one."""
    above, _, line = prefix.rpartition("\n")
    if line.strip():
        return opens_block(line)
    return opens_block(above.rstrip().rpartition("\n")[2])


def first_line(prefix: str, written: str) -> Extent:
    """Up to the end of the cursor's line; of the next one where that is a block's first."""
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    if written[:end].strip() or not opens_block(prefix.rpartition("\n")[2] + written[:end]):
        return Extent(end, True)
    body = len(written) - len(written[end:].lstrip())
    after = written.find("\n", body)
    return Extent(len(written), False) if after < 0 else Extent(after, True)


def block(prefix: str, written: str) -> Extent:
    """Up to the end of the statement or of the block, which ends at a dedent or blank line."""
    line = prefix.rpartition("\n")[2]
    base = _columns(line if not line.strip() else _indent(line))
    here = line + written.partition("\n")[0]
    # On an empty line the block is the one the cursor stands in; else the one its line opens.
    deeper = 0 if not line.strip() else 1
    depth = _depth(here)
    end = written.find("\n")
    if end < 0:
        return Extent(len(written), False)
    if depth <= 0 and deeper and not opens_block(here):
        return Extent(end, True)
    while True:
        after = written.find("\n", end + 1)
        row = written[end + 1 : after if after >= 0 else len(written)]
        if not row.strip():
            # Nothing to judge by yet, or a blank line: what stands before it is whole.
            return Extent(end, after >= 0)
        closes = depth > 0 and row.lstrip()[0] in _CLOSES
        if _columns(_indent(row)) < base + (0 if closes else deeper):
            return Extent(end, True)
        if after < 0:
            return Extent(len(written), False)
        depth += _depth(row)
        end = after
        if closes and depth <= 0 and deeper:
            return Extent(end, True)


def shape(prefix: str, suffix: str, text: str) -> Shaped | None:
    """What to insert between `prefix` and `suffix`, made from `text`; None: better nothing."""
    rest, _, below = suffix.partition("\n")
    text = _without_next_lines(text, below).rstrip()
    if not text.strip() or _DEGENERATE.search(text):
        return None
    line = prefix.rpartition("\n")[2]
    if text.startswith("\n") and not opens_block(line):
        return None
    if _repeats(prefix, text, below):
        return None
    return _joined(line, text, rest)


def _joined(line: str, text: str, rest: str) -> Shaped | None:
    """Fit `text` to what already stands right of the cursor on its line."""
    closers = rest.strip()
    if not closers:
        return Shaped(text, len(rest))
    if _CLOSERS_ONLY.fullmatch(rest):
        first = text.partition("\n")[0]
        if _closed(line, first).startswith(closers):
            return Shaped(text, len(rest))
        text = first.rstrip()  # the closers stay, so nothing may come after this line
    else:
        text = text.partition("\n")[0]
    for size in range(min(len(rest), len(text)), 0, -1):
        if text.endswith(rest[:size]):
            text = text[: len(text) - size]
            break
    return Shaped(text, 0) if text.strip() else None


def _closed(line: str, text: str) -> str:
    """The closing characters in `text` that close something opened in `line`."""
    stack, quote = _scan([], "", line)[:2]
    opened = len(stack) + (1 if quote else 0)
    found = []
    for c in text:
        before = len(stack) + (1 if quote else 0)
        stack, quote = _scan(stack, quote, c)[:2]
        if len(stack) + (1 if quote else 0) < min(before, opened):
            found.append(c)
            opened -= 1
    return "".join(found)


def _scan(stack: list[str], quote: str, text: str) -> tuple[list[str], str, int]:
    """Brackets and quotes still open after `text`; and how many closed nothing in it."""
    stack, stray = list(stack), 0
    for c in text:
        if quote:
            quote = "" if c == quote else quote
        elif c in _QUOTES:
            quote = c
        elif c in _OPENS:
            stack.append(_OPENS[c])
        elif c in _CLOSES:
            if stack and stack[-1] == c:
                stack.pop()
            else:
                stray += 1
    return stack, quote, stray


def _depth(line: str) -> int:
    """Brackets that a line opens less those it closes; strings and comments left out."""
    stack, quote, stray = _scan([], "", line.split(" #", 1)[0])
    return len(stack) - stray if not quote else 0


def _without_next_lines(text: str, below: str) -> str:
    """Cut where the text begins to repeat what stands below the cursor's line."""
    next_line = next((row.strip() for row in below.splitlines()[:8] if row.strip()), "")
    if len(next_line) < _SHORTEST_OVERLAP:
        return text
    rows = text.split("\n")
    for i, row in enumerate(rows[1:], start=1):
        if row.strip() == next_line:
            return "\n".join(rows[:i])
    return text


def _repeats(prefix: str, text: str, below: str) -> bool:
    """Whether the line made is the one above or below it, or one line again and again."""
    above, _, line = prefix.rpartition("\n")
    first = (line + text.partition("\n")[0]).strip()
    near = [above.rstrip().rpartition("\n")[2].strip()]
    near += [row.strip() for row in below.split("\n", 4)[:3] if row.strip()][:1]
    if len(first) >= _SHORTEST_OVERLAP and first in near:
        return True
    rows = [row.strip() for row in text.split("\n") if row.strip()]
    return any(rows.count(row) >= 3 for row in rows)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _columns(indent: str) -> int:
    return len(indent.expandtabs(_TAB_COLUMNS))
