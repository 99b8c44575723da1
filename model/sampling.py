"""Which token comes next: greedy or top-p, and only such as agree with the imposed tail.

Owns the choice and its probability. Knows logits and the bytes of tokens; no model, no text
layout. Token healing: while some tail is left to write, a token is allowed if its bytes begin
with the tail or the tail begins with its bytes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .completer import Sampling


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
        self._free = torch.tensor(usable + ([] if end is None else [end]), dtype=torch.long)

    def allowed(self, tail: bytes) -> Tensor:
        """Ids of the tokens that agree with `tail`; without a tail, all and the end marker."""
        if not tail:
            return self._free
        ids = [i for n in range(1, len(tail)) for i in self._exact.get(tail[:n], ())]
        first = bisect_left(self._sorted, (tail, -1))
        last = bisect_right(self._sorted, tail, first, key=lambda entry: entry[0][: len(tail)])
        ids += [i for _, i in self._sorted[first:last]]
        return torch.tensor(ids, dtype=torch.long)


def choose(
    logits: Tensor, allowed: Tensor, sampling: Sampling, generator: torch.Generator | None
) -> Choice:
    """One of `allowed` (ids, at least one) from logits (v,). Greedy needs no generator."""
    allowed = allowed.to(logits.device)
    log_p = torch.log_softmax(logits[allowed].double(), dim=-1)  # (a,)
    if sampling.temperature <= 0 or generator is None:
        index = int(log_p.argmax())
    else:
        index = _sample(log_p, sampling, generator)
    return Choice(int(allowed[index]), float(log_p[index].exp()))


def _sample(log_p: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """An index of log_p (a,), from the smallest set of likeliest tokens that holds top_p."""
    p = torch.softmax(log_p / sampling.temperature, dim=-1)
    p, order = p.sort(descending=True)
    before = p.cumsum(-1) - p
    p = torch.where(before < sampling.top_p, p, 0)  # the likeliest is always kept
    p[0] = p[0].clamp(min=1e-12)
    drawn = torch.multinomial(p.cpu(), 1, generator=generator)
    return int(order[int(drawn)])
