"""Tensors of every published layout come out under one set of names, or a sentence says why not."""

import dataclasses
import json
import os
import re
import struct
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from stateline.model.errors import ModelFolderError
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.files import read_config
from stateline.model.folder.weights import load_tensors
from stateline.model.networks.torch.quantize import dequantize, quantize, quantize4, save_quantized
from stateline.model.networks.torch.torch_network import torch_tensors
from tiny_folders import (
    MAMBA_SSM,
    MISTRAL,
    TINY,
    hugging_face_names,
    is_sentence,
    mistral_names,
    random_tensors,
    write_config,
    write_sharded,
    write_tiny,
)

TIED = dataclasses.replace(TINY, tie_embeddings=True)
EMBEDDING, HEAD = "backbone.embedding.weight", "lm_head.weight"
IN_PROJ = "backbone.layers.0.mixer.in_proj.weight"


def assert_same(loaded: dict, expected: dict) -> None:
    assert list(loaded) == list(expected)
    for name, tensor in expected.items():
        assert loaded[name].dtype == tensor.dtype, name
        assert torch.equal(loaded[name], tensor), name


def refusal(folder: Path, config: Mamba2Config = TINY) -> str:
    with pytest.raises(ModelFolderError) as error:
        load_tensors(folder, config)
    assert is_sentence(str(error.value)), str(error.value)
    return str(error.value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_hugging_face_layout_in_the_type_of_the_file(tmp_path, dtype):
    tensors = random_tensors(TINY, dtype)
    write_tiny(tmp_path, hugging_face_names(tensors))
    assert_same(torch_tensors(tmp_path, read_config(tmp_path)), tensors)


def test_mistral_layout(tmp_path):
    config = read_config(write_config(tmp_path, MISTRAL, "params.json"))
    tensors = random_tensors(config, torch.bfloat16)
    save_file(mistral_names(tensors), tmp_path / "consolidated.safetensors")
    assert_same(torch_tensors(tmp_path, config), tensors)


def test_mamba_ssm_layout(tmp_path):
    config = read_config(write_config(tmp_path, MAMBA_SSM))
    tensors = random_tensors(config)
    save_file(tensors, tmp_path / "model.safetensors")
    assert_same(torch_tensors(tmp_path, config), tensors)


def test_types_may_differ_between_tensors(tmp_path):
    tensors = random_tensors(TINY, torch.bfloat16)
    tensors |= {name: t.float() for name, t in tensors.items() if name.endswith("A_log")}
    assert_same(torch_tensors(write_tiny(tmp_path, tensors), TINY), tensors)


def test_shards(tmp_path):
    tensors = random_tensors(TINY)
    assert_same(torch_tensors(write_sharded(tmp_path, tensors), TINY), tensors)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_shards_of_a_cache_are_links_out_of_the_folder(tmp_path):
    tensors = random_tensors(TINY)
    write_sharded(tmp_path / "blobs", tensors)
    (tmp_path / "snapshot").mkdir()
    for blob in (tmp_path / "blobs").iterdir():
        (tmp_path / "snapshot" / blob.name).symlink_to(blob)
    assert_same(torch_tensors(tmp_path / "snapshot", TINY), tensors)


@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("shard_size", ["50GB", "5KB"])
def test_what_transformers_saves(tmp_path, tie, shard_size):
    transformers = pytest.importorskip("transformers")
    config = transformers.Mamba2Config(
        hidden_size=16, num_hidden_layers=2, vocab_size=40, state_size=8, n_groups=2, num_heads=4,
        head_dim=8, tie_word_embeddings=tie, layer_norm_epsilon=1e-6,
    )  # fmt: skip
    model = transformers.Mamba2ForCausalLM(config)
    model.save_pretrained(tmp_path, max_shard_size=shard_size)
    read = read_config(tmp_path)
    assert (read.tie_embeddings, read.n_groups, read.norm_eps) == (tie, 2, 1e-6)
    theirs = model.state_dict()
    for name, tensor in torch_tensors(tmp_path, read).items():
        assert torch.equal(tensor, theirs[name.replace("embedding.", "embeddings.")]), name


def test_redundant_head_of_a_tied_model_is_dropped(tmp_path):
    tensors = random_tensors(TIED)
    write_tiny(tmp_path, {**tensors, HEAD: tensors[EMBEDDING].clone()})
    assert_same(torch_tensors(tmp_path, TIED), tensors)


def test_changes_to_a_tensor_never_reach_the_file(tmp_path):
    write_tiny(tmp_path)
    load_tensors(tmp_path, TINY)[EMBEDDING].array[:] = 0
    assert load_tensors(tmp_path, TINY)[EMBEDDING].array.any()


def test_tensors_outlive_the_name_of_their_file(tmp_path):
    loaded = torch_tensors(write_tiny(tmp_path), TINY)
    replacement = tmp_path / "new"
    replacement.write_bytes(b"")
    if sys.platform != "win32":  # a mapped file cannot be replaced there
        os.replace(replacement, tmp_path / "model.safetensors")
    assert_same(loaded, random_tensors(TINY))


def test_quantised_matrices_come_as_float32(tmp_path):
    tensors = random_tensors(TINY)
    save_quantized(tensors, write_tiny(tmp_path) / "model.safetensors")
    loaded = torch_tensors(tmp_path, TINY)
    expected = {n: dequantize(*quantize(t)) if t.dim() == 2 else t for n, t in tensors.items()}
    assert_same(loaded, expected)
    assert not torch.equal(loaded[IN_PROJ], tensors[IN_PROJ])


def test_matrices_whose_inputs_are_known_come_from_words_of_4_bits(tmp_path):
    tensors, moments = random_tensors(TINY), torch.eye(TINY.d_model)
    path = write_tiny(tmp_path) / "model.safetensors"
    save_quantized(tensors, path, {IN_PROJ: moments})
    assert load_tensors(tmp_path, TINY)[IN_PROJ].dtype == "I32"
    loaded = torch_tensors(tmp_path, TINY)
    assert torch.equal(loaded[IN_PROJ], dequantize(*quantize4(tensors[IN_PROJ], moments)))
    assert torch.equal(loaded[EMBEDDING], dequantize(*quantize(tensors[EMBEDDING])))


def change(**changed: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """TINY's tensors with some replaced, added or (None) left out; `head` and so on as keys."""
    short = {"head": HEAD, "in_proj": IN_PROJ, "scale": f"{IN_PROJ}.scale"}
    tensors = random_tensors(TINY) | {short.get(k, k): t for k, t in changed.items()}
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}


ROWS = TINY.d_in_proj
INT8, SCALE = torch.zeros(ROWS, 32, dtype=torch.int8), torch.ones(ROWS, 1, dtype=torch.float16)
WORDS = torch.zeros(ROWS, 4, dtype=torch.int32)


@pytest.mark.parametrize(
    ("tensors", "parts"),
    [
        (change(in_proj=None), ["lacks", IN_PROJ]),
        (change(head=None), ["lacks", HEAD, "tie_word_embeddings"]),
        (change(in_proj=torch.zeros(5, 32)), [IN_PROJ, "(5, 32)", f"({ROWS}, 32)"]),
        (change(in_proj=torch.zeros(0)), [IN_PROJ, "(0,)"]),
        (change(in_proj=torch.zeros(ROWS, 32, dtype=torch.int32)), [IN_PROJ, "I32"]),
        (change(extra=torch.zeros(1)), ["does not ask for", "'extra'"]),
        (change(**{"new\nline" + "x" * 99: torch.zeros(1)}), ["'new\\nlinexxx", "…"]),
        (change(in_proj=INT8), [IN_PROJ, "I8", "unquantised"]),
        (change(scale=SCALE), ["does not ask for", "scale"]),
        (change(in_proj=INT8, scale=SCALE.float()), ["scale as F32", "F16"]),
        (change(in_proj=WORDS), [IN_PROJ, "I32", "unquantised"]),
        (change(in_proj=WORDS, scale=SCALE), ["scale as F16", "BF16"]),
        (change(in_proj=WORDS[:, :3].clone()), [IN_PROJ, f"({ROWS}, 3)", f"({ROWS}, 32)"]),
        (change(in_proj=INT8, scale=SCALE.T.contiguous()), [f"(1, {ROWS})", f"({ROWS}, 1)"]),
        ({"model.layers.0.self_attn.q_proj.weight": torch.zeros(2)}, ["lacks", "q_proj", "more"]),
    ],
)
def test_tensors_that_do_not_fit_are_named(tmp_path, tensors, parts):
    message = refusal(write_tiny(tmp_path, tensors))
    assert all(part in message for part in parts), message


def test_convolution_in_blocks_is_refused(tmp_path):
    name = "backbone.layers.1.mixer.conv1d.weight"
    blocks = torch.zeros(TINY.tensor_shapes()[name], dtype=torch.int8)
    message = refusal(write_tiny(tmp_path, change(**{name: blocks, f"{name}.scale": SCALE})))
    assert f"{name} in the type I8" in message


def test_two_names_for_one_tensor(tmp_path):
    twice = change(**{"model.lm_head.weight": torch.zeros(48, 32)})
    assert "a second time" in refusal(write_tiny(tmp_path, twice))


def test_a_tied_model_with_another_head(tmp_path):
    assert "differs from it; set tie_word_embeddings" in refusal(write_tiny(tmp_path), TIED)
    tensors = random_tensors(TIED)
    quants, scales = quantize(tensors[EMBEDDING])
    blocks = {EMBEDDING: quants, f"{EMBEDDING}.scale": scales}
    for head in (
        {HEAD: tensors[EMBEDDING].double()},
        {**blocks, HEAD: quants.clone(), f"{HEAD}.scale": scales * 2},
    ):
        assert "differs from it" in refusal(write_tiny(tmp_path, {**tensors, **head}), TIED)
    wrong = {**tensors, HEAD: torch.zeros(2, 2)}
    assert "(2, 2)" in refusal(write_tiny(tmp_path, wrong), TIED)


def test_sizes_far_beyond_the_file_take_no_memory(tmp_path):
    huge = dataclasses.replace(TINY, vocab_size=2**24, d_model=2**24, headdim=2**20, n_groups=1)
    assert f"({2**24}, {2**24})" in refusal(write_tiny(tmp_path), huge)


def header(**fields: object) -> bytes:
    text = json.dumps({EMBEDDING: {"dtype": "F32", "shape": [1], **fields}}).encode()
    return struct.pack("<Q", len(text)) + text + b"1234"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "damaged or was not downloaded completely"),
        (save(random_tensors(TINY))[:-1], "not downloaded completely"),
        (save(random_tensors(TINY))[:100], "not downloaded completely"),
        (save(random_tensors(TINY)) + b"x", "damaged"),
        (struct.pack("<Q", 2**63) + b"{}", "damaged"),
        (struct.pack("<Q", 4) + b"nope", "damaged"),
        (header(data_offsets=[0, 2**60], shape=[2**58]), "damaged"),
        (header(data_offsets=[0, 4], shape=[-1]), "damaged"),
        (header(data_offsets=[0, 4], shape=[2**40, 2**40]), "damaged"),
        (header(data_offsets=[0, 4], dtype="Q4_K"), "damaged"),
        (header(data_offsets=[0, 4]), "lacks"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
    ],
)
def test_damaged_weights(tmp_path, content, part):
    write_tiny(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(content)
    assert part in refusal(tmp_path)


@pytest.fixture(scope="module")
def folder_for_damage(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("damage"))


WHOLE_FILE = save(random_tensors(TINY))
HEADER_BYTES = struct.unpack("<Q", WHOLE_FILE[:8])[0]


@given(st.integers(0, HEADER_BYTES + 7), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_no_damage_to_the_header_causes_any_other_error(folder_for_damage, at, byte):
    content = bytearray(WHOLE_FILE)
    content[at] = byte
    # A new file each time, as the last one may still be mapped.
    (folder_for_damage / "model.safetensors").unlink()
    (folder_for_damage / "model.safetensors").write_bytes(content)
    try:
        loaded = load_tensors(folder_for_damage, TINY)
    except ModelFolderError as error:
        message = str(error)
    else:
        message = "x; y."
        assert {name: each.array.shape for name, each in loaded.items()} == TINY.tensor_shapes()
    assert is_sentence(message)


def test_a_damaged_shard_is_named(tmp_path):
    write_sharded(tmp_path, random_tensors(TINY))
    (tmp_path / "model-00002-of-00002.safetensors").write_bytes(b"")
    assert "model-00002-of-00002.safetensors" in refusal(tmp_path)


@pytest.mark.parametrize(
    "names", [["pytorch_model.bin"], ["pytorch_model-1.bin", "pytorch_model-2.bin"]]
)
def test_pickles_are_refused_with_a_command_that_converts_them(tmp_path, monkeypatch, names):
    tensors = random_tensors(TIED)
    stored = {**tensors, HEAD: tensors[EMBEDDING]}  # one memory under two names, as published
    for part, name in enumerate(names):
        torch.save(dict(list(stored.items())[part :: len(names)]), tmp_path / name)
    torch.save({"steps": 3}, tmp_path / "training_args.bin")
    command = re.fullmatch(r'.* python -c "([^"]+)"', refusal(tmp_path, TIED))
    assert command is not None
    monkeypatch.chdir(tmp_path)
    exec(command[1], {})
    assert_same(torch_tensors(tmp_path, TIED), tensors)


@pytest.mark.parametrize("name", ["consolidated.pth", "consolidated.00.pth", "model.pt"])
def test_other_pickles_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert "weights only as pickles" in refusal(tmp_path)


def test_names_in_the_folder_never_enter_the_command(tmp_path):
    (tmp_path / "pytorch_model'$(x).bin").write_bytes(b"")
    assert "$(x)" not in refusal(tmp_path)
