"""Editing traces: how someone may have made a new text from an old one, action by action.

Owns the hunks of a difference, their order, and what happens between them: jumps, other files,
regretted edits, saving. Pure, given the chance: the same seed makes the same trace. Typing itself
is `keyboard`'s. Knows no server and no folder. Applying every edit of a file to its old text gives
exactly the new one, since undoing is an edit as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import chain
from random import Random

from .actions import KEYSTROKES, NEAR_LINES, Action, ActionKind, Buffer, TextEdit
from .keyboard import typed

# How often, after a hunk or where it says.
REGRET, ELSEWHERE, SAVE, LOOK_UP, CHANGE_FILE = 0.25, 0.15, 0.4, 0.15, 0.3
NEXT_HUNK, PASTED = 0.6, 0.25  # else any hunk; of the parts of a long insertion
PAUSE = 0.5  # after opening, jumping, switching and saving
LONGEST_BACKSPACED = 12  # characters; more are selected and deleted at once
PART_LINES, TYPED_LINES = 8, 30  # of one insertion: typed or pasted together; typed at all
REGRETTED_LINES = 5
_ROW = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Change:
    """One file in two releases."""

    path: str
    old: str
    new: str


def trace(changes: Iterable[Change], chance: Random) -> Iterator[Action]:
    """Everything someone did to make all new texts from the old ones."""
    waiting = [_Work(change, chance) for change in changes if change.old != change.new]
    chance.shuffle(waiting)
    opened: list[_Work] = []
    at: _Work | None = None
    while waiting or any(work.hunks for work in opened):
        if at is None or not at.hunks or chance.random() < CHANGE_FILE:
            came_from, at = at, _chosen(waiting, opened, at, chance)
            if at is not came_from:
                yield from at.shown(ActionKind.SWITCH if at in opened else ActionKind.OPEN)
            if at in waiting:
                waiting.remove(at)
                opened.append(at)
        yield from at.worked()
        others = [work for work in opened if work is not at]
        if others and chance.random() < LOOK_UP:
            yield from chance.choice(others).shown(ActionKind.SWITCH)
            yield from at.shown(ActionKind.SWITCH)
    for work in opened:
        yield from (work.buffer.plain(kind) for kind in (ActionKind.SAVE, ActionKind.CLOSE))


def shortened(actions: Iterable[Action], keystrokes: int) -> Iterator[Action]:
    """As many actions as hold so many keystrokes; 0 for all."""
    for action in actions:
        yield action
        keystrokes -= action.kind in KEYSTROKES
        if keystrokes == 0 and action.kind in KEYSTROKES:
            return


def _chosen(
    waiting: Sequence[_Work], opened: Sequence[_Work], at: _Work | None, chance: Random
) -> _Work:
    """The file to work on next; the same one where no other has anything left to do."""
    unfinished = [work for work in opened if work.hunks and work is not at]
    if waiting and (not unfinished or chance.random() < 0.4):
        return waiting[0]
    if unfinished:
        return chance.choice(unfinished)
    assert at is not None  # or else something would be waiting
    return at


def hunks_of(old: str, new: str) -> list[TextEdit]:
    """The lines that differ, as edits of the old text in ascending order."""
    rows, new_rows = _ROW.findall(old), _ROW.findall(new)
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row))
    codes = SequenceMatcher(None, rows, new_rows, autojunk=False).get_opcodes()
    return [
        TextEdit(starts[i], starts[j], "".join(new_rows[k:m]))
        for tag, i, j, k, m in codes
        if tag != "equal"
    ]


class _Work:
    """One file, and the hunks that are still to be made in it, in ascending order."""

    def __init__(self, change: Change, chance: Random) -> None:
        self.buffer = Buffer(change.path, change.old)
        self.hunks = hunks_of(change.old, change.new)
        self._chance = chance
        # One opens a file from somewhere that names the place.
        self.buffer.cursor = chance.choice(self.hunks).start

    def shown(self, kind: ActionKind) -> Iterator[Action]:
        """Bring the file up, by opening it or by switching to it."""
        yield self.buffer.plain(kind)
        yield from self._maybe(PAUSE, ActionKind.PAUSE)

    def worked(self) -> Iterator[Action]:
        """Make one hunk, and what comes with it."""
        yield from self._made(self._next())
        if self._chance.random() < REGRET:
            yield from self._regretted()
        if self._chance.random() < ELSEWHERE:
            yield from self._made_elsewhere()
        if self._chance.random() < SAVE:
            yield self.buffer.plain(ActionKind.SAVE)
            yield from self._maybe(PAUSE, ActionKind.PAUSE)

    def _maybe(self, share: float, kind: ActionKind) -> Iterator[Action]:
        if self._chance.random() < share:
            yield self.buffer.plain(kind)

    def _next(self) -> int:
        """The index of a hunk, mostly the nearest."""
        if self._chance.random() >= NEXT_HUNK:
            return self._chance.randrange(len(self.hunks))
        cursor = self.buffer.cursor
        return min(range(len(self.hunks)), key=lambda index: abs(self.hunks[index].start - cursor))

    def _taken(self, index: int, shift: int) -> None:
        """A hunk is made; the ones below it have moved by `shift`."""
        # By their order and not by their offsets, since two may touch at a line's end.
        below = self.hunks[index + 1 :]
        moved = [replace(h, start=h.start + shift, end=h.end + shift) for h in below]
        self.hunks[index:] = moved

    def _made(self, index: int) -> Iterator[Action]:
        buffer, length, shift = self.buffer, len(self.buffer.text), 0
        for edit in _parts(buffer.text, self.hunks[index]):
            start, end = edit.start + shift, edit.end + shift
            yield from self._gone_to(end if _backspaced(buffer.text[start:end]) else start)
            yield from self._removed(start, end)
            yield from self._written(edit.new)
            shift += len(edit.new) - (end - start)
        self._taken(index, len(buffer.text) - length)

    def _gone_to(self, offset: int) -> Iterator[Action]:
        for action in self.buffer.moved(offset):
            yield action
            if action.kind is ActionKind.JUMP:
                yield from self._maybe(PAUSE, ActionKind.PAUSE)

    def _removed(self, start: int, end: int) -> Iterator[Action]:
        if not _backspaced(self.buffer.text[start:end]):
            yield self.buffer.edited(ActionKind.DELETE, TextEdit(start, end, ""))
        else:
            for at in range(end, start, -1):
                yield self.buffer.edited(ActionKind.BACKSPACE, TextEdit(at - 1, at, ""))

    def _written(self, new: str) -> Iterator[Action]:
        """Type it, paste some of its parts, and all that is left where it is long."""
        rows, done = new.split("\n"), 0
        while new and done < len(rows):
            beyond = done >= TYPED_LINES
            size = len(rows) if beyond else self._chance.randint(1, PART_LINES)
            part = ("\n" if done else "") + "\n".join(rows[done : done + size])
            done += size
            if beyond or ("\n" in part and self._chance.random() < PASTED):
                yield self.buffer.edited(
                    ActionKind.PASTE, TextEdit(self.buffer.cursor, self.buffer.cursor, part)
                )
            else:
                yield from typed(self.buffer, part, self._chance)

    def _regretted(self) -> Iterator[Action]:
        """Delete or duplicate some lines, and undo that."""
        buffer, cursor = self.buffer, self.buffer.cursor
        start = buffer.text.rfind("\n", 0, cursor) + 1
        lines = _ROW.findall(buffer.text[start:])[: self._chance.randint(1, REGRETTED_LINES)]
        if not (block := "".join(lines)):
            return
        kind, edit = self._chance.choice(
            (
                (ActionKind.DELETE, TextEdit(start, start + len(block), "")),
                (ActionKind.PASTE, TextEdit(start, start, block)),
            )
        )
        back = edit.undone(buffer.text)
        yield buffer.edited(kind, edit)
        yield buffer.edited(ActionKind.UNDO, back, cursor)

    def _made_elsewhere(self) -> Iterator[Action]:
        """A hunk far from the cursor, at once, as a tool makes it; the cursor stays at its text."""
        buffer = self.buffer
        far = [i for i, h in enumerate(self.hunks) if buffer.lines_to(h.start) > NEAR_LINES]
        if not far:
            return
        edit = self.hunks[index := self._chance.choice(far)]
        shift = len(edit.new) - (edit.end - edit.start)
        cursor = buffer.cursor + (shift if edit.end <= buffer.cursor else 0)
        yield buffer.edited(ActionKind.ELSEWHERE, edit, cursor)
        self._taken(index, shift)


def _backspaced(removed: str) -> bool:
    """Whether one takes it away by keys rather than selecting it; true for nothing."""
    return "\n" not in removed and len(removed) <= LONGEST_BACKSPACED


def _parts(text: str, hunk: TextEdit) -> list[TextEdit]:
    """What of a hunk differs: line by line if it has as many lines as before, else together."""
    old, new = _ROW.findall(text[hunk.start : hunk.end]), _ROW.findall(hunk.new)
    if len(old) != len(new):
        old, new = [text[hunk.start : hunk.end]], [hunk.new]
    starts = chain((0,), (sum(map(len, old[: i + 1])) for i in range(len(old))))
    parts = (
        _trimmed(hunk.start + start, one, other)
        for start, one, other in zip(starts, old, new, strict=False)
    )
    return [_from_line_end(text, part) for part in parts if part.start < part.end or part.new]


def _trimmed(start: int, old: str, new: str) -> TextEdit:
    """The edit that leaves alone what both begin and end with."""
    most = min(len(old), len(new))
    head = next((i for i in range(most) if old[i] != new[i]), most)
    tail = next((i for i in range(most - head) if old[-1 - i] != new[-1 - i]), most - head)
    return TextEdit(start + head, start + len(old) - tail, new[head : len(new) - tail])


def _from_line_end(text: str, edit: TextEdit) -> TextEdit:
    """New lines begin with Enter at the end of the line above."""
    above = text[edit.start - 1 : edit.start]
    if edit.start < edit.end or above != "\n" or not edit.new.endswith("\n"):
        return edit
    return TextEdit(edit.start - 1, edit.start - 1, "\n" + edit.new[:-1])
