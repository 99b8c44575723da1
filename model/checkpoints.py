"""States by the tokens that led to them, bounded in bytes.

Owns which states are kept, found and dropped. Knows tokens only as numbers to hash (no source
text is stored) and states only as values with a size.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Generic, Protocol, TypeVar

GRID_TOKENS = 64  # reading stops at multiples of this, so that its checkpoints are found again


class Sized(Protocol):
    """Anything with a size in bytes."""

    @property
    def nbytes(self) -> int: ...


S = TypeVar("S", bound=Sized)


@dataclass(frozen=True)
class Found(Generic[S]):
    """A state and how many tokens of the sequence asked for it has read."""

    length: int
    state: S


def worth_keeping(position: int, total: int) -> bool:
    """Whether a grid position on the way to `total` gets a checkpoint: log-spaced by distance.

    About four per doubling of the distance to the cursor, all of the last eight.
    """
    index, distance = position // GRID_TOKENS, (total - position) // GRID_TOKENS
    return position % GRID_TOKENS == 0 and index % (1 << max(0, distance.bit_length() - 3)) == 0


class Checkpoints(Generic[S]):
    """Least recently used states go first when `budget_bytes` is reached."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.nbytes = 0
        self._states: OrderedDict[bytes, Found[S]] = OrderedDict()
        self._lengths: Counter[int] = Counter()

    def __len__(self) -> int:
        return len(self._states)

    def nearest(self, tokens: Sequence[int]) -> Found[S] | None:
        """The longest known beginning of `tokens`, which may be all of them."""
        keys = _keys(tokens, (n for n in self._lengths if n <= len(tokens)))
        for _, key in reversed(keys):
            if key in self._states:
                self._states.move_to_end(key)
                return self._states[key]
        return None

    def keep(self, tokens: Sequence[int], length: int, state: S) -> None:
        """Remember the state after the first `length` of `tokens`."""
        if state.nbytes > self.budget_bytes:
            return
        ((_, key),) = _keys(tokens, [length])
        self._drop(key)
        self._states[key] = Found(length, state)
        self._lengths[length] += 1
        self.nbytes += state.nbytes
        while self.nbytes > self.budget_bytes:
            self._drop(next(iter(self._states)))

    def touch(self, tokens: Sequence[int], lengths: Iterable[int]) -> None:
        """Mark the states at these places as used: what every request passes is never dropped."""
        for _, key in _keys(tokens, lengths):
            if key in self._states:
                self._states.move_to_end(key)

    def _drop(self, key: bytes) -> None:
        found = self._states.pop(key, None)
        if found is not None:
            self.nbytes -= found.state.nbytes
            self._lengths[found.length] -= 1
            if not self._lengths[found.length]:
                del self._lengths[found.length]


def _keys(tokens: Sequence[int], lengths: Iterable[int]) -> list[tuple[int, bytes]]:
    """128 bits that name each beginning of `tokens`, shortest first, in one pass."""
    data = memoryview(array("I", tokens)).cast("B")
    chain, done, keys = blake2b(digest_size=16), 0, []
    for length in sorted(lengths):
        chain.update(data[4 * done : 4 * length])
        done = length
        keys.append((length, chain.copy().digest()))
    return keys
