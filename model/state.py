"""The recurrent state: everything a Mamba2 model remembers of the tokens it has read.

Owns `LayerState` and `RecurrentState`. Nobody outside `mamba2` and `kernels` looks inside:
to all others a state is a value with a size that can be cloned. It knows nothing of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .config import Mamba2Config


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

    @property
    def nbytes(self) -> int:
        return sum(layer.conv.nbytes + layer.ssm.nbytes for layer in self.layers)

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
