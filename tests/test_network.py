"""The seam: what torch says behind it, and completing with another network and no torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from stateline.model.networks.interface import Waypoint, is_state, state_bytes
from stateline.model.networks.torch.torch_network import TorchNetwork, torch_model
from tiny_model import tiny_config, tiny_folder, tiny_model, tiny_network

TOKENS = [3, 1, 4, 1, 5, 9, 2, 6]
TYPES = [
    (torch.float64, np.float64),
    (torch.float32, np.float32),
    (torch.bfloat16, np.float32),
    (torch.float16, np.float32),
]


@pytest.mark.parametrize(("dtype", "outside"), TYPES)
def test_advancing_is_the_models_forward(dtype: torch.dtype, outside: type):
    network, model = TorchNetwork(tiny_model(dtype)), tiny_model(dtype)
    logits, state = network.advance(TOKENS, network.zero_state())
    with torch.no_grad():
        expected, _ = model(torch.tensor([TOKENS]), model.zero_state())
    assert logits.dtype == outside
    wanted = (
        expected[0, -1].to(torch.float64).numpy()
    )  # rounded otherwise, since all rows are asked
    assert abs(logits - wanted).max() <= 8 * torch.finfo(dtype).eps * abs(wanted).max()
    assert is_state(state.arrays(), network.config, outside)
    assert (
        network.state_bytes(8) == state.nbytes + logits.nbytes == state_bytes(model.config, outside)
    )
    assert network.runtime.arithmetic == f"torch {str(dtype).removeprefix('torch.')}"


def test_logits_after_each_of_the_last_tokens():
    network = tiny_network(torch.float64)
    state, one_by_one = network.zero_state(), []
    for token in TOKENS:
        logits, state = network.advance([token], state)
        one_by_one.append(logits)
    for wanted in (0, 1, 3, len(TOKENS)):
        logits, after = network.advance_all(TOKENS, network.zero_state(), wanted)
        assert logits.shape == (wanted, network.config.vocab_size)
        np.testing.assert_allclose(logits, one_by_one[len(TOKENS) - wanted :] or logits, atol=1e-9)
        for name, array in after.arrays().items():
            np.testing.assert_allclose(array, state.arrays()[name], atol=1e-9)


def test_a_trail_leads_back_to_each_of_its_tokens():
    network = tiny_network(torch.float64)
    _, start = network.advance([7, 8], network.zero_state())
    trail, state, after = network.trail(start), start, []
    for first, end in ((0, 3), (3, 4), (4, 8)):
        after += list(trail.read(TOKENS[first:end]))
    assert trail.state(0) is start
    for count, token in enumerate(TOKENS, 1):
        logits, state = network.advance([token], state)
        np.testing.assert_allclose(after[count - 1], logits, atol=1e-9)
        waypoint = Waypoint(trail, count)
        assert waypoint.nbytes == trail.token_bytes > 0
        for name, array in waypoint.settled().arrays().items():
            np.testing.assert_allclose(array, state.arrays()[name], atol=1e-9)
    with pytest.raises(ValueError, match="not 9"):
        trail.state(9)


def test_what_a_trail_undoes_was_never_read():
    network = tiny_network(torch.float64)
    trail = network.trail(network.zero_state())
    trail.read([1, 2, 3, 4])
    trail.back(2)
    trail.read([5, 6])
    trail.back(2)
    logits = trail.read([7])[-1]
    expected, state = network.advance([1, 2, 7], network.zero_state())
    np.testing.assert_allclose(logits, expected, atol=1e-9)
    for name, array in trail.state(3).arrays().items():
        np.testing.assert_allclose(array, state.arrays()[name], atol=1e-9)


def test_several_states_advance_as_each_does():
    network = tiny_network(torch.float64)
    states = [network.advance([token] * 3, network.zero_state())[1] for token in (1, 2, 3)]
    logits, after = network.advance_each([4, 5, 6], states)
    for i, token in enumerate((4, 5, 6)):
        expected, state = network.advance([token], states[i])
        np.testing.assert_allclose(logits[i], expected, atol=1e-9)
        assert after[i].nbytes == state.nbytes
        for name, array in after[i].arrays().items():
            np.testing.assert_allclose(array, state.arrays()[name], atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_revived_state_goes_on_as_the_state_did(dtype: torch.dtype):
    network = tiny_network(dtype)
    _, state = network.advance(TOKENS, network.zero_state())
    before = {name: array.copy() for name, array in state.arrays().items()}
    logits, _ = network.advance([7], state)
    again, _ = network.advance([7], network.revived(before, len(TOKENS)))
    assert np.array_equal(again, logits)
    assert all(np.array_equal(array, before[name]) for name, array in state.arrays().items())
    assert network.revived(before | {"more": np.zeros(1)}, len(TOKENS)) is None


def test_arrays_that_are_no_state():
    config = tiny_config()
    arrays = {name: np.zeros(shape, np.float32) for name, shape in config.state_shapes().items()}
    assert is_state(arrays, config, np.float32)
    assert not is_state(arrays, config, np.float64)
    assert not is_state(arrays, tiny_config(n_layer=3), np.float32)
    arrays["layers.1.ssm"][0, 0, 0, 0] = np.nan
    assert not is_state(arrays, config, np.float32)


def test_only_torch_has_its_model_in_torch():
    network = tiny_network()
    assert torch_model(network) is network.model
    with pytest.raises(TypeError, match="TorchNetwork"):
        torch_model(object())


WITHOUT_TORCH = """
import sys
from pathlib import Path
from threading import Event

sys.modules["torch"] = None  # from here on importing it fails

import numpy as np
from stateline.model.completer import Context, FileId, Runtime, Sampling, Surroundings
from stateline.model.engine import Engine
from stateline.model.masked import view_of
from stateline.model.networks.interface import is_state, state_bytes
from stateline.model.states.statefolder import entries


class Sums:
    runtime, exact = Runtime("cpu", "sums", "float64"), False

    def __init__(self, config):
        self.config = config

    def state_bytes(self, tokens):
        return state_bytes(self.config, np.float32)

    def zero_state(self):
        shapes = self.config.state_shapes().items()
        return Given({name: np.zeros(shape, np.float32) for name, shape in shapes})

    def advance(self, tokens, state):
        after = {name: array + sum(tokens) % 97 for name, array in state.held.items()}
        chosen = int(after["layers.0.conv"].flat[0]) % self.config.vocab_size
        logits = np.zeros(self.config.vocab_size, np.float32)
        logits[chosen] = 5
        return logits, Given(after)

    def trail(self, state):
        return Steps(self, state)

    def revived(self, arrays, tokens):
        return Given(arrays) if is_state(arrays, self.config, np.float32) else None


class Steps:
    token_bytes = 8

    def __init__(self, network, state):
        self.network, self.states = network, [state]

    def read(self, tokens):
        logits = []
        for token in tokens:
            predicted, state = self.network.advance([token], self.states[-1])
            self.states.append(state)
            logits.append(predicted)
        return logits

    def state(self, length):
        return self.states[length]


class Given:
    def __init__(self, held):
        self.held, self.nbytes = held, sum(array.nbytes for array in held.values())

    def arrays(self):
        return dict(self.held)

    def settled(self):
        return self


def opened():
    folder, states = map(Path, sys.argv[1:])
    return Engine.open(folder, states=states, network=lambda folder, config, *_: Sums(config))


text = "value = 1\\n" * 200
around = Surroundings((), (), FileId("/project", "a.py"), len(text))  # all of it is saved
view = view_of(Context(text, len(text), "a.py", around=around))
first = opened()
while first.warm(view, Event()).tokens_left:
    pass
assert entries(Path(sys.argv[2])), "nothing was saved"
for engine in (first, opened()):
    for sampling in (Sampling(0.0, 1.0, 8), Sampling(0.8, 0.9, 8)):
        *pieces, usage = engine.complete(view, sampling, Event())
        assert usage.tokens_generated, "nothing was written"
        assert usage.tokens_reused, "nothing was found in memory or on the disk"
"""


def test_an_engine_on_another_network_needs_no_torch(tmp_path: Path):
    folder = tiny_folder(tmp_path / "model")
    command = [sys.executable, "-c", WITHOUT_TORCH, str(folder), str(tmp_path / "states")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
