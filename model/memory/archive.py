"""Other files that the memory may recall, found by the last two tokens.

Owns an index that is made once for a choice of files, so that recalling costs no more beside a
hundred thousand tokens than beside none. Knows tokens only as numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

GAP = -1  # stands where text does not go on; it matches nothing and is never proposed
LONGEST_TOKENS = 16  # longer matches are trusted no more than these

Ids = NDArray[np.int32]
Places = NDArray[np.intp]


class Archive:
    """Texts one after another, with gaps between them; a value."""

    def __init__(self, texts: Iterable[Sequence[int]] = ()) -> None:
        parts = [np.full(LONGEST_TOKENS, GAP, np.int32)]  # so that no look back falls out
        for text in texts:
            parts += [np.array(text, np.int32), np.full(1, GAP, np.int32)]
        self.ids: Ids = np.concatenate(parts)
        # Where text goes on: only there is anything to be recalled.
        places = np.flatnonzero((self.ids[:-1] != GAP) & (self.ids[1:] != GAP))
        self._by_token = _sorted(places, self.ids[places].astype(np.int64))
        self._by_pair = _sorted(places, _pair(self.ids[places - 1], self.ids[places]))

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, before: int, last: int) -> tuple[Places, int]:
        """Where these two tokens stand, or else where the last one does; how many match."""
        found = _equal(self._by_pair, _pair(np.int32(before), np.int32(last)))
        if len(found) and before != GAP:
            return found, 2
        return _equal(self._by_token, np.int64(last)), 1


Keys = NDArray[np.int64]


def _pair(before: Ids | np.int32, last: Ids | np.int32) -> Keys:
    return (np.asarray(before, np.int64) << 32) + last


def _sorted(places: Places, keys: Keys) -> tuple[Keys, Places]:
    order = np.argsort(keys, kind="stable")
    return keys[order], places[order]


def _equal(index: tuple[Keys, Places], key: Keys | np.int64) -> Places:
    keys, places = index
    first, end = np.searchsorted(keys, key, "left"), np.searchsorted(keys, key, "right")
    return places[first:end]


NO_FILES = Archive()
