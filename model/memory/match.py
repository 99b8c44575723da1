"""Where the last tokens of a text stood before: in the text itself, or in other files.

Owns the search, from token to token: a longer match is looked for among the places of the one
before it. Knows tokens only as numbers, and not what follows from a match.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .archive import GAP, LONGEST_TOKENS, NO_FILES, Archive, Ids, Places

_NOWHERE: Places = np.zeros(0, np.intp)


@dataclass(frozen=True)
class Occurrences:
    """Places in some ids where the last `length` tokens of a text stand, and no more of them."""

    ids: Ids
    places: Places  # of the last token, where text goes on
    length: int  # at most LONGEST_TOKENS

    def then(self, ids: Ids, token: int) -> Occurrences | None:
        """After one more token, where `ids` may have grown at their end; None: search anew."""
        if not 0 < self.length < LONGEST_TOKENS:
            return None  # at the greatest length not all places are known that have one less
        places = self.places[self.ids[self.places + 1] == token] + 1
        places = places[ids[places + 1] != GAP]
        return Occurrences(ids, places, self.length + 1) if len(places) else None


@dataclass(frozen=True)
class Match:
    """A text that is being written, and the longest match of its end."""

    past: Ids  # begins with LONGEST_TOKENS gaps, so that no look back falls out
    others: Archive
    here: Occurrences
    there: Occurrences

    @classmethod
    def of(cls, past: Ids, others: Archive = NO_FILES) -> Match:
        """The match of a text's end."""
        return cls(past, others, _here(past), _there(past, others))

    def then(self, token: int) -> Match:
        """The match after one more token."""
        past = np.concatenate([self.past, np.array([token], np.int32)])
        here = self.here.then(past, token) or _here(past)
        there = self.there.then(self.others.ids, token) or _there(past, self.others)
        return Match(past, self.others, here, there)

    @property
    def length(self) -> int:
        """Of the longest match, in tokens."""
        return max(self.here.length, self.there.length)

    def followers(self) -> Ids:
        """The token after each place of the longest match."""
        found = [f for f in (self.here, self.there) if f.length == self.length]
        return np.concatenate([f.ids[f.places + 1] for f in found])

    def continuation(self, most: int) -> list[int]:
        """At most so many tokens as they follow at the latest place of the longest match."""
        found = self.here if self.here.length >= self.there.length else self.there
        if not len(found.places):
            return []
        first = int(found.places[-1]) + 1
        tokens: list[int] = found.ids[first : first + most].tolist()
        return tokens[: tokens.index(GAP)] if GAP in tokens else tokens


def _here(past: Ids) -> Occurrences:
    last = len(past) - 1
    if past[last] == GAP:
        return Occurrences(past, _NOWHERE, 0)
    places = np.flatnonzero(past[:last] == past[last])
    return _longest(past, places[past[places + 1] != GAP], 1, past)


def _there(past: Ids, others: Archive) -> Occurrences:
    if past[-1] == GAP:
        return Occurrences(others.ids, _NOWHERE, 0)
    return _longest(others.ids, *others.places(past[-2], past[-1]), past)


def _longest(ids: Ids, places: Places, length: int, past: Ids) -> Occurrences:
    """The places where most of the last tokens match, of those where `length` do."""
    last = len(past) - 1
    if not len(places):
        return Occurrences(ids, places, 0)
    while length < LONGEST_TOKENS and past[last - length] != GAP:
        longer = places[ids[places - length] == past[last - length]]
        if not len(longer):
            break
        places, length = longer, length + 1
    return Occurrences(ids, places, length)
