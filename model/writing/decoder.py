"""Writing on from a state, token by token.

Owns the loop, and when to stop; what each token is and brings is `writing`'s, and several writings
at once are `candidates`'. Knows no layout and no document; what it writes alone stays a checkpoint,
should the user accept it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from threading import Event

from ..completer import Ended, Piece, Sampling, Usage
from ..memory.match import Match
from ..memory.mixing import Trust
from ..networks.interface import Waypoint
from ..reading.open_text import Prompt
from ..reading.reader import Reader
from ..states.checkpoints import Place
from ..states.storage import Remembered
from ..tokens.tokenizer import Tokenizer
from .candidates import Candidates
from .sampling import Vocabulary
from .speculation import Drafting, Standing
from .writing import Writing


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
        writing = self._writing(prompt, sampling)
        standing = Standing(self._reader.network, reached.state, reached.logits, self.drafting)
        chain = prompt.chain
        self._reader.checkpoints.drop_written()
        while not writing.full and not stop.is_set():
            choice = writing.choose(standing.logits)
            if choice is None:
                break
            piece = writing.take(choice)
            if piece:
                yield piece
            if stop.is_set() or writing.full:
                break
            standing.write(choice.token, writing.certainty, writing.draft)
            chain = chain.then([choice.token])  # should the user accept it, it is read already
            reached = Remembered(Waypoint(standing.trail, standing.length), standing.logits)
            self._reader.checkpoints.keep(chain, chain.length, reached, Place.WRITTEN)
        standing.end()
        yield replace(_cost(usage, [writing], began), repeated_chars=writing.repeated_chars)

    def choices(
        self,
        reached: Remembered,
        prompt: Prompt,
        usage: Usage,
        sampling: Sampling,
        stops: Sequence[Event],
    ) -> Iterator[Piece | Ended | Usage]:
        """See `Completer`. What is written leaves no checkpoints: states of several are many."""
        began = time.perf_counter()
        several = Candidates(self._reader.network, self._writing(prompt, sampling), stops)
        yield from several.write(reached)
        yield _cost(usage, several.writings, began)

    def _writing(self, prompt: Prompt, sampling: Sampling) -> Writing:
        match = Match.of(prompt.seen, prompt.others) if self.trust else None
        return Writing(self._vocabulary, self.trust, match, prompt.tail, sampling)


def _cost(usage: Usage, writings: Sequence[Writing], began: float) -> Usage:
    return replace(
        usage,
        tokens_read=usage.tokens_read + sum(each.read for each in writings),
        tokens_generated=sum(each.generated for each in writings),
        write_ms=(time.perf_counter() - began) * 1000,
    )
