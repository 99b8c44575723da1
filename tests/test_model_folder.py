"""A folder's files: found in every published layout, never trusted to be what they seem."""

import dataclasses
import os
from pathlib import Path

import pytest
from stateline.model.errors import ModelFolderError
from stateline.model.folder import files as model_folder
from stateline.model.folder.files import fingerprint, read_config, tokenizer_path, weight_files
from tiny_folders import (
    TINY,
    hugging_face,
    is_sentence,
    random_tensors,
    write_config,
    write_sharded,
    write_tiny,
)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "not valid JSON"),
        (b"{'single': 1}", "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not valid JSON"),
        (b"[1, 2]", "does not hold a JSON object"),
        (b" " * (16 * 2**20 + 1), "too large"),
    ],
)
def test_config_that_is_no_json_object(tmp_path, content, part):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ModelFolderError, match=part) as error:
        read_config(tmp_path)
    assert is_sentence(str(error.value))


@pytest.mark.parametrize("ask", [read_config, tokenizer_path, weight_files, fingerprint])
def test_a_path_that_is_no_folder(tmp_path, ask):
    with pytest.raises(ModelFolderError, match="does not exist; check the path"):
        ask(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelFolderError, match="is a file; give the model folder"):
        ask(tmp_path / "file")
    with pytest.raises(ModelFolderError, match="has no "):
        ask(tmp_path)


def test_a_path_too_long_to_exist(tmp_path):
    with pytest.raises(ModelFolderError):
        read_config(tmp_path / ("x" * 5000))


def test_tokenizer_must_be_a_tokenizer_json(tmp_path):
    (tmp_path / "tokenizer.model.v3").write_bytes(b"sentencepiece")
    with pytest.raises(ModelFolderError, match=r"copy into it the tokenizer.json") as error:
        tokenizer_path(tmp_path)
    assert is_sentence(str(error.value))
    (tmp_path / "tokenizer.json").write_text("{}")
    assert tokenizer_path(tmp_path) == tmp_path / "tokenizer.json"


def test_whole_file_comes_before_shards_and_both_before_mistrals(tmp_path):
    write_sharded(tmp_path, random_tensors(TINY))
    (tmp_path / "consolidated.safetensors").write_bytes(b"")
    assert [path.name[:7] for path in weight_files(tmp_path)] == ["model-0", "model-0"]
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert weight_files(tmp_path) == (tmp_path / "model.safetensors",)


def test_no_weights_at_all(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelFolderError, match=r"has no model.safetensors; choose"):
        weight_files(tmp_path)


@pytest.mark.parametrize(
    "shard",
    [
        "../secret.safetensors",
        "/etc/x.safetensors",
        "a/b.safetensors",
        "a\\b.safetensors",
        "C:x.safetensors",
        "..",
        "model.bin",
        "",
        3,
        None,
        ["x.safetensors"],
    ],
)
def test_shards_outside_the_folder_are_refused(tmp_path, shard):
    write_config(tmp_path, {"weight_map": {"x": shard}}, "model.safetensors.index.json")
    with pytest.raises(ModelFolderError, match="names the shard") as error:
        weight_files(tmp_path)
    assert is_sentence(str(error.value))


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"weight_map": ["x"]}])
def test_index_without_a_map(tmp_path, index):
    write_config(tmp_path, index, "model.safetensors.index.json")
    with pytest.raises(ModelFolderError, match="has no weight_map"):
        weight_files(tmp_path)


@pytest.mark.parametrize("name", ["absent.safetensors", "\0.safetensors", "\ud800.safetensors"])
def test_a_missing_shard_is_named(tmp_path, name):
    write_config(tmp_path, {"weight_map": {"x": name}}, "model.safetensors.index.json")
    with pytest.raises(ModelFolderError, match="lacks the shard"):
        weight_files(tmp_path)


def replace_byte(path: Path, at: int) -> None:
    """Change one byte and nothing else, the time of change included."""
    content, stat = bytearray(path.read_bytes()), path.stat()
    content[at] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def sample_the_weights(monkeypatch) -> None:
    monkeypatch.setattr(model_folder, "_WHOLE_FILE_BYTES", 2000)
    monkeypatch.setattr(model_folder, "_SAMPLE_BYTES", 2000)


def test_fingerprint_is_the_same_for_a_copy(tmp_path):
    print_a = fingerprint(write_tiny(tmp_path / "a"))
    assert print_a == fingerprint(write_tiny(tmp_path / "b"))
    assert len(print_a) == 32
    assert int(print_a, 16) >= 0


@pytest.mark.parametrize("prepare", [lambda _: None, sample_the_weights])
def test_fingerprint_sees_every_part(tmp_path, monkeypatch, prepare):
    prepare(monkeypatch)
    folder = write_tiny(tmp_path)
    weights, tokenizer = folder / "model.safetensors", folder / "tokenizer.json"
    assert weights.stat().st_size > 40_000
    seen = {fingerprint(folder)}
    replace_byte(weights, weights.stat().st_size // 2)
    seen.add(fingerprint(folder))
    replace_byte(weights, weights.stat().st_size - 1)
    seen.add(fingerprint(folder))
    replace_byte(tokenizer, 3)
    seen.add(fingerprint(folder))
    write_config(folder, hugging_face(dataclasses.replace(TINY, norm_eps=1e-6)))
    seen.add(fingerprint(folder))
    assert len(seen) == 5


def test_sampled_fingerprint_counts_the_time_of_change(tmp_path, monkeypatch):
    sample_the_weights(monkeypatch)
    folder = write_tiny(tmp_path)
    first = fingerprint(folder)
    os.utime(folder / "model.safetensors", ns=(1, 1))
    assert fingerprint(folder) != first


def test_fingerprint_ignores_what_config_says_of_special_tokens(tmp_path):
    first = fingerprint(write_tiny(tmp_path))
    write_config(tmp_path, {**hugging_face(TINY), "eos_token_id": 2})
    assert fingerprint(tmp_path) == first
