"""The network on torch: the readable reference, on CPU and CUDA, and what is trained.

Owns the way from a model folder's tensors to a `Mamba2`, its device and its threads, and NumPy on
the outside. What is computed is `mamba2`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from . import kernels
from .config import Mamba2Config
from .mamba2 import Log, Mamba2
from .network import BEST, Arrays, Network, State, is_small, state_bytes
from .quantize import dequantize
from .state import RecurrentState
from .weights import Stored, load_tensors


@dataclass(frozen=True)
class TorchTrail:
    """See `network.Trail`."""

    model: Mamba2
    before: RecurrentState
    log: Log
    logits: NDArray[Any]  # (l, v)
    after: RecurrentState

    @property
    def nbytes(self) -> int:
        return self.logits.nbytes + sum(xBC.nbytes + dt.nbytes for xBC, dt in self.log)

    @torch.inference_mode()
    def state(self, count: int) -> RecurrentState:
        """See `network.Trail`."""
        if count in (0, len(self.logits)):
            return self.after if count else self.before
        if not 0 < count < len(self.logits):
            raise ValueError(f"there are {len(self.logits)} tokens in this trail, not {count}")
        return self.model.replay(self.log, count, self.before)


class TorchNetwork:
    """A `Network` on a `Mamba2`, in whatever type its weights have."""

    def __init__(self, model: Mamba2) -> None:
        self.model = model.eval().requires_grad_(False)
        self.config = model.config
        weight = model.backbone.embedding.weight
        self._dtype, self._device = weight.dtype, weight.device
        wide = np.float64 if weight.dtype == torch.float64 else np.float32
        self.arithmetic = str(weight.dtype).replace(".", " ")
        self.exact = False
        self.state_bytes = state_bytes(model.config, wide)

    @classmethod
    def load(
        cls, folder: Path, config: Mamba2Config, device: str = "cpu", threads: int = 0
    ) -> TorchNetwork:
        """See `runtime.open_network`."""
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
    def runtime(self) -> str:
        """See `Network`."""
        where = torch.cuda.get_device_name() if self._device.type == "cuda" else "CPU"
        threads = torch.get_num_threads()
        return f"{where}, {kernels.NAME} kernels, {threads} thread{'s' * (threads > 1)}"

    def zero_state(self) -> RecurrentState:
        """See `Network`."""
        return self.model.zero_state()

    def advance(self, tokens: Sequence[int], state: State) -> tuple[NDArray[Any], RecurrentState]:
        """See `Network`."""
        logits, after = self.advance_all(tokens, state, 1)
        return logits[0], after

    @torch.inference_mode()
    def advance_all(
        self, tokens: Sequence[int], state: State, wanted: int
    ) -> tuple[NDArray[Any], RecurrentState]:
        """See `Network`."""
        ids = torch.tensor([list(tokens)], device=self._device)
        hidden, after = self.model.hidden(ids, _torch(state))
        logits = self.model.logits(hidden[0, ids.shape[1] - wanted :])
        return logits.to(hidden.dtype).cpu().numpy(), after

    @torch.inference_mode()
    def advance_each(
        self, tokens: Sequence[int], states: Sequence[State]
    ) -> tuple[NDArray[Any], list[State]]:
        """See `Network`."""
        ids = torch.tensor(list(tokens), device=self._device)[:, None]  # (b, 1)
        hidden, after = self.model.hidden(ids, RecurrentState.joined(map(_torch, states)))
        logits = self.model.logits(hidden[:, 0])
        return logits.to(hidden.dtype).cpu().numpy(), list(after.parted())

    @torch.inference_mode()
    def trail(self, tokens: Sequence[int], state: State) -> TorchTrail:
        """See `Network`."""
        log: Log = []
        ids = torch.tensor([list(tokens)], device=self._device)
        hidden, after = self.model.hidden(ids, _torch(state), log)
        # Copies: what is split is a view of all that was projected.
        log = [(xBC.clone(), dt.clone()) for xBC, dt in log]
        logits = self.model.logits(hidden[0]).to(hidden.dtype).cpu().numpy()
        return TorchTrail(self.model, _torch(state), log, logits, after)

    def revived(self, arrays: Arrays) -> RecurrentState | None:
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


def torch_tensors(folder: Path, config: Mamba2Config) -> dict[str, Tensor]:
    """`weights.load_tensors` as tensors; matrices in 8-bit blocks come as float32 in memory."""
    return {name: _tensor(stored) for name, stored in load_tensors(folder, config).items()}


def _tensor(stored: Stored) -> Tensor:
    tensor = torch.from_numpy(stored.array)
    if stored.scales is not None:
        return dequantize(tensor, torch.from_numpy(stored.scales))
    return tensor.view(torch.bfloat16) if stored.dtype == "BF16" else tensor
