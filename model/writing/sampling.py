"""Which token comes next: greedy or top-p, and only such as agree with the imposed tail.

Owns the choice and its probability. Knows logits and the bytes of tokens; no model, no text
layout. Token healing: while some tail is left to write, a token is allowed if its bytes begin
with the tail or the tail begins with its bytes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..completer import Sampling

TokenIds = NDArray[np.intp]


@dataclass(frozen=True)
class Choice:
    """A token and its probability among the allowed ones, at temperature 1."""

    token: int
    probability: float


class Vocabulary:
    """Tokens by their bytes."""

    def __init__(
        self, token_bytes: Sequence[bytes], never: Collection[int], end: int | None
    ) -> None:
        self.token_bytes = token_bytes
        self.end = end
        banned = set(never)
        usable = [i for i, text in enumerate(token_bytes) if text and i not in banned]
        self._sorted = sorted((token_bytes[i], i) for i in usable)
        self._exact: dict[bytes, list[int]] = {}
        for text, i in self._sorted:
            self._exact.setdefault(text, []).append(i)
        self._free = np.array(usable + ([] if end is None else [end]), np.intp)

    def allowed(self, tail: bytes) -> TokenIds:
        """Ids of the tokens that agree with `tail`; without a tail, all and the end marker."""
        if not tail:
            return self._free
        ids = [i for n in range(1, len(tail)) for i in self._exact.get(tail[:n], ())]
        first = bisect_left(self._sorted, (tail, -1))
        last = bisect_right(self._sorted, tail, first, key=lambda entry: entry[0][: len(tail)])
        ids += [i for _, i in self._sorted[first:last]]
        return np.array(ids, np.intp)


def choose(
    logits: NDArray[Any],
    allowed: TokenIds,
    sampling: Sampling,
    generator: np.random.Generator | None,
) -> Choice:
    """One of `allowed` (ids, at least one) from logits (v,). Greedy needs no generator."""
    x = logits[allowed]  # (a,), a copy
    x -= x.max()
    if sampling.temperature <= 0 or generator is None:
        index = int(x.argmax())
    else:
        index = _sample(x.astype(np.float64) / sampling.temperature, sampling.top_p, generator)
    # In the type of the logits, in place: with large vocabularies memory is what takes the time.
    np.exp(x, out=x)
    return Choice(int(allowed[index]), float(x[index] / x.sum(dtype=np.float64)))


def ranked(logits: NDArray[Any], allowed: TokenIds, least: float) -> list[Choice]:
    """Those of `allowed` (ids, at least one) with probability `least`, likeliest first."""
    x = logits[allowed]  # (a,), a copy
    x -= x.max()
    np.exp(x, out=x)
    x /= x.sum(dtype=np.float64)
    likely = np.flatnonzero(x >= least)
    order = likely[np.argsort(-x[likely], kind="stable")]
    return [Choice(int(allowed[i]), float(x[i])) for i in order]


def _sample(x: NDArray[np.float64], top_p: float, generator: np.random.Generator) -> int:
    """An index of logits x (a,), from the smallest set of likeliest tokens that holds top_p."""
    order = np.argsort(-x, kind="stable")
    p = np.exp(x[order])
    ends = np.cumsum(p / p.sum())
    count = 1 + int(np.searchsorted(ends, top_p))  # the likeliest is always kept
    ends = ends[:count] / ends[:count][-1]
    return int(order[np.searchsorted(ends, generator.random(), side="right")])
