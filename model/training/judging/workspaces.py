"""What other files are worth to a text: read into the state, recalled by the memory, or both.

Owns the targets, texts with enough of their project before them, and the measure. Losses are nats
of the judged text alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...engine import Engine
from ...memory.archive import Archive
from ...tokens.tokenizer import Tokenizer
from ..corpus.corpus import SourceFile
from .cursors import in_turns
from .intervals import ratio_of
from .likelihood import bits_in, predicted, recalled_nats

TOKENS = (0, 1_000, 4_000, 16_000)
TARGET_CHARS = 3_000
USES = ("read", "recalled", "both", "all_recalled")


@dataclass(frozen=True)
class Target:
    """A file's beginning, and the files of its project that come before it in the shard."""

    before: tuple[SourceFile, ...]
    file: SourceFile

    @property
    def text(self) -> str:
        return self.file.text[:TARGET_CHARS]


@dataclass(frozen=True)
class Prefixed:
    """Nats of one text after so many tokens of other files, by what is done with them."""

    read: float  # into the state, and the memory is off
    recalled: float  # by the memory alone; the state begins with the text
    both: float  # read, and the same ones recalled
    all_recalled: float  # read, and the memory recalls the most of TOKENS


def targets(projects: Sequence[Sequence[SourceFile]], count: int, seed: int) -> list[Target]:
    """Random files with enough before them, each project in turn; none where none is so large.

    Enough is six characters a token of the longest prefix, more than any vocabulary here spells.
    """
    rng = random.Random(f"targets {seed}")
    waiting = []
    for files in projects:
        enough = [i for i in range(len(files)) if _chars(files[:i]) >= 6 * TOKENS[-1]]
        waiting.append([Target(tuple(files[:i]), files[i]) for i in enough])
        rng.shuffle(waiting[-1])
    rng.shuffle(waiting)
    return in_turns(waiting)[:count]


def _chars(files: Sequence[SourceFile]) -> int:
    return sum(len(file.text) for file in files)


def stream(tokenizer: Tokenizer, files: Sequence[SourceFile], most: int) -> list[list[int]]:
    """The last `most` tokens of files, each laid out as the trainer and the engine do."""
    taken: list[list[int]] = []
    for file in reversed(files):
        if not most:
            break
        tokens = [*tokenizer.named(file.path), *tokenizer.encode(file.text)]
        taken.insert(0, tokens[max(0, len(tokens) - most) :])
        most -= len(taken[0])
    return taken


def workspace_nats(engine: Engine, target: Target) -> list[Prefixed]:
    """Of the target's text after each of TOKENS, its path read last."""
    return list(_prefixed(engine, target))


def _prefixed(engine: Engine, target: Target) -> Iterator[Prefixed]:
    tokenizer, trust = engine.tokenizer, engine.decoder.trust
    bos = tokenizer.markers.bos
    head, last = [] if bos is None else [bos], tokenizer.named(target.file.path)
    text = tokenizer.encode(target.text)
    prefixes = [stream(tokenizer, target.before, most) for most in TOKENS]
    archives = [Archive(files) for files in prefixes]
    alone = list(predicted(engine, [*head, *last], text))
    for files, archive in zip(prefixes, archives, strict=True):
        before = [*head, *(token for tokens in files for token in tokens), *last]
        after = list(predicted(engine, before, text)) if files else alone
        own = [*head, *last]
        yield Prefixed(
            recalled_nats(engine, after, text, own, None),
            recalled_nats(engine, alone, text, own, trust, archive),
            recalled_nats(engine, after, text, own, trust, archive),
            recalled_nats(engine, after, text, own, trust, archives[-1]),
        )


def workspace_report(
    judged: Sequence[Target], nats: Sequence[Sequence[Prefixed]]
) -> dict[str, Any]:
    """Bits per byte by the prefix's tokens and what is done with them, and the paired difference to
    none: below 0 is better. `nats` are those of `workspace_nats`, of each target."""
    bits = [bits_in(target.text) for target in judged]
    return {
        str(tokens): {use: _use(nats, i, use, bits) for use in USES}
        for i, tokens in enumerate(TOKENS)
    }


def _use(
    nats: Sequence[Sequence[Prefixed]], i: int, use: str, bits: Sequence[float]
) -> dict[str, Any]:
    mine = [getattr(each[i], use) for each in nats]
    change = [getattr(each[i], use) - getattr(each[0], use) for each in nats]
    return {"bits_per_byte": ratio_of(mine, bits), "change": ratio_of(change, bits)}
