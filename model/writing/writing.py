"""One writing as text: which token comes next, and the new text that it brings.

Owns the tail that is imposed first, the memory's part in each prediction, and characters of which
only some bytes are written. Knows logits and the bytes of tokens; no network and no state.
"""

from __future__ import annotations

import codecs
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..completer import Piece, Sampling
from ..memory import mixing
from ..memory.match import Match
from ..memory.mixing import Trust
from .repetition import repeated_tokens
from .sampling import Choice, Vocabulary, choose, ranked


def remembering(
    logits: NDArray[Any], match: Match | None, trust: Trust | None, end: int | None
) -> NDArray[Any]:
    """Logits (v,) with what the memory says after a match; without one, or trust, as they are."""
    if trust is None or match is None:
        return logits
    return mixing.mixed(logits, mixing.recalled(match), trust, end)


class Writing:
    """Lives from the tail to the end; `choose` and `take` in turns."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        trust: Trust | None,
        match: Match | None,
        tail: str,
        sampling: Sampling,
    ) -> None:
        self.read = self.generated = 0  # tokens: with some of the tail, and after it
        self._new: list[tuple[int, int]] = []  # each token after the tail, and its characters
        self._repeated = 0  # of them at the end only repeat what stands before
        self._vocabulary, self._trust, self._match = vocabulary, trust, match
        self._left = tail.encode()
        self._sampling = sampling
        self._generator = np.random.default_rng(sampling.seed) if sampling.temperature else None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def full(self) -> bool:
        """Whether it has as many tokens as it may, or goes round in circles."""
        return self.generated >= self._sampling.max_tokens or self._repeated > 0

    @property
    def repeated_chars(self) -> int:
        """Characters at the end of the new text that only repeat those before them."""
        return sum(chars for _, chars in self._new[len(self._new) - self._repeated :])

    @property
    def certainty(self) -> int:
        """How many of the last tokens stood somewhere before."""
        return self._match.length if self._match else 0

    def draft(self, most: int) -> list[int]:
        """At most so many tokens that may come next, from where these stood before."""
        return self._match.continuation(most) if self._match else []

    def choose(self, logits: NDArray[Any]) -> Choice | None:
        """The next token after logits (v,); None: the end, or none agrees with the tail."""
        allowed = self._vocabulary.allowed(self._left)
        if not len(allowed):
            return None
        choice = choose(self._mixed(logits), allowed, self._sampling, self._generator)
        return choice if choice.token != self._vocabulary.end or self._left else None

    def brings(self, token: int) -> bytes:
        """The new text of a token: what of it reaches over the tail."""
        return self._vocabulary.token_bytes[token][len(self._left) :]

    def take(self, choice: Choice) -> Piece | None:
        """Write a token; the new text, None if there is none yet."""
        new = self.brings(choice.token)
        text = self._decoder.decode(new)
        if self._left:
            self.read += 1
        else:
            self.generated += 1
            self._new.append((choice.token, len(text)))
            self._repeated = repeated_tokens([token for token, _ in self._new])
        self._match = self._match.then(choice.token) if self._match else None
        self._left = self._left[len(self._vocabulary.token_bytes[choice.token]) :]
        return Piece(text, choice.probability) if new else None

    def others(self, logits: NDArray[Any], choice: Choice, least: float) -> list[Choice]:
        """What might come instead of `choice`, likeliest first: tokens of different new texts.

        The end of the text is none of them, and `least` is the least probability.
        """
        found = {self.brings(choice.token): choice}
        for other in ranked(self._mixed(logits), self._vocabulary.allowed(self._left), least):
            new = self.brings(other.token)
            if new and other.token != self._vocabulary.end:
                found.setdefault(new, other)
        return list(found.values())[1:]

    def fork(self) -> Writing:
        """A greedy one that goes on from here, as long as no new text has come."""
        other = copy(self)
        other.read = other.generated = 0
        other._new = []
        other._generator = None
        other._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        return other

    def _mixed(self, logits: NDArray[Any]) -> NDArray[Any]:
        return remembering(logits, self._match, self._trust, self._vocabulary.end)
