"""Writing on from a state, token by token.

Owns the loop: the tail that is imposed first, the memory's part in each prediction, when to stop.
Knows no layout and no document; what it writes stays a checkpoint, should the user accept it.
"""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import memory
from .archive import NO_FILES, Archive, Ids
from .checkpoints import Place
from .completer import Piece, Sampling, Usage
from .match import Match
from .memory import Trust
from .network import Waypoint
from .reader import Reader
from .reading import Prompt
from .sampling import Vocabulary, choose
from .shelf import Remembered
from .speculation import Drafting, Standing
from .tokenizer import Tokenizer


class Decoder:
    """One model's writing. `trust` is in the memory; None: what is written is the model's alone."""

    def __init__(self, reader: Reader, tokenizer: Tokenizer, trust: Trust | None) -> None:
        self.trust = trust
        self._reader = reader
        markers = tokenizer.markers
        self.drafting = Drafting() if reader.network.exact else None
        self._vocabulary = Vocabulary(tokenizer.token_bytes, tokenizer.special_ids, markers.eom)

    def write(
        self, reached: Remembered, prompt: Prompt, usage: Usage, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """First the prompt's tail, as whatever tokens the model likes; then new text."""
        began = time.perf_counter()
        match = Match.of(prompt.seen, prompt.others) if self.trust else None
        standing = Standing(self._reader.network, reached.state, reached.logits, self.drafting)
        chain, left = prompt.chain, prompt.tail.encode()
        generator = np.random.default_rng(sampling.seed) if sampling.temperature else None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        read = generated = 0
        self._reader.checkpoints.drop_written()
        while generated < sampling.max_tokens and not stop.is_set():
            allowed = self._vocabulary.allowed(left)
            if not len(allowed):
                break
            choice = choose(self._mixed(standing.logits, match), allowed, sampling, generator)
            if choice.token == self._vocabulary.end and not left:
                break
            match = match.then(choice.token) if match else None
            text = self._vocabulary.token_bytes[choice.token]
            read, generated = (read + 1, generated) if left else (read, generated + 1)
            new, left = text[len(left) :], left[len(text) :]
            if new:
                yield Piece(decoder.decode(new), choice.probability)
            if stop.is_set() or generated == sampling.max_tokens:
                break
            if match:
                standing.write(choice.token, match.length, match.continuation)
            else:
                standing.write(choice.token, 0, lambda _: [])
            chain = chain.then([choice.token])  # should the user accept it, it is read already
            reached = Remembered(Waypoint(standing.trail, standing.length), standing.logits)
            self._reader.checkpoints.keep(chain, chain.length, reached, Place.WRITTEN)
        yield replace(
            usage,
            tokens_read=usage.tokens_read + read,
            tokens_generated=generated,
            write_ms=(time.perf_counter() - began) * 1000,
        )

    def _mixed(self, logits: NDArray[Any], match: Match | None) -> NDArray[Any]:
        if self.trust is None or match is None:
            return logits
        return memory.mixed(logits, memory.recalled(match), self.trust, self._vocabulary.end)

    def recalling(
        self, logits: NDArray[Any], past: Ids, others: Archive = NO_FILES
    ) -> NDArray[Any]:
        """Logits (v,) with what the memory says after `past`."""
        return self._mixed(logits, Match.of(past, others) if self.trust else None)
