"""The recurrent state: everything a Mamba2 model remembers of the tokens it has read.

Owns `LayerState` and `RecurrentState`, and how they become arrays and back. Nobody outside
`mamba2` and `kernels` looks inside: to all others a state is a value with a size that can be
cloned. It knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...folder.config import Mamba2Config
from ..interface import Arrays, is_state


@dataclass(frozen=True)
class LayerState:
    """What one layer carries. Both tensors are float32 at least, whatever the weights are."""

    conv: Tensor  # (b, k-1, c) the last pre-convolution rows of x, B and C
    ssm: Tensor  # (b, h, p, n)


@dataclass(frozen=True)
class RecurrentState:
    """One `LayerState` per layer; a value: no function writes to a state it was given."""

    layers: tuple[LayerState, ...]

    @classmethod
    def zeros(
        cls,
        config: Mamba2Config,
        batch: int,
        dtype: torch.dtype,
        device: torch.device | str = "cpu",
    ) -> RecurrentState:
        """The state before the first token, for `batch` sequences."""
        wide = torch.promote_types(dtype, torch.float32)
        conv = (batch, config.d_conv - 1, config.conv_dim)
        ssm = (batch, config.n_heads, config.headdim, config.d_state)
        return cls(
            tuple(
                LayerState(
                    torch.zeros(conv, dtype=wide, device=device),
                    torch.zeros(ssm, dtype=wide, device=device),
                )
                for _ in range(config.n_layer)
            )
        )

    @classmethod
    def from_arrays(
        cls,
        config: Mamba2Config,
        dtype: torch.dtype,
        arrays: Arrays,
        device: torch.device | str = "cpu",
    ) -> RecurrentState | None:
        """What `arrays` gave, for one sequence of a model with weights of `dtype`.

        They may come from anywhere: None unless names, shapes and types are exactly those, and
        all numbers are finite. They are not copied for the CPU.
        """
        if not is_state(arrays, config, np.float64 if dtype == torch.float64 else np.float32):
            return None
        here = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        return cls(
            tuple(
                LayerState(here[f"layers.{i}.conv"], here[f"layers.{i}.ssm"])
                for i in range(config.n_layer)
            )
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state's own numbers by name, for storing them; on the CPU they are not copied."""
        return {
            f"layers.{i}.{name}": tensor.detach().cpu().numpy()
            for i, layer in enumerate(self.layers)
            for name, tensor in (("conv", layer.conv), ("ssm", layer.ssm))
        }

    def settled(self) -> RecurrentState:
        """See `State`."""
        return self

    @property
    def nbytes(self) -> int:
        return sum(layer.conv.nbytes + layer.ssm.nbytes for layer in self.layers)

    @classmethod
    def joined(cls, states: Iterable[RecurrentState]) -> RecurrentState:
        """Several states, at least one, as one for a batch."""
        layers = zip(*(state.layers for state in states), strict=True)
        return cls(
            tuple(
                LayerState(torch.cat([s.conv for s in each]), torch.cat([s.ssm for s in each]))
                for each in layers
            )
        )

    def parted(self) -> Iterator[RecurrentState]:
        """Each sequence's own state, a copy."""
        for i in range(len(self.layers[0].ssm)):
            yield RecurrentState(
                tuple(LayerState(s.conv[i : i + 1], s.ssm[i : i + 1]) for s in self.layers)
            ).clone()

    def clone(self) -> RecurrentState:
        return RecurrentState(
            tuple(LayerState(layer.conv.clone(), layer.ssm.clone()) for layer in self.layers)
        )

    def detach(self) -> RecurrentState:
        """The same numbers without their history of gradients."""
        return RecurrentState(
            tuple(LayerState(layer.conv.detach(), layer.ssm.detach()) for layer in self.layers)
        )

    def scaled(self, keep: Tensor) -> RecurrentState:
        """Each sequence's state times its factor; `keep` (b,) of zeros and ones resets some."""
        return RecurrentState(
            tuple(
                LayerState(layer.conv * keep[:, None, None], layer.ssm * keep[:, None, None, None])
                for layer in self.layers
            )
        )
