"""The peer is given our very weights and ids, asked as it should be, and failures are told.

None of this needs llama-server; what it computes is compared by `python -m benchmarks.peer.gguf`.
"""

import json
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from safetensors import safe_open
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.dialects import huggingface_config
from stateline.model.networks.torch.quantize import save_quantized
from stateline.model.tokens import layout
from stateline.model.tokens.tokenizer import Markers
from stateline.model.training.run.vocabulary import train_vocabulary
from tiny_folders import TINY, random_tensors, write_tiny

from benchmarks.peer import PeerError, build, check, gguf, trial
from benchmarks.peer.layouts import TokenCursor, anchored, by_line, place, suffix_first
from benchmarks.peer.llama import Llama, LlamaAnswer, started

CONFIG = Mamba2Config(
    d_model=32,
    n_layer=2,
    vocab_size=tiny_model.SIZE + 12,  # rows without a token, as padded embeddings have
    d_state=8,
    headdim=16,
    n_groups=2,
    tie_embeddings=False,
)
MARKERS = Markers(bos=0, pre=1, suf=2, mid=3, eom=4, file=5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_blocks(tmp_path_factory.mktemp("model"), CONFIG)


def write_blocks(path: Path, config: Mamba2Config) -> Path:
    """A model folder with 8-bit blocks."""
    (path / "config.json").write_text(json.dumps(huggingface_config(config)))
    train_vocabulary(tiny_model.texts(), tiny_model.SIZE).save(str(path / "tokenizer.json"))
    save_quantized(random_tensors(config), path / "model.safetensors")
    return path


def exported(folder: Path, path: Path, kind: gguf.FileType):
    library = pytest.importorskip("gguf", reason="the gguf package is not installed")
    reader = library.GGUFReader(gguf.export(folder, path, kind))
    return reader, {tensor.name: tensor.data for tensor in reader.tensors}


def test_the_blocks_of_q8_0_are_ours_bit_for_bit(folder, tmp_path):
    _, tensors = exported(folder, tmp_path / "q8.gguf", gguf.FileType.Q8_0)
    blocks = 0
    with safe_open(folder / "model.safetensors", framework="np") as stored:
        for name in CONFIG.tensor_shapes():
            if f"{name}.scale" not in stored.keys():  # noqa: SIM118 (not a dict)
                continue
            rows = tensors[gguf.name_in_gguf(name)]
            rows = rows.reshape(len(rows), -1, 34)
            scales, quants = stored.get_tensor(f"{name}.scale"), stored.get_tensor(name)
            assert rows[..., :2].tobytes() == scales.tobytes()
            assert rows[..., 2:].tobytes() == quants.tobytes()
            blocks += 1
    assert blocks == 2 + 2 * CONFIG.n_layer
    assert tensors["blk.0.ssm_conv1d.weight"].dtype == np.float32


def test_float_tensors_lie_as_llama_cpp_wants_them(folder, tmp_path):
    reader, tensors = exported(folder, tmp_path / "f32.gguf", gguf.FileType.F32)
    with safe_open(folder / "model.safetensors", framework="pt") as stored:
        layer = {
            name: stored.get_tensor(f"backbone.layers.1.mixer.{name}")
            for name in ("A_log", "D", "conv1d.weight", "norm.weight", "dt_bias")
        }
    wanted = {
        "blk.1.ssm_a": -torch.exp(layer["A_log"])[:, None],
        "blk.1.ssm_d": layer["D"][:, None],
        "blk.1.ssm_conv1d.weight": layer["conv1d.weight"][:, 0],
        "blk.1.ssm_norm.weight": layer["norm.weight"].reshape(2, 32),
        "blk.1.ssm_dt.bias": layer["dt_bias"],
    }
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(tensors[name], tensor.numpy(), err_msg=name)
    assert reader.get_field("mamba2.ssm.group_count").contents() == 2
    assert reader.get_field("mamba2.ssm.time_step_rank").contents() == CONFIG.n_heads


def test_every_row_has_a_name_and_the_middle_ends(folder, tmp_path):
    reader, _ = exported(folder, tmp_path / "q8.gguf", gguf.FileType.Q8_0)
    names = reader.get_field("tokenizer.ggml.tokens").contents()
    types = reader.get_field("tokenizer.ggml.token_type").contents()
    markers = tiny_model.ours().markers
    assert len(names) == len(types) == CONFIG.vocab_size == len(set(names))
    assert types[-1] == gguf.UNUSED
    assert types[markers.pre] == gguf.CONTROL
    assert names[markers.eom] == "<|eom|>"
    assert reader.get_field("tokenizer.ggml.eos_token_id").contents() == markers.eom
    assert reader.get_field("tokenizer.ggml.add_bos_token").contents() is False


def test_tensors_have_the_names_of_the_architecture():
    library = pytest.importorskip("gguf", reason="the gguf package is not installed")
    known = {
        library.TENSOR_NAMES[tensor].format(bid=0)
        for tensor in library.MODEL_TENSORS[library.MODEL_ARCH.MAMBA2]
    }
    ours = map(gguf.name_in_gguf, CONFIG.tensor_shapes())
    first = {n.removesuffix(".weight").removesuffix(".bias") for n in ours if "blk.1" not in n}
    assert first == known


def test_a_missing_bias_of_the_convolution_is_zero(tmp_path):
    config = Mamba2Config(d_model=32, n_layer=1, vocab_size=tiny_model.SIZE, conv_bias=False)
    _, tensors = exported(write_blocks(tmp_path, config), tmp_path / "f32.gguf", gguf.FileType.F32)
    np.testing.assert_array_equal(tensors["blk.0.ssm_conv1d.bias"], np.zeros(config.conv_dim))


def test_what_llama_cpp_has_not_is_refused(tmp_path):
    assert TINY.proj_bias
    with pytest.raises(PeerError, match="no biases"):
        gguf.export(write_tiny(tmp_path), tmp_path / "x.gguf", gguf.FileType.F32)


def test_a_missing_package_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(PeerError, match="pip install gguf"):
        gguf.export(folder, tmp_path / "x.gguf", gguf.FileType.F32)
    assert list(tmp_path.iterdir()) == []


AT = TokenCursor(prefix=(10, 11, 12, 13), suffix=(20, 21), anchor=1, line=3)


@pytest.mark.parametrize(
    ("layout", "prompt"),
    [
        (anchored, [0, 1, 10, 2, 20, 21, 3, 11, 12, 13]),
        (by_line, [0, 1, 10, 11, 12, 2, 20, 21, 3, 13]),
        (suffix_first, [0, 2, 20, 21, 1, 10, 11, 12, 13, 3]),
    ],
)
def test_layouts(layout, prompt):
    assert layout(MARKERS, AT) == prompt
    plain = Markers(bos=0, pre=None, suf=None, mid=None, eom=4, file=None)
    assert layout(plain, AT) == [0, 10, 11, 12, 13]


def test_a_place_holds_all_of_the_text_around_the_cursor():
    tokenizer = tiny_model.ours()
    lines = [f"line_{i} = {i}\n" for i in range(40)]
    text = "".join(lines) + "last = (1 + 2)\nafter = 2\n"
    offset = text.index(" 2)")
    at = place(tokenizer, text, offset)
    assert tokenizer.decode(at.prefix) == text[:offset]
    assert tokenizer.decode(at.suffix) == text[offset:]
    assert tokenizer.decode(at.prefix[at.line :]) == "last = (1 +"
    above = tokenizer.decode(at.prefix[: at.anchor])
    assert above == "".join(lines[: 40 - layout.ANCHOR_LINES])


def test_an_anchor_stays_while_what_is_above_it_stands():
    tokenizer = tiny_model.ours()
    text = "".join(f"line_{i} = {i}\n" for i in range(40))
    at = place(tokenizer, text, len(text))
    above, longer = at.prefix[: at.anchor], text + "more = 1\n" * 3
    assert place(tokenizer, longer, len(longer), above).anchor == at.anchor
    assert place(tokenizer, longer, len(longer)).anchor > at.anchor
    changed = "x" + longer
    assert place(tokenizer, changed, len(changed), above).anchor > at.anchor
    far = text + "more = 1\n" * layout.LONGEST_TOKENS
    assert place(tokenizer, far, len(far), above).anchor > at.anchor


@pytest.fixture
def fake():
    return sys.executable, str(Path(__file__).with_name("fake_llama.py"))


def test_the_ids_are_sent_as_they_are(fake, tmp_path):
    with started(tmp_path / "x.gguf", command=fake) as llama:
        assert llama.complete([7, 0, 7], 5) == LlamaAnswer((7, 0, 7), 5, 2.5, 4.5)
        assert llama.complete([7, 0, 7], 2).tokens == (7, 0)
        assert llama.log_probabilities([7], 3) == {0: 0, 1: -1, 2: -2}
        with pytest.raises(PeerError, match=r"refused /completion: .*an empty prompt"):
            llama.complete([], 1)
        used_s = llama.cpu_seconds()
        assert used_s is None if sys.platform != "linux" else used_s > 0
    with pytest.raises(PeerError, match="does not answer"):
        llama.complete([1], 1)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ((sys.executable, "-c", "print('line'); print('no model')"), "said last: no model"),
        (("/nowhere/llama-server",), r"benchmarks\.peer\.build"),
    ],
)
def test_a_server_that_does_not_start_tells_why(command, sentence, tmp_path):
    with pytest.raises(PeerError, match=sentence), started(tmp_path, command=command):
        pytest.fail("it started")


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setattr(build.shutil, "which", lambda *_, **__: None)
    with pytest.raises(SystemExit, match="build-essential"):
        build.main([])


def test_a_failing_command_is_one_sentence():
    with pytest.raises(PeerError, match=r"python.* failed"):
        build.run([sys.executable, "-c", "raise SystemExit(3)"])
    with pytest.raises(PeerError, match="nothing-like-it failed"):
        build.run(["nothing-like-it"])


@pytest.mark.parametrize("inside", ["CMakeLists.txt", "README.md"])
def test_the_sources_are_unpacked_once(inside, tmp_path, monkeypatch):
    source = Path("source", f"llama_cpp_python-{build.VERSION}", "vendor", "llama.cpp")
    monkeypatch.setattr(build, "BUILD", tmp_path)
    monkeypatch.setattr(build, "SOURCE", tmp_path / source)
    (tmp_path / "source").mkdir()
    (tmp_path / inside).write_text("")
    archive = tmp_path / "source" / f"llama_cpp_python-{build.VERSION}.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / inside, source.relative_to("source") / inside)
    if inside != "CMakeLists.txt":
        with pytest.raises(PeerError, match=r"holds no llama\.cpp"):
            build.fetch()
        return
    build.fetch()
    archive.unlink()
    build.fetch()  # finds them; there is no download to fall back to


def test_differences_are_of_probabilities_that_can_be_told():
    ours = torch.tensor([0.5, 0.5, 0.0]).log()
    found = check.difference(ours, {0: np.log(0.25), 1: np.log(0.75)})
    assert found.largest == pytest.approx(np.log(2))
    assert found.divergence == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    assert check.difference(ours, {0: -0.7, 1: -0.69, 2: -99.0}).largest < 0.01


class Counting:
    """Reads what no earlier prompt began with, as a cache of every prefix would."""

    def __init__(self):
        self.prompts = [[]]

    read = Llama.read

    def complete(self, tokens, max_tokens):
        known = max(
            next((i for i, pair in enumerate(zip(p, tokens)) if len(set(pair)) > 1), len(p))  # noqa: B905
            for p in self.prompts
        )
        self.prompts.append(list(tokens))
        return LlamaAnswer((), len(tokens) - known, 1.0, 1.0)


@pytest.mark.parametrize("planted_tokens", [0, 7])
def test_a_trial_opens_types_jumps_and_switches(planted_tokens):
    text = "".join(f"line_{i} = {i}\n" for i in range(60))
    variant = trial.Variant("x", (), planted_tokens=planted_tokens)
    texts = {"first": text, "second": "other = 1\n" * 9}
    editor = trial.TrialEditor(variant, Counting(), tiny_model.ours(), texts)
    played = list(trial.played(editor, "abc"))
    kinds = [kind for kind, _ in played]
    assert [kinds.count(kind) for kind in trial.KINDS] == [2, 3, trial.JUMPS, trial.SWITCHES]
    whole = len(trial.anchored(editor.tokenizer.markers, place(editor.tokenizer, text, len(text))))
    assert played[0][1].read == whole  # in one request or in many
    requests = len(editor.server.prompts) - 1
    assert requests > len(played) if planted_tokens else requests == len(played)
    assert all(answer.read <= 4 for kind, answer in played if kind in ("key", "switch"))
