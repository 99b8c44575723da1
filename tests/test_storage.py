"""States of one model on the disk: they come back as they were, or nothing comes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stateline.model.completer import FileId
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.networks.torch.torch_network import TorchNetwork
from stateline.model.states import store as store_module
from stateline.model.states.statefolder import entries
from stateline.model.states.storage import Remembered, StateStorage
from stateline.model.states.store import Store
from stateline.model.tokens.chain import Chain
from tiny_model import tiny_config, tiny_network

A, B = FileId("/project", "a.py"), FileId("/project", "b.py")
CHAIN = Chain((1,)).then((2, 3), A).then((4, 5), B)


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch):
    monkeypatch.setattr(store_module, "REFRESH_S", 0)


def storage(folder: Path, dtype: torch.dtype = torch.float32, **sizes) -> StateStorage:
    network = TorchNetwork(Mamba2(tiny_config(**sizes)).to(dtype))
    return StateStorage(Store(folder, "0" * 32), network)


def read(count: int) -> Remembered:
    network = tiny_network(torch.float32)
    logits, state = network.advance(CHAIN.between(0, count), network.zero_state())
    return Remembered(state, logits)


def saved(folder: Path, remembered: Remembered | None = None, count: int = 5) -> bytes:
    storage(folder).save(CHAIN, count, remembered or read(count), "/project")
    return CHAIN.name(count)


def test_a_state_comes_back_bit_by_bit_after_a_restart(tmp_path: Path):
    name, meant = saved(tmp_path), read(5)
    again = storage(tmp_path)
    assert name in again
    assert set(again.lengths()) == {5}
    found = again.load(name, 5)
    assert found.logits.tobytes() == meant.logits.tobytes()
    ours, theirs = found.state.arrays(), meant.state.arrays()
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        assert ours[name].tobytes() == array.tobytes()
    assert found.nbytes == meant.nbytes


def test_there_is_nothing_under_another_name(tmp_path: Path):
    saved(tmp_path)
    assert CHAIN.name(3) not in storage(tmp_path)
    assert storage(tmp_path).load(CHAIN.name(3), 3) is None


def without_logits(folder: Path) -> None:
    Store(folder, "0" * 32).save(CHAIN.name(5), 5, read(5).state.arrays(), "", [])


@pytest.mark.parametrize(
    "logits",
    [
        np.zeros(7, np.float32),
        np.zeros((1, 500), np.float32),
        np.zeros(500),
        np.full(500, np.nan, np.float32),
        np.full(500, np.inf, np.float32),
    ],
)
def test_logits_that_no_such_model_says_are_refused(tmp_path: Path, logits: np.ndarray):
    name = saved(tmp_path, Remembered(read(5).state, logits))
    assert storage(tmp_path).load(name, 5) is None


def test_states_of_another_shape_are_refused(tmp_path: Path):
    name = saved(tmp_path)
    assert storage(tmp_path, d_state=16).load(name, 5) is None
    assert storage(tmp_path, torch.float64).load(name, 5) is None
    assert storage(tmp_path).load(name, 5)
    without_logits(tmp_path)
    assert storage(tmp_path).load(name, 5) is None


def test_a_state_belongs_to_every_file_that_was_read_for_it(tmp_path: Path):
    for count in (1, 3, 5):
        saved(tmp_path, count=count)
    files = {entry.tokens: [*entry.sources] for entry in entries(tmp_path)}
    assert files == {1: [], 3: [A], 5: [A, B]}


@pytest.mark.parametrize(
    ("file", "left"), [(B, {1, 3}), (A, {1}), (FileId("", "/no.py"), {1, 3, 5})]
)
def test_forgetting_a_file_takes_every_state_that_has_read_it(tmp_path: Path, file: FileId, left):
    for count in (1, 3, 5):
        saved(tmp_path, count=count)
    here = storage(tmp_path)
    here.forget([file])
    assert set(here.lengths()) == left
