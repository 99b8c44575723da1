"""Kernels for training on CUDA: mamba-ssm's chunked scan in Triton, all else compiled by torch.

Owns how mamba-ssm's operations are imported, how they are called, and whether they compute right
on this device. What they compute is `kernels`' to say. Knows no model and no training.

Of mamba-ssm only the Triton operations are imported: the package itself wants an extension compiled
for CUDA, and libraries that these do not use. They need torch, triton, einops and packaging.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec, module_from_spec
from typing import Any

import torch
from torch import Tensor

from .kernels import TORCH, Kernels, Scan, conv, cross_entropy, gated_norm, rms_norm

NAME = "mamba-ssm"
PACKAGE = "mamba_ssm"
# Of what the trial computes, relative to the reference: bfloat16 rounds to 0.004, and chips that
# computed wrong were off by 0.4 (facts of causal-conv1d's issue 105).
TOLERANCE = 0.05
_FEW = 4  # configurations that are tried of each operation; all would take minutes to compile


def around(scan: Scan) -> Kernels:
    """All operations around such a `scan`; what they hand on is as narrow as what they get."""
    return Kernels(NAME, _narrow_conv, scan, rms_norm, _narrow_gated_norm, cross_entropy)


def compiled(kernels: Kernels) -> Kernels:
    """The same, all but the scan compiled by torch, for one shape each."""
    return replace(
        kernels,
        conv=torch.compile(kernels.conv, dynamic=False),
        rms_norm=torch.compile(kernels.rms_norm, dynamic=False),
        gated_norm=torch.compile(kernels.gated_norm, dynamic=False),
        cross_entropy=torch.compile(kernels.cross_entropy, dynamic=False),
    )


def scan_in_chunks(chunk: int) -> Scan:
    """mamba-ssm's scan as `kernels.scan`, in chunks of so many tokens; ImportError without it.

    float32, bfloat16 and float16 are multiplied as Triton does: in TF32, unless the environment's
    TRITON_F32_DEFAULT says ieee.
    """
    combined = _combined()

    def scan(
        x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        given = {"D": D, "initial_states": state, "return_final_states": True}
        with torch.autocast(x.device.type, enabled=False):
            y, after = combined(x, dt, A, B, C, chunk, **given)
        return y, after

    return scan


def _narrow_conv(
    x: Tensor, history: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    y, rows = conv(x, history, weight, bias)
    return y.to(x.dtype), rows


def _narrow_gated_norm(y: Tensor, z: Tensor, weight: Tensor, groups: int, eps: float) -> Tensor:
    return gated_norm(y.to(weight.dtype), z, weight, groups, eps).to(y.dtype)


def _combined() -> Callable[..., Any]:
    """`mamba_chunk_scan_combined`; the package's own `__init__` does not run."""
    bare = PACKAGE not in sys.modules
    if bare:
        spec = find_spec(PACKAGE)
        if spec is None:
            raise ImportError("mamba-ssm is not installed")
        sys.modules[PACKAGE] = module_from_spec(spec)
    try:
        with _few_configurations():
            operations = importlib.import_module(f"{PACKAGE}.ops.triton.ssd_combined")
    except BaseException:
        if bare:  # what is half there would only puzzle the next who asks for it
            del sys.modules[PACKAGE]
        raise
    combined: Callable[..., Any] = operations.mamba_chunk_scan_combined
    return combined


@contextmanager
def _few_configurations() -> Iterator[None]:
    """While its operations are imported, mamba-ssm lets fewer configurations compete."""
    try:
        choosing: Any = importlib.import_module(f"{PACKAGE}.utils.determinism")
    except ModuleNotFoundError:  # its older releases do not ask
        yield
        return
    chosen = choosing.autotune_configs
    choosing.autotune_configs = lambda configs: chosen(few(configs))
    try:
        yield
    finally:
        choosing.autotune_configs = chosen


def few(configurations: Sequence[Any]) -> list[Any]:
    """Those of an operation's `triton.Config`s that were fast on an H100, four at most."""
    likely = [each for each in configurations if _is_likely(each.kwargs, each.num_warps)]
    return (likely or list(configurations[:2]))[:_FEW]


def _is_likely(sizes: dict[str, int], warps: int) -> bool:
    if "BLOCK_SIZE_H" in sizes:
        return sizes["BLOCK_SIZE_H"] in (4, 16)
    if "BLOCK_SIZE" in sizes:
        return sizes["BLOCK_SIZE"] in (512, 1024)
    rows, columns = sizes.get("BLOCK_SIZE_M"), sizes.get("BLOCK_SIZE_N")
    if rows is None:
        return columns in (32, 64) and warps == 4
    if columns is None:
        return rows in (64, 128) and warps == 4
    inner = sizes.get("BLOCK_SIZE_K", sizes.get("BLOCK_SIZE_CS", 32))
    return inner == 32 and (rows, columns) in ((128, 64), (64, 64), (64, 32), (32, 64))


@dataclass(frozen=True)
class Shape:
    """Sizes of a scan, by the letters of `kernels`."""

    b: int
    l: int  # noqa: E741
    h: int
    p: int
    g: int
    n: int


def best_kernels(shape: Shape, chunk: int, device: torch.device) -> tuple[Kernels, str]:
    """mamba-ssm's on a CUDA device where they compute right, else torch's; and why.

    The trial has the run's own sizes, so that what it compiles and tunes is what the run uses.
    """
    if device.type != "cuda":
        return TORCH, "on a CPU torch's kernels are the only ones"
    try:
        scan = scan_in_chunks(chunk)
        off = disagreement(scan, shape, torch.bfloat16, device)
    except Exception as error:  # Triton, its compiler and the driver all have their own
        return TORCH, f"mamba-ssm's kernels cannot be used here ({type(error).__name__}: {error})"
    if not off < TOLERANCE:
        return TORCH, f"mamba-ssm's kernels compute something else than torch here ({off:.3f} off)"
    return compiled(around(scan)), f"they agree with torch's to {off:.1e}"


def disagreement(scan: Scan, shape: Shape, dtype: torch.dtype, device: torch.device) -> float:
    """How far a scan is from the reference, relatively: outputs, state and gradients, the worst."""
    inputs = _inputs(shape, dtype, device)
    mine = _outputs_and_gradients(scan, inputs)
    wide = tuple(t.detach().float().requires_grad_() for t in inputs)
    theirs = _outputs_and_gradients(TORCH.scan, wide)
    pairs = zip(mine, theirs, strict=True)
    return max(float((a.float() - b).norm() / b.norm()) for a, b in pairs)


def _inputs(shape: Shape, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, ...]:
    """x, dt, A, B, C, D and the state, as a layer at the beginning of its training has them."""
    b, length, h, p, g, n = shape.b, shape.l, shape.h, shape.p, shape.g, shape.n
    random = torch.Generator(device).manual_seed(0)
    made: dict[str, Any] = {"device": device, "generator": random}
    x, B, C = (
        torch.randn(*sizes, **made).to(dtype)
        for sizes in ((b, length, h, p), (b, length, g, n), (b, length, g, n))
    )
    dt = torch.rand(b, length, h, **made) * 0.1
    A = -1 - 15 * torch.rand(h, **made)
    D, state = torch.randn(h, **made), torch.randn(b, h, p, n, **made)
    return tuple(t.requires_grad_() for t in (x, dt, A, B, C, D, state))


def _outputs_and_gradients(scan: Scan, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    x, dt, A, B, C, D, state = inputs
    y, after = scan(x, dt, A, B, C, D, state)
    weights = torch.linspace(-1, 1, y.numel(), device=y.device).view_as(y)
    loss = (y.float() * weights).sum() + after.sum()
    return y.detach(), after.detach(), *torch.autograd.grad(loss, inputs)
