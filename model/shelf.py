"""What a checkpoint holds, and how it is kept on the disk between sessions.

Owns `Remembered` and the way it becomes named tensors and back. Where files lie, how they are
written and when they go is `store`'s; which states are worth a file is the engine's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from .chain import Chain
from .config import Mamba2Config
from .state import RecurrentState
from .statefile import Source
from .store import Store

_LOGITS = "logits"


@dataclass(frozen=True)
class Remembered:
    """The state after some tokens, and what it says comes next."""

    state: RecurrentState
    logits: Tensor  # (v,)

    @property
    def nbytes(self) -> int:
        return self.state.nbytes + self.logits.nbytes


class StateShelf:
    """The states of one model that are on the disk; a `checkpoints.Shelf`."""

    def __init__(
        self, store: Store, config: Mamba2Config, dtype: torch.dtype, device: str = "cpu"
    ) -> None:
        """`dtype` is that of the weights."""
        self._store, self._config, self._dtype, self._device = store, config, dtype, device

    def __contains__(self, name: bytes) -> bool:
        return name in self._store

    def lengths(self) -> Collection[int]:
        return self._store.lengths

    def load(self, name: bytes) -> Remembered | None:
        """Mapped from its file; None if there is none that fits this model."""
        tensors = self._store.load(name)
        if tensors is None or (logits := tensors.pop(_LOGITS, None)) is None:
            return None
        wanted = torch.promote_types(self._dtype, torch.float32)
        if logits.shape != (self._config.vocab_size,) or logits.dtype not in (self._dtype, wanted):
            return None
        if not logits.isfinite().all():
            return None
        state = RecurrentState.from_tensors(self._config, self._dtype, tensors, self._device)
        return Remembered(state, logits.to(self._device)) if state else None

    def save(self, chain: Chain, length: int, remembered: Remembered, workspace: str) -> None:
        """Write the state after the first `length` tokens of a chain; a failure is logged there."""
        tensors = {**remembered.state.tensors(), _LOGITS: remembered.logits}
        sources = [Source(file, "") for file in chain.link(length).files]
        self._store.save(chain.name(length), length, tensors, workspace, sources)

    def forget(self, files: Collection[str]) -> None:
        """Remove every state that has read one of these files."""
        self._store.forget(lambda entry: any(source.path in files for source in entry.sources))
