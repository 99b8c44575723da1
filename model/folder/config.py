"""The shape of a Mamba2 language model, as plain numbers.

Owns `Mamba2Config` and the names and shapes of its tensors and states. Knows no torch and no files.
Letters follow the Mamba2 paper (Dao & Gu 2024, arXiv 2405.21060): d_model D, d_inner,
heads H of width P (headdim), state size N (d_state), groups G.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Mamba2Config:
    """Sizes of one model; every field is what the checkpoint says, never a guess."""

    d_model: int
    n_layer: int
    vocab_size: int  # rows of the embedding, padding included
    d_state: int = 128  # N
    d_conv: int = 4
    expand: int = 2
    headdim: int = 64  # P
    n_groups: int = 1  # G: B and C are shared by heads of one group; the gated norm is per group
    tie_embeddings: bool = True
    proj_bias: bool = False  # bias of in_proj and out_proj
    conv_bias: bool = True
    norm_eps: float = 1e-5
    dt_limit: tuple[float, float] = (0.0, math.inf)  # clamp of the step size after softplus

    @property
    def d_inner(self) -> int:
        return self.expand * self.d_model

    @property
    def n_heads(self) -> int:
        return self.d_inner // self.headdim

    @property
    def conv_dim(self) -> int:
        """Channels that pass the convolution: x, B and C."""
        return self.d_inner + 2 * self.n_groups * self.d_state

    @property
    def d_in_proj(self) -> int:
        """Rows of in_proj, in the order z, x, B, C, dt."""
        return self.d_inner + self.conv_dim + self.n_heads

    def __post_init__(self) -> None:
        for name in ("d_model", "n_layer", "vocab_size", "d_state", "expand", "headdim"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.d_conv < 2:
            raise ValueError(f"d_conv must be at least 2, not {self.d_conv}")
        if self.d_inner % self.headdim:
            raise ValueError(f"d_inner {self.d_inner} is not a multiple of headdim {self.headdim}")
        if self.n_groups < 1 or self.n_heads % self.n_groups:
            raise ValueError(f"{self.n_heads} heads do not divide into {self.n_groups} groups")

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter by its mamba_ssm name; this is the layout of `Mamba2.state_dict()`."""
        d, inner, conv = self.d_model, self.d_inner, self.conv_dim
        shapes: dict[str, tuple[int, ...]] = {"backbone.embedding.weight": (self.vocab_size, d)}
        for i in range(self.n_layer):
            layer, mixer = f"backbone.layers.{i}", f"backbone.layers.{i}.mixer"
            shapes[f"{layer}.norm.weight"] = (d,)
            shapes[f"{mixer}.in_proj.weight"] = (self.d_in_proj, d)
            shapes[f"{mixer}.conv1d.weight"] = (conv, 1, self.d_conv)
            shapes[f"{mixer}.dt_bias"] = (self.n_heads,)
            shapes[f"{mixer}.A_log"] = (self.n_heads,)
            shapes[f"{mixer}.D"] = (self.n_heads,)
            shapes[f"{mixer}.norm.weight"] = (inner,)
            shapes[f"{mixer}.out_proj.weight"] = (d, inner)
            if self.conv_bias:
                shapes[f"{mixer}.conv1d.bias"] = (conv,)
            if self.proj_bias:
                shapes[f"{mixer}.in_proj.bias"] = (self.d_in_proj,)
                shapes[f"{mixer}.out_proj.bias"] = (d,)
        shapes["backbone.norm_f.weight"] = (d,)
        if not self.tie_embeddings:
            shapes["lm_head.weight"] = (self.vocab_size, d)
        return shapes

    def state_shapes(self, tokens: int = 1) -> dict[str, tuple[int, ...]]:
        """The arrays of the state of one sequence; a first axis of 1 is the batch's.

        They are the same after any number of tokens.
        """
        conv = (1, self.d_conv - 1, self.conv_dim)
        ssm = (1, self.n_heads, self.headdim, self.d_state)
        return {
            f"layers.{i}.{name}": shape
            for i in range(self.n_layer)
            for name, shape in (("conv", conv), ("ssm", ssm))
        }
