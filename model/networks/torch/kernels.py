"""The operations in which a Mamba2 model is more than matrix products, as a value: `Kernels`.

Owns the causal convolution, the selective scan (chunked or stepped), the norms and the loss, each a
function of its inputs and the state before, none of which it changes. `Kernels` is the seam
behind which other implementations go; `TORCH` is plain torch and is their reference.
Knows no parameters, no layers and no tokens.

What comes from a projection may be narrower than the state. Everything is summed at least as wide
as the state; what is handed on between operations is as wide as the implementation likes.

Letters: b batch, l length, c chunks, q chunk length, h heads, p head width, n state size,
g groups, r heads per group (h = g * r), k convolution width.
Source: Dao & Gu 2024, arXiv 2405.21060, section 6 and listing 1 (SSD).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 64


class Conv(Protocol):
    """See `conv`."""

    def __call__(
        self, x: Tensor, history: Tensor, weight: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]: ...


class Scan(Protocol):
    """See `scan`."""

    def __call__(
        self, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]: ...


class Norm(Protocol):
    """See `rms_norm`."""

    def __call__(self, x: Tensor, weight: Tensor, eps: float) -> Tensor: ...


class GatedNorm(Protocol):
    """See `gated_norm`."""

    def __call__(self, y: Tensor, z: Tensor, weight: Tensor, groups: int, eps: float) -> Tensor: ...


class CrossEntropy(Protocol):
    """See `cross_entropy`."""

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Kernels:
    """One implementation of all operations, and what people call it."""

    name: str
    conv: Conv
    scan: Scan
    rms_norm: Norm
    gated_norm: GatedNorm
    cross_entropy: CrossEntropy


def conv(x: Tensor, history: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """Causal depthwise convolution and SiLU, continuing from `history`.

    x (b, l, d), history (b, k-1, d), weight (d, 1, k). Returns y (b, l, d) and the new history.
    """
    length = x.shape[1]
    rows = torch.cat([history, x.to(history.dtype)], dim=1)  # (b, k-1+l, d)
    y = sum(rows[:, i : i + length] * weight[:, 0, i] for i in range(weight.shape[2]))
    assert isinstance(y, Tensor)
    if bias is not None:
        y = y + bias
    # A clone, since a view would keep all rows alive inside a checkpoint.
    return F.silu(y), rows[:, length:].clone()


def scan(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Run `h' = exp(dt A) h + dt B x`, `y = C h' + D x` over any number of tokens.

    x (b, l, h, p), dt (b, l, h) after softplus, A (h,) negative, B and C (b, l, g, n),
    D (h,), state (b, h, p, n). Returns y (b, l, h, p) and the state after the last token.
    """
    if x.shape[1] == 1:
        y, state = _step(x[:, 0], dt[:, 0], A, B[:, 0], C[:, 0], state)
        return y[:, None] + x * D[:, None], state
    y, state = _chunked(x, dt, A, B, C, state)
    return y + x * D[:, None], state


def _step(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """One token: x (b, h, p), dt (b, h), B and C (b, g, n)."""
    r = x.shape[1] // B.shape[1]
    B, C = B.repeat_interleave(r, dim=1), C.repeat_interleave(r, dim=1)  # (b, h, n)
    decay = torch.exp(dt * A)[..., None, None]  # (b, h, 1, 1)
    state = torch.addcmul(state * decay, (x * dt[..., None])[..., None], B[:, :, None])
    return torch.matmul(state, C[..., None])[..., 0], state  # (b, h, p)


def _chunked(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    b, length, h, p = x.shape
    g, n = B.shape[2:]
    r, q = h // g, min(CHUNK, length)
    pad = -length % q
    if pad:  # exact: a step of size 0 neither decays the state nor adds to it
        x, dt, B, C = (F.pad(t, (0, 0) * (t.dim() - 2) + (0, pad)) for t in (x, dt, B, C))
    c = (length + pad) // q
    x = x.view(b, c, q, g, r, p).permute(0, 1, 3, 4, 2, 5)  # (b, c, g, r, q, p)
    dt = dt.view(b, c, q, g, r).permute(0, 1, 3, 4, 2)  # (b, c, g, r, q)
    B = B.view(b, c, q, g, n).transpose(2, 3)  # (b, c, g, q, n)
    C = C.view(b, c, q, g, n).transpose(2, 3)
    log_decay = torch.cumsum(dt * A.view(g, r, 1), dim=-1)  # (b, c, g, r, q)

    # 1. What the tokens of a chunk give to later tokens of the same chunk.
    causal = torch.ones(q, q, dtype=torch.bool, device=x.device).tril()
    between = log_decay[..., :, None] - log_decay[..., None, :]  # (b, c, g, r, i, j)
    decay = torch.exp(between.masked_fill(~causal, -torch.inf))
    pairs = torch.matmul(C, B.transpose(-1, -2))[:, :, :, None]  # (b, c, g, 1, i, j)
    xdt = x * dt[..., None]
    y = torch.matmul(pairs * decay, xdt)  # (b, c, g, r, q, p)

    # 2. What each chunk adds to the state by its end.
    to_end = torch.exp(log_decay[..., -1:] - log_decay)[..., None]  # (b, c, g, r, q, 1)
    rows = (xdt * to_end).permute(0, 1, 2, 3, 5, 4).reshape(b, c, g, r * p, q)
    added = torch.matmul(rows, B).view(b, c, g, r, p, n)

    # 3. The state before each chunk.
    whole = torch.exp(log_decay[..., -1])[..., None, None]  # (b, c, g, r, 1, 1)
    current = state.view(b, g, r, p, n)
    before = []
    for i in range(c):
        before.append(current)
        current = current * whole[:, i] + added[:, i]

    # 4. What the state before a chunk gives to its tokens.
    entering = torch.stack(before, dim=1).view(b, c, g, r * p, n)
    y_in = torch.matmul(C, entering.transpose(-1, -2))  # (b, c, g, q, r * p)
    y_in = y_in.view(b, c, g, q, r, p).transpose(3, 4)
    y = y + y_in * torch.exp(log_decay)[..., None]
    y = y.permute(0, 1, 4, 2, 3, 5).reshape(b, c * q, h, p)[:, :length]
    return y, current.reshape(b, h, p, n)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """x (..., d) over its root mean square, times weight (d,)."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight


def gated_norm(y: Tensor, z: Tensor, weight: Tensor, groups: int, eps: float) -> Tensor:
    """Gate first, then normalise each of `groups` equal slices by itself; y, z (b, l, d).

    The order and the grouping are those of mamba_ssm; a config's `norm_before_gate` lies.
    """
    gated = torch.unflatten(y * F.silu(z.to(y.dtype)), -1, (groups, -1))  # (b, l, g, d/g)
    scale = torch.rsqrt(gated.square().mean(-1, keepdim=True) + eps)
    return (gated * scale).flatten(-2) * weight


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean nats per token, in float32 at least; logits (b, l, v), targets (b, l)."""
    wide = torch.promote_types(logits.dtype, torch.float32)
    return F.cross_entropy(logits.flatten(0, 1).to(wide), targets.flatten())


TORCH = Kernels("torch", conv, scan, rms_norm, gated_norm, cross_entropy)
