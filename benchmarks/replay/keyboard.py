"""Typing a known text as one does in an editor: closed brackets, typos, undone words, insertions.

Owns what an editor adds to a key, by language, and what goes wrong between keys; which key comes
next, with its automatic indentation, is the demo's `typist`. Knows no file and no server. Whatever
happens on the way, what stands in the buffer at the end is the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random

from stateline.lsp_server.client.typist import (
    LEAST_ACCEPTED,
    Draft,
    Key,
    accepting,
    next_key,
    pressed,
)
from stateline.model.languages import PYTHON, language_of_path

from .actions import Action, ActionKind, Buffer, TextEdit

# Per key, where it is possible.
TYPO, INSERTED, UNDONE_WORD = 0.03, 0.03, 0.04
PAUSE_AFTER_LINE = 0.05
LONGEST_SLIP = 3  # characters typed before a typo is seen
LEAST_UNDONE = 3  # letters of a word that is undone
INSERTED_LINES = 3
_CLOSERS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
_QUOTES = frozenset("\"'")
_STRINGS = _QUOTES | {"`"}
_MAY_FOLLOW = frozenset(")]}>:;,.=\"' \t\n")  # right of what an editor closes
_STRING_PREFIX = re.compile(r"(?<!\w)[fFrRbBuU]{1,2}$")
_WORD = re.compile(r"\s*(\w+|[^\w\s]+)")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class _Habits:
    """What an editor adds in one language."""

    closers: Mapping[str, str]
    blocks_in_braces: bool  # Enter between two braces puts the second on a line of its own


_PYTHON = _Habits(_CLOSERS, False)
_BRACES = _Habits({**_CLOSERS, "`": "`"}, True)


@dataclass(frozen=True)
class _Typing:
    """How far one is. The buffer is `draft.before`, the cursor, `closers` and `draft.below`."""

    draft: Draft
    habits: _Habits
    closers: str = ""  # put right of the cursor by the editor
    retyping: int = 0  # keys that were pressed once already
    run: int = 0  # letters typed in a row, one by one


def typed(buffer: Buffer, text: str, chance: Random) -> Iterator[Action]:
    """Type `text` at the buffer's cursor, key by key."""
    at = buffer.cursor
    habits = _PYTHON if language_of_path(buffer.path) in (PYTHON, None) else _BRACES
    now = _Typing(Draft(buffer.text[:at], text, buffer.text[at:]), habits)
    while now.draft.left:
        if _undoes(now, chance):
            now = _with_word_undone(now)
            yield buffer.edited(ActionKind.UNDO, TextEdit(len(now.draft.before), buffer.cursor, ""))
        elif part := _inserted(now, chance):
            here, line_break, below = now.closers.partition("\n")
            yield buffer.edited(
                ActionKind.INSERT, TextEdit(buffer.cursor, buffer.cursor + len(here), part)
            )
            now = _Typing(pressed(now.draft, accepting(part)), habits, line_break + below)
        elif brace := _below(now):
            yield from buffer.moved(buffer.cursor + len(brace))
            closers = now.closers.removeprefix(brace)
            now = _Typing(pressed(now.draft, Key("End", 0, brace)), habits, closers)
        else:
            if slip := _slip(now, chance):
                yield from _slipped(buffer, slip)
                now = replace(now, retyping=len(slip), run=0)
            key = next_key(now.draft)
            assert key is not None  # something is left
            if "\n" in key.inserts and now.closers[:1] in _QUOTES:
                now, action = _without_closer(buffer, now)
                yield action
            now, action = _pressed(buffer, now, key)
            yield action
            if "\n" in key.inserts and chance.random() < PAUSE_AFTER_LINE:
                yield buffer.plain(ActionKind.PAUSE)
    yield from _tidied(buffer, now)


def _pressed(buffer: Buffer, now: _Typing, key: Key) -> tuple[_Typing, Action]:
    """One key, with what the editor makes of it."""
    start, end, new, closers = buffer.cursor - key.deletes, buffer.cursor, key.inserts, now.closers
    if new and new == closers[:1]:  # typed over
        end, closers, added = end + 1, closers[1:], ""
    else:
        added = _closer(new, now) or _parted(new, now)
        closers = added + closers
    kind = ActionKind.RETYPE if now.retyping else ActionKind.TYPE
    kind = kind if new else ActionKind.BACKSPACE
    action = buffer.edited(kind, TextEdit(start, end, new + added), start + len(new))
    run = now.run + 1 if new.isalpha() and not now.retyping else 0
    left = max(now.retyping - 1, 0) if new else now.retyping
    return _Typing(pressed(now.draft, key), now.habits, closers, left, run), action


def _parted(key: str, now: _Typing) -> str:
    """What Enter between two braces puts right of the cursor, before the second one."""
    row = now.draft.above.rpartition("\n")[2]
    between = now.closers[:1] == "}" and row.rstrip().endswith("{")
    if not (now.habits.blocks_in_braces and between and "\n" in key):
        return ""
    return "\n" + row[: len(row) - len(row.lstrip())]


def _below(now: _Typing) -> str:
    """The brace on the line below with all before it, once nothing is left to type above it."""
    brace = now.closers[: now.closers.find("}") + 1]
    done = brace.startswith("\n") and not now.draft.surplus and now.draft.left.startswith(brace)
    return brace if done else ""


def _closer(key: str, now: _Typing) -> str:
    """What the editor puts right of the cursor for this key."""
    before, after = now.draft.before, (now.closers or now.draft.below)[:1]
    if key not in now.habits.closers or (after and after not in _MAY_FOLLOW):
        return ""
    if key in _STRINGS and now.closers and now.closers[0] in _STRINGS:
        return ""  # an apostrophe, in a string
    if key in _QUOTES:
        touching = before[-1:].isalnum() or before[-1:] == "_" or before[-1:] in _QUOTES
        if touching and not _STRING_PREFIX.search(before[-3:]):
            return ""
    return now.habits.closers[key]


def _without_closer(buffer: Buffer, now: _Typing) -> tuple[_Typing, Action]:
    """The Delete key, on what the editor closed and nobody wants."""
    action = buffer.edited(ActionKind.BACKSPACE, TextEdit(buffer.cursor, buffer.cursor + 1, ""))
    return replace(now, closers=now.closers[1:], run=0), action


def _tidied(buffer: Buffer, now: _Typing) -> Iterator[Action]:
    """Remove what the editor put in and the text does not have."""
    while now.closers:
        now, action = _without_closer(buffer, now)
        yield action
    if surplus := len(now.draft.surplus):
        yield buffer.edited(
            ActionKind.BACKSPACE, TextEdit(buffer.cursor - surplus, buffer.cursor, "")
        )


def _slip(now: _Typing, chance: Random) -> str:
    """Wrong letters, and what is typed before one sees it; mostly none."""
    left = now.draft.left
    if now.retyping or now.draft.surplus or not left[0].isalpha() or chance.random() >= TYPO:
        return ""
    wrong = chance.choice(_LETTERS.replace(left[0].lower(), ""))
    follows = left[1 : 1 + chance.randrange(LONGEST_SLIP)]
    return wrong + (follows if follows.isalpha() else "")


def _slipped(buffer: Buffer, slip: str) -> Iterator[Action]:
    for letter in slip:
        yield buffer.edited(ActionKind.TYPE, TextEdit(buffer.cursor, buffer.cursor, letter))
    for _ in slip:
        yield buffer.edited(ActionKind.BACKSPACE, TextEdit(buffer.cursor - 1, buffer.cursor, ""))


def _undoes(now: _Typing, chance: Random) -> bool:
    return (
        now.run >= LEAST_UNDONE
        and not now.draft.surplus
        and not now.draft.left[0].isalpha()
        and chance.random() < UNDONE_WORD
    )


def _with_word_undone(now: _Typing) -> _Typing:
    above, run = now.draft.above, now.run
    draft = replace(now.draft, above=above[:-run], left=above[-run:] + now.draft.left)
    return replace(now, draft=draft, retyping=run, run=0)


def _inserted(now: _Typing, chance: Random) -> str:
    """A word, the rest of the line, or some lines of what is left; mostly nothing."""
    draft = now.draft
    if now.retyping or draft.surplus or draft.left[0] == "\n" or chance.random() >= INSERTED:
        return ""
    rows = draft.left.split("\n", INSERTED_LINES)[:INSERTED_LINES]
    if len(rows[0].strip()) < LEAST_ACCEPTED:
        return ""
    form = chance.random()
    if form < 0.2 and (word := _WORD.match(draft.left)):
        return word[0]
    return rows[0] if form < 0.8 else "\n".join(rows[: chance.randint(2, INSERTED_LINES)])
