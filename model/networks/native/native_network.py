"""A Mamba2 model computed by the native library: no torch, on a CPU.

Owns `NativeNetwork`, its trails, and how weights are laid out for the library and kept
alive. Matrices of floats are used where they lie, mapped from their file; those in blocks are
copied, rows side by side, and what they are multiplied with is rounded to 16 bits a number. Knows
no text, no file format and no checkpoint.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
import sys
from collections.abc import Mapping, Sequence
from ctypes import c_int32, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...completer import Runtime
from ...folder.architectures import Config
from ...folder.config import Mamba2Config
from ...folder.weights import WORD, Stored, load_tensors
from ..interface import Arrays, State, is_state, state_bytes
from .native_library import (
    ISA_VARIABLE,
    KINDS,
    MOST_THREADS,
    MOST_TOKENS,
    Layer,
    Matrix,
    Model,
    library,
)
from .native_numbers import LARGEST, Floats, by_rows, floats
from .native_state import NativeState, native_state

HELPFUL_THREADS = 16  # memory is the limit long before

logger = logging.getLogger(__name__)


@dataclass
class _Reading:
    """What a trail notes of one reading."""

    log: Floats  # (layers, l, conv_dim + h)
    count: int  # of its l tokens that still hold


class NativeTrail:
    """See `interface.Trail`.

    Two states of its own take turns, so that they stay in a cache. A single token is read in place,
    which moves a third of the bytes, and is hardly ever taken back.
    """

    def __init__(self, network: NativeNetwork, base: NativeState) -> None:
        self.token_bytes = network.log_row_bytes * network.config.n_layer
        self._network, self._base = network, base
        self._readings: list[_Reading] = []
        self._before = self._now = base
        self._room = [network.new_state(), network.new_state()]

    def read(self, tokens: Sequence[int]) -> Floats:
        """See `interface.Trail`."""
        self._before = self._now
        if len(tokens) != 1 or self._now is self._base:
            self._now = self._room[self._before is self._room[0]]
        logits, log = self._network.read_to(tokens, self._before, self._now)
        self._readings.append(_Reading(log, len(tokens)))
        return logits

    def back(self, count: int) -> None:
        """See `interface.Trail`."""
        last = self._readings[-1]
        assert 0 <= count <= last.count
        last.count -= count
        if count and self._before is self._now:  # what was there before is gone
            self._now = self.state(sum(reading.count for reading in self._readings))
        elif count and last.count:
            self._network.replay(last.log, last.count, self._before, self._now)
        elif count:
            self._now = self._before

    def state(self, length: int) -> NativeState:
        """See `interface.Trail`."""
        held = [reading.log[:, : reading.count] for reading in self._readings]
        log = np.concatenate(held, axis=1) if held else np.empty((0, 0, 0), np.float32)
        if length > log.shape[1]:
            raise ValueError(f"there are {log.shape[1]} tokens in this trail, not {length}")
        state = self._base
        for first in range(0, length, MOST_TOKENS):  # many at once, however few were read at once
            some = np.ascontiguousarray(log[:, first : min(length, first + MOST_TOKENS)])
            after = self._network.new_state()
            self._network.replay(some, some.shape[1], state, after)
            state = after
        return state


class NativeNetwork:
    """A `Network` on the native library; one thread at a time may use it."""

    def __init__(
        self,
        native: ctypes.CDLL,
        config: Mamba2Config,
        tensors: Mapping[str, Stored],
        threads: int = 1,
    ) -> None:
        """`tensors` are as `load_tensors` gives them. Raises OSError if there is no room."""
        self.config = config
        self.threads = threads
        self.exact = True
        self._state_floats = sum(map(math.prod, config.state_shapes().values()))
        self._native = native
        self._kept: list[Any] = []  # what the library points to
        self._model = self._laid_out(tensors)
        isa = os.environ.get(ISA_VARIABLE)
        self._runtime = native.sl_open(self._model, threads, isa.encode() if isa else None)
        if not self._runtime:
            raise OSError(f"the native library cannot run here ({isa or 'any instruction set'})")
        self.isa: str = native.sl_isa(self._runtime).decode()

    @classmethod
    def load(cls, folder: Path, config: Config, threads: int = 0) -> NativeNetwork | None:
        """The model in a folder; None where the library was not built or cannot run it.

        `threads` of 0 are as many as help a large model; more than there are cores only wait for
        each other, and are not made. Raises ModelFolderError.
        """
        assert isinstance(config, Mamba2Config)
        native = library()
        if native is None:
            return None
        tensors = load_tensors(folder, config)
        if any(tensor.dtype == "F64" for tensor in tensors.values()):
            return None  # such a model is a reference, to be computed as precisely as it is
        try:
            wanted = min(threads, _usable()) or min(_cores(), HELPFUL_THREADS)
            return cls(native, config, tensors, min(wanted, MOST_THREADS))
        except OSError as error:
            logger.warning("%s; torch computes instead", error)
            return None

    def __del__(self) -> None:
        if getattr(self, "_runtime", None):
            self._native.sl_close(self._runtime)

    @property
    def runtime(self) -> Runtime:
        """See `Network`."""
        return Runtime("cpu", "native", "float32", self.threads, self.isa)

    def state_bytes(self, tokens: int) -> int:
        """See `Network`."""
        return state_bytes(self.config, np.float32, tokens)

    def zero_state(self) -> NativeState:
        """See `Network`."""
        return NativeState(self.config, np.zeros(self._state_floats, np.float32))

    def advance(self, tokens: Sequence[int], state: State) -> tuple[Floats, NativeState]:
        """See `Network`."""
        logits, after = self.advance_all(tokens, state, 1)
        return logits[-1], after

    def advance_all(
        self, tokens: Sequence[int], state: State, wanted: int
    ) -> tuple[Floats, NativeState]:
        """See `Network`."""
        assert 0 <= wanted <= MOST_TOKENS
        reached = native_state(state)
        logits = np.empty((wanted, self.config.vocab_size), np.float32)
        last = max(0, len(tokens) - MOST_TOKENS)
        starts = [*range(0, last, MOST_TOKENS), last]
        for start, end in zip(starts, [*starts[1:], len(tokens)], strict=True):
            some = logits if end == len(tokens) else logits[:0]
            after = self.new_state()
            self._forward(tokens[start:end], [end - start], [reached], [after], some)
            reached = after
        return logits, reached

    def advance_each(
        self, tokens: Sequence[int], states: Sequence[State]
    ) -> tuple[Floats, list[State]]:
        """See `Network`."""
        logits = np.empty((len(tokens), self.config.vocab_size), np.float32)
        before, after = list(map(native_state, states)), [self.new_state() for _ in states]
        for at in range(0, len(tokens), MOST_TOKENS):
            some = slice(at, at + MOST_TOKENS)
            ends = range(1, len(tokens[some]) + 1)
            self._forward(tokens[some], ends, before[some], after[some], logits[some])
        return logits, list(after)

    def trail(self, state: State) -> NativeTrail:
        """See `Network`."""
        return NativeTrail(self, native_state(state))

    # What a trail does.

    @property
    def log_row_bytes(self) -> int:
        """Of what is noted of a token and layer."""
        return (self.config.conv_dim + self.config.n_heads) * np.dtype(np.float32).itemsize

    def new_state(self) -> NativeState:
        """Room for a state."""
        return NativeState(self.config, np.empty(self._state_floats, np.float32))

    def read_to(
        self, tokens: Sequence[int], before: NativeState, after: NativeState
    ) -> tuple[Floats, Floats]:
        """Read from one state into another's room; logits (l, v) and the log for `replay`."""
        count, config = len(tokens), self.config
        logits = np.empty((count, config.vocab_size), np.float32)
        log = np.empty((config.n_layer, count, config.conv_dim + config.n_heads), np.float32)
        self._forward(tokens, [count], [before], [after], logits, log)
        return logits, log

    def replay(self, log: Floats, count: int, before: NativeState, after: NativeState) -> None:
        """Into `after`, the state after the first `count` tokens of a log, 1 at least."""
        failed = self._native.sl_replay(
            self._runtime, log.ctypes.data, log.shape[1], count, before.address, after.address
        )
        assert not failed

    def _forward(
        self,
        tokens: Sequence[int],
        ends: Sequence[int],
        before: Sequence[NativeState],
        after: Sequence[NativeState],
        logits: Floats,
        log: Floats | None = None,
    ) -> None:
        """Read some texts, of which the i-th ends before `tokens[ends[i]]`, each from its state
        into another's room."""
        count, texts = len(tokens), len(ends)
        failed = self._native.sl_forward(
            self._runtime, (c_int32 * count)(*tokens), count, texts, (c_int32 * texts)(*ends),
            (c_void_p * texts)(*(each.address for each in before)),
            (c_void_p * texts)(*(each.address for each in after)),
            logits.ctypes.data, len(logits), None if log is None else log.ctypes.data,
        )  # fmt: skip
        if failed:
            raise ValueError(f"a call takes 1 to {MOST_TOKENS} tokens of the vocabulary")

    def revived(self, arrays: Arrays, tokens: int) -> NativeState | None:
        """See `Network`."""
        if not is_state(arrays, self.config, np.float32, tokens):
            return None
        return NativeState(
            self.config, np.concatenate([arrays[n].reshape(-1) for n in self.config.state_shapes()])
        )

    # Laying the weights out for the library.

    def _laid_out(self, tensors: Mapping[str, Stored]) -> Model:
        config = self.config
        embedding = self._matrix(tensors, "backbone.embedding")
        head = embedding if config.tie_embeddings else self._matrix(tensors, "lm_head")
        layers = (Layer * config.n_layer)(
            *(self._layer(tensors, f"backbone.layers.{i}") for i in range(config.n_layer))
        )
        self._kept.append(layers)
        return Model(
            config.d_model, config.n_layer, config.vocab_size, config.d_state, config.d_conv,
            config.n_heads, config.headdim, config.n_groups, config.norm_eps,
            min(config.dt_limit[0], LARGEST), min(config.dt_limit[1], LARGEST),
            embedding, head, self._vector(tensors["backbone.norm_f.weight"]), layers,
        )  # fmt: skip

    def _layer(self, tensors: Mapping[str, Stored], name: str) -> Layer:
        mixer = f"{name}.mixer"
        taps = floats(tensors[f"{mixer}.conv1d.weight"])[:, 0].T  # (k, conv_dim)
        bias = tensors.get(f"{mixer}.conv1d.bias")
        return Layer(
            self._matrix(tensors, f"{mixer}.in_proj"),
            self._matrix(tensors, f"{mixer}.out_proj"),
            self._vector(tensors[f"{name}.norm.weight"]),
            self._pointer(taps),
            None if bias is None else self._vector(bias),
            self._vector(tensors[f"{mixer}.dt_bias"]),
            self._pointer(-np.exp(floats(tensors[f"{mixer}.A_log"]))),
            self._vector(tensors[f"{mixer}.D"]),
            self._vector(tensors[f"{mixer}.norm.weight"]),
        )

    def _matrix(self, tensors: Mapping[str, Stored], name: str) -> Matrix:
        stored, bias = tensors[f"{name}.weight"], tensors.get(f"{name}.bias")
        (rows, cols), data, scales = stored.array.shape, stored.array, None
        kind = stored.dtype
        if kind not in KINDS:  # float16 and float64
            kind, data = "F32", floats(stored)
        elif stored.scales is not None and kind == "I8":
            data, scales = by_rows(data, 2), by_rows(stored.scales.astype(np.float32))
        elif stored.scales is not None:
            cols *= WORD
            data, scales = by_rows(data), by_rows(stored.scales)
        data = np.ascontiguousarray(data)
        self._kept += [data, scales]
        return Matrix(
            KINDS[kind], rows, cols, data.ctypes.data,
            None if scales is None else scales.ctypes.data,
            None if bias is None else self._vector(bias),
        )  # fmt: skip

    def _vector(self, stored: Stored) -> int:
        return self._pointer(floats(stored))

    def _pointer(self, numbers: NDArray[Any]) -> int:
        """Where a contiguous float32 copy lies, which is kept."""
        copy = np.array(numbers, np.float32, order="C")
        self._kept.append(copy)
        return int(copy.ctypes.data)


def _usable() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _cores() -> int:
    """As `_usable`, without second threads of one core as far as can be told."""
    usable = _usable()
    return usable if usable <= 4 else usable // 2
