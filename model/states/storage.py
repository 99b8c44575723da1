"""What a checkpoint holds, and how it is kept on the disk between sessions.

Owns `Remembered` and the way it becomes named arrays and back. Where files lie, how they are
written and when they go is `store`'s; which states are worth a file is the engine's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..completer import FileId
from ..networks.interface import Network, State, is_finite
from ..tokens.chain import Chain
from .store import Store

_LOGITS = "logits"


@dataclass(frozen=True)
class Remembered:
    """The state after some tokens, and what it says comes next."""

    state: State
    logits: NDArray[Any]  # (v,)

    @property
    def nbytes(self) -> int:
        return self.state.nbytes + self.logits.nbytes

    def settled(self) -> Remembered:
        """See `checkpoints.Kept`."""
        state = self.state.settled()
        return self if state is self.state else Remembered(state, self.logits)


class StateStorage:
    """The states of one model that are on the disk; a `checkpoints.Storage`."""

    def __init__(self, store: Store, network: Network) -> None:
        self._store, self._network = store, network

    def __contains__(self, name: bytes) -> bool:
        return name in self._store

    def lengths(self) -> Collection[int]:
        return self._store.lengths

    def load(self, name: bytes, tokens: int) -> Remembered | None:
        """Read from its file; None if there is none that fits this model and so many tokens."""
        arrays = self._store.load(name)
        if arrays is None or (logits := arrays.pop(_LOGITS, None)) is None:
            return None
        state = self._network.revived(arrays, tokens)
        if state is None or logits.shape != (self._network.config.vocab_size,):
            return None
        alike = {array.dtype for array in arrays.values()} == {logits.dtype}
        return Remembered(state, logits) if alike and is_finite(logits) else None

    def save(self, chain: Chain, length: int, remembered: Remembered, workspace: str) -> None:
        """Write the state after the first `length` tokens of a chain; a failure is logged there."""
        arrays = {**remembered.state.arrays(), _LOGITS: remembered.logits}
        sources = chain.link(length).files
        self._store.save(chain.name(length), length, arrays, workspace, sources)

    def files(self, workspaces: Collection[str]) -> frozenset[FileId]:
        """Those that were read for states of these workspaces, by whichever model."""
        mine = (entry for entry in self._store.entries() if entry.workspace in workspaces)
        return frozenset(file for entry in mine for file in entry.sources)

    def forget(self, files: Collection[FileId]) -> None:
        """Remove every state that has read one of these files."""
        gone = frozenset(files)
        self._store.forget(lambda entry: not gone.isdisjoint(entry.sources))
