"""States by the tokens that led to them, bounded in bytes.

Owns which states are kept in memory, found and dropped, and says what it holds and why. Knows
tokens only by the names that a `Chain` gives them (no source text is stored), states only as values
with a size, and the disk only as a `Storage` that may have more of them.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, Self, TypeVar

from ..completer import FileId
from ..tokens.chain import Chain

GRID_TOKENS = 64  # reading stops at multiples of this, so that its checkpoints are found again
WIDEST_GRIDS = 4  # between two checkpoints, however far from the cursor, where states are small
_SMALL_SHARE = 64  # ... that is, where so many fit into the budget
_WRITTEN_SHARE = 4  # of the budget, one part at most is for what the model wrote


class Kept(Protocol):
    """Anything with a size in bytes."""

    @property
    def nbytes(self) -> int: ...

    def settled(self) -> Self:
        """Itself, or what is to be kept in its place once somebody uses it."""
        ...


class Place(StrEnum):
    """Why a state is held: what its tokens end with."""

    WORKSPACE = "workspace"  # other files, or the beginning of one
    FILE = "file"  # the open file above the anchor
    SUFFIX = "suffix"
    CURSOR = "cursor"  # a settled frontier
    WRITTEN = "written"  # what the model wrote last, should it be accepted
    STORED = "stored"  # found on the disk


S = TypeVar("S", bound=Kept)
S_co = TypeVar("S_co", bound=Kept, covariant=True)


@dataclass(frozen=True)
class Found(Generic[S]):
    """A state and how many tokens of the sequence asked for it has read."""

    length: int
    state: S


@dataclass(frozen=True)
class Held(Generic[S]):
    """A state, and what is known about it."""

    length: int
    state: S
    place: Place
    files: tuple[FileId, ...]  # whose text it has read


class Storage(Protocol[S_co]):
    """States elsewhere, slower to get at."""

    def lengths(self) -> Collection[int]:
        """Of the sequences that led to them."""
        ...

    def load(self, name: bytes, tokens: int) -> S_co | None:
        """The state of this name, after so many tokens, if there is one."""
        ...


def worth_keeping(position: int, total: int, widest: int | None = None) -> bool:
    """Whether a grid position on the way to `total` gets a checkpoint: log-spaced by distance.

    About four per doubling of the distance to the cursor, all of the last eight; `widest` is the
    longest distance between two of them, in grids, a power of two.
    """
    index, distance = position // GRID_TOKENS, (total - position) // GRID_TOKENS
    step = 1 << max(0, distance.bit_length() - 3)
    return position % GRID_TOKENS == 0 and index % (min(step, widest) if widest else step) == 0


class Checkpoints(Generic[S]):
    """Least recently used states go first when `budget_bytes` is reached."""

    def __init__(self, budget_bytes: int, storage: Storage[S] | None = None) -> None:
        self.budget_bytes = budget_bytes
        self.nbytes = 0
        self._storage = storage
        self._states: OrderedDict[bytes, Held[S]] = OrderedDict()
        self._lengths: Counter[int] = Counter()
        self._written: list[bytes] = []

    def __len__(self) -> int:
        return len(self._states)

    def nearest(self, chain: Chain) -> Found[S] | None:
        """The longest known beginning of a chain, which may be all of it."""
        stored: Collection[int] = self._storage.lengths() if self._storage else ()
        for length, name in chain.names({*self._lengths, *stored}):
            held = self._states.get(name)
            if held is None:
                there = self._storage if length in stored else None
                state = there.load(name, length) if there else None
                if state is None:
                    continue
                self.keep(chain, length, state, Place.STORED)
                return Found(length, state)
            self._states.move_to_end(name)
            if held.place is Place.WRITTEN:  # it is what stands in the text now
                state = held.state.settled()
                self.keep(chain, length, state)
                return Found(length, state)
            return Found(length, held.state)
        return None

    def get(self, name: bytes) -> S | None:
        """The state in memory of this name; looking is no use of it."""
        held = self._states.get(name)
        return held.state if held else None

    def keep(self, chain: Chain, length: int, state: S, place: Place = Place.CURSOR) -> None:
        """Remember the state after the first `length` tokens of a chain."""
        if state.nbytes > self.budget_bytes:
            return
        name = chain.name(length)
        if place is not Place.WRITTEN:
            self._drop(name)
        elif name in self._states or not self._room_for_written(state.nbytes):
            return
        else:
            self._written.append(name)
        self._states[name] = Held(length, state, place, chain.link(length).files)
        self._lengths[length] += 1
        self.nbytes += state.nbytes
        while self.nbytes > self.budget_bytes:
            self._drop(next(iter(self._states)))

    def touch(self, chain: Chain, start: int = 0) -> None:
        """Mark the ends of links from `start` on as used: what all requests pass is kept."""
        for _, name in reversed(list(chain.names(chain.ends(start - 1)))):
            if name in self._states:
                self._states.move_to_end(name)

    def spacing(self, state: S) -> int | None:
        """The `widest` of `worth_keeping` for states of this size."""
        return WIDEST_GRIDS if state.nbytes * _SMALL_SHARE <= self.budget_bytes else None

    def drop_written(self) -> None:
        """Forget what was written and not accepted."""
        for name in self._written[:]:
            self._drop(name)

    def forget(self, files: Collection[FileId]) -> None:
        """Drop every state that has read one of these files."""
        for name, held in list(self._states.items()):
            if not set(files).isdisjoint(held.files):
                self._drop(name)

    def held(self) -> list[Held[S]]:
        """All states, the least recently used first."""
        return list(self._states.values())

    def _room_for_written(self, nbytes: int) -> bool:
        """Make room for one more. Both ends stay: a word is accepted at the beginning, all of it
        at the end."""
        most = self.budget_bytes // _WRITTEN_SHARE // max(nbytes, 1)
        while most and len(self._written) >= most:
            self._drop(self._written[len(self._written) // 2])
        return most > 0

    def _drop(self, name: bytes) -> None:
        held = self._states.pop(name, None)
        if held is None:
            return
        if held.place is Place.WRITTEN:
            self._written.remove(name)
        self.nbytes -= held.state.nbytes
        self._lengths[held.length] -= 1
        if not self._lengths[held.length]:
            del self._lengths[held.length]
