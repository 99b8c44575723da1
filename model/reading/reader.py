"""Reading a prompt into a state, from the checkpoint that saves most of it.

Owns where reading stops to leave checkpoints, and which of them go to the disk. Knows the layout
only by the lengths in a `Prompt`; knows no text and no request.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass
from threading import Event

import numpy as np

from ..completer import FileId
from ..networks.interface import Network
from ..states.checkpoints import GRID_TOKENS, Checkpoints, Found, Place, worth_keeping
from ..states.storage import Remembered, StateStorage
from ..tokens.chain import Chain
from .open_text import Prompt

BACK_TOKENS = 16  # before the cursor, where a checkpoint serves who takes something back
WORKSPACE_GRID_TOKENS = 1024  # between checkpoints inside one long file of the workspace
STORED_GRID_TOKENS = 256  # ... and on the disk
LEAST_STORED_TOKENS = 64  # fewer are read as fast as loaded
FULL_TOKENS = 4096  # of a whole window: by then a state that grows is as large as most get


@dataclass(frozen=True)
class Read:
    """How far a reading came, in tokens of its prompt, and the state there."""

    start: int  # where the checkpoint stood that it went on from
    end: int
    at: Remembered | None  # None: nothing was read, and there was no checkpoint


class Reader:
    """One network and its checkpoints."""

    def __init__(
        self, network: Network, budget_bytes: int, storage: StateStorage | None = None
    ) -> None:
        self.network = network
        self.storage = storage
        self.checkpoints: Checkpoints[Remembered] = Checkpoints(budget_bytes, storage)

    @property
    def room(self) -> int:
        """How many states the budget has room for, of those that are large."""
        return self.checkpoints.budget_bytes // self.network.state_bytes(FULL_TOKENS)

    def known(self, chain: Chain) -> int:
        """How many of a chain's tokens need not be read again."""
        found = self.checkpoints.nearest(chain)
        return found.length if found else 0

    def unread(self, prompt: Prompt) -> int:
        """How many of a prompt's tokens have to be read."""
        return prompt.chain.length - self.known(prompt.chain)

    def read(self, prompt: Prompt, stop: Event, most: int = sys.maxsize) -> Read:
        """Read the rest of a prompt, or at least `most` tokens of it, until stopped."""
        chain = prompt.chain
        found = self.checkpoints.nearest(chain)
        self.checkpoints.touch(chain, prompt.workspace)
        at = found or Found(0, Remembered(self.network.zero_state(), np.empty(0)))
        start = at.length
        while at.length < chain.length and at.length - start < most and not stop.is_set():
            at = self._read_chunk(prompt, at)
        if start < at.length < chain.length:  # whoever comes next goes on from here
            self.checkpoints.keep(chain, at.length, at.state, _place(prompt, at.length))
        return Read(start, at.length, at.state if at.length else None)

    def store(self, prompt: Prompt, workspace: str) -> None:
        """Write to the disk what of a prompt's checkpoints may be kept there and is not yet."""
        if self.storage is None:
            return
        storage, chain = self.storage, prompt.chain
        ends = [n for n in chain.ends(0) if n <= prompt.durable]
        grid = range(0, prompt.durable + 1, STORED_GRID_TOKENS)
        for length, name in chain.names({n for n in (*ends, *grid) if n >= LEAST_STORED_TOKENS}):
            if name not in storage and (known := self.checkpoints.get(name)) is not None:
                storage.save(chain, length, known, workspace)

    def forget(self, files: Collection[FileId]) -> None:
        """Drop every state that has read one of these files, in memory and on the disk."""
        self.checkpoints.forget(files)
        if self.storage is not None:
            self.storage.forget(files)

    def _read_chunk(self, prompt: Prompt, at: Found[Remembered]) -> Found[Remembered]:
        """Up to the next landmark, grid position or the end, whichever comes first."""
        chain, length = prompt.chain, prompt.chain.length
        grid = (at.length // GRID_TOKENS + 1) * GRID_TOKENS
        ends = chain.ends(at.length)
        back = length - BACK_TOKENS
        stops = [grid, *ends, *([back] if at.length + BACK_TOKENS < back else [])]
        end = min(stops)
        logits, state = self.network.advance(chain.between(at.length, end), at.state.state)
        reached = Remembered(state, logits)
        if end in (*ends, back) or self._on_grid(prompt, end, reached):
            self.checkpoints.keep(chain, end, reached, _place(prompt, end))
        return Found(end, reached)

    def _on_grid(self, prompt: Prompt, end: int, reached: Remembered) -> bool:
        if end < prompt.workspace:
            return end % WORKSPACE_GRID_TOKENS == 0
        return worth_keeping(end, prompt.chain.length, self.checkpoints.spacing(reached))


def _place(prompt: Prompt, length: int) -> Place:
    """What the first `length` tokens of a prompt end with."""
    if length <= prompt.workspace:
        return Place.WORKSPACE
    if length <= prompt.above:
        return Place.FILE
    cursor = prompt.chain.length == length
    return Place.CURSOR if cursor or prompt.chain.link(length) is prompt.chain else Place.SUFFIX
