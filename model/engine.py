"""The resident model: reads what is new into a state, then writes from it.

Owns one network, its checkpoints, and per open text its `Reading`. One thread at a time. Knows no
LSP, no asyncio, no editor and no torch; `stop` is looked at between chunks while reading and
between tokens while writing, and whatever was read stays a checkpoint.
"""

from __future__ import annotations

import sys
import time
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event

from .completer import Context, Ended, Piece, Runtime, Sampling, Usage, WorkspaceBudget
from .errors import ModelFolderError
from .folder.files import read_config, tokenizer_path
from .folder.workspace_budget import read_workspace_budget
from .memory import mixing
from .memory.archive import NO_FILES, Ids
from .memory.mixing import Trust
from .networks.interface import Network, is_finite
from .open_network import OpenNetwork, idle_gpu, open_network
from .profile import Profile, read_profile
from .reading.open_text import Prompt, Reading
from .reading.reader import Reader
from .reading.workspace_part import WorkspacePart
from .states.storage import Remembered, StateStorage
from .states.store import Store, fingerprint
from .tokens import layout
from .tokens.chain import Chain
from .tokens.tokenizer import Tokenizer
from .writing.candidates import Every
from .writing.decoder import Decoder

OPEN_TEXTS = 16
DEFAULT_BUDGET_BYTES = 48 << 20
COLD_UNREAD_TOKENS = layout.COLD_TOKENS  # with more than this unread, answer from nearby text
WARM_TOKENS = 1024  # at most, of one reading ahead
# Where there is a memory, P0 begins at a multiple of this and has once or twice as many tokens:
# what stands farther above is recalled all the same, and a state that has read it too writes 433
# of 2,400 lines exactly where this one writes 431.
ABOVE_TOKENS = 256
# A new workspace part is read first only if that delays the open file by no more than this.
WORKSPACE_FIRST_TOKENS = 2048
ENOUGH_STATES = 8  # the landmarks of one prompt, and a few to come back to
ROOM_FOR_TWO_STATES = 4  # with room for fewer, what is read of one layout is lost to the other


class Engine:
    """A `Completer` on a local Mamba2 model."""

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
        self._workspace_part = WorkspacePart(tokenizer)
        self.decoder = Decoder(self.reader, tokenizer, trust)
        self._readings: OrderedDict[str, Reading] = OrderedDict()

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
        needed = -(-ENOUGH_STATES * self.network.state_bytes >> 20)
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
        prompt = Prompt(Chain(tokens), tail, self._past(tokens))
        yield from self._answer(prompt, Usage(), sampling, stop)

    def warm(self, context: Context, stop: Event) -> Usage:
        """See `Completer`."""
        began = time.perf_counter()
        if not self.reader.room:  # then nothing of it would be kept, and reading would never end
            return Usage()
        reading = self._reading(context)
        if not self._workspace_part.tokenise(context.around, stop):
            return Usage(tokens_left=1, tokenise_ms=_ms_since(began))
        waiting = self._prompts_to_read(context, reading)
        usage = Usage(tokenise_ms=_ms_since(began))
        while waiting and usage.tokens_read < WARM_TOKENS and not stop.is_set():
            workspace, prompt = waiting[0]
            reached, usage = self._read(prompt, usage, stop, WARM_TOKENS - usage.tokens_read)
            self.reader.store(prompt, context.around.workspace)
            if reached is None:
                break
            reading.workspace = workspace
            reading.ready = prompt.chain.name(prompt.chain.length)
            waiting.pop(0)
        above = waiting[0][1].above if waiting else prompt.above
        left = sum(self.reader.unread(prompt) for _, prompt in waiting)
        return replace(usage, tokens_above=above, tokens_left=left)

    def forget(self, files: Collection[str]) -> None:
        """See `Completer`."""
        self.reader.forget(files)
        self._workspace_part.forget(files)
        for path, reading in list(self._readings.items()):
            reading.workspace = None  # chains remember what they were last gone on with
            if reading.file in files:
                del self._readings[path]

    def held(self) -> dict[str, dict[str, int]]:
        """See `Completer`."""
        found: dict[str, dict[str, int]] = {}
        for held in self.reader.checkpoints.held():
            sums = found.setdefault(held.place, {"states": 0, "bytes": 0})
            sums["states"] += 1
            sums["bytes"] += held.state.nbytes
        return found

    def _asked(self, context: Context) -> tuple[Prompt, Usage]:
        """What is to be read before writing: a cold layout if the whole one would take long."""
        began = time.perf_counter()
        reading = self._reading(context)
        workspace = reading.workspace or self._known_workspace(context)
        prompt = self._prompt(context, reading, workspace, layout.LONGEST_TOKENS)
        cold = self.reader.unread(prompt) > COLD_UNREAD_TOKENS
        seen = self._seen(reading)
        others = self._workspace_part.archive(context.around) if self.decoder.trust else NO_FILES
        prompt = self._cold_prompt(context, reading) if cold else prompt
        prompt = replace(prompt, seen=seen, others=others)
        return prompt, Usage(cold=cold, tokens_above=prompt.above, tokenise_ms=_ms_since(began))

    def _prompts_to_read(self, context: Context, reading: Reading) -> list[tuple[Chain, Prompt]]:
        """The layouts to read, and the workspace part of each; the last is the one that is wanted.

        While that is far away, the text is read after what stood before it until now.
        """
        wanted = self._workspace_part.chain(context.around.read)
        last = wanted, self._prompt(context, reading, wanted, layout.LONG_TOKENS)
        if self.reader.room < ROOM_FOR_TWO_STATES:
            return [last]
        now = reading.workspace or self._known_workspace(context)
        if now is wanted:
            return [last]
        first = now, self._prompt(context, reading, now, layout.LONG_TOKENS)
        name = first[1].chain.name(first[1].chain.length)
        unread = self.reader.unread(first[1])
        if unread <= COLD_UNREAD_TOKENS:
            reading.ready = name
        far = self.reader.unread(last[1]) > unread + WORKSPACE_FIRST_TOKENS
        # Once only: where memory is small they push each other out, for ever.
        return [first, last] if far and reading.ready != name else [last]

    def _known_workspace(self, context: Context) -> Chain:
        """The longest beginning of the wanted workspace part that has been read."""
        wanted = self._workspace_part.chain(context.around.read)
        known = self.reader.known(wanted)
        return next(link for link in wanted.links() if link.length <= known or not link.parent)

    def _prompt(self, context: Context, reading: Reading, workspace: Chain, longest: int) -> Prompt:
        prefix = reading.prefix
        place = layout.place_anchor(prefix.text, prefix.ends[: prefix.settled])
        anchor = reading.anchor("warm", longest, place)
        start = max(0, anchor // ABOVE_TOKENS - 1) * ABOVE_TOKENS if self.decoder.trust else 0
        return self._laid_out(
            context, reading, workspace, start, anchor - start, layout.SUFFIX_TOKENS
        )

    def _cold_prompt(self, context: Context, reading: Reading) -> Prompt:
        """Nothing but the nearest text; its start stands still while the user types on."""
        suffix_tokens = layout.COLD_TOKENS // 4
        first = max(0, reading.prefix.settled - (layout.COLD_TOKENS - suffix_tokens))
        ends = reading.prefix.ends
        place = layout.boundary(ends, ends[first - 1]) if first else 0
        start = reading.anchor("cold", layout.COLD_TOKENS, place)
        return self._laid_out(context, reading, self._workspace_part.root, start, 0, suffix_tokens)

    def _laid_out(
        self,
        context: Context,
        reading: Reading,
        workspace: Chain,
        start: int,
        anchor: int,
        suffix_tokens: int,
    ) -> Prompt:
        """The layout of the settled tokens from `start` on, with so much of the suffix."""
        prefix, markers = reading.prefix, self.tokenizer.markers
        suffix = reading.suffix(suffix_tokens)
        tokens, marks = layout.anchored(markers, prefix.ids[start : prefix.settled], anchor, suffix)
        tokens[marks[0] : marks[0]] = named = reading.named
        marks = (marks[0], *(mark + len(named) for mark in marks[1:]))
        chain = workspace  # which has the [bos] that `anchored` puts first
        for first, end in pairwise((*marks, len(tokens))):
            chain = chain.then(tokens[first:end], reading.file if chain is workspace else "")
        above = workspace.length + (marks[1] if len(marks) > 1 else len(tokens)) - marks[0]
        saved = max(0, reading.saved_tokens(context.around.saved_chars) - start)
        named_until = workspace.length + len(named) + (markers.pre is not None)
        durable = min(named_until + saved, above) if saved else 0
        durable = max(durable, workspace.length)
        return Prompt(chain, prefix.tail, mixing.NOTHING, workspace.length, above, durable)

    def _seen(self, reading: Reading) -> Ids:
        """What the memory may recall: the whole window, however little is read of it."""
        settled, suffix = reading.prefix.settled, reading.suffix(layout.SUFFIX_TOKENS)
        tokens, _ = layout.anchored(self.tokenizer.markers, reading.prefix.ids[:settled], 0, suffix)
        return self._past(tokens)

    def _past(self, tokens: Sequence[int]) -> Ids:
        if self.decoder.trust is None:
            return mixing.NOTHING
        return mixing.history(tokens, self.tokenizer.markers)

    def _reading(self, context: Context) -> Reading:
        """The reading of the context's text, brought up to its cursor."""
        reading = self._readings.setdefault(context.path, Reading(self.tokenizer))
        self._readings.move_to_end(context.path)
        if len(self._readings) > OPEN_TEXTS:
            self._readings.popitem(last=False)
        reading.update(context)
        return reading

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


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
