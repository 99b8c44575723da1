"""Matrices stored as 8-bit blocks: the arithmetic of llama.cpp's q8_0.

Owns the making of blocks and of the file that holds them; what such a file looks like is
`weights`'. Knows no model: which matrices are quantised follows from their shape alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file

from .weights import BLOCK, SCALE_SUFFIX, scale_shape


def quantize(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 quants and float16 scales of a matrix whose row length is a multiple of 32.

    As in llama.cpp (`quantize_row_q8_0_ref`), the quants are computed with the scale before it is
    rounded to float16, and halves are rounded away from zero. Raises `ValueError` for another
    shape, and for values that float16 scales cannot express (beyond about 8.3 million, NaN).
    """
    scales_shape = scale_shape(tuple(matrix.shape))
    if scales_shape is None:
        raise ValueError(f"cannot quantize shape {tuple(matrix.shape)} in blocks of {BLOCK}")
    blocks = matrix.detach().to(torch.float32).reshape(*scales_shape, BLOCK)
    exact = blocks.abs().amax(dim=-1) / 127
    scales = exact.to(torch.float16)
    if not bool(torch.isfinite(scales).all()):
        raise ValueError("cannot quantize a matrix with values that are not finite or are huge")
    # Where the stored scale vanishes, the block is zero whatever its quants say; 1 / exact could
    # overflow there.
    inverse = torch.where(scales == 0, 0.0, 1 / exact)
    quants = _round_half_away(blocks * inverse.unsqueeze(-1)).to(torch.int8)
    return quants.reshape(matrix.shape), scales


def dequantize(quants: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """The float32 matrix that `quants` and `scales` stand for."""
    blocks = quants.reshape(*scales.shape, BLOCK).to(torch.float32)
    blocks *= scales.to(torch.float32).unsqueeze(-1)
    return blocks.reshape(quants.shape)


def save_quantized(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write `tensors` (names to float tensors) as safetensors, the matrices among them as blocks.

    Of a Mamba2 model these are the embedding, in_proj, out_proj and an untied head; convolution,
    norms and the recurrence's own parameters are not matrices and stay in float32. The file
    appears whole or not at all.
    """
    stored: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if scale_shape(tuple(tensor.shape)) is None:
            stored[name] = tensor.detach().to(torch.float32).contiguous()
        else:
            stored[name], stored[name + SCALE_SUFFIX] = quantize(tensor)
    partial = path.with_name(f"{path.name}.partial")
    save_file(stored, partial, metadata={"format": "pt"})
    os.replace(partial, path)


def _round_half_away(values: torch.Tensor) -> torch.Tensor:
    """C's roundf, which torch.round is not: that one rounds halves to the even neighbour."""
    size = values.abs()
    whole = size.floor()
    return values.sign() * (whole + (2 * (size - whole)).floor())
