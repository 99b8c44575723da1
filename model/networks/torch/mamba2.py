"""A Mamba2 language model as one operation: `forward(tokens, state) -> (logits, state)`.

Owns the parameters and their arithmetic. Any number of tokens, from any state, in a batch;
the state given is never changed. Training and inference share this path. Knows nothing of
text, files or checkpoints. Source: Dao & Gu 2024, arXiv 2405.21060; tensor names and
arithmetic as in mamba_ssm's Mamba2 (gate before norm, norm per group).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...folder.config import Mamba2Config
from .kernels import TORCH, Kernels
from .torch_state import LayerState, RecurrentState

# What the states of some tokens are made from: per layer x, B and C (b, l, c) before the
# convolution, and dt (b, l, h) before softplus.
Log = list[tuple[Tensor, Tensor]]


class RMSNorm(nn.Module):
    """A weight for `Kernels.rms_norm` and `Kernels.gated_norm`."""

    def __init__(self, width: int, eps: float, kernels: Kernels) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps, self.kernels = eps, kernels

    def forward(self, x: Tensor) -> Tensor:
        return self.kernels.rms_norm(x, self.weight.to(x.dtype), self.eps)


class Convolution(nn.Module):
    """The weights of the depthwise convolution, in conv1d's shapes."""

    def __init__(self, config: Mamba2Config) -> None:
        super().__init__()
        bound = config.d_conv**-0.5
        self.weight = nn.Parameter(torch.empty(config.conv_dim, 1, config.d_conv))
        nn.init.uniform_(self.weight, -bound, bound)
        self.bias = nn.Parameter(torch.zeros(config.conv_dim)) if config.conv_bias else None


class Mixer(nn.Module):
    """One Mamba2 mixer: project, convolve, scan, gate, norm, project back."""

    def __init__(self, config: Mamba2Config, kernels: Kernels) -> None:
        super().__init__()
        self.config, self.kernels = config, kernels
        bias, heads = config.proj_bias, config.n_heads
        self.in_proj = nn.Linear(config.d_model, config.d_in_proj, bias=bias)
        self.conv1d = Convolution(config)
        # Step sizes start log-uniform in 0.001 to 0.1, decay rates uniform in 1 to 16.
        dt = torch.exp(torch.empty(heads).uniform_(math.log(1e-3), math.log(0.1)))
        self.dt_bias = nn.Parameter(dt + torch.log(-torch.expm1(-dt)))  # inverse of softplus
        self.A_log = nn.Parameter(torch.log(torch.empty(heads).uniform_(1, 16)))
        self.D = nn.Parameter(torch.ones(heads))
        self.norm = RMSNorm(config.d_inner, config.norm_eps, kernels)
        self.out_proj = nn.Linear(config.d_inner, config.d_model, bias=bias)

    def forward(
        self, x: Tensor, state: LayerState, log: Log | None = None
    ) -> tuple[Tensor, LayerState]:
        """x (b, l, d) in the weights' dtype; returns the same shape and the state after.

        To `log` is added what the state is made from.
        """
        cfg, wide = self.config, state.ssm.dtype
        projected = self.in_proj(x)
        z, xBC, dt = torch.split(projected, [cfg.d_inner, cfg.conv_dim, cfg.n_heads], dim=-1)
        if log is not None:
            log.append((xBC, dt))
        y, state = self.mix(xBC, dt, state)
        norm = self.norm
        y = self.kernels.gated_norm(y, z, norm.weight.to(wide), cfg.n_groups, norm.eps)
        return self.out_proj(y.to(self.out_proj.weight.dtype)), state

    def mix(self, xBC: Tensor, dt: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """xBC (b, l, c) and dt (b, l, h) as projected; returns (b, l, d_inner) and the state."""
        cfg, wide = self.config, state.ssm.dtype
        bias = None if self.conv1d.bias is None else self.conv1d.bias.to(wide)
        xBC, rows = self.kernels.conv(xBC, state.conv, self.conv1d.weight.to(wide), bias)
        width = cfg.n_groups * cfg.d_state
        x, B, C = torch.split(xBC, [cfg.d_inner, width, width], dim=-1)
        x = torch.unflatten(x, -1, (cfg.n_heads, cfg.headdim))  # (b, l, h, p)
        B = torch.unflatten(B, -1, (cfg.n_groups, cfg.d_state))  # (b, l, g, n)
        C = torch.unflatten(C, -1, (cfg.n_groups, cfg.d_state))
        dt = F.softplus(dt.to(wide) + self.dt_bias.to(wide)).clamp(*cfg.dt_limit)  # (b, l, h)
        A = -torch.exp(self.A_log.to(wide))
        y, ssm = self.kernels.scan(x, dt, A, B, C, self.D.to(wide), state.ssm)
        return y.flatten(-2), LayerState(rows, ssm)


class Block(nn.Module):
    """A mixer under its norm, added to the residual stream."""

    def __init__(self, config: Mamba2Config, kernels: Kernels) -> None:
        super().__init__()
        self.norm = RMSNorm(config.d_model, config.norm_eps, kernels)
        self.mixer = Mixer(config, kernels)

    def forward(
        self, x: Tensor, state: LayerState, log: Log | None = None
    ) -> tuple[Tensor, LayerState]:
        y, state = self.mixer(self.norm(x).to(self.mixer.in_proj.weight.dtype), state, log)
        return x + y, state


class Backbone(nn.Module):
    """All layers, without the head."""

    def __init__(self, config: Mamba2Config, kernels: Kernels) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(Block(config, kernels) for _ in range(config.n_layer))
        self.norm_f = RMSNorm(config.d_model, config.norm_eps, kernels)


class Mamba2(nn.Module):
    """The language model. Weights in float32 keep a float32 state, in float64 a float64 one."""

    def __init__(self, config: Mamba2Config, kernels: Kernels = TORCH) -> None:
        super().__init__()
        self.config, self.kernels = config, kernels
        self.backbone = Backbone(config, kernels)
        if not config.tie_embeddings:
            self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)

    def zero_state(self, batch: int = 1) -> RecurrentState:
        weight = self.backbone.embedding.weight
        return RecurrentState.zeros(self.config, batch, weight.dtype, weight.device)

    def hidden(
        self, tokens: Tensor, state: RecurrentState, log: Log | None = None
    ) -> tuple[Tensor, RecurrentState]:
        """tokens (b, l) with l >= 1; returns (b, l, d) before the head, and the state after.

        `log` gets an entry per layer, for `replay`.
        """
        # The residual stream is as wide as the state: bf16 weights add up in float32.
        x = self.backbone.embedding(tokens).to(state.layers[0].ssm.dtype)  # (b, l, d)
        after = []
        for block, layer_state in zip(self.backbone.layers, state.layers, strict=True):
            x, layer_state = block(x, layer_state, log)
            after.append(layer_state)
        return self.backbone.norm_f(x), RecurrentState(tuple(after))

    def replay(self, log: Log, count: int, state: RecurrentState) -> RecurrentState:
        """The state after the first `count` of the tokens that made `log`, 1 at least."""
        after = []
        for block, (xBC, dt), layer_state in zip(
            self.backbone.layers, log, state.layers, strict=True
        ):
            assert isinstance(block, Block)
            after.append(block.mixer.mix(xBC[:, :count], dt[:, :count], layer_state)[1])
        return RecurrentState(tuple(after))

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d); returns (..., v)."""
        tied = self.config.tie_embeddings
        weight = self.backbone.embedding.weight if tied else self.lm_head.weight
        return F.linear(hidden.to(weight.dtype), weight)

    def forward(self, tokens: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        """tokens (b, l) with l >= 1; returns logits (b, l, v) and the state after."""
        hidden, state = self.hidden(tokens, state)
        return self.logits(hidden), state
