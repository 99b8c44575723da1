"""The tensors of a model folder, under their canonical names, checked before any is read.

Owns the map of published names to mamba_ssm's, and the check of names, shapes and types against
a `Mamba2Config`. Knows no model class and no device.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from .config import Mamba2Config
from .errors import ModelFolderError, quoted, quoted_names
from .folder import weight_files
from .quantize import SCALE_SUFFIX, dequantize, scale_shape

_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_EMBEDDING, _HEAD = "backbone.embedding.weight", "lm_head.weight"
_LFS_POINTER = b"version https://git-lfs"


def load_tensors(folder: Path, config: Mamba2Config) -> dict[str, torch.Tensor]:
    """Every tensor of `config.tensor_shapes()`, in the type that the file has.

    The tensors are mapped from the file, privately: nothing is read before it is used, and
    nothing that is done to them reaches the file. They hold the file open; it must not be
    truncated meanwhile (replacing it by renaming is fine). Matrices in 8-bit blocks come as
    float32 in memory. Raises `ModelFolderError`; no memory is taken before all names, types and
    shapes have been checked.
    """
    with ExitStack() as files:
        stored = _list_stored(folder, files)
        _check_names(folder, config, stored)
        for name, shape in config.tensor_shapes().items():
            _check_tensor(folder, name, shape, stored)
        if config.tie_embeddings and _HEAD in stored:
            _check_redundant_head(folder, config, stored)
        return {name: _read(name, stored) for name in config.tensor_shapes()}


def canonical_name(name: str) -> str:
    """mamba_ssm's name of a tensor.

    Mistral's files say `model.` before every name, transformers says `embeddings`.
    """
    name = name.removeprefix("model.")
    if name.startswith("backbone.embeddings."):
        return name.replace("embeddings", "embedding", 1)
    return name


@dataclass(frozen=True)
class _Stored:
    """One tensor as the header of its file describes it; nothing of it has been read."""

    file: Any
    key: str
    dtype: str
    shape: tuple[int, ...]

    def read(self) -> torch.Tensor:
        tensor: torch.Tensor = self.file.get_tensor(self.key)
        return tensor


def _list_stored(folder: Path, files: ExitStack) -> dict[str, _Stored]:
    stored: dict[str, _Stored] = {}
    for path in weight_files(folder):
        file = files.enter_context(_open(path))
        for key in file.keys():  # noqa: SIM118 (not a dict)
            part = file.get_slice(key)
            name = canonical_name(key)
            if name in stored:
                raise ModelFolderError(
                    f"{path} holds the tensor {quoted(name)} a second time; "
                    "download the weights again."
                )
            stored[name] = _Stored(file, key, part.get_dtype(), tuple(part.get_shape()))
    return stored


def _open(path: Path) -> Any:
    """A safetensors file whose header agrees with its size (safetensors checks that)."""
    try:
        with path.open("rb") as file:
            if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
                raise ModelFolderError(
                    f"{path} is only a Git LFS pointer; run 'git lfs pull' in its folder."
                )
        return safe_open(path, framework="pt")
    except (OSError, SafetensorError) as error:
        raise ModelFolderError(
            f"{path} is damaged or was not downloaded completely ({quoted(str(error))}); "
            "download it again."
        ) from error


def _check_names(folder: Path, config: Mamba2Config, stored: Mapping[str, _Stored]) -> None:
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


def _is_blocks(stored: _Stored) -> bool:
    return stored.dtype == "I8"


def _check_tensor(
    folder: Path, name: str, shape: tuple[int, ...], stored: Mapping[str, _Stored]
) -> None:
    """Refuse a tensor of another shape than `shape`, or of a type that cannot be computed with."""
    tensor = stored[name]
    if tensor.shape != shape:
        raise ModelFolderError(
            f"{folder} holds {name} with shape {tensor.shape}, but its config asks for {shape}; "
            "use the config that belongs to these weights."
        )
    if tensor.dtype in _FLOATS:
        return
    scales = stored.get(name + SCALE_SUFFIX)
    if not _is_blocks(tensor) or scale_shape(shape) is None or scales is None:
        raise ModelFolderError(
            f"{folder} holds {name} in the type {tensor.dtype}, which Stateline does not read; "
            "choose the unquantised version of this model."
        )
    if (scales.dtype, scales.shape) != ("F16", scale_shape(shape)):
        raise ModelFolderError(
            f"{folder} holds {name}{SCALE_SUFFIX} as {scales.dtype} with shape {scales.shape}, but "
            f"F16 with shape {scale_shape(shape)} is needed; quantise the model again."
        )


def _check_redundant_head(
    folder: Path, config: Mamba2Config, stored: Mapping[str, _Stored]
) -> None:
    """Some files repeat a tied embedding as the head; a different one means a wrong config."""
    _check_tensor(folder, _HEAD, (config.vocab_size, config.d_model), stored)
    if not torch.equal(_read(_HEAD, stored), _read(_EMBEDDING, stored)):
        raise ModelFolderError(
            f"{folder} has a config that ties the head to the embedding, but {_HEAD} differs from "
            "it; set tie_word_embeddings (or tie_embeddings) to false in the config."
        )


def _read(name: str, stored: Mapping[str, _Stored]) -> torch.Tensor:
    tensor = stored[name].read()
    if _is_blocks(stored[name]):
        return dequantize(tensor, stored[name + SCALE_SUFFIX].read())
    return tensor
