"""The resident model: reads what is new into a state, then writes from it.

Owns the order: lay out, read, write. What is laid out `layouts` says, what is read from which state
`reader`, and what is written `decoder`. One thread at a time. Knows no LSP, no asyncio, no editor
and no torch; `stop` is looked at between chunks while reading and between tokens while writing, and
whatever was read stays a checkpoint.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from .completer import (
    Context,
    Ended,
    FileId,
    Piece,
    Runtime,
    Sampling,
    Usage,
    View,
    WorkspaceBudget,
)
from .errors import ModelFolderError
from .folder.files import read_config, tokenizer_path
from .folder.workspace_budget import read_workspace_budget
from .memory import mixing
from .memory.mixing import Trust
from .networks.interface import Network, is_finite
from .open_network import OpenNetwork, idle_gpu, open_network
from .profile import Profile, read_profile
from .reading.layouts import Layouts
from .reading.open_text import Prompt
from .reading.reader import FULL_TOKENS, Reader
from .states.storage import Remembered, StateStorage
from .states.store import Store, fingerprint
from .tokens import layout
from .tokens.chain import Chain
from .tokens.tokenizer import Tokenizer
from .writing.candidates import Every
from .writing.decoder import Decoder

DEFAULT_BUDGET_BYTES = 48 << 20
WARM_TOKENS = 1024  # at most, of one reading ahead
ENOUGH_STATES = 8  # the landmarks of one prompt, and a few to come back to


class Engine:
    """A `Completer` on a local model; it takes views only, which have no secrets."""

    def __init__(
        self,
        network: Network,
        tokenizer: Tokenizer,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        trust: Trust | None = None,
        workspace_budget: WorkspaceBudget | None = None,
        storage: StateStorage | None = None,
        profile: Profile | None = None,
    ) -> None:
        self.workspace_budget = workspace_budget or WorkspaceBudget()
        self.profile = profile or Profile()
        self.network = network
        self.tokenizer = tokenizer
        self.reader = Reader(network, budget_bytes, storage)
        self.layouts = Layouts(tokenizer, self.reader, remembers=trust is not None)
        self.decoder = Decoder(self.reader, tokenizer, trust)

    @classmethod
    def open(
        cls,
        folder: Path,
        device: str = "cpu",
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        threads: int = 0,
        states: Path | None = None,
        network: OpenNetwork = open_network,
    ) -> Engine:
        """Load a model folder; ModelFolderError says in a sentence what is wrong with it.

        For `device` and `threads` see `open_network`; whoever needs one kind of network passes
        another. `states` is the folder where states are kept from session to session; None: they
        are not.
        """
        config = read_config(folder)
        tokenizer = Tokenizer.load(tokenizer_path(folder))
        if len(tokenizer.token_bytes) > config.vocab_size:
            raise ModelFolderError(
                f"The tokenizer in {folder} has {len(tokenizer.token_bytes)} tokens, but the model "
                f"only {config.vocab_size}; put the tokenizer.json there that belongs to the model."
            )
        made = network(folder, config, device, threads)
        logits, _ = made.advance([tokenizer.markers.bos or 0], made.zero_state())
        if not is_finite(logits):
            raise ModelFolderError(
                f"The weights in {folder} give no numbers to compute with (NaN or infinity); "
                "download them again."
            )
        storage = None
        if states:
            name = fingerprint(folder, layout.LAYOUT, made.runtime.arithmetic)
            storage = StateStorage(Store(states, name), made)
        trust = mixing.read_trust(folder)
        workspace_budget = read_workspace_budget(folder)
        return cls(
            made, tokenizer, budget_bytes, trust, workspace_budget, storage, read_profile(folder)
        )

    @property
    def runtime(self) -> Runtime:
        """See `Completer`."""
        return self.network.runtime

    @property
    def advice(self) -> str:
        """See `Completer`."""
        if self.reader.room >= ENOUGH_STATES:
            return idle_gpu(self.network)
        needed = -(-ENOUGH_STATES * self.network.state_bytes(FULL_TOKENS) >> 20)
        return (
            f"There is memory for {self.reader.room} states of this model, so much is read again "
            f"and again; set memoryMiB to {needed} or more."
        )

    def complete(
        self, context: Context, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """See `Completer`."""
        yield from self._answer(*self._asked(context), sampling, stop)

    def choices(
        self, context: Context, sampling: Sampling, stops: Sequence[Event]
    ) -> Iterator[Piece | Ended | Usage]:
        """See `Completer`."""
        every = Every(stops)
        prompt, usage = self._asked(context)
        reached, usage = self._read(prompt, usage, every)
        if reached is None or every.is_set():
            yield usage
        else:
            yield from self.decoder.choices(reached, prompt, usage, sampling, stops)

    def complete_tokens(
        self, tokens: Sequence[int], tail: str, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """Go on after `tokens` and then `tail`, laid out by the caller."""
        prompt = Prompt(Chain(tokens), tail, self.layouts.past(tokens))
        yield from self._answer(prompt, Usage(), sampling, stop)

    def warm(self, context: Context, stop: Event) -> Usage:
        """See `Completer`."""
        began = time.perf_counter()
        if not self.reader.room:  # then nothing of it would be kept, and reading would never end
            return Usage()
        waiting = self.layouts.to_read(_view(context), stop)
        usage = Usage(tokenise_ms=_ms_since(began))
        if waiting is None:
            return replace(usage, tokens_left=1)
        above = waiting[0].prompt.above
        while waiting and usage.tokens_read < WARM_TOKENS and not stop.is_set():
            prompt = waiting[0].prompt
            reached, usage = self._read(prompt, usage, stop, WARM_TOKENS - usage.tokens_read)
            self.reader.store(prompt, context.around.workspace)
            if reached is None:
                break
            waiting.pop(0).was_read()
            above = waiting[0].prompt.above if waiting else above
        left = sum(self.reader.unread(each.prompt) for each in waiting)
        return replace(usage, tokens_above=above, tokens_left=left)

    def forget(self, files: Collection[FileId]) -> None:
        """See `Completer`."""
        self.reader.forget(files)
        self.layouts.forget(files)

    def stored_files(self, workspaces: Collection[str]) -> Collection[FileId]:
        """See `Completer`."""
        storage = self.reader.storage
        return storage.files(workspaces) if storage else ()

    def held(self) -> dict[str, dict[str, int]]:
        """See `Completer`."""
        found: dict[str, dict[str, int]] = {}
        for held in self.reader.checkpoints.held():
            sums = found.setdefault(held.place, {"states": 0, "bytes": 0})
            sums["states"] += 1
            sums["bytes"] += held.state.nbytes
        return found

    def _asked(self, context: Context) -> tuple[Prompt, Usage]:
        """What is to be read before writing."""
        began = time.perf_counter()
        prompt, cold = self.layouts.to_answer(_view(context))
        return prompt, Usage(cold=cold, tokens_above=prompt.above, tokenise_ms=_ms_since(began))

    def _answer(
        self, prompt: Prompt, usage: Usage, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        reached, usage = self._read(prompt, usage, stop)
        if reached is None or stop.is_set():
            yield usage
        else:
            yield from self.decoder.write(reached, prompt, usage, sampling, stop)

    def _read(
        self, prompt: Prompt, usage: Usage, stop: Event, most: int = sys.maxsize
    ) -> tuple[Remembered | None, Usage]:
        """The state after the prompt; None if it was not reached, or without a token."""
        began = time.perf_counter()
        read = self.reader.read(prompt, stop, most)
        usage = replace(
            usage,
            tokens_reused=usage.tokens_reused or read.start,
            tokens_read=usage.tokens_read + read.end - read.start,
            read_ms=usage.read_ms + _ms_since(began),
        )
        return (read.at if read.end == prompt.chain.length else None), usage


def _view(context: Context) -> View:
    """Whoever forgets to mask a text is told at once, not found out by a secret."""
    if not isinstance(context, View):
        raise TypeError("an engine takes views only; see `masked.Masked`")
    return context


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
