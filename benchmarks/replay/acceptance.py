"""Whoever types sees what is offered, and may take it in place of the keys that it stands for.

Owns which offers are right, and how much of one is taken. A right offer is one after which text
and cursor are just what the coming keys of the trace make of them; so whatever is taken, all later
actions stay as they are. Knows no server.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from .actions import Action, ActionKind, Form, TextEdit

ACCEPTED = 0.5  # of the right offers; the others are typed through
SHARES = (0.6, 0.2, 0.2)  # of Form's members, where all are right
LEAST_KEYS = 3  # for fewer, pressing the key for it saves too little
MOST_KEYS = 400  # looked ahead
_PLAIN = frozenset({ActionKind.TYPE, ActionKind.RETYPE})
_WORD = re.compile(r"\s*(\w+|[^\w\s]+)")
_LINE = re.compile(r"\s*[^\n]*")


class Typist:
    """A trace as it is done by someone who accepts; ends in the same texts."""

    def __init__(self, actions: Iterable[Action], texts: Mapping[str, str], chance: Random) -> None:
        self._actions = iter(actions)
        self._coming: deque[Action] = deque()
        self._texts = dict(texts)
        self._chance = chance
        self._last: Action | None = None
        self._refused = 0  # keys that a refused offer stood for and that are still to come

    def next(self, offered: TextEdit | None) -> Action | None:
        """What is done next, given what was offered after the last action; None at the end."""
        action = self._accepted(offered) if offered is not None else None
        if action is None:
            action = next(self._ahead(), None)
            if action is None:
                return None
            self._drop(1)
        if action.edit is not None:
            self._texts[action.path] = action.edit.applied(self._texts[action.path])
        self._last = action
        return action

    def _accepted(self, offered: TextEdit) -> Action | None:
        if self._last is None or self._refused:
            return None
        path, cursor = self._last.path, self._last.cursor
        first = self._chance.choices(range(len(SHARES)), SHARES)[0]
        for form, edit in forms(offered, cursor)[first:]:
            keys = keys_for(self._texts[path], path, edit, self._ahead())
            if keys < LEAST_KEYS:
                continue
            if self._chance.random() >= ACCEPTED:
                self._refused = keys
                return None
            self._drop(keys)
            return Action(ActionKind.ACCEPT, path, edit.start + len(edit.new), edit, form)
        return None

    def _ahead(self) -> Iterator[Action]:
        """What is to come, without taking it away."""
        for index in range(MOST_KEYS):
            if index == len(self._coming):
                action = next(self._actions, None)
                if action is None:
                    return
                self._coming.append(action)
            yield self._coming[index]

    def _drop(self, count: int) -> None:
        for _ in range(count):
            self._coming.popleft()
        self._refused = max(self._refused - count, 0)


def forms(offered: TextEdit, cursor: int) -> Sequence[tuple[Form, TextEdit]]:
    """What can be taken of an offer, the most first; parts only where it goes on at the cursor."""
    found = [(Form.WHOLE, offered)]
    for form, pattern in ((Form.LINE, _LINE), (Form.WORD, _WORD)):
        part = pattern.match(offered.new)
        if part and offered.start == cursor:
            # An editor leaves alone what stands right of the cursor until the rest is taken.
            edit = offered if part[0] == offered.new else TextEdit(cursor, cursor, part[0])
            found.append((form, edit))
    return found


def keys_for(text: str, path: str, offered: TextEdit, coming: Iterable[Action]) -> int:
    """How many of the coming keys an offer stands for; 0 if they make something else of `text`."""
    wanted, end = offered.applied(text), offered.start + len(offered.new)
    for count, action in enumerate(coming, start=1):
        if action.kind not in _PLAIN or action.path != path or action.edit is None:
            return 0
        text = action.edit.applied(text)
        if action.cursor == end and text == wanted:
            return count
        if action.cursor > end:
            return 0
    return 0
