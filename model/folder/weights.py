"""The tensors of a model folder, under their canonical names, checked before any is read.

Owns the map of published names to mamba_ssm's, the check of names, shapes and types against a
`Config`, and what matrices in blocks look like in a file. With 8 bits: `X` (int8, same shape)
and `X.scale` (float16, one per 32 columns). With 4 bits: `X` (int32, a word for 8 columns) and
`X.scale` (bfloat16, one per 32 columns); of a word the lower half holds the columns 0, 2, 4 and 6,
the lowest bits first, the upper half 1, 3, 5 and 7, each from -8 to 7. Knows no torch, no model
class and no device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ..errors import ModelFolderError, quoted, quoted_names
from .architectures import Config
from .files import weight_files

BLOCK = 32  # columns with one scale
SCALE_SUFFIX = ".scale"

WORD = 8  # columns in one word of a matrix in 4-bit blocks

_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_DTYPES = {**_FLOATS, "I8": "i1", "I32": "<i4"}
_BLOCKS = {"I8": (1, "F16"), "I32": (WORD, "BF16")}  # columns in one number, type of the scales
_LENGTH_BYTES = 8  # of the header, in front of it
_EMBEDDING, _HEAD = "backbone.embedding.weight", "lm_head.weight"
_LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, eq=False)
class Stored:
    """One tensor as its file has it."""

    dtype: str  # by safetensors' names: F64, F32, F16, BF16; of a matrix in blocks I8 or I32
    array: NDArray[Any]  # in the file's shape; of BF16 the bits, as uint16
    scales: NDArray[Any] | None = None  # of a matrix in blocks, in `scale_shape`; as `array`


def load_tensors(folder: Path, config: Config) -> dict[str, Stored]:
    """Every tensor of `config.tensor_shapes()`, in the type that the file has.

    The arrays are mapped from the file, privately: nothing is read before it is used, and
    nothing that is done to them reaches the file. They hold the file open; it must not be
    truncated meanwhile (replacing it by renaming is fine). Raises `ModelFolderError`; no memory
    is taken before all names, types and shapes have been checked.
    """
    slices = _list_slices(folder)
    _check_names(folder, config, slices)
    for name, shape in config.tensor_shapes().items():
        _check_tensor(folder, name, shape, slices)
    if _HEAD in slices and _HEAD not in config.tensor_shapes():
        _check_redundant_head(folder, config, slices)
    return {name: _stored(name, slices) for name in config.tensor_shapes()}


def scale_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The shape of the scales of a tensor of `shape`; None if such a tensor is not quantised."""
    if len(shape) != 2 or shape[1] % BLOCK or 0 in shape:
        return None
    return shape[0], shape[1] // BLOCK


def canonical_name(name: str) -> str:
    """mamba_ssm's name of a tensor.

    Mistral's files say `model.` before every name, transformers says `embeddings`.
    """
    name = name.removeprefix("model.")
    if name.startswith("backbone.embeddings."):
        return name.replace("embeddings", "embedding", 1)
    return name


@dataclass(frozen=True, eq=False)
class _Slice:
    """One tensor as the header of its file describes it; nothing of it has been read."""

    file: NDArray[np.uint8]
    dtype: str
    shape: tuple[int, ...]
    begin: int  # in bytes from the start of the file
    end: int

    def array(self) -> NDArray[Any]:
        numbers = self.file[self.begin : self.end].view(_DTYPES[self.dtype]).reshape(self.shape)
        return np.require(numbers, requirements="A")  # headers may have any length


def _list_slices(folder: Path) -> dict[str, _Slice]:
    slices: dict[str, _Slice] = {}
    for path in weight_files(folder):
        for key, found in _slices(path).items():
            name = canonical_name(key)
            if name in slices:
                raise ModelFolderError(
                    f"{path} holds the tensor {quoted(name)} a second time; "
                    "download the weights again."
                )
            slices[name] = found
    return slices


def _slices(path: Path) -> dict[str, _Slice]:
    """What a safetensors file holds, by its own names."""
    file = _mapped(path)
    start = _LENGTH_BYTES + int.from_bytes(file[:_LENGTH_BYTES].tobytes(), "little")
    header = json.loads(file[_LENGTH_BYTES:start].tobytes().decode())
    header.pop("__metadata__", None)
    return {
        key: _Slice(
            file, part["dtype"], tuple(part["shape"]), *(start + n for n in part["data_offsets"])
        )
        for key, part in header.items()
    }


def _mapped(path: Path) -> NDArray[np.uint8]:
    """A safetensors file whose header is sound and agrees with its size (safetensors checks it)."""
    try:
        with path.open("rb") as file:
            if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
                raise ModelFolderError(
                    f"{path} is only a Git LFS pointer; run 'git lfs pull' in its folder."
                )
        with safe_open(path, framework="np"):
            return np.asarray(np.memmap(path, np.uint8, mode="c"))
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(
            f"{path} is damaged or was not downloaded completely ({quoted(str(error))}); "
            "download it again."
        ) from error


def _check_names(folder: Path, config: Config, stored: Mapping[str, _Slice]) -> None:
    expected = config.tensor_shapes().keys()
    allowed = expected | {_HEAD}
    scales = {
        f"{name}{SCALE_SUFFIX}" for name in allowed & stored.keys() if _is_blocks(stored[name])
    }
    missing = [name for name in expected if name not in stored]
    unknown = sorted(stored.keys() - allowed - scales)
    if missing == [_HEAD] and not unknown:
        raise ModelFolderError(
            f"{folder} lacks {_HEAD}; if this model shares it with the embedding, say so in its "
            "config (tie_word_embeddings or tie_embeddings true), otherwise download it again."
        )
    if missing:
        raise ModelFolderError(
            f"{folder} lacks {quoted_names(missing)}{_instead(unknown)}; "
            "download the weights and the config of the same Mamba2 model again."
        )
    if unknown:
        raise ModelFolderError(
            f"{folder} holds tensors that its config does not ask for ({quoted_names(unknown)}); "
            "use the config that belongs to these weights, or choose a plain Mamba2 model."
        )


def _instead(unknown: list[str]) -> str:
    return f" and has {quoted_names(unknown)} instead" if unknown else ""


def _is_blocks(stored: _Slice) -> bool:
    return stored.dtype in _BLOCKS


def _check_tensor(
    folder: Path, name: str, shape: tuple[int, ...], stored: Mapping[str, _Slice]
) -> None:
    """Refuse a tensor of another shape than `shape`, or of a type that cannot be computed with."""
    tensor, scales = stored[name], stored.get(name + SCALE_SUFFIX)
    columns, scales_type = _BLOCKS.get(tensor.dtype, (1, ""))
    packed, scales_shape = (*shape[:-1], shape[-1] // columns), scale_shape(shape)
    if tensor.shape not in (shape, packed):
        raise ModelFolderError(
            f"{folder} holds {name} with shape {tensor.shape}, but its config asks for {shape}; "
            "use the config that belongs to these weights."
        )
    if tensor.dtype in _FLOATS:
        return
    is_matrix = _is_blocks(tensor) and tensor.shape == packed and scales_shape is not None
    if not is_matrix or scales is None:
        raise ModelFolderError(
            f"{folder} holds {name} in the type {tensor.dtype}, which Stateline does not read; "
            "choose the unquantised version of this model."
        )
    if (scales.dtype, scales.shape) != (scales_type, scales_shape):
        raise ModelFolderError(
            f"{folder} holds {name}{SCALE_SUFFIX} as {scales.dtype} with shape {scales.shape}, but "
            f"{scales_type} with shape {scales_shape} is needed; quantise the model again."
        )


def _check_redundant_head(folder: Path, config: Config, stored: Mapping[str, _Slice]) -> None:
    """Some files repeat a tied embedding as the head; a different one means a wrong config."""
    _check_tensor(folder, _HEAD, config.tensor_shapes()[_EMBEDDING], stored)
    if not _is_same(_stored(_HEAD, stored), _stored(_EMBEDDING, stored)):
        raise ModelFolderError(
            f"{folder} has a config that ties the head to the embedding, but {_HEAD} differs from "
            "it; set tie_word_embeddings (or tie_embeddings) to false in the config."
        )


def _is_same(one: Stored, other: Stored) -> bool:
    """Bit for bit or number for number, and stored alike."""
    if one.dtype != other.dtype or not np.array_equal(one.array, other.array):
        return False
    return one.scales is None or other.scales is None or np.array_equal(one.scales, other.scales)


def _stored(name: str, slices: Mapping[str, _Slice]) -> Stored:
    found = slices[name]
    scales = slices[name + SCALE_SUFFIX].array() if _is_blocks(found) else None
    return Stored(found.dtype, found.array(), scales)
