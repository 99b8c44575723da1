"""Someone who types a known text: which key comes next, and which suggestions are right.

Owns the choice of the lines to type, an editor's auto-indentation and the rule for accepting a
suggestion; pure functions and values. Where a text's functions are, `bodies` says. Knows no
server, no clock and no screen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .bodies import Body, bodies_of

LEAST_ACCEPTED = 8  # characters; for fewer, pressing the key for it saves too little
LINES = 10  # to type, unless told otherwise
_STATEMENT_LINES = 30  # looked back over for the start of a statement
_LEAVES = re.compile(r"\s*(return|raise|break|continue|pass)\b")
_WORD = re.compile(r"\s*(\w+|[^\w\s]+)")
_LINE = re.compile(r"\s*[^\n]*")
_OPENERS, _CLOSERS = "([{", ")]}"


@dataclass(frozen=True)
class Habits:
    """What an editor does by itself while text in some language is typed."""

    unit: int = 4  # columns of one level of indentation
    braces: bool = False  # they say where a block ends, and not the indentation


PYTHON = Habits()


@dataclass(frozen=True)
class Draft:
    """A text being typed. The document is `above`, `surplus` and `below`; `left` is yet to come."""

    above: str  # before the cursor
    left: str
    below: str
    surplus: str = ""  # white space right before the cursor that the editor put there wrongly
    habits: Habits = PYTHON

    @property
    def before(self) -> str:
        """All that stands before the cursor."""
        return self.above + self.surplus


@dataclass(frozen=True)
class Key:
    """One keystroke: what it takes away left of the cursor and what it puts there."""

    name: str
    deletes: int
    inserts: str
    accepts: bool = False  # what it inserts was suggested


def habits_of(text: str) -> Habits:
    """Those for a text with braces; its first indented row says how far it is indented."""
    rows = (re.match(r" *(?![ \t*])", row) for row in text.split("\n"))
    return Habits(next((len(row[0]) for row in rows if row and row[0]), 2), braces=True)


def draft_of(text: str, function: str = "", lines: int = LINES, habits: Habits = PYTHON) -> Draft:
    """Take out lines amid a function: the named one, or a long one near the text's middle.

    A text without a function loses lines from its middle. The text's line breaks must be line
    feeds. Raises ValueError for one that is too short.
    """
    rows = text.split("\n")
    amid = Body("", (len(rows) // 2 - lines // 2,), len(rows))
    body = _chosen_body(text, function, lines, not habits.braces) or amid
    middle = body.starts[0] + max(0, body.end - body.starts[0] - lines) // 2
    first = max(min(body.starts, key=lambda start: abs(start - middle)), 1)
    last = min(first + lines, body.end)
    while last > first + 1 and not rows[last - 1].strip():
        last -= 1
    start, end = (len("\n".join(rows[:row])) for row in (first, last))
    if not text[start:end].strip():
        raise ValueError("it has too few lines")
    return Draft(text[:start], text[start:end], text[end:], habits=habits)


def _chosen_body(text: str, name: str, lines: int, is_python: bool) -> Body | None:
    half = text.count("\n") / 2
    return max(
        bodies_of(text, is_python),
        key=lambda body: (
            bool(name) and body.name.endswith(f".{name}"),
            min(body.end - body.starts[0], lines),
            -abs(body.starts[0] - half),
        ),
        default=None,
    )


def next_key(draft: Draft) -> Key | None:
    """What is pressed next; None when all is typed."""
    if not draft.left:
        return None
    if draft.left[0] == "\n":
        return Key("Enter", len(draft.surplus), "\n" + _indentation_after_enter(draft))
    if draft.surplus and draft.habits.braces and draft.left[0] in _CLOSERS:
        return Key(draft.left[0], len(draft.surplus), draft.left[0])  # the editor moves it out
    if draft.surplus:
        return Key("Backspace", (len(draft.surplus) - 1) % draft.habits.unit + 1, "")
    return Key("Space" if draft.left[0] == " " else draft.left[0], 0, draft.left[0])


def accepting(part: str) -> Key:
    """The key that puts a suggestion, or a part of it, into the text."""
    return Key("Tab", 0, part, accepts=True)


def pressed(draft: Draft, key: Key) -> Draft:
    """The draft after a key from `next_key` or `accepting`."""
    before = draft.before[: len(draft.before) - key.deletes] + key.inserts
    agreed = _agreeing(before[len(draft.above) :], draft.left)
    above, left = draft.above + draft.left[:agreed], draft.left[agreed:]
    return replace(draft, above=above, left=left, surplus=before[len(above) :])


def _agreeing(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _indentation_after_enter(draft: Draft) -> str:
    """What an editor puts at the start of the new line, given what it knows of the language.

    Where the text is indented deeper, as a line continued under its bracket, it is taken for an
    editor that aligns such lines.
    """
    row = draft.left[1:].partition("\n")[0]
    wanted = row[: len(row) - len(row.lstrip())]
    usual = indentation(draft.above, draft.habits)
    return usual if usual.startswith(wanted) else wanted


def indentation(above: str, habits: Habits = PYTHON) -> str:
    """The indentation of the line after `above`: its statement's, or a level more or less."""
    rows = above.rstrip().rsplit("\n", _STATEMENT_LINES)[-_STATEMENT_LINES:]
    depth, at = _depth(rows[-1]), len(rows) - 1
    while depth < 0 and at > 0:
        at -= 1
        depth += _depth(rows[at])
    columns = rows[at][: len(rows[at]) - len(rows[at].lstrip())]
    if rows[-1].rstrip().endswith(tuple(_OPENERS if habits.braces else f":{_OPENERS}")):
        return columns + " " * habits.unit
    leaves = not habits.braces and depth <= 0 and _LEAVES.match(rows[at])
    return columns[: -habits.unit] if leaves else columns


def _depth(row: str) -> int:
    """Brackets opened less those closed; one in a string counts, as a miscount does no harm."""
    return sum(c in _OPENERS for c in row) - sum(c in _CLOSERS for c in row)


@dataclass(frozen=True)
class Judgement:
    """How a suggestion compares with what is to be typed."""

    word: bool  # its first word is right
    line: bool  # its first line is, to the end
    part: str  # what of it is worth accepting; empty: nothing


def judge(ghost: str, draft: Draft) -> Judgement:
    """Compare; only a suggestion that is inserted at the cursor can be judged so."""
    left = draft.left
    if draft.surplus or not ghost.strip():
        return Judgement(False, False, "")
    word, line = (_first(pattern, ghost) == _first(pattern, left) for pattern in (_WORD, _LINE))
    return Judgement(word, line, _acceptable(ghost, left))


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    return match[0].rstrip() if match else ""


def _acceptable(ghost: str, left: str) -> str:
    """All of a right suggestion, else as many of its lines as are right to their ends."""
    part = ghost
    while part and not left.startswith(part):
        part = part.rpartition("\n")[0]
    whole = part == ghost or left[len(part) : len(part) + 1] in ("", "\n")
    return part if whole and len(part.strip()) >= LEAST_ACCEPTED else ""
