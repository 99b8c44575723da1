"""Which network a model folder is opened on, on this machine.

Owns the table of kernels and the choice among them, by the model, the device and what is installed.
Imports no network before the choice is made: torch takes seconds and hundreds of megabytes, and
most users need none of it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ModelFolderError
from .folder.architectures import Config
from .folder.config import Mamba2Config
from .networks.interface import BEST, Network, is_small

_OTHER = "choose another one, or update Stateline"
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

logger = logging.getLogger(__name__)

OpenNetwork = Callable[[Path, Config, str, int], Network]


@dataclass(frozen=True)
class Kernel:
    """One way to compute models of one architecture."""

    name: str  # what `Runtime.kernels` says of its networks; their states are kept apart by it
    computes: type[Any]  # configs of this class
    # Whether it is the one for such a model on a device, which may be `interface.BEST`.
    suits: Callable[[Config, str], bool]
    load: Callable[[Path, Config, str, int], Network | None]  # None: it cannot run here after all


def open_network(folder: Path, config: Config, device: str, threads: int) -> Network:
    """The model in a folder, on cpu, cuda or `interface.BEST`; ModelFolderError if it cannot be.

    `threads` of 0 are as many as help. The first of `KERNELS` that can computes it.
    """
    able = [kernel for kernel in KERNELS if isinstance(config, kernel.computes)]
    for kernel in able:
        fits = kernel.suits(config, device)
        network = kernel.load(folder, config, device, threads) if fits else None
        if network is not None:
            logger.info("The model in %s is computed by %s kernels.", folder, kernel.name)
            return network
    if not able:
        raise ModelFolderError(f"{folder} has a model that nothing here computes; {_OTHER}.")
    raise ModelFolderError(_NO_LIBRARY if device in ("cpu", BEST) else _NO_TORCH)


def _for_native(config: Config, device: str) -> bool:
    """On a CPU, where a small model always stays."""
    return device == "cpu" or (device == BEST and (is_small(config) or not _has_gpu()))


def _native(folder: Path, config: Config, device: str, threads: int) -> Network | None:
    from .networks.native.native_network import NativeNetwork

    return NativeNetwork.load(folder, config, threads or (1 if is_small(config) else 0))


def _torch(folder: Path, config: Config, device: str, threads: int) -> Network:
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


# In the order of preference.
KERNELS = [
    Kernel("native", Mamba2Config, _for_native, _native),
    Kernel("torch", Mamba2Config, lambda config, device: _has_torch(), _torch),
]
