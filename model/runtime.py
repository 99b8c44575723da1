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

from .config import Mamba2Config
from .errors import ModelFolderError
from .network import BEST, Network, is_small

OpenNetwork = Callable[[Path, Mamba2Config, str, int], Network]


def open_network(folder: Path, config: Mamba2Config, device: str, threads: int) -> Network:
    """The model in a folder, on cpu, cuda or `network.BEST`; ModelFolderError if it cannot be.

    `threads` of 0 are as many as help. On a CPU the native library computes, where it was built.
    """
    small = is_small(config)
    if device == "cpu" or (device == BEST and (small or not _has_nvidia_driver())):
        from .native_network import NativeNetwork

        if (
            native := NativeNetwork.load(folder, config, threads or (1 if small else 0))
        ) is not None:
            return native
    if importlib.util.find_spec("torch") is None:
        raise ModelFolderError(
            "Neither the native library nor torch is here to compute the model with; "
            "run 'pip install torch', or install Stateline again with a C compiler at hand."
        )
    from .torch_network import TorchNetwork

    return TorchNetwork.load(folder, config, device, threads)


def _has_nvidia_driver() -> bool:
    """Whether it is worth asking torch for a GPU."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
