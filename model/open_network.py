"""Which network a model folder is opened on, on this machine.

Owns the choice, and imports no network before it is made: torch takes seconds and hundreds of
megabytes, and most users need none of it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import ModelFolderError
from .folder.architectures import Config
from .networks.interface import BEST, Network, is_small

_INSTALL = "run pip install 'stateline[torch]'"
_NO_TORCH = f"A GPU is used by way of torch, which is not here; {_INSTALL}."
_NO_LIBRARY = (
    "Neither the native library nor torch is here to compute the model with; "
    f"install Stateline again with a C compiler at hand, or {_INSTALL}."
)
_IDLE_GPU = (
    "This model would be many times faster on this machine's NVIDIA GPU, which no torch here "
    f"can use; {_INSTALL}."
)

OpenNetwork = Callable[[Path, Config, str, int], Network]


def open_network(folder: Path, config: Config, device: str, threads: int) -> Network:
    """The model in a folder, on cpu, cuda or `interface.BEST`; ModelFolderError if it cannot be.

    `threads` of 0 are as many as help. On a CPU the native library computes, where it was built.
    """
    small = is_small(config)
    if device == "cpu" or (device == BEST and (small or not _has_gpu())):
        from .networks.native.native_network import NativeNetwork

        if (
            native := NativeNetwork.load(folder, config, threads or (1 if small else 0))
        ) is not None:
            return native
    if not _has_torch():
        raise ModelFolderError(_NO_LIBRARY if device in ("cpu", BEST) else _NO_TORCH)
    from .networks.torch.torch_network import TorchNetwork

    return TorchNetwork.load(folder, config, device, threads)


def idle_gpu(network: Network) -> str:
    """What to do where a larger model computes on a CPU beside a GPU; nothing elsewhere."""
    on_cpu = network.runtime.device == "cpu"
    worthwhile = on_cpu and not is_small(network.config) and _has_nvidia_driver()
    return _IDLE_GPU if worthwhile else ""


def _has_gpu() -> bool:
    """Whether torch can use a GPU; it is imported only where one may be."""
    if not _has_nvidia_driver() or not _has_torch():
        return False
    import torch

    return torch.cuda.is_available()


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _has_nvidia_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
