"""Matrices stored as blocks: of 8 bits, the arithmetic of llama.cpp's q8_0, or of 4 bits.

Owns the making of blocks and of the file that holds them; what such a file looks like is
`weights`'. Knows no model: which matrices are quantised follows from their shape alone, and those
whose inputs are known are stored in 4 bits.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from ...folder.weights import BLOCK, SCALE_SUFFIX, WORD, scale_shape

_SHIFTS = torch.tensor([0, 16, 4, 20, 8, 24, 12, 28])  # of the columns in a word
_RANGES = torch.linspace(0.7, 1.2, 26)  # of a block's largest, what its last quant may stand for
_DAMPING = 0.01  # of the mean moment: keeps what was hardly ever seen from being anything


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


def quantize4(
    matrix: torch.Tensor, moments: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """int32 words of 4-bit quants and bfloat16 scales of such a matrix (rows, columns).

    `moments` (columns, columns) are the mean products of what the matrix is multiplied with, two by
    two: what rounding a column loses is made up for in the columns that are not yet rounded, so
    that the products change least, and each block's scale is the one that loses least. Source:
    GPTQ, Frantar et al. 2023, arXiv 2210.17323. Raises `ValueError` as `quantize`.
    """
    scales_shape = scale_shape(tuple(matrix.shape))
    if scales_shape is None:
        raise ValueError(f"cannot quantize shape {tuple(matrix.shape)} in blocks of {BLOCK}")
    left = matrix.detach().to(torch.float32, copy=True)  # what is still to be rounded
    if not bool(torch.isfinite(left).all()):
        raise ValueError("cannot quantize a matrix with values that are not finite")
    moments = torch.eye(left.shape[1]) if moments is None else _damped(moments)
    root = torch.linalg.cholesky(torch.linalg.inv(moments.double()), upper=True).float()
    quants, scales = torch.empty_like(left), torch.empty(scales_shape)
    for block in range(scales_shape[1]):
        these = slice(block * BLOCK, (block + 1) * BLOCK)
        scale = _best_scales(left[:, these], moments.diagonal()[these].float())
        quants[:, these], errors = _rounded_in_turn(left[:, these], scale, root[these, these])
        left[:, these.stop :] -= errors @ root[these, these.stop :]
        scales[:, block] = scale[:, 0]
    return _packed(quants), scales.to(torch.bfloat16)


def dequantize(quants: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """The float32 matrix that such quants (int8, or int32 words of 4 bits) and scales stand for."""
    if quants.dtype == torch.int32:
        quants = (quants.unsqueeze(-1) >> _SHIFTS.to(quants.device)) & 15
        quants = ((quants ^ 8) - 8).flatten(1)
    blocks = quants.reshape(*scales.shape, BLOCK).to(torch.float32)
    blocks *= scales.to(torch.float32).unsqueeze(-1)
    return blocks.reshape(quants.shape)


def save_quantized(
    tensors: Mapping[str, torch.Tensor],
    path: Path,
    moments: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write `tensors` (names to float tensors) as safetensors, the matrices among them as blocks.

    Of a Mamba2 model these are the embedding, in_proj, out_proj and an untied head; convolution,
    norms and the recurrence's own parameters are not matrices and stay in float32. Those named in
    `moments` (see `quantize4`) are stored in 4 bits. The file appears whole or not at all.
    """
    moments = moments or {}
    stored: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        if scale_shape(tuple(tensor.shape)) is None:
            stored[name] = tensor.detach().to(torch.float32).contiguous()
        elif name in moments:
            stored[name], stored[name + SCALE_SUFFIX] = quantize4(tensor, moments[name])
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


def _damped(moments: torch.Tensor) -> torch.Tensor:
    mean = moments.diagonal().mean()
    return moments + torch.eye(len(moments)) * torch.where(mean > 0, _DAMPING * mean, 1.0)


def _best_scales(block: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """For each row (rows, 32) the scale (rows, 1), as bfloat16 has it, that loses least."""
    largest = block.gather(1, block.abs().argmax(1, keepdim=True))
    best, least = torch.zeros_like(largest), (block**2 * weights).sum(1, keepdim=True)
    for last in (-8, 7):  # what the largest becomes
        for part in _RANGES:
            scale = (largest * part / last).to(torch.bfloat16).float()
            lost = ((block - _rounded(block, scale) * scale) ** 2 * weights).sum(1, keepdim=True)
            best, least = torch.where(lost < least, scale, best), torch.minimum(lost, least)
    return best


def _rounded(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return (values / torch.where(scale == 0, 1.0, scale)).round().clamp(-8, 7)


def _rounded_in_turn(
    block: torch.Tensor, scale: torch.Tensor, root: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A block's quants, and what each column's rounding still means for the columns after it."""
    quants, errors = torch.empty_like(block), torch.empty_like(block)
    for i in range(BLOCK):
        column = block[:, i : i + 1]
        quants[:, i : i + 1] = _rounded(column, scale)
        errors[:, i : i + 1] = (column - quants[:, i : i + 1] * scale) / root[i, i]
        block = block - errors[:, i : i + 1] * torch.cat([torch.zeros(i + 1), root[i, i + 1 :]])
    return quants, errors


def _packed(quants: torch.Tensor) -> torch.Tensor:
    """Words (rows, columns / 8) of quants (rows, columns)."""
    nibbles = quants.reshape(len(quants), -1, WORD).to(torch.int64) & 15
    words = (nibbles << _SHIFTS).sum(-1).numpy().astype(np.uint32)
    return torch.from_numpy(words.view(np.int32))
