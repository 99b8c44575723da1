"""The seam between the engine and whatever computes a Mamba2 model.

Owns what the engine asks of a network and of its states, and how a state is recognised among
arrays of unknown origin. Knows NumPy only, and no network: `torch_network` is the one that all
others are measured by, and `runtime` chooses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .config import Mamba2Config

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
        """What is to be stored, by the names and in the shapes of `Mamba2Config.state_shapes`."""
        ...


class Trail(Protocol):
    """Some tokens that were read, and the way back to the state after any number of them.

    It is made from the inputs of the recurrence, which are a hundredth of a large model's state,
    and costs no product with a weight.
    """

    @property
    def nbytes(self) -> int:
        """Without the states at its two ends."""
        ...

    @property
    def logits(self) -> NDArray[Any]:
        """(l, v) after each of the l tokens."""
        ...

    def state(self, count: int) -> State:
        """After the first `count` tokens, 0 to l."""
        ...


class Network(Protocol):
    """One model, ready to read. It is given no states but its own."""

    @property
    def config(self) -> Mamba2Config: ...

    @property
    def arithmetic(self) -> str:
        """What it computes in, in a few words: stored states are kept apart by it."""
        ...

    @property
    def exact(self) -> bool:
        """Whether numbers do not depend, to the last bit, on how tokens are cut into calls."""
        ...

    @property
    def runtime(self) -> str:
        """For people: device, kernels and threads."""
        ...

    @property
    def state_bytes(self) -> int:
        """Of one state and its logits."""
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

    def trail(self, tokens: Sequence[int], state: State) -> Trail:
        """As `advance`, of at most 64 tokens, with the way back."""
        ...

    def revived(self, arrays: Arrays) -> State | None:
        """The state that such arrays are; they may come from anywhere.

        None unless names, shapes and types are exactly right and all numbers finite.
        """
        ...


def is_state(arrays: Arrays, config: Mamba2Config, dtype: DTypeLike) -> bool:
    """Whether these are a state of such a model with numbers of type `dtype`."""
    shapes = config.state_shapes()
    return arrays.keys() == shapes.keys() and all(
        array.shape == shapes[name] and array.dtype == dtype and is_finite(array)
        for name, array in arrays.items()
    )


def is_finite(array: NDArray[Any]) -> bool:
    """Whether all numbers are; either end is not if any is not."""
    # Both passes together are faster than `isfinite` of each number, and need no memory.
    return bool(np.isfinite(array.min()) and np.isfinite(array.max()))


def state_bytes(config: Mamba2Config, dtype: DTypeLike) -> int:
    """Of one state and its logits, in numbers of type `dtype`."""
    numbers = sum(map(math.prod, config.state_shapes().values())) + config.vocab_size
    return numbers * np.dtype(dtype).itemsize


def is_small(config: Mamba2Config) -> bool:
    """Whether one thread is best for a model of this size."""
    return sum(map(math.prod, config.tensor_shapes().values())) < SMALL_PARAMETERS
