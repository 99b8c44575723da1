"""The command line: each verb works, and each mistake gets a sentence and an exit code."""

import json
import os
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
from stateline.lsp_server.commands.complete import _request
from stateline.lsp_server.commands.verbs import app
from stateline.model import PRETRAINED
from typer.testing import CliRunner

CODE = "import os\nimport sys\n\n\nclass Box:\n    def __init__(self, name):\n        self.na\n"


def run(*arguments: object, code: int = 0) -> str:
    """Everything printed."""
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "box.py"
    path.write_text(CODE)
    return path


def test_version():
    assert run("--version").strip() == f"stateline {version('stateline')}"


def test_complete_prints_text(file: Path):
    assert run("complete", f"{file}:7:16").strip()


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.py", "python"), ("a.tsx", "typescriptreact"), ("a.mjs", "javascript"), ("a.txt", "")],
)
def test_a_place_is_in_the_language_of_its_file(tmp_path: Path, name: str, language: str):
    (tmp_path / name).write_text("x\n")
    assert _request(f"{tmp_path / name}:1:2").context.language == language


def test_complete_as_json(file: Path):
    result = json.loads(run("complete", f"{file}:7:16", "--json"))
    assert result["text"]
    assert 0 < result["confidence"] <= 1
    assert result["tokens_read"] > 0
    assert result["tokens_generated"] > 0
    assert {"read_ms", "write_ms", "tokenise_ms"} <= result.keys()


@pytest.mark.parametrize(
    ("place", "word"),
    [
        ("box.py", "FILE:LINE:COL"),
        ("box.py:1", "FILE:LINE:COL"),
        ("box.py:0:1", "no line 0"),
        ("box.py:99:1", "no line 99"),
        ("box.py:7:99", "column"),
        ("nothing.py:1:1", "cannot be read"),
        (".:1:1", "cannot be read"),
        ("latin.py:1:1", "not UTF-8"),
    ],
)
def test_complete_explains_a_bad_place(file: Path, place: str, word: str):
    (file.parent / "latin.py").write_bytes(b"a = '\xe9'\n")
    output = run("complete", f"{file.parent}{os.sep}{place}", code=2)
    assert word in output
    assert output.count("\n") == 1


def test_windows_drive_letters_are_part_of_the_file():
    assert "C:\\nowhere.py cannot be read" in run("complete", "C:\\nowhere.py:1:1", code=2)


@pytest.mark.parametrize("verb", ["complete", "doctor"])
def test_without_weights_there_is_an_error_and_no_suggestion(file: Path, tmp_path: Path, verb: str):
    folder = tmp_path / "model"
    shutil.copytree(PRETRAINED, folder)
    (folder / "model.safetensors").unlink()
    arguments = [f"{file}:7:16"] if verb == "complete" else []
    output = run(verb, *arguments, "--model", folder, code=2 if verb == "complete" else 1)
    assert "safetensors" in output.replace("\n", " ")
    assert "name" not in output


def test_doctor_finds_the_embedded_model_sound():
    output = run("doctor")
    assert "sound" in output
    assert "native kernels" in output
    assert "python, typescript, javascript" in output


@pytest.mark.parametrize("isa", ["none", "sse9"])
def test_doctor_says_what_keeps_the_native_library_out(monkeypatch: pytest.MonkeyPatch, isa: str):
    monkeypatch.setenv("STATELINE_ISA", isa)
    output = run("doctor")
    assert "sound" in output
    assert "torch kernels" in output
    assert "unset STATELINE_ISA" in " ".join(output.split())


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["lsp", "--port", "70000"], "--port"),
        (["lsp", "--log-level", "loud"], "--log-level"),
    ],
)
def test_lsp_refuses_bad_options(arguments: list[str], word: str):
    assert word in run(*arguments, code=2)


def test_train_needs_shards(tmp_path: Path):
    recipe = tmp_path / "r.toml"
    recipe.write_text("vocabulary = 300\nsteps = 1\n[model]\nd_model = 16\nn_layer = 1\n")
    result = CliRunner().invoke(
        app, ["train", str(recipe), "--corpus", str(tmp_path), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code != 0
    assert "stateline corpus build" in str(result.exception) + result.output


def test_the_corpus_command_tells_of_its_own_options():
    assert "--max-mb" in run("corpus", "build", "--help")
    assert "build" in run("corpus", "--help")
