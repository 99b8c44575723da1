"""A config becomes sizes, whatever its dialect; what is not a Mamba2 model is refused."""

import dataclasses
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model.errors import ModelFolderError
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.dialects import parse_config
from stateline.model.folder.files import read_config
from tiny_folders import MAMBA_SSM, MISTRAL, TINY, hugging_face, is_sentence, write_config

HF = hugging_face(TINY)
CODESTRAL = {**MISTRAL, "dim": 4096, "n_layers": 64, "vocab_size": 32768, "n_groups": 8}


def without(values: dict, key: str) -> dict:
    return {name: value for name, value in values.items() if name != key}


@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": True}, {"conv_bias": False}])
def test_hugging_face_sizes(tmp_path, changes):
    config = dataclasses.replace(TINY, **changes)
    assert read_config(write_config(tmp_path, hugging_face(config))) == config


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("[0.0, Infinity]", (0.0, math.inf)),  # Codestral's config, not strict JSON
        ('[0.0, {"__float__": "Infinity"}]', (0.0, math.inf)),  # transformers 5
        ("[0.001, 0.1]", (0.001, 0.1)),
    ],
)
def test_time_step_limit_in_every_spelling(tmp_path, limit, expected):
    text = json.dumps(without(HF, "time_step_limit"))
    (tmp_path / "config.json").write_text(f'{text[:-1]}, "time_step_limit": {limit}}}')
    assert read_config(tmp_path).dt_limit == expected


def test_codestral_sizes_follow_from_params_json(tmp_path):
    config = read_config(write_config(tmp_path, CODESTRAL, "params.json"))
    assert (config.d_inner, config.n_heads, config.d_in_proj) == (8192, 128, 18560)
    assert (config.n_groups, config.d_state, config.tie_embeddings) == (8, 128, False)
    count = sum(math.prod(shape) for shape in config.tensor_shapes().values())
    assert count == 7_285_403_648  # the published number of parameters


def test_mistral_sizes_may_stand_in_config_json_too(tmp_path):
    first = read_config(write_config(tmp_path / "a", CODESTRAL, "params.json"))
    assert read_config(write_config(tmp_path / "b", CODESTRAL, "config.json")) == first


def test_mamba_ssm_sizes_pad_the_vocabulary(tmp_path):
    expected = Mamba2Config(d_model=32, n_layer=2, vocab_size=48, d_state=8, headdim=16)
    assert read_config(write_config(tmp_path, MAMBA_SSM)) == expected


def test_mamba_ssm_defaults_are_its_own():
    values = {"d_model": 768, "n_layer": 24, "vocab_size": 50277, "ssm_cfg": {"layer": "Mamba2"}}
    config = parse_config({**values, "pad_vocab_size_multiple": 16}, "x")
    assert config == Mamba2Config(d_model=768, n_layer=24, vocab_size=50288)
    assert parse_config(values, "x").vocab_size == 50280


def test_config_json_wins_over_params_json(tmp_path):
    write_config(tmp_path, MISTRAL, "params.json")
    assert read_config(write_config(tmp_path, HF)) == TINY


@pytest.mark.parametrize(
    "falsehood",
    [
        {"norm_before_gate": True},
        {"norm_before_gate": False},
        {"bos_token_id": 7, "eos_token_id": [1, 2], "pad_token_id": None},
        {"bos_token_id": "nonsense"},
    ],
)
def test_known_falsehoods_of_published_configs_are_not_read(falsehood):
    assert parse_config({**HF, **falsehood}, "x") == TINY


OTHER_MODELS = [
    ({"model_type": "llama", "hidden_size": 8}, "'llama'"),
    ({"model_type": "mamba", "hidden_size": 8, "state_size": 16}, "'mamba'"),
    ({**HF, "model_type": "granitemoehybrid"}, "'granitemoehybrid'"),
    ({"model_type": "t5", "d_model": 512}, "'t5'"),
    ({"dim": 4096, "n_layers": 32, "n_heads": 32, "hidden_dim": 14336}, "'transformer'"),
    ({}, "names no model_type"),
    ({**HF, "quantization": {"bits": 8}}, "'quantization'"),
    ({**HF, "quantization_config": {"quant_method": "gptq"}}, "'quantization_config'"),
    ({**HF, "hidden_act": "gelu"}, "'hidden_act'"),
    ({**MISTRAL, "rms_norm": False}, "'rms_norm'"),
    ({**MAMBA_SSM, "ssm_cfg": {}}, "'Mamba1'"),  # mamba_ssm's default layer
    ({**MAMBA_SSM, "ssm_cfg": {"layer": "Mamba2", "norm_before_gate": True}}, "norm_before_gate"),
    ({**MAMBA_SSM, "ssm_cfg": {"layer": "Mamba2", "D_has_hdim": True}}, "D_has_hdim"),
    ({**MAMBA_SSM, "ssm_cfg": {"layer": "Mamba2", "news": 1}}, "'news'"),
    ({**MAMBA_SSM, "ssm_cfg": 3}, "'ssm_cfg'"),
    ({**MAMBA_SSM, "attn_layer_idx": [9, 18]}, "'attn_layer_idx'"),  # mamba2attn-2.7b
    ({**MAMBA_SSM, "d_intermediate": 64}, "'d_intermediate'"),
    ({**MAMBA_SSM, "rms_norm": False}, "'rms_norm'"),
]
BAD_NUMBERS = [
    ({**HF, "hidden_size": -32}, "'hidden_size'"),
    ({**HF, "hidden_size": "32"}, "'hidden_size'"),
    ({**HF, "hidden_size": 32.0}, "'hidden_size'"),
    ({**HF, "hidden_size": True}, "'hidden_size'"),
    ({**HF, "hidden_size": None}, "'hidden_size'"),
    ({**HF, "hidden_size": [[32]]}, "a list of 1"),
    ({**HF, "hidden_size": 2**40}, "'hidden_size'"),
    ({**HF, "num_hidden_layers": 10**9}, "'num_hidden_layers'"),
    ({**HF, "vocab_size": 10**400}, "'vocab_size'"),
    ({**HF, "conv_kernel": 1}, "d_conv"),
    ({**HF, "n_groups": 3}, "contradicts itself"),
    ({**HF, "head_dim": 7}, "contradicts itself"),
    ({**HF, "num_heads": 8}, "contradicts itself"),
    ({**HF, "use_bias": "false"}, "'use_bias'"),
    ({**HF, "layer_norm_epsilon": 0}, "'layer_norm_epsilon'"),
    ({**HF, "layer_norm_epsilon": math.nan}, "'layer_norm_epsilon'"),
    ({**HF, "layer_norm_epsilon": 10**400}, "'layer_norm_epsilon'"),
    ({**HF, "time_step_limit": [0.1]}, "'time_step_limit'"),
    ({**HF, "time_step_limit": [0.1, 0.0]}, "'time_step_limit'"),
    ({**HF, "time_step_limit": [-1, math.inf]}, "'time_step_limit'"),
    ({**HF, "time_step_limit": [0.0, {"__float__": "NaN"}]}, "'time_step_limit'"),
    ({**MISTRAL, "pad_vocab_size_multiple": 0}, "'pad_vocab_size_multiple'"),
]
SIZES = ("hidden_size", "num_hidden_layers", "vocab_size", "state_size", "conv_kernel", "expand")
MISSING_KEYS = [
    *(
        (without(HF, key), f"lacks '{key}'")
        for key in (*SIZES, "head_dim", "num_heads", "n_groups")
    ),
    *((without(MISTRAL, key), f"lacks '{key}'") for key in ("n_groups", "tie_embeddings")),
    *((without(MAMBA_SSM, key), f"lacks '{key}'") for key in ("n_layer", "vocab_size")),
]


@pytest.mark.parametrize(("values", "part"), OTHER_MODELS + BAD_NUMBERS + MISSING_KEYS)
def test_a_config_that_cannot_be_used_is_refused(values, part):
    with pytest.raises(ModelFolderError) as error:
        parse_config(values, "config.json")
    assert part in str(error.value)
    assert is_sentence(str(error.value))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


@given(st.sampled_from([HF, MISTRAL, MAMBA_SSM]), st.data())
@settings(max_examples=100, deadline=None)
def test_no_config_causes_any_other_error(values, data):
    key = data.draw(st.sampled_from(sorted(values)))
    try:
        outcome = parse_config({**values, key: data.draw(JSON)}, "x")
    except ModelFolderError as error:
        outcome = str(error)
    assert is_sentence(outcome) if isinstance(outcome, str) else outcome.d_in_proj > 0
