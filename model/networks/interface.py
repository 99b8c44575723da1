"""The seam between the engine and whatever computes a model.

Owns what the engine asks of a network and of its states, and how a state is recognised among
arrays of unknown origin. Knows NumPy only, and no network: `torch_network` is the one that all
others are measured by, and `open_network` chooses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..completer import Runtime
from ..folder.architectures import Config

BEST = "best"  # of the devices that there are
# A small model's operations are too short to share: with one core busy elsewhere, two threads took
# 48 ms for a token of a 4M model where one took 6. They are too short for a GPU as well.
SMALL_PARAMETERS = 50_000_000

Arrays = Mapping[str, NDArray[Any]]


class State(Protocol):
    """Everything a network remembers of the tokens it has read; a value, never changed."""

    @property
    def nbytes(self) -> int: ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is to be stored, by the names and in the shapes of `Config.state_shapes`."""
        ...

    def settled(self) -> State:
        """Itself, or the state that it leads to; a network is given no others."""
        ...


class Trail(Protocol):
    """A state of its own that goes on token by token, and the way back to any of them.

    What it notes of a token is the inputs of the recurrence, a hundredth of a large model's state;
    going back costs no product with a weight. One that goes on is used by one writing only.
    """

    @property
    def token_bytes(self) -> int:
        """Of what is noted of a token."""
        ...

    def read(self, tokens: Sequence[int]) -> NDArray[Any]:
        """Go on by some tokens, 1 to 64: logits (l, v) after each."""
        ...

    def back(self, count: int) -> None:
        """Undo the last `count` tokens of the last reading; then another reading must come."""
        ...

    def state(self, length: int) -> State:
        """After the first `length` tokens of all that were read."""
        ...


@dataclass(frozen=True)
class Waypoint:
    """The state after the first tokens of a trail, before anybody needs it."""

    trail: Trail
    length: int

    @property
    def nbytes(self) -> int:
        return self.trail.token_bytes

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See `State`."""
        return self.settled().arrays()

    def settled(self) -> State:
        """See `State`."""
        return self.trail.state(self.length)


class Network(Protocol):
    """One model, ready to read. It is given no states but its own."""

    @property
    def config(self) -> Config: ...

    @property
    def exact(self) -> bool:
        """Whether numbers do not depend, to the last bit, on how tokens are cut into calls."""
        ...

    @property
    def runtime(self) -> Runtime:
        """What it computes with; stored states are kept apart by its arithmetic."""
        ...

    def state_bytes(self, tokens: int) -> int:
        """Of one state after so many tokens, and its logits."""
        ...

    def zero_state(self) -> State:
        """The state before the first token."""
        ...

    def advance(self, tokens: Sequence[int], state: State) -> tuple[NDArray[Any], State]:
        """Logits (v,) after the last of `tokens`, at least one, and the state there.

        `state` stays as it is. The logits have the type of the state's arrays.
        """
        ...

    def advance_all(
        self, tokens: Sequence[int], state: State, wanted: int
    ) -> tuple[NDArray[Any], State]:
        """As `advance`, with the logits (wanted, v) after each of the last tokens, at most 64."""
        ...

    def advance_each(
        self, tokens: Sequence[int], states: Sequence[State]
    ) -> tuple[NDArray[Any], list[State]]:
        """One token after each of several states: logits (b, v) and the states there."""
        ...

    def trail(self, state: State) -> Trail:
        """To go on from a state, which stays as it is."""
        ...

    def revived(self, arrays: Arrays, tokens: int) -> State | None:
        """The state after so many tokens that such arrays are; they may come from anywhere.

        None unless names, shapes and types are exactly right and all numbers finite.
        """
        ...


def is_state(arrays: Arrays, config: Config, dtype: DTypeLike, tokens: int = 1) -> bool:
    """Whether these are a state of such a model with numbers of type `dtype`."""
    shapes = config.state_shapes(tokens)
    return arrays.keys() == shapes.keys() and all(
        array.shape == shapes[name] and array.dtype == dtype and is_finite(array)
        for name, array in arrays.items()
    )


def is_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers are; either end is not if any is not."""
    # Both passes together are faster than `isfinite` of each number, and need no memory.
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def state_bytes(config: Config, dtype: DTypeLike, tokens: int = 1) -> int:
    """Of one state and its logits, in numbers of type `dtype`."""
    numbers = sum(map(math.prod, config.state_shapes(tokens).values())) + config.vocab_size
    return numbers * np.dtype(dtype).itemsize


def is_small(config: Config) -> bool:
    """Whether one thread is best for a model of this size."""
    return sum(map(math.prod, config.tensor_shapes().values())) < SMALL_PARAMETERS
