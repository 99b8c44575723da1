"""The three ways a Mamba2 checkpoint writes its sizes, each read into a `Mamba2Config`.

Owns the key names, defaults and known falsehoods of Hugging Face's, Mistral's and mamba_ssm's
config, and refuses whatever the engine would compute wrongly. Knows no files and no tensors.

What a config says about special tokens (bos, eos, pad) is not read at all: published configs are
wrong about them, and only the tokenizer knows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import ModelFolderError, quoted
from .config import Mamba2Config

_MAX_SIZE = 2**24
_MAX_LAYERS = 2**12
_TAGGED_FLOATS = {"Infinity": math.inf, "-Infinity": -math.inf}

# Only these variants are computed by the engine. mamba_ssm honours every one of these settings,
# so a checkpoint that differs would load and then talk nonsense.
_MAMBA_SSM_FIXED: dict[str, object] = {"rms_norm": True, "d_intermediate": 0, "attn_layer_idx": []}
_SSM_CFG_FIXED: dict[str, object] = {
    "layer": "Mamba2",
    "rmsnorm": True,
    "norm_before_gate": False,
    "D_has_hdim": False,
    "d_ssm": None,
}
_SSM_CFG_SIZES = {"d_state", "d_conv", "expand", "headdim", "ngroups", "dt_limit"}
_SSM_CFG_BIASES = {"bias", "conv_bias"}
# These matter to training or to the choice of a kernel, never to the result.
_SSM_CFG_HARMLESS = {
    "A_init_range",
    "chunk_size",
    "conv_init",
    "dt_init_floor",
    "dt_max",
    "dt_min",
    "use_mem_eff_path",
}
_SSM_CFG_KNOWN = _SSM_CFG_FIXED.keys() | _SSM_CFG_SIZES | _SSM_CFG_BIASES | _SSM_CFG_HARMLESS


def parse_config(values: Mapping[str, object], where: str) -> Mamba2Config:
    """The sizes in a parsed config of any dialect.

    The dialect is recognised by its keys, not by the name of its file, because mistral-inference
    has read the same object from params.json and from config.json. `where` names the file in
    error messages. Raises `ModelFolderError`.
    """
    fields = _Fields(values, where)
    try:
        if "dim" in values:
            return _from_mistral(fields)
        if "d_model" in values and "model_type" not in values:
            return _from_mamba_ssm(fields)
        return _from_hugging_face(fields)
    except ValueError as error:
        raise ModelFolderError(
            f"{where} contradicts itself ({error}); download the model's config again."
        ) from error


@dataclass(frozen=True)
class _Fields:
    """Typed access to an untrusted JSON object; every refusal names the file and the key."""

    values: Mapping[str, object]
    where: str

    def get(self, key: str, default: object) -> object:
        if key in self.values:
            return self.values[key]
        if default is not None:
            return default
        raise ModelFolderError(
            f"{self.where} lacks {key!r}; download the model's complete config again."
        )

    def refuse(self, key: str, value: object, wanted: str) -> ModelFolderError:
        return ModelFolderError(
            f"{self.where} has {quoted(value)} for {key!r}, which must be {wanted}; "
            "download the model's config again."
        )

    def count(self, key: str, default: int | None = None, at_most: int = _MAX_SIZE) -> int:
        value = self.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= at_most:
            raise self.refuse(key, value, f"a whole number from 1 to {at_most}")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.refuse(key, value, "true or false")
        return value

    def epsilon(self, key: str, default: float) -> float:
        value = _as_float(self.get(key, default))
        if value is None or not 0 < value < 1:
            raise self.refuse(key, self.values[key], "a number between 0 and 1")
        return value

    def limits(self, key: str) -> tuple[float, float]:
        """The clamp of the step size; infinity may be bare (not strict JSON) or tagged."""
        value = self.get(key, [0.0, math.inf])
        pair = [_as_float(item) for item in value] if isinstance(value, list) else []
        low, high = pair if len(pair) == 2 else (None, None)
        if low is None or high is None or not 0 <= low < high:
            raise self.refuse(key, value, "two rising numbers, the first of them 0 or more")
        return low, high

    def fixed(self, wanted: Mapping[str, object]) -> None:
        for key, only in wanted.items():
            value = self.values.get(key, only)
            if value != only:
                raise ModelFolderError(
                    f"{self.where} has {quoted(value)} for {key!r}, a variant that Stateline does "
                    "not run; choose a plain Mamba2 model."
                )


def _as_float(value: object) -> float | None:
    """A JSON number, or transformers' `{"__float__": "Infinity"}`; None for anything else."""
    if isinstance(value, dict):
        return _TAGGED_FLOATS.get(str(value.get("__float__")))
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has integers of any length
        return None
    return None if math.isnan(number) else number


def _padded(vocab_size: int, multiple: int) -> int:
    """Rows of the embedding: both original layouts give the size before padding."""
    return -(-vocab_size // multiple) * multiple


def _from_hugging_face(fields: _Fields) -> Mamba2Config:
    """`model_type: mamba2`; defaults are those of transformers' Mamba2Config.

    `norm_before_gate` is ignored: Codestral's config says true, but the real mathematics, and
    every implementation that reads this file, gates first. `vocab_size` is already padded.
    """
    _require_kind(fields, fields.values.get("model_type"), "mamba2")
    _refuse_packed(fields)
    fields.fixed({"hidden_act": "silu"})
    config = Mamba2Config(
        d_model=fields.count("hidden_size"),
        n_layer=fields.count("num_hidden_layers", at_most=_MAX_LAYERS),
        vocab_size=fields.count("vocab_size"),
        d_state=fields.count("state_size"),
        d_conv=fields.count("conv_kernel"),
        expand=fields.count("expand"),
        headdim=fields.count("head_dim"),
        n_groups=fields.count("n_groups"),
        tie_embeddings=fields.flag("tie_word_embeddings", False),
        proj_bias=fields.flag("use_bias", False),
        conv_bias=fields.flag("use_conv_bias", True),
        norm_eps=fields.epsilon("layer_norm_epsilon", 1e-5),
        dt_limit=fields.limits("time_step_limit"),
    )
    heads = fields.count("num_heads")
    if heads != config.n_heads:
        raise ValueError(
            f"{heads} heads of {config.headdim} do not fill {config.expand} x {config.d_model}"
        )
    return config


def _refuse_packed(fields: _Fields) -> None:
    for key in ("quantization", "quantization_config"):
        if fields.values.get(key) is not None:
            raise ModelFolderError(
                f"{fields.where} says by {key!r} that the weights are packed by another program; "
                "choose the unquantised version of this model."
            )


def _require_kind(fields: _Fields, kind: object, only: str) -> None:
    if kind != only:
        said = (
            "names no model_type" if kind is None else f"describes a model of type {quoted(kind)}"
        )
        raise ModelFolderError(
            f"{fields.where} {said}, but Stateline runs Mamba2 models only; choose a model whose "
            "config says model_type mamba2."
        )


def _from_mistral(fields: _Fields) -> Mamba2Config:
    """params.json of mistral-inference: all it leaves out is mamba_ssm's default."""
    guess = "transformer" if "n_heads" in fields.values else "mamba"
    _require_kind(fields, fields.values.get("model_type", guess), "mamba")
    fields.fixed({"rms_norm": True})
    return Mamba2Config(
        d_model=fields.count("dim"),
        n_layer=fields.count("n_layers", at_most=_MAX_LAYERS),
        vocab_size=_padded(fields.count("vocab_size"), fields.count("pad_vocab_size_multiple")),
        n_groups=fields.count("n_groups"),
        tie_embeddings=fields.flag("tie_embeddings"),
    )


def _from_mamba_ssm(fields: _Fields) -> Mamba2Config:
    """config.json of mamba_ssm's `MambaConfig`, whose default layer is not Mamba2 but Mamba1."""
    fields.fixed(_MAMBA_SSM_FIXED)
    ssm = _ssm_cfg(fields)
    return Mamba2Config(
        d_model=fields.count("d_model"),
        n_layer=fields.count("n_layer", at_most=_MAX_LAYERS),
        vocab_size=_padded(fields.count("vocab_size"), fields.count("pad_vocab_size_multiple", 8)),
        d_state=ssm.count("d_state", 128),
        d_conv=ssm.count("d_conv", 4),
        expand=ssm.count("expand", 2),
        headdim=ssm.count("headdim", 64),
        n_groups=ssm.count("ngroups", 1),
        tie_embeddings=fields.flag("tie_embeddings", True),
        proj_bias=ssm.flag("bias", False),
        conv_bias=ssm.flag("conv_bias", True),
        dt_limit=ssm.limits("dt_limit"),
    )


def _ssm_cfg(fields: _Fields) -> _Fields:
    values = fields.get("ssm_cfg", {})
    if not isinstance(values, dict):
        raise fields.refuse("ssm_cfg", values, "an object")
    ssm = _Fields({"layer": "Mamba1", **values}, f"ssm_cfg in {fields.where}")
    ssm.fixed(_SSM_CFG_FIXED)
    unknown = sorted(values.keys() - _SSM_CFG_KNOWN)
    if unknown:
        raise ModelFolderError(
            f"{ssm.where} sets {quoted(unknown[0])}, which this version of Stateline does not "
            "know; update Stateline or choose another model."
        )
    return ssm


def huggingface_config(config: Mamba2Config) -> dict[str, Any]:
    """The `config.json` of a model folder, in Hugging Face's dialect."""
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
        "rms_norm": True,
        "residual_in_fp32": True,
    }
