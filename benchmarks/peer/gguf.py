"""Exports a model folder to GGUF, so that llama.cpp computes with the very same weights.

`python -m benchmarks.peer.gguf [--model FOLDER] [--check]`. Owns what our tensors are called and
how they lie in llama.cpp's architecture `mamba2`; the file format is the `gguf` package's. Knows no
server. In Q8_0 the matrices are our own 8-bit blocks, bit for bit: a folder's blocks come back from
`dequantize` and `quantize` unchanged, for the largest of a block is 127 times a float16.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from stateline.model.errors import ModelFolderError
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.files import read_config, tokenizer_path
from stateline.model.folder.weights import scale_shape
from stateline.model.networks.torch.quantize import quantize
from stateline.model.networks.torch.torch_network import torch_tensors
from stateline.model.tokens.tokenizer import Tokenizer
from torch import Tensor

from . import PeerError
from .build import BUILD
from .check import show

PRETRAINED = Path(__file__).parents[2] / "model" / "pretrained"
CONTEXT_TOKENS = 1 << 20  # what a recurrent model says; it has no limit
NORMAL, CONTROL, UNUSED = 1, 3, 5  # token types

_WHOLE = {
    "backbone.embedding.weight": "token_embd.weight",
    "backbone.norm_f.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_OF_A_LAYER = {
    "norm.weight": "attn_norm.weight",
    "mixer.in_proj.weight": "ssm_in.weight",
    "mixer.conv1d.weight": "ssm_conv1d.weight",
    "mixer.conv1d.bias": "ssm_conv1d.bias",
    "mixer.dt_bias": "ssm_dt.bias",
    "mixer.A_log": "ssm_a",
    "mixer.D": "ssm_d",
    "mixer.norm.weight": "ssm_norm.weight",
    "mixer.out_proj.weight": "ssm_out.weight",
}


class FileType(Enum):
    """How the matrices are stored; the value is GGUF's number of the file type."""

    F32 = 0
    Q8_0 = 7


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.peer.gguf", description=__doc__)
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="our model folder")
    parser.add_argument("--check", action="store_true", help="compare with llama-server's answers")
    chosen = parser.parse_args(arguments)
    try:
        paths = {kind: export(chosen.model, BUILD / f"{kind.name}.gguf", kind) for kind in FileType}
        print(*paths.values(), sep="\n")
        if chosen.check:
            show(chosen.model, {kind.name: path for kind, path in paths.items()})
    except (PeerError, ModelFolderError) as error:
        raise SystemExit(str(error)) from None
    return 0


def export(folder: Path, path: Path, kind: FileType) -> Path:
    """Write the model in `folder` to `path`, whole or not at all; `path`.

    Raises PeerError for what llama.cpp cannot express, and what reading the folder raises.
    """
    config = read_config(folder)
    _require_expressible(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    writer = _library().GGUFWriter(partial, "mamba2")
    _add_sizes(writer, config, kind)
    _add_vocabulary(writer, tokenizer_path(folder), config.vocab_size)
    for name, tensor in torch_tensors(folder, config).items():
        _add_tensor(writer, name, tensor.to(torch.float32), config, kind)
    if not config.conv_bias:
        for i in range(config.n_layer):
            writer.add_tensor(f"blk.{i}.ssm_conv1d.bias", torch.zeros(config.conv_dim).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(partial, path)
    return path


def name_in_gguf(name: str) -> str:
    """What llama.cpp calls the tensor that mamba_ssm calls `name`."""
    if name in _WHOLE:
        return _WHOLE[name]
    _, _, layer, of_a_layer = name.split(".", 3)
    return f"blk.{layer}.{_OF_A_LAYER[of_a_layer]}"


def arranged(name: str, tensor: Tensor, config: Mamba2Config) -> Tensor:
    """The values and the shape that llama.cpp expects of the tensor that we call `name`."""
    if name.endswith(".A_log"):
        return -torch.exp(tensor).unsqueeze(1)
    if name.endswith(".D"):
        return tensor.unsqueeze(1)
    if name.endswith(".conv1d.weight"):
        return tensor.squeeze(1)
    if name.endswith(".mixer.norm.weight"):
        return tensor.reshape(config.n_groups, -1)
    return tensor


def q8_0(matrix: Tensor) -> Tensor:
    """The bytes of a matrix's rows: per 32 columns a float16 scale, then 32 int8."""
    quants, scales = quantize(matrix)
    blocks = quants.reshape(*scales.shape, -1).view(torch.uint8)
    beside = scales.unsqueeze(-1).view(torch.uint8)
    return torch.cat([beside, blocks], dim=-1).flatten(1)


def _add_tensor(
    writer: Any, name: str, tensor: Tensor, config: Mamba2Config, kind: FileType
) -> None:
    target = name_in_gguf(name)
    if kind is FileType.Q8_0 and scale_shape(tuple(tensor.shape)) is not None:
        blocks = _library().GGMLQuantizationType.Q8_0
        writer.add_tensor(target, q8_0(tensor).numpy(), raw_dtype=blocks)
    else:
        writer.add_tensor(target, arranged(name, tensor, config).contiguous().numpy())


def _add_sizes(writer: Any, config: Mamba2Config, kind: FileType) -> None:
    writer.add_context_length(CONTEXT_TOKENS)
    writer.add_embedding_length(config.d_model)
    writer.add_feed_forward_length(0)  # this and the next are required, and mean nothing here
    writer.add_head_count(0)
    writer.add_block_count(config.n_layer)
    writer.add_ssm_conv_kernel(config.d_conv)
    writer.add_ssm_inner_size(config.d_inner)
    writer.add_ssm_state_size(config.d_state)
    writer.add_ssm_time_step_rank(config.n_heads)
    writer.add_ssm_group_count(config.n_groups)
    writer.add_layer_norm_rms_eps(config.norm_eps)
    writer.add_file_type(kind.value)


def _add_vocabulary(writer: Any, path: Path, rows: int) -> None:
    """Names for all rows of the embedding. Prompts come as token ids, so nothing is ever cut up."""
    tokenizer = Tokenizer.load(path)
    spec = json.loads(path.read_bytes())
    ids: Mapping[str, int] = spec["model"]["vocab"]
    names = {token: text for text, token in ids.items()}
    names |= {token["id"]: token["content"] for token in spec["added_tokens"]}
    merges = (m if isinstance(m, str) else " ".join(m) for m in spec["model"]["merges"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([names.get(i, f"<|unused {i}|>") for i in range(rows)])
    writer.add_token_types([_token_type(i, names, tokenizer.special_ids) for i in range(rows)])
    writer.add_token_merges(list(merges))
    writer.add_add_bos_token(False)
    if tokenizer.markers.eom is not None:
        writer.add_eos_token_id(tokenizer.markers.eom)  # the writing ends there, as ours does


def _token_type(token: int, names: Mapping[int, str], special: frozenset[int]) -> int:
    if token not in names:
        return UNUSED
    return CONTROL if token in special else NORMAL


def _require_expressible(config: Mamba2Config) -> None:
    if config.proj_bias or config.dt_limit != (0.0, math.inf):
        raise PeerError(
            "llama.cpp has no biases in a Mamba2's projections and no limit to its step size; "
            "choose a model without them."
        )


def _library() -> Any:
    try:
        import gguf
    except ImportError:
        raise PeerError(
            "Exporting needs the gguf package; install it with 'pip install gguf'."
        ) from None
    return gguf


if __name__ == "__main__":
    sys.exit(main())
