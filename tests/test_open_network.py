"""On what a model is opened: which of native library, torch and GPU are there decides."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from stateline.model import PRETRAINED, open_network
from stateline.model.completer import Runtime
from stateline.model.errors import ModelFolderError
from stateline.model.folder.files import read_config
from stateline.model.networks.interface import BEST
from stateline.model.networks.native.native_network import NativeNetwork
from stateline.model.networks.torch.torch_network import TorchNetwork

SMALL = read_config(PRETRAINED)
LARGE = replace(SMALL, d_model=4096, n_layer=64)


@pytest.fixture
def opened(monkeypatch):
    """What is opened on a machine that has these, by device and configuration."""

    def open_where(device, config, *, library=True, torch=True, driver=False, cuda=False):
        monkeypatch.setattr(NativeNetwork, "load", lambda *_: "native" if library else None)
        monkeypatch.setattr(TorchNetwork, "load", lambda *_: "torch")
        monkeypatch.setattr(open_network, "_has_torch", lambda: torch)
        monkeypatch.setattr(open_network, "_has_nvidia_driver", lambda: driver)
        monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
        return open_network.open_network(PRETRAINED, config, device, 0)

    return open_where


def test_a_large_model_goes_to_the_gpu_if_torch_can_use_it(opened):
    assert opened(BEST, LARGE, driver=True, cuda=True) == "torch"
    assert opened(BEST, LARGE, driver=True, cuda=False) == "native"
    assert opened(BEST, LARGE, driver=True, torch=False) == "native"
    assert opened(BEST, LARGE) == "native"
    assert opened("cpu", LARGE, driver=True, cuda=True) == "native"


def test_a_small_model_stays_on_the_cpu(opened):
    assert opened(BEST, SMALL, driver=True, cuda=True) == "native"


def test_torch_computes_where_no_library_was_built(opened):
    assert opened(BEST, SMALL, library=False) == "torch"


@pytest.mark.parametrize(
    ("device", "library", "words"),
    [(BEST, False, "C compiler"), ("cpu", False, "C compiler"), ("cuda", True, "A GPU is used")],
)
def test_with_nothing_to_compute_on_a_sentence_says_what_to_install(opened, device, library, words):
    with pytest.raises(ModelFolderError, match=words) as raised:
        opened(device, SMALL, library=library, torch=False)
    assert "pip install 'stateline[torch]'" in str(raised.value)


ON_CPU = Runtime("cpu", "native", "float32", 1, "avx2")
ON_GPU = Runtime("cuda", "torch", "bfloat16", 8, "NVIDIA H100")


def test_what_is_computed_with_is_said_in_a_line():
    assert str(ON_CPU) == "CPU, native kernels (avx2), float32, 1 thread"
    assert str(ON_GPU) == "NVIDIA H100, torch kernels, bfloat16, 8 threads"


@pytest.mark.parametrize(
    ("config", "where", "driver", "advised"),
    [
        (LARGE, ON_CPU, True, True),
        (LARGE, ON_CPU, False, False),
        (LARGE, ON_GPU, True, False),
        (SMALL, ON_CPU, True, False),
    ],
)
def test_a_gpu_that_is_not_used_is_said(monkeypatch, config, where, driver, advised):
    monkeypatch.setattr(open_network, "_has_nvidia_driver", lambda: driver)
    network = SimpleNamespace(config=config, runtime=where)
    assert ("stateline[torch]" in open_network.idle_gpu(network)) == advised
