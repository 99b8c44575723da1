"""The binding to the native library beside it: its structures, and its functions.

Owns what `stateline.h` says, again for ctypes. Knows no weights and no state, and not who
keeps alive what it points to.
"""

from __future__ import annotations

import ctypes
import importlib.util
import logging
import os
from ctypes import POINTER, Structure, c_char_p, c_float, c_int32, c_void_p
from pathlib import Path
from typing import ClassVar

logger = logging.getLogger(__name__)

INTERFACE = 2  # as in the header: what was built from another one computes nonsense
MOST_TOKENS = 64  # of one call
MOST_THREADS = 64
# For trials: "plain", "avx2" or "avx512" is then used, or with "none" no native library.
ISA_VARIABLE = "STATELINE_ISA"
ROWS = 16  # whose weights lie side by side where they are in blocks
KINDS = {"F32": 0, "BF16": 1, "I8": 2, "I32": 3}  # of matrices, by safetensors' names


class Matrix(Structure):
    _fields_: ClassVar = [
        ("kind", c_int32),
        ("rows", c_int32),
        ("cols", c_int32),
        ("data", c_void_p),
        ("scales", c_void_p),
        ("bias", c_void_p),
    ]


class Layer(Structure):
    _fields_: ClassVar = [
        ("in_proj", Matrix),
        ("out_proj", Matrix),
        *((name, c_void_p) for name in ("norm", "conv_weight", "conv_bias")),
        *((name, c_void_p) for name in ("dt_bias", "A", "D", "gate_norm")),
    ]


class Model(Structure):
    _fields_: ClassVar = [
        *((name, c_int32) for name in ("d_model", "n_layer", "vocab", "d_state", "d_conv")),
        *((name, c_int32) for name in ("n_heads", "headdim", "n_groups")),
        *((name, c_float) for name in ("eps", "dt_least", "dt_most")),
        ("embedding", Matrix),
        ("head", Matrix),
        ("norm_f", c_void_p),
        ("layers", POINTER(Layer)),
    ]


def library() -> ctypes.CDLL | None:
    """The native library; None where it was not built, or is not wanted."""
    if os.environ.get(ISA_VARIABLE) == "none":
        return None
    found = importlib.util.find_spec("stateline.model.networks.native._native")
    return None if found is None or found.origin is None else bound(Path(found.origin))


def bound(path: Path) -> ctypes.CDLL | None:
    """The library in a file; None if it cannot be opened, or was built from another source."""
    try:
        loaded = ctypes.CDLL(str(path))
        if loaded.sl_interface() != INTERFACE:
            raise OSError("it was built from another version")
        loaded.sl_open.argtypes = [POINTER(Model), c_int32, c_char_p]
        loaded.sl_open.restype = c_void_p
        loaded.sl_close.argtypes = [c_void_p]
        loaded.sl_close.restype = None
        loaded.sl_isa.argtypes = [c_void_p]
        loaded.sl_isa.restype = c_char_p
        loaded.sl_forward.argtypes = [
            c_void_p, c_void_p, c_int32, c_int32, c_void_p, c_void_p, c_void_p, c_void_p, c_int32,
            c_void_p,
        ]  # fmt: skip
        loaded.sl_forward.restype = c_int32
        loaded.sl_replay.argtypes = [c_void_p, c_void_p, c_int32, c_int32, c_void_p, c_void_p]
        loaded.sl_replay.restype = c_int32
    except (OSError, AttributeError) as error:
        logger.warning("%s is not used (%s); install Stateline again to build it", path, error)
        return None
    return loaded
