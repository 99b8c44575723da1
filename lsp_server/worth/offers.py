"""What was offered, and what became of it: shown, accepted, still there a while later.

Owns the recognition of a suggestion in later requests and in the user's edits. Tells of counts
only. Knows no protocol and no clock. Offsets are code points, line breaks the document's own.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..edit.documents import Edit, Snapshot

MOST = 64  # offers that are remembered, and acceptances that are waited for
WAITS_S = {"30s": 30.0, "5min": 300.0}
_PAIRS = frozenset({"()", "[]", "{}", '""', "''"})  # what an editor makes of one key
_ONE_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)\s*")

Count = Callable[[str, int], None]
Later = Callable[[float, Callable[[], None]], object]
"""Calls back after so many seconds."""


@dataclass(eq=False)
class Offer:
    """One suggestion as the user sees it: it stays the same while it grows or is typed through."""

    id: str
    uri: str
    start: int  # where its text begins
    text: str  # all of it, what was typed or accepted of it included
    entered: int = 0  # characters of it that stand in the document
    asked: int = 0  # and so many did when it was offered last
    accepted: int = 0  # up to where it was accepted
    shown: bool = False

    @property
    def cursor(self) -> int:
        return self.start + self.entered

    def is_also(self, snapshot: Snapshot, cursor: int, rest: str) -> bool:
        """Whether what is offered at `cursor` is this, or more or less of it."""
        if snapshot.uri != self.uri or not self.start <= cursor <= self.start + len(self.text):
            return False
        whole = snapshot.text[self.start : cursor] + rest
        alike = whole.startswith(self.text) or self.text.startswith(whole)
        return alike and self.entered < len(self.text)

    def after(self, edit: Edit) -> bool:
        """Go along with an edit; False if it made another text of this one."""
        if edit.start == self.cursor:
            rest = self.text[self.entered :]
            closed = len(edit.new) == 2 and edit.new[0] == rest[:1] and edit.new[1] in ")]}\"'"
            fits = edit.new if rest.startswith(edit.new) else edit.new[:1] if closed else ""
            self.entered += len(fits)
            return bool(fits) or not edit.new
        if edit.end <= self.start:
            self.start += len(edit.new) - (edit.end - edit.start)
            return True
        if edit.end == self.cursor and edit.start >= self.start and not edit.new:
            self.entered = edit.start - self.start
            return True
        return edit.start > self.cursor


@dataclass(eq=False)
class _Kept:
    """Accepted text, followed through the edits after it."""

    uri: str
    start: int
    end: int
    characters: int  # of it that nobody took away

    def after(self, edit: Edit) -> None:
        gone = max(0, min(self.end, edit.end) - max(self.start, edit.start))
        self.characters -= gone
        grown = len(edit.new) - (edit.end - edit.start)
        if edit.end <= self.start:
            self.start, self.end = self.start + grown, self.end + grown
        elif edit.start < self.end:
            self.start, self.end = min(self.start, edit.start), max(self.end + grown, edit.start)


class Offers:
    """Lives as long as a session; of each document it knows the latest offers."""

    def __init__(self, count: Count, later: Later, *, watches: bool = True) -> None:
        """`watches`: acceptance is recognised in edits, since the client may not tell of it."""
        self._count, self._later, self._watches = count, later, watches
        self._offers: deque[Offer] = deque(maxlen=MOST)
        self._live: list[Offer] = []  # those that the text of their document still agrees with
        self._kept: deque[_Kept] = deque(maxlen=MOST)
        self._made = 0

    def made(self, snapshot: Snapshot, cursor: int, rests: Sequence[str]) -> list[str]:
        """The ids of suggestions for one place, each given as what is to follow the cursor."""
        before = [each for each in self._live if each.uri == snapshot.uri]
        ids: list[str] = []
        for rest in rests:
            known = (o for o in reversed(before) if o.is_also(snapshot, cursor, rest))
            offer = next((o for o in known if o.id not in ids), None)
            if offer is None:
                offer = self._new(snapshot.uri, cursor)
            offer.text = snapshot.text[offer.start : cursor] + rest
            offer.entered = offer.asked = cursor - offer.start
            ids.append(offer.id)
        return ids

    def _new(self, uri: str, cursor: int) -> Offer:
        self._made += 1
        offer = Offer(str(self._made), uri, cursor, "")
        self._offers.append(offer)
        self._live = [*self._live[1 - MOST :], offer]
        self._count("offered", 1)
        return offer

    def shown(self, id_: str) -> None:
        """The client says that it was drawn."""
        if (offer := self._find(id_)) is not None and not offer.shown:
            offer.shown = True
            self._count("shown", 1)

    def accepted(self, id_: str, text: str = "", characters: int | None = None) -> None:
        """The client says that this was accepted: all, or so much of the item that had `text`."""
        if (offer := self._find(id_)) is None:
            return
        whole = len(offer.text)
        begin = whole - len(text) if text and offer.text.endswith(text) else offer.asked
        self._accept(offer, begin, whole if characters is None else min(begin + characters, whole))

    def edited(self, uri: str, edits: Sequence[Edit]) -> None:
        """The document was changed so."""
        for edit in edits:
            for kept in self._kept:
                if kept.uri == uri:
                    kept.after(edit)
            for offer in [each for each in self._live if each.uri == uri]:
                before, at = offer.entered, offer.cursor
                if not offer.after(edit):
                    self._live.remove(offer)
                elif self._watches and edit.start == at and _no_key(edit.new):
                    self._accept(offer, before, offer.entered)

    def closed(self, uri: str) -> None:
        """What becomes of its text is no longer seen."""
        self._live = [each for each in self._live if each.uri != uri]
        for kept in [each for each in self._kept if each.uri == uri]:
            self._kept.remove(kept)

    def _find(self, id_: str) -> Offer | None:
        return next((each for each in self._offers if each.id == id_), None)

    def _accept(self, offer: Offer, start: int, end: int) -> None:
        """Its characters from `start` to `end` are accepted, if they were not before."""
        start = max(start, offer.accepted)
        if end <= start:
            return
        self._count(_kind(offer.text, start, end, first=not offer.accepted), 1)
        self._count("charactersAccepted", end - start)
        if not offer.accepted:
            self._count("accepted", 1)
        offer.accepted = end
        kept = _Kept(offer.uri, offer.start + start, offer.start + end, end - start)
        self._kept.append(kept)
        for name, wait_s in WAITS_S.items():
            self._later(wait_s, partial(self._look, kept, name, end - start))

    def _look(self, kept: _Kept, after: str, characters: int) -> None:
        """It counts as kept while half of its characters are where they were put."""
        if kept in self._kept:
            self._count(f"lookedAfter{after}", 1)
            self._count(f"keptAfter{after}", int(2 * kept.characters >= characters))


def _no_key(new: str) -> bool:
    """Whether it is more than one key types."""
    return len(new) > 1 and new not in _PAIRS


def _kind(text: str, start: int, end: int, *, first: bool) -> str:
    word = _ONE_WORD.fullmatch(text[start:end]) is not None
    if end == len(text) and (first or not word):
        return "acceptedWhole"
    ends_line = text[end : end + 1] in "\r\n" or text[end - 1] in "\r\n"
    return "acceptedLine" if ends_line and not word else "acceptedWord"
