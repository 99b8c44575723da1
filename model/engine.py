"""The resident model: reads what is new into a state, then writes from it.

Owns one model, its checkpoints, and per open text its tokens and anchor. One thread at a
time. Knows no LSP, no asyncio and no editor; `stop` is looked at between chunks while
reading and between tokens while writing, and whatever was read stays a checkpoint.
"""

from __future__ import annotations

import codecs
import math
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import torch
from torch import Tensor

from . import fim, memory
from .checkpoints import GRID_TOKENS, Checkpoints, Found, worth_keeping
from .completer import Context, Piece, Sampling, Usage
from .errors import ModelFolderError
from .fim import Prompt
from .folder import read_config, tokenizer_path
from .mamba2 import Mamba2
from .memory import Trust
from .sampling import Vocabulary, choose
from .state import RecurrentState
from .tokenizer import TokenizedText, Tokenizer
from .weights import load_tensors

OPEN_TEXTS = 16
DEFAULT_BUDGET_BYTES = 96 << 20
# A small model's operations are too short to share: with one core busy elsewhere, two threads took
# 48 ms for a token of a 4M model where one took 6.
ONE_THREAD_PARAMETERS = 50_000_000
COLD_UNREAD_TOKENS = 2 * fim.COLD_TOKENS  # with more than this unread, answer from nearby text


@dataclass(frozen=True)
class Remembered:
    """What a checkpoint holds: the state after some tokens, and what it says comes next."""

    state: RecurrentState
    logits: Tensor  # (v,)

    @property
    def nbytes(self) -> int:
        return self.state.nbytes + self.logits.nbytes


class Reading:
    """One open text: its tokens up to the cursor, and the beginnings it is laid out from."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.prefix = TokenizedText(tokenizer)
        self._held: dict[str, list[int]] = {}  # purpose -> the tokens above its anchor

    def anchor(self, purpose: str, longest: int, place: int) -> int:
        """The anchor of last time while it stands and M0 is short enough, else `place`."""
        ids, settled = self.prefix.ids, self.prefix.settled
        held = self._held.get(purpose)
        if (
            held is None
            or not len(held) <= settled <= len(held) + longest
            or ids[: len(held)] != held
        ):
            held = self._held[purpose] = ids[:place]
        return len(held)


class Engine:
    """A `Completer` on a local Mamba2 model."""

    def __init__(
        self,
        model: Mamba2,
        tokenizer: Tokenizer,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        trust: Trust | None = None,
    ) -> None:
        self.trust = trust  # in the memory; None: what is written is the model's alone
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.checkpoints: Checkpoints[Remembered] = Checkpoints(budget_bytes)
        markers = tokenizer.markers
        self._vocabulary = Vocabulary(tokenizer.token_bytes, tokenizer.special_ids, markers.eom)
        self._readings: OrderedDict[str, Reading] = OrderedDict()

    @classmethod
    def open(
        cls,
        folder: Path,
        device: str = "cpu",
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        threads: int = 0,
    ) -> Engine:
        """Load a model folder; ModelFolderError says in a sentence what is wrong with it.

        `threads` of 0 are as many as help.
        """
        config = read_config(folder)
        if threads or sum(map(math.prod, config.tensor_shapes().values())) < ONE_THREAD_PARAMETERS:
            torch.set_num_threads(threads or 1)
        tokenizer = Tokenizer.load(tokenizer_path(folder))
        if len(tokenizer.token_bytes) > config.vocab_size:
            raise ModelFolderError(
                f"The tokenizer in {folder} has {len(tokenizer.token_bytes)} tokens, but the model "
                f"only {config.vocab_size}; put the tokenizer.json there that belongs to the model."
            )
        tensors = load_tensors(folder, config)
        with torch.device("meta"):
            model = Mamba2(config)
        if device == "cpu":  # half precision is slower than float32 on most CPUs
            tensors = {n: t.float() if t.dtype != torch.float64 else t for n, t in tensors.items()}
        model.load_state_dict(tensors, assign=True)
        return cls(model.to(device), tokenizer, budget_bytes, memory.read_trust(folder))

    def complete(
        self, context: Context, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """See `Completer`."""
        began = time.perf_counter()
        reading = self._reading(context)
        prompt = self._prompt(context, reading, fim.LONGEST_TOKENS)
        found = self.checkpoints.nearest(prompt.tokens)
        unread = len(prompt.tokens) - (found.length if found else 0)
        cold = unread > COLD_UNREAD_TOKENS
        if cold:  # the memory, which reads nothing, knows the whole window all the same
            prompt = replace(self._cold_prompt(context, reading), seen=prompt.seen)
        usage = Usage(cold=cold, tokenise_ms=_ms_since(began))
        yield from self._answer(prompt, usage, sampling, stop)

    def complete_tokens(
        self, tokens: Sequence[int], tail: str, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """Go on after `tokens` and then `tail`, laid out by the caller."""
        prompt = Prompt(tuple(tokens), tail, (), tuple(tokens))
        yield from self._answer(prompt, Usage(), sampling, stop)

    def warm(self, context: Context, stop: Event) -> Usage:
        """See `Completer`."""
        began = time.perf_counter()
        prompt = self._prompt(context, self._reading(context), fim.LONG_TOKENS)
        usage = Usage(tokenise_ms=_ms_since(began))
        return self._read(prompt, usage, stop)[1]

    def _prompt(self, context: Context, reading: Reading, longest: int) -> Prompt:
        prefix = reading.prefix
        place = fim.place_anchor(prefix.text, prefix.ends[: prefix.settled])
        anchor = reading.anchor("warm", longest, place)
        return self._laid_out(context, reading, 0, anchor, fim.SUFFIX_TOKENS)

    def _cold_prompt(self, context: Context, reading: Reading) -> Prompt:
        """Nothing but the nearest text; its start stands still while the user types on."""
        suffix_tokens = fim.COLD_TOKENS // 4
        first = max(0, reading.prefix.settled - (fim.COLD_TOKENS - suffix_tokens))
        ends = reading.prefix.ends
        place = fim.boundary(ends, ends[first - 1]) if first else 0
        start = reading.anchor("cold", fim.COLD_TOKENS, place)
        return self._laid_out(context, reading, start, 0, suffix_tokens)

    def _laid_out(
        self, context: Context, reading: Reading, start: int, anchor: int, suffix_tokens: int
    ) -> Prompt:
        """The layout of the settled tokens from `start` on, with so much of the suffix."""
        prefix = reading.prefix
        after = fim.suffix_start(context.text, context.offset)
        suffix = self.tokenizer.encode(context.text[after : after + fim.SUFFIX_CHARS])
        tokens, landmarks = fim.anchored(
            self.tokenizer.markers,
            prefix.ids[start : prefix.settled],
            anchor,
            suffix[:suffix_tokens],
        )
        return Prompt(tuple(tokens), prefix.tail, landmarks, tuple(tokens))

    def _reading(self, context: Context) -> Reading:
        """The reading of the context's text, brought up to its cursor."""
        reading = self._readings.setdefault(context.path, Reading(self.tokenizer))
        self._readings.move_to_end(context.path)
        if len(self._readings) > OPEN_TEXTS:
            self._readings.popitem(last=False)
        start = fim.window_start(context.text, context.offset)
        reading.prefix.update(context.text[start : context.offset])
        return reading

    def _answer(
        self, prompt: Prompt, usage: Usage, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        reached, usage = self._read(prompt, usage, stop)
        if reached is None or stop.is_set():
            yield usage
        else:
            yield from self._write(reached, prompt, usage, sampling, stop)

    @torch.inference_mode()
    def _read(self, prompt: Prompt, usage: Usage, stop: Event) -> tuple[Remembered | None, Usage]:
        """The state after the prompt; None if stopped on the way, or if there is no token."""
        began = time.perf_counter()
        tokens = prompt.tokens
        found = self.checkpoints.nearest(tokens)
        self.checkpoints.touch(tokens, prompt.landmarks)
        at = found or Found(0, Remembered(self.model.zero_state(), torch.empty(0)))
        first = at.length
        while at.length < len(tokens) and not stop.is_set():
            at = self._read_chunk(prompt, at)
        if first < at.length < len(tokens):  # stopped: whoever comes next goes on from here
            self.checkpoints.keep(tokens, at.length, at.state)
        usage = replace(
            usage,
            tokens_reused=first,
            tokens_read=at.length - first,
            read_ms=_ms_since(began),
        )
        return (at.state if 0 < at.length == len(tokens) else None), usage

    def _read_chunk(self, prompt: Prompt, at: Found[Remembered]) -> Found[Remembered]:
        """Up to the next landmark, grid position or the end, whichever comes first."""
        tokens = prompt.tokens
        grid = (at.length // GRID_TOKENS + 1) * GRID_TOKENS
        stops = [n for n in (*prompt.landmarks, grid, len(tokens)) if n > at.length]
        end = min(stops)
        logits, state = self._forward(tokens[at.length : end], at.state.state)
        reached = Remembered(state, logits)
        kept = end in prompt.landmarks or end == len(tokens) or worth_keeping(end, len(tokens))
        if kept:
            self.checkpoints.keep(tokens, end, reached)
        return Found(end, reached)

    def _forward(
        self, tokens: Sequence[int], state: RecurrentState
    ) -> tuple[Tensor, RecurrentState]:
        """Logits (v,) after the last of `tokens`, and the state there."""
        device = state.layers[0].ssm.device
        hidden, state = self.model.hidden(torch.tensor([list(tokens)], device=device), state)
        return self.model.logits(hidden[0, -1]), state

    def _write(
        self, reached: Remembered, prompt: Prompt, usage: Usage, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """First the tail, as whatever tokens the model likes; then new text."""
        began = time.perf_counter()
        state, logits = reached.state.clone(), reached.logits
        past = memory.history(prompt.seen if self.trust else (), self.tokenizer.markers)
        left = prompt.tail.encode()
        generator = torch.Generator().manual_seed(sampling.seed) if sampling.temperature else None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        read = generated = 0
        while generated < sampling.max_tokens and not stop.is_set():
            with torch.inference_mode():
                allowed = self._vocabulary.allowed(left)
                if not len(allowed):
                    break
                choice = choose(self.recalling(logits, past), allowed, sampling, generator)
            if choice.token == self._vocabulary.end and not left:
                break
            past = memory.extended(past, choice.token)
            text = self._vocabulary.token_bytes[choice.token]
            read, generated = (read + 1, generated) if left else (read, generated + 1)
            new, left = text[len(left) :], left[len(text) :]
            if new:
                yield Piece(decoder.decode(new), choice.probability)
            if stop.is_set() or generated == sampling.max_tokens:
                break
            with torch.inference_mode():
                logits, state = self._forward([choice.token], state)
        yield replace(
            usage,
            tokens_read=usage.tokens_read + read,
            tokens_generated=generated,
            write_ms=_ms_since(began),
        )

    def recalling(self, logits: Tensor, past: memory.Ids) -> Tensor:
        """Logits (v,) with what the memory says after `past`."""
        if self.trust is None:
            return logits
        return memory.mixed(logits, memory.recall(past), self.trust, self._vocabulary.end)


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
