"""What the layout of a prompt is worth: other files before it, and where the anchor stands.

Owns the two measures that lay out tokens themselves, and so need an `Engine`: the loss of a text
after so many tokens of its project's earlier files, and the rest of a line under each anchor. The
layout itself is `fim`'s. Losses are nats of the judged text alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from .. import fim
from ..completer import Piece, Sampling
from ..engine import Engine
from ..tokenizer import TokenizedText
from .corpus import CorpusError, SourceFile
from .cursors import LINE_TOKENS, Cursor, Trial, trial_of
from .intervals import ratio_of, share_of
from .likelihood import nats_after

WORKSPACE_TOKENS = (0, 1_000, 4_000, 16_000)
TARGET_CHARS = 3_000
ANCHORS = ("cursor", "8 lines above", "window start")


@dataclass(frozen=True)
class Target:
    """A file's beginning, and the files of its project that come before it in the shard."""

    before: tuple[SourceFile, ...]
    file: SourceFile

    @property
    def text(self) -> str:
        return self.file.text[:TARGET_CHARS]


def targets(projects: Sequence[Sequence[SourceFile]], count: int, seed: int) -> list[Target]:
    """Random files with enough before them, each project in turn. Raises CorpusError.

    Enough is six characters a token of the longest prefix, more than any vocabulary here spells.
    """
    rng = random.Random(f"targets {seed}")
    waiting = []
    for files in projects:
        enough = [i for i in range(len(files)) if _chars(files[:i]) >= 6 * WORKSPACE_TOKENS[-1]]
        waiting.append([Target(tuple(files[:i]), files[i]) for i in enough])
        rng.shuffle(waiting[-1])
    rng.shuffle(waiting)
    found = _in_turns(waiting)
    if not found:
        raise CorpusError("No held-out project is long enough for a workspace; build larger ones.")
    return found[:count]


def _in_turns(waiting: Sequence[Sequence[Target]]) -> list[Target]:
    """The first of each list, then the second of each, and so on."""
    longest = max(map(len, waiting), default=0)
    return [each[i] for i in range(longest) for each in waiting if i < len(each)]


def _chars(files: Sequence[SourceFile]) -> int:
    return sum(len(file.text) for file in files)


def stream(engine: Engine, files: Sequence[SourceFile], most: int) -> list[int]:
    """The last `most` tokens of files laid out as a lane of the trainer reads them."""
    taken: list[int] = []
    for file in reversed(files):
        if len(taken) >= most:
            break
        taken = [*header(engine, file), *engine.tokenizer.encode(file.text), *taken]
    return taken[len(taken) - most :] if most else []


def header(engine: Engine, file: SourceFile) -> list[int]:
    """The marker of a file and its path."""
    marker = engine.tokenizer.markers.file
    return [*([] if marker is None else [marker]), *engine.tokenizer.encode(file.path + "\n")]


def workspace_nats(engine: Engine, target: Target) -> list[float]:
    """Of the target's text after each of WORKSPACE_TOKENS, its path read last."""
    bos = engine.tokenizer.markers.bos
    head = [] if bos is None else [bos]
    last = header(engine, target.file)
    text = engine.tokenizer.encode(target.text)
    whole = stream(engine, target.before, WORKSPACE_TOKENS[-1])
    return [
        nats_after(engine, [*head, *whole[max(0, len(whole) - n) :], *last], text)
        for n in WORKSPACE_TOKENS
    ]


def workspace_report(judged: Sequence[Target], nats: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Bits per byte by the prefix's tokens, and the paired difference to none: below 0 is better.

    `nats` are those of `workspace_nats`, of each target.
    """
    bits = [bits_in(target.text) for target in judged]
    rows = {}
    for i, tokens in enumerate(WORKSPACE_TOKENS):
        mine = [each[i] for each in nats]
        change = [each[i] - each[0] for each in nats]
        rows[str(tokens)] = {
            "bits_per_byte": ratio_of(mine, bits),
            "change": ratio_of(change, bits),
        }
    return rows


def bits_in(text: str) -> float:
    """The bytes of `text`, in the unit that makes nats over it bits per byte."""
    return len(text.encode()) * math.log(2)


@dataclass(frozen=True)
class Anchored:
    """A cursor under one anchor: the loss of the rest of its line, and what is written."""

    nats: float
    bits: float  # nats over this are bits per byte
    trial: Trial


def under_anchors(engine: Engine, cursor: Cursor) -> list[Anchored]:
    """The rest of a line under each of ANCHORS, in that order.

    The judged tokens are the same ones: those that end behind the cursor, of the text around it
    encoded as one, and the end of the middle.
    """
    context, markers = cursor.context, engine.tokenizer.markers
    window = fim.window_start(context.text, context.offset)
    before = context.text[window : context.offset]
    encoded = engine.tokenizer.encode_with_offsets(before + cursor.truth)
    first = sum(end <= len(before) for end in encoded.ends)
    middle = [*encoded.ids[first:], *([] if markers.eom is None else [markers.eom])]
    after = fim.suffix_start(context.text, context.offset)
    suffix = engine.tokenizer.encode(context.text[after : after + fim.SUFFIX_CHARS])
    typed = TokenizedText(engine.tokenizer)
    typed.update(before)
    settled = typed.ids[: typed.settled]
    eighth = fim.place_anchor(before, typed.ends[: typed.settled])
    found = []
    for judged_at, written_at in ((first, len(settled)), (eighth, eighth), (0, 0)):
        read, _ = fim.anchored(markers, encoded.ids[:first], judged_at, suffix)
        nats = nats_after(engine, read, middle)
        tokens, _ = fim.anchored(markers, settled, written_at, suffix)
        trial = trial_of(cursor.truth, _written(engine, tokens, typed.tail))
        found.append(Anchored(nats, bits_in(cursor.truth), trial))
    return found


def _written(engine: Engine, tokens: Sequence[int], tail: str) -> list[Piece]:
    stop, pieces = Event(), []
    for piece in engine.complete_tokens(tokens, tail, Sampling(max_tokens=LINE_TOKENS), stop):
        if isinstance(piece, Piece) and not stop.is_set():
            pieces.append(piece)
            if "\n" in piece.text:
                stop.set()
    return pieces


def anchor_report(judged: Sequence[Sequence[Anchored]]) -> dict[str, Any]:
    """Loss and exact match of the rests of lines by anchor; the paired change is to 8 lines."""
    rows = {}
    for i, name in enumerate(ANCHORS):
        mine = [each[i] for each in judged]
        bits = [each.bits for each in mine]
        rows[name] = {
            "bits_per_byte": ratio_of([each.nats for each in mine], bits),
            "change": ratio_of([each[i].nats - each[1].nats for each in judged], bits),
            "exact_match": share_of([each.trial.exact for each in mine]),
        }
    return rows
