"""The recurrent state: everything a Mamba2 model remembers of the tokens it has read.

Owns `LayerState` and `RecurrentState`. Nobody outside `mamba2` and `kernels` looks inside:
to all others a state is a value with a size that can be cloned. It knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    @classmethod
    def from_tensors(
        cls,
        config: Mamba2Config,
        dtype: torch.dtype,
        tensors: Mapping[str, Tensor],
        device: torch.device | str = "cpu",
    ) -> RecurrentState | None:
        """What `tensors` gave, for one sequence of a model with weights of `dtype`.

        They may come from anywhere: None unless names, shapes and types are exactly those, and
        all numbers are finite. They are not copied when they are on `device`.
        """
        expected = cls.zeros(config, 1, dtype, "meta").tensors()
        if tensors.keys() != expected.keys() or not all(
            tensor.shape == expected[name].shape
            and tensor.dtype == expected[name].dtype
            and _is_finite(tensor)
            for name, tensor in tensors.items()
        ):
            return None
        here = {name: tensor.to(device) for name, tensor in tensors.items()}
        return cls(
            tuple(
                LayerState(here[f"layers.{i}.conv"], here[f"layers.{i}.ssm"])
                for i in range(config.n_layer)
            )
        )

    def tensors(self) -> dict[str, Tensor]:
        """The state's own tensors by name, for storing them."""
        return {
            f"layers.{i}.{name}": tensor
            for i, layer in enumerate(self.layers)
            for name, tensor in (("conv", layer.conv), ("ssm", layer.ssm))
        }

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


def _is_finite(tensor: Tensor) -> bool:
    # 20 times faster than `isfinite` of each number: either end is not finite if any is not.
    return all(end.isfinite().item() for end in tensor.aminmax())
