"""The native library against torch, for every instruction set that this machine has.

A token's numbers do not depend on how a text is cut into calls, to the last bit; the float path
agrees with the reference in float64, and what 8-bit blocks cost is measured against the same
matrices in floats.
"""

import os
import shutil
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model import PRETRAINED
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.files import read_config
from stateline.model.folder.weights import Stored, scale_shape
from stateline.model.networks.native import native_library
from stateline.model.networks.native.native_library import ISA_VARIABLE, library
from stateline.model.networks.native.native_network import NativeNetwork
from stateline.model.networks.native.native_state import NativeState
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.networks.torch.quantize import quantize, quantize4
from stateline.model.networks.torch.torch_network import tensor_of

KINDS = ["F32", "BF16", "I8", "I32"]
NATIVE = library()
SOURCES = Path(__file__).parents[1] / "model" / "networks" / "native"
PLAIN = Mamba2Config(d_model=32, n_layer=2, vocab_size=50, d_state=16, headdim=8)
CONFIGS = {
    "plain": PLAIN,
    "shipped": Mamba2Config(d_model=64, n_layer=2, vocab_size=96, d_state=64, headdim=64),
    "groups": replace(PLAIN, n_groups=4, d_state=128, tie_embeddings=False),
    "odd": Mamba2Config(
        d_model=15, n_layer=3, vocab_size=11, d_state=7, headdim=5, d_conv=3, n_groups=2
    ),
    "biases": replace(PLAIN, proj_bias=True, conv_bias=False, d_conv=2, dt_limit=(0.01, 0.5)),
}
needs_library = pytest.mark.skipif(NATIVE is None, reason="the native library was not built")


@needs_library
def test_a_library_from_another_source_is_not_used(monkeypatch, caplog):
    assert NATIVE is not None
    monkeypatch.setattr(native_library, "INTERFACE", native_library.INTERFACE + 1)
    assert native_library.bound(Path(NATIVE._name)) is None
    assert "install Stateline again" in caplog.text


def available(isa):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ISA_VARIABLE, isa)
        try:
            return NATIVE is not None and bool(network(PLAIN, stored(PLAIN)).isa)
        except OSError:
            return False


def model(config, seed=0):
    torch.manual_seed(seed)
    made = Mamba2(config).double().eval().requires_grad_(False)
    for name, weight in made.named_parameters():
        if name.endswith("bias") or "norm" in name:
            weight += 0.1 * torch.randn_like(weight)
    return made


def stored(config, kind="F32", seed=0):
    """The model's weights as a file would have them; matrices as `kind`."""
    found = {}
    for name, weight in model(config, seed).state_dict().items():
        weight = weight.float()
        if kind == "I8" and scale_shape(tuple(weight.shape)):
            quants, scales = quantize(weight)
            found[name] = Stored("I8", quants.numpy(), scales.numpy())
        elif kind == "I32" and scale_shape(tuple(weight.shape)):
            quants, scales = quantize4(weight)
            found[name] = Stored("I32", quants.numpy(), scales.view(torch.uint16).numpy())
        elif kind == "BF16":
            found[name] = Stored("BF16", weight.bfloat16().view(torch.uint16).numpy())
        else:
            found[name] = Stored("F32", weight.numpy())
    return found


def reference(config, tensors):
    """The same weights in torch, in float64."""
    made = model(config)
    made.load_state_dict({name: tensor_of(each).double() for name, each in tensors.items()})
    return made


def network(config, tensors, threads=1):
    return NativeNetwork(NATIVE, config, tensors, threads)


def some_tokens(config, count, seed=0):
    return np.random.default_rng(seed).integers(0, config.vocab_size, count).tolist()


ISAS = [isa for isa in ("plain", "avx2", "avx512") if available(isa)] or ["plain"]


@pytest.fixture(params=ISAS)
def isa(request, monkeypatch):
    monkeypatch.setenv(ISA_VARIABLE, request.param)
    return request.param


def test_the_library_is_there_where_it_can_be_built():
    if shutil.which("cc") and sysconfig.get_config_var("CC"):
        assert NATIVE is not None, "there is a C compiler, but the extension was not built"


@needs_library
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CONFIGS)
def test_logits_and_state_are_those_of_torch(isa, name, kind):
    config = CONFIGS[name]
    tensors, tokens = stored(config, kind), some_tokens(config, 150)
    wanted, state = reference(config, tensors)(torch.tensor([tokens]), model(config).zero_state())
    native = network(config, tensors)
    assert native.isa == isa
    logits, after = native.advance_all(tokens, native.zero_state(), 40)
    blocks = kind in ("I8", "I32") and scale_shape((1, config.d_model))
    # Activations of 16 bits are this far from floats; floats this far from float64. The logits of
    # these models go up to 15.
    tolerance = 5e-3 if blocks else 1e-4
    np.testing.assert_allclose(logits, wanted[0, -40:].numpy(), atol=tolerance)
    for key, array in state.arrays().items():
        np.testing.assert_allclose(after.arrays()[key], array, atol=tolerance, err_msg=key)


@needs_library
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_however_a_text_is_cut_the_bits_are_the_same(data):
    config = CONFIGS[data.draw(st.sampled_from(sorted(CONFIGS)))]
    kind = data.draw(st.sampled_from(KINDS))
    native = network(config, stored(config, kind))
    tokens = some_tokens(config, data.draw(st.integers(1, 140)), data.draw(st.integers(0, 9)))
    whole, end = native.advance(tokens, native.zero_state())
    state, at = native.zero_state(), 0
    while at < len(tokens):
        step = data.draw(st.integers(1, 70))
        logits, state = native.advance(tokens[at : at + step], state)
        at += step
    assert np.array_equal(whole, logits)
    assert np.array_equal(end.numbers, state.numbers)


@needs_library
@pytest.mark.parametrize("kind", ["I8", "I32"])
@pytest.mark.parametrize("name", ["shipped", "odd"])
def test_threads_change_no_bit(name, kind):
    config, outcomes = CONFIGS[name], []
    for threads in (1, 2, 3):
        native = network(config, stored(config, kind), threads)
        outcomes.append(native.advance(some_tokens(config, 20), native.zero_state()))
    for logits, state in outcomes[1:]:
        assert np.array_equal(logits, outcomes[0][0])
        assert np.array_equal(state.numbers, outcomes[0][1].numbers)


@needs_library
@pytest.mark.parametrize("kind", ["F32", "I8", "I32"])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_trail_leads_back_to_each_of_its_tokens(isa, name, kind):
    config = CONFIGS[name]
    native, tokens = network(config, stored(config, kind)), some_tokens(config, 64)
    _, state = native.advance(tokens[:3], native.zero_state())
    trail, logits = native.trail(state), []
    for first, end in ((0, 1), (1, 40), (40, 64)):
        logits += list(trail.read(tokens[first:end]))
    for count in range(len(tokens) + 1):
        assert np.array_equal(trail.state(count).numbers, state.numbers)
        if count < len(tokens):
            expected, state = native.advance(tokens[count : count + 1], state)
            assert np.array_equal(logits[count], expected)
    with pytest.raises(ValueError, match="not 65"):
        trail.state(65)


@needs_library
def test_a_trail_at_the_states_size_of_a_7b_model():
    config = Mamba2Config(  # few weights, and the heads, groups and state of Mamba-Codestral
        d_model=64, expand=128, n_layer=1, vocab_size=64, d_state=128, headdim=64, n_groups=8
    )
    native, tokens = network(config, stored(config, "BF16")), some_tokens(config, 12)
    trail = native.trail(native.zero_state())
    trail.read(tokens)
    trail.back(5)
    trail.read(tokens[:1])
    _, state = native.advance([*tokens[:7], tokens[0]], native.zero_state())
    assert np.array_equal(trail.state(8).numbers, state.numbers)
    assert state.nbytes > 100 * trail.token_bytes  # so that a log is worth its while


@needs_library
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_a_trail_goes_on_as_if_what_was_undone_had_never_been_read(steps):
    native, held = network(PLAIN, stored(PLAIN)), []
    trail, tokens = native.trail(native.zero_state()), some_tokens(PLAIN, 80)
    for at, (count, undone) in enumerate(steps):
        read = tokens[at * 9 : at * 9 + count]
        trail.read(read)
        trail.back(min(undone, count))
        held += read[: count - min(undone, count)]
    logits = trail.read([3])[-1]
    expected, state = native.advance([*held, 3], native.zero_state())
    assert np.array_equal(logits, expected)
    assert np.array_equal(trail.state(len(held) + 1).numbers, state.numbers)


@needs_library
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 3])
def test_several_states_advance_as_each_does(threads, kind):
    config = CONFIGS["shipped"]
    native = network(config, stored(config, kind), threads)
    tokens = some_tokens(config, 70)  # more than one call takes
    states = [native.advance(tokens[: n + 1], native.zero_state())[1] for n in range(len(tokens))]
    logits, after = native.advance_each(tokens, states)
    for i, token in enumerate(tokens):
        expected, state = native.advance([token], states[i])
        assert np.array_equal(logits[i], expected)
        assert np.array_equal(after[i].numbers, state.numbers)


@needs_library
def test_more_threads_than_processors_are_as_many_as_there_are():
    opened = NativeNetwork.load(PRETRAINED, read_config(PRETRAINED), 250)
    assert opened is not None
    assert 1 <= opened.threads <= min(os.cpu_count() or 1, 64)


@needs_library
def test_a_state_is_a_value(isa):
    native = network(PLAIN, stored(PLAIN))
    _, state = native.advance([1, 2, 3], native.zero_state())
    before = state.numbers.copy()
    native.advance([4, 5], state)
    assert np.array_equal(state.numbers, before)
    again = native.revived(state.arrays(), 3)
    assert again is not None
    assert np.array_equal(again.numbers, before)


@needs_library
def test_no_array_of_a_foreign_state_is_taken():
    native = network(PLAIN, stored(PLAIN))
    arrays = native.zero_state().arrays()
    first = next(iter(arrays))
    bad = np.full_like(arrays[first], np.nan)
    for change in ({first: bad}, {first: arrays[first][0]}, {"more": bad}):
        assert native.revived({**arrays, **change}, 1) is None


@needs_library
@pytest.mark.parametrize("tokens", [[], [-1], [50], [0, 2**31 - 1]])
def test_tokens_out_of_range_are_refused(tokens):
    native = network(PLAIN, stored(PLAIN))
    with pytest.raises(ValueError, match="of the vocabulary"):
        native.advance(tokens, native.zero_state())


@needs_library
@pytest.mark.parametrize("kind", ["F32", "I8", "I32"])
def test_ten_thousand_tokens_do_not_drift(kind):
    config = CONFIGS["shipped"]
    tensors, tokens = stored(config, kind), some_tokens(config, 10_000)
    torch_model, native = reference(config, tensors), network(config, tensors)
    state, far = torch_model.zero_state(), native.zero_state()
    for at in range(0, len(tokens), 500):
        wanted, state = torch_model(torch.tensor([tokens[at : at + 500]]), state)
        logits, far = native.advance(tokens[at : at + 500], far)
        np.testing.assert_allclose(logits, wanted[0, -1].numpy(), atol=5e-3)


@needs_library
def test_what_is_not_a_number_is_not_hidden(isa):
    for kind in ("F32", "I8", "I32"):
        tensors = stored(PLAIN, kind)
        tensors["backbone.layers.0.norm.weight"].array[3] = np.nan
        native = network(PLAIN, tensors)
        logits, _ = native.advance([1, 2], native.zero_state())
        assert np.isnan(logits).all()


@needs_library
def test_huge_and_vanishing_states_are_read_like_torch_reads_them(isa):
    native = network(PLAIN, stored(PLAIN))
    torch_model = reference(PLAIN, stored(PLAIN)).float()
    for size in (1e15, 1e-41):
        numbers = np.full_like(native.zero_state().numbers, size)
        state = NativeState(PLAIN, numbers)
        other = torch_model.zero_state()
        for key, array in state.arrays().items():
            other.arrays()[key][...] = array
        wanted, _ = torch_model(torch.tensor([[1, 2, 3]]), other)
        logits, _ = native.advance([1, 2, 3], state)
        np.testing.assert_allclose(logits, wanted[0, -1].numpy(), atol=1e-3)


def filled(array, noise):
    """An array of the same type and shape, of these bits again and again."""
    bits = np.resize(np.frombuffer(noise, np.uint8), array.nbytes)
    return bits.view(array.dtype).reshape(array.shape)


@needs_library
@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=64), st.sampled_from(KINDS))
def test_no_weights_crash_it(noise, kind):
    """Whatever bits a file of the right shapes holds."""
    tensors = {}
    for name, each in stored(PLAIN, kind).items():
        scales = None if each.scales is None else filled(each.scales, noise)
        tensors[name] = Stored(each.dtype, filled(each.array, noise), scales)
    with np.errstate(all="ignore"):
        native = network(PLAIN, tensors)
    logits, _ = native.advance([1, 2, 3, 4, 5, 6], native.zero_state())
    assert logits.shape == (PLAIN.vocab_size,)


def test_sanitizers_find_nothing(tmp_path):
    """The library under AddressSanitizer and UBSan, with every kind, shape and count."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    program = tmp_path / "sanitised"
    sources = [each for each in sorted(SOURCES.glob("*.c")) if each.name != "module.c"]
    built = subprocess.run(
        [compiler, "-std=gnu11", "-O1", "-g", "-ffp-contract=off", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all", "-pthread", "-Wno-psabi", f"-I{SOURCES}",
         str(Path(__file__).parent / "native_trial.c"), *map(str, sources), "-lm", "-o", program],
        capture_output=True, text=True,
    )  # fmt: skip
    if "cannot find" in built.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    # Python's own memory checks, should the tests run under any, are not this program's.
    run = subprocess.run([program], capture_output=True, text=True, env={"PATH": os.defpath})
    assert run.returncode == 0, run.stderr[-4000:]
    assert "agrees" in run.stdout
