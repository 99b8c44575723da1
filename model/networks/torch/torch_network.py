"""The network on torch: the readable reference, on CPU and CUDA, and what is trained.

Owns the way from a model folder's tensors to a `Mamba2`, its device and its threads, and NumPy on
the outside. What is computed is `mamba2`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...completer import Runtime
from ...folder.architectures import Config
from ...folder.config import Mamba2Config
from ...folder.weights import Stored, load_tensors
from ..interface import BEST, Arrays, Network, State, is_small, state_bytes
from .mamba2 import Log, Mamba2
from .quantize import dequantize
from .torch_state import RecurrentState


class TorchTrail:
    """See `interface.Trail`."""

    def __init__(self, network: TorchNetwork, base: RecurrentState) -> None:
        config = network.config
        numbers = (config.conv_dim + config.n_heads) * config.n_layer
        self.token_bytes = numbers * base.layers[0].ssm.element_size()
        self._network, self._base = network, base
        self._now = base
        self._readings: list[tuple[Log, int]] = []  # and how many of its tokens still hold
        self._before = base

    @torch.inference_mode()
    def read(self, tokens: Sequence[int]) -> NDArray[Any]:
        """See `interface.Trail`."""
        log: Log = []
        self._before = self._now
        logits, self._now = self._network.read(tokens, self._before, log)
        # Copies: what is split is a view of all that was projected.
        self._readings.append(([(xBC.clone(), dt.clone()) for xBC, dt in log], len(tokens)))
        return logits

    def back(self, count: int) -> None:
        """See `interface.Trail`."""
        log, held = self._readings[-1]
        assert 0 <= count <= held
        self._readings[-1] = log, held - count
        self._now = self._network.replayed(log, held - count, self._before)

    def state(self, length: int) -> RecurrentState:
        """See `interface.Trail`."""
        state, left = self._base, length
        for log, held in self._readings:
            count = min(left, held)
            state, left = self._network.replayed(log, count, state), left - count
        if left:
            raise ValueError(f"there are {length - left} tokens in this trail, not {length}")
        return state


class TorchNetwork:
    """A `Network` on a `Mamba2`, in whatever type its weights have."""

    def __init__(self, model: Mamba2) -> None:
        self.model = model.eval().requires_grad_(False)
        self.config = model.config
        weight = model.backbone.embedding.weight
        self._dtype, self._device = weight.dtype, weight.device
        self.exact = False

    @classmethod
    def load(
        cls, folder: Path, config: Config, device: str = "cpu", threads: int = 0
    ) -> TorchNetwork:
        """See `open_network`."""
        assert isinstance(config, Mamba2Config)
        if threads or is_small(config):
            torch.set_num_threads(threads or 1)
        if device == BEST:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        tensors = torch_tensors(folder, config)
        with torch.device("meta"):
            model = Mamba2(config)
        if device == "cpu":  # half precision is slower than float32 on most CPUs
            tensors = {n: t.float() if t.dtype != torch.float64 else t for n, t in tensors.items()}
        model.load_state_dict(tensors, assign=True)
        return cls(model.to(device))

    @property
    def runtime(self) -> Runtime:
        """See `Network`."""
        name = torch.cuda.get_device_name() if self._device.type == "cuda" else ""
        precision = str(self._dtype).removeprefix("torch.")
        threads = torch.get_num_threads()
        return Runtime(self._device.type, self.model.kernels.name, precision, threads, name)

    def state_bytes(self, tokens: int) -> int:
        """See `Network`."""
        wide = np.float64 if self._dtype == torch.float64 else np.float32
        return state_bytes(self.config, wide, tokens)

    def zero_state(self) -> RecurrentState:
        """See `Network`."""
        return self.model.zero_state()

    def advance(self, tokens: Sequence[int], state: State) -> tuple[NDArray[Any], RecurrentState]:
        """See `Network`."""
        logits, after = self.advance_all(tokens, state, 1)
        return logits[0], after

    def advance_all(
        self, tokens: Sequence[int], state: State, wanted: int
    ) -> tuple[NDArray[Any], RecurrentState]:
        """See `Network`."""
        return self.read(tokens, _torch(state), None, wanted)

    @torch.inference_mode()
    def read(
        self,
        tokens: Sequence[int],
        state: RecurrentState,
        log: Log | None,
        wanted: int | None = None,
    ) -> tuple[NDArray[Any], RecurrentState]:
        """As `advance_all`, of all logits unless it is told; to `log`, what `replayed` needs."""
        ids = torch.tensor([list(tokens)], device=self._device)
        hidden, after = self.model.hidden(ids, state, log)
        first = 0 if wanted is None else ids.shape[1] - wanted
        logits = self.model.logits(hidden[0, first:])
        return logits.to(hidden.dtype).cpu().numpy(), after

    @torch.inference_mode()
    def replayed(self, log: Log, count: int, state: RecurrentState) -> RecurrentState:
        """The state after the first `count` tokens of a log."""
        return self.model.replay(log, count, state) if count else state

    @torch.inference_mode()
    def advance_each(
        self, tokens: Sequence[int], states: Sequence[State]
    ) -> tuple[NDArray[Any], list[State]]:
        """See `Network`."""
        ids = torch.tensor(list(tokens), device=self._device)[:, None]  # (b, 1)
        hidden, after = self.model.hidden(ids, RecurrentState.joined(map(_torch, states)))
        logits = self.model.logits(hidden[:, 0])
        return logits.to(hidden.dtype).cpu().numpy(), list(after.parted())

    def trail(self, state: State) -> TorchTrail:
        """See `Network`."""
        return TorchTrail(self, _torch(state))

    def revived(self, arrays: Arrays, tokens: int) -> RecurrentState | None:
        """See `Network`."""
        return RecurrentState.from_arrays(self.config, self._dtype, arrays, self._device)


def _torch(state: State) -> RecurrentState:
    assert isinstance(state, RecurrentState)
    return state


def torch_model(network: Network) -> Mamba2:
    """The model in a network, for whoever trains or judges it; TypeError if it is not torch's."""
    if not isinstance(network, TorchNetwork):
        raise TypeError("only a TorchNetwork has its model in torch")
    return network.model


def torch_tensors(folder: Path, config: Config) -> dict[str, Tensor]:
    """`weights.load_tensors` as tensors; matrices in blocks come as float32 in memory."""
    return {name: tensor_of(stored) for name, stored in load_tensors(folder, config).items()}


def tensor_of(stored: Stored) -> Tensor:
    """One of them."""
    if stored.scales is not None:
        return dequantize(_floats_or_quants(stored.array), _floats_or_quants(stored.scales))
    return _floats_or_quants(stored.array)


def _floats_or_quants(array: NDArray[Any]) -> Tensor:
    """As torch has it; 16 bits without a sign are those of a bfloat16."""
    tensor = torch.from_numpy(array)
    return tensor.view(torch.bfloat16) if array.dtype == np.uint16 else tensor
