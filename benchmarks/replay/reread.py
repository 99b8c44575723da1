"""The same trace in our own engine, had it kept no state: every prompt read from its first token.

Owns what that would cost. It would write what the server wrote, so it is asked whenever the
server's model was; its tokens are counted, and its time is taken of a few of its questions, for
one of them takes seconds. Its CPU-seconds are theirs, by the tokens read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event
from typing import Protocol

from stateline.model import PRETRAINED
from stateline.model.completer import Piece, Sampling, Usage
from stateline.model.folder.files import tokenizer_path
from stateline.model.tokens.tokenizer import Tokenizer

from .costs import Outcome, QuestionCost
from .player import PlayError
from .questions import LINE_TOKENS, Prompts, Question

TIMED = 12  # questions of each trace


class TokenWriter(Protocol):
    """The part of an engine that is needed."""

    def complete_tokens(
        self, tokens: Sequence[int], tail: str, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]: ...


@dataclass(frozen=True)
class Forgetful:
    """An engine that keeps no state, and its tokenizer."""

    tokenizer: Tokenizer
    writer: TokenWriter

    @classmethod
    def open(cls, folder: Path | None) -> Forgetful:
        """Load a model folder, or the embedded model; ModelFolderError if it cannot be."""
        from stateline.model.engine import Engine

        chosen = folder or PRETRAINED
        return cls(Tokenizer.load(tokenizer_path(chosen)), Engine.open(chosen, budget_bytes=0))


def reread(engine: Forgetful, asked: Sequence[Question], ours: Outcome, chance: Random) -> Outcome:
    """The outcome of a trace whose `asked` questions cost the server `ours`.

    Raises PlayError if the engine kept something all the same.
    """
    prompts = Prompts(engine.tokenizer)
    read = [at for at, cost in enumerate(ours.costs) if cost.source == "model"]
    timed = set(chance.sample(read, min(TIMED, len(read))))
    costs, cpu_s, tokens_timed = [], 0.0, 0
    for at, (question, cost) in enumerate(zip(asked, ours.costs, strict=True)):
        tokens = prompts.of(question.context)  # in order, since the anchor follows
        if cost.source != "model":
            costs.append(QuestionCost(question.kind, None, cost.source))
            continue
        ms = None
        if at in timed:
            began_cpu_s, began_s = time.process_time(), time.perf_counter()
            _answered(engine.writer, tokens)
            ms = (time.perf_counter() - began_s) * 1000
            cpu_s += time.process_time() - began_cpu_s
            tokens_timed += len(tokens)
        costs.append(QuestionCost(question.kind, ms, "model", len(tokens)))
    every = sum(cost.tokens_waiting for cost in costs)
    whole_s = cpu_s * every / tokens_timed if tokens_timed else 0.0
    return Outcome(tuple(costs), ours.keystrokes, whole_s)


def _answered(writer: TokenWriter, tokens: Sequence[int]) -> None:
    """Read all and write a line."""
    stop = Event()
    for piece in writer.complete_tokens(tokens, "", Sampling(max_tokens=LINE_TOKENS), stop):
        if isinstance(piece, Usage):
            if piece.tokens_reused:
                raise PlayError("The engine kept a state; reading anew cannot be measured.")
        elif "\n" in piece.text:
            stop.set()
