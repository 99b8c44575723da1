"""The same trace in another engine, behind the cache that its editor plugins have.

Owns what is asked of it and what that cost. Whatever engine it is starts its own process, and is
measured by it alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from .costs import Outcome, QuestionCost
from .questions import LINE_TOKENS, AnswerCache, Prompts, Question


@dataclass(frozen=True)
class Written:
    """What a peer answered."""

    text: str  # up to the end of the line
    tokens_read: int


class Peer(Protocol):
    """A running engine."""

    def complete(self, tokens: Sequence[int], max_tokens: int) -> Written:
        """Go on after `tokens`, to the end of the line at most."""
        ...

    def cpu_s(self) -> float | None:
        """CPU-seconds that its process has used so far; None where that is not known."""
        ...


def asked(peer: Peer, prompts: Prompts, questions: Iterable[Question], keystrokes: int) -> Outcome:
    """Put all questions to a peer, but those that its client can answer from earlier answers."""
    cache, costs, began_s = AnswerCache(), [], peer.cpu_s()
    for question in questions:
        costs.append(_asked(peer, prompts, cache, question))
    ended_s = peer.cpu_s()
    cpu_s = None if began_s is None or ended_s is None else ended_s - began_s
    return Outcome(tuple(costs), keystrokes, cpu_s)


def _asked(peer: Peer, prompts: Prompts, cache: AnswerCache, question: Question) -> QuestionCost:
    tokens, began_s = prompts.of(question.context), time.perf_counter()
    if cache.knows(question.context):
        return QuestionCost(question.kind, (time.perf_counter() - began_s) * 1000, "typed")
    written = peer.complete(tokens, LINE_TOKENS)
    ms = (time.perf_counter() - began_s) * 1000
    cache.add(question.context, written.text)
    return QuestionCost(question.kind, ms, "model", written.tokens_read)
