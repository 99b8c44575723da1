"""Tiny model folders in the published layouts, filled with random numbers, for the loading tests.

Owns how each layout is written. Knows nothing of how it is read.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from stateline.model.folder.config import Mamba2Config

TINY = Mamba2Config(
    d_model=32,
    n_layer=2,
    vocab_size=48,
    d_state=8,
    headdim=16,
    n_groups=2,
    tie_embeddings=False,
    proj_bias=True,
)

# What Mamba-Codestral's params.json says, smaller; all other sizes are mamba_ssm's defaults.
MISTRAL = {
    "dim": 64,
    "n_layers": 2,
    "vocab_size": 48,
    "n_groups": 2,
    "rms_norm": True,
    "residual_in_fp32": True,
    "fused_add_norm": True,
    "pad_vocab_size_multiple": 1,
    "tie_embeddings": False,
    "model_type": "mamba",
}

# The config.json of state-spaces/mamba2-130m, smaller.
MAMBA_SSM = {
    "d_model": 32,
    "d_intermediate": 0,
    "n_layer": 2,
    "vocab_size": 37,
    "ssm_cfg": {"layer": "Mamba2", "d_state": 8, "headdim": 16},
    "attn_layer_idx": [],
    "attn_cfg": {},
    "rms_norm": True,
    "residual_in_fp32": True,
    "fused_add_norm": True,
    "pad_vocab_size_multiple": 16,
    "tie_embeddings": True,
}


def hugging_face(config: Mamba2Config) -> dict[str, object]:
    """config.json as Mamba-Codestral's, with what it has wrong left wrong."""
    return {
        "architectures": ["Mamba2ForCausalLM"],
        "model_type": "mamba2",
        "hidden_size": config.d_model,
        "num_hidden_layers": config.n_layer,
        "vocab_size": config.vocab_size,
        "state_size": config.d_state,
        "conv_kernel": config.d_conv,
        "expand": config.expand,
        "head_dim": config.headdim,
        "num_heads": config.n_heads,
        "n_groups": config.n_groups,
        "tie_word_embeddings": config.tie_embeddings,
        "use_bias": config.proj_bias,
        "use_conv_bias": config.conv_bias,
        "layer_norm_epsilon": config.norm_eps,
        "time_step_limit": list(config.dt_limit),
        "hidden_act": "silu",
        "norm_before_gate": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
    }


def random_tensors(config: Mamba2Config, dtype: torch.dtype = torch.float32) -> dict:
    torch.manual_seed(0)
    return {name: torch.randn(shape).to(dtype) for name, shape in config.tensor_shapes().items()}


def hugging_face_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.replace("embedding.", "embeddings."): t for name, t in tensors.items()}


def mistral_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"model.{name}": tensor for name, tensor in tensors.items()}


def write_config(folder: Path, values: object, name: str = "config.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(values))
    return folder


def write_tiny(folder: Path, tensors: Mapping[str, torch.Tensor] | None = None) -> Path:
    """A complete Hugging Face folder of the `TINY` model, or of the given tensors."""
    write_config(folder, hugging_face(TINY))
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    save_file(dict(tensors or random_tensors(TINY)), folder / "model.safetensors")
    return folder


def write_sharded(folder: Path, tensors: Mapping[str, torch.Tensor]) -> Path:
    """The weights in two shards with an index."""
    write_config(folder, hugging_face(TINY))
    weight_map = {}
    for part in (0, 1):
        shard = f"model-0000{part + 1}-of-00002.safetensors"
        names = list(tensors)[part::2]
        save_file({name: tensors[name] for name in names}, folder / shard)
        weight_map |= dict.fromkeys(names, shard)
    return write_config(folder, {"weight_map": weight_map}, "model.safetensors.index.json")


def is_sentence(message: str) -> bool:
    """One line that says what is wrong; what to do, and ends (maybe with a quoted command)."""
    return "\n" not in message and len(message) < 600 and message[-1] in '."' and ";" in message
