"""The state of a model that the native library computes: all numbers in one row.

Owns their order, which is `stateline.h`'s, and where they lie. Knows no network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...folder.config import Mamba2Config
from ..interface import State


@dataclass(frozen=True)
class NativeState:
    """All layers' rows and states, one after the other; nobody writes to it."""

    config: Mamba2Config
    numbers: NDArray[np.float32]  # (state_floats,)

    @cached_property
    def address(self) -> int:
        """Of the first number; asking NumPy takes as long as all the rest of a call."""
        return int(self.numbers.ctypes.data)

    @property
    def nbytes(self) -> int:
        return self.numbers.nbytes

    def settled(self) -> NativeState:
        """See `State`."""
        return self

    def arrays(self) -> dict[str, NDArray[Any]]:
        """By name, in the shapes that `RecurrentState` has; views."""
        found, at = {}, 0
        for name, shape in self.config.state_shapes().items():
            size = math.prod(shape)
            found[name] = self.numbers[at : at + size].reshape(shape)
            at += size
        return found


def native_state(state: State) -> NativeState:
    """A state that has to be one of these, since a network is given no others."""
    assert isinstance(state, NativeState)
    return state
