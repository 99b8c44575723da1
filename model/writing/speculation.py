"""Writing several tokens with one reading: what is likely to come is read along, and taken back.

Owns where a writing stands, and whether a draft is worth its while; it learns that from what drafts
cost and how many of their tokens were written. Knows no text and no memory: drafts are given to it.
What is written is never touched by it, for each token is chosen from the same logits as without.

Source: Leviathan et al. 2023, arXiv 2211.17192; drafts from the text itself as in prompt lookup.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from ..networks.interface import Network, State

DRAFTS = (3, 7)  # tokens that may be read along: with the one that was chosen, 4 or 8
_NEW_SHARE = 0.2  # of the latest measurement in what is known of a cost or a chance
_HOPEFUL = 0.8  # the chance of a drafted token before anything is known
_MARGIN = 1.1  # a draft has to promise so much more than it costs
_RETRY = 64  # drafts that were not worth it, after which one is tried again

Drafter = Callable[[int], list[int]]  # at most so many tokens that may come next


class Drafting:
    """What was learned about drafts, over all writings of one network."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}  # by tokens of one reading
        self._chances: defaultdict[int, float] = defaultdict(lambda: _HOPEFUL)
        self._declined = 0

    def tokens_worth(self, certainty: int) -> int:
        """How many tokens to draft, 0 for none; `certainty` tells kinds of drafts apart."""
        step = self._seconds.get(1)
        if step is None:
            return 0
        chance, best, most = self._chances[certainty], 0, _MARGIN / step
        for count in DRAFTS:
            expected = sum(chance**i for i in range(count + 1))
            # What was never tried is taken for as dear as a single token.
            rate = expected / self._seconds.get(count + 1, step)
            if rate > most:
                best, most = count, rate
        self._declined = 0 if best else self._declined + 1
        if self._declined < _RETRY:
            return best
        self._declined = 0
        return DRAFTS[0]

    def took(self, tokens: int, seconds: float) -> None:
        """So long took a reading of so many tokens."""
        known = self._seconds.get(tokens, seconds)
        # Whatever else the machine does only ever makes it slower.
        self._seconds[tokens] = min(seconds, known + _NEW_SHARE * (seconds - known))

    def judged(self, certainty: int, accepted: bool) -> None:
        """A drafted token was written, or another one in its place."""
        known = self._chances[certainty]
        self._chances[certainty] = known + _NEW_SHARE / 4 * (accepted - known)


class Standing:
    """One writing: what comes next, and the trail that leads there."""

    def __init__(
        self, network: Network, state: State, logits: NDArray[Any], drafting: Drafting | None
    ) -> None:
        """Without `drafting`, tokens are read one by one."""
        self.trail = network.trail(state)
        self.length = 0  # tokens that were written
        self.logits = logits  # (v,) after the last of them
        self._drafting = drafting
        self._read: list[int] = []  # by the last reading
        self._at = 0  # of them were written
        self._after: Sequence[NDArray[Any]] = []  # (v,) each of them
        self._certainty = 0

    def write(self, token: int, certainty: int, draft: Drafter) -> None:
        """Go on by one token. What `draft` gives may be read along."""
        if not self._was_read(token):
            if self._at < len(self._read):
                self.trail.back(len(self._read) - self._at)
            self._read_on([token, *self._drafted(certainty, draft)], certainty)
        self._at += 1
        self.length += 1
        self.logits = self._after[self._at - 1]

    def end(self) -> None:
        """Nothing more is written: what was read along was in vain, and is learned from."""
        if self._drafting and self._at < len(self._read):
            self._drafting.judged(self._certainty, accepted=False)

    def _was_read(self, token: int) -> bool:
        if self._at == len(self._read):
            return False
        accepted = self._read[self._at] == token
        if self._drafting:
            self._drafting.judged(self._certainty, accepted)
        return accepted

    def _drafted(self, certainty: int, draft: Drafter) -> list[int]:
        most = self._drafting.tokens_worth(certainty) if self._drafting else 0
        tokens = draft(most) if most else []
        whole = [count for count in DRAFTS if count <= len(tokens)]
        return tokens[: max(whole, default=0)]

    def _read_on(self, tokens: list[int], certainty: int) -> None:
        began = time.perf_counter()
        self._after = list(self.trail.read(tokens))
        if self._drafting:
            self._drafting.took(len(tokens), time.perf_counter() - began)
        self._read, self._at, self._certainty = tokens, 0, certainty
