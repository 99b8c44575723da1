"""What the layout of a prompt is worth: where the anchor stands, and how little may be read for a
first answer.

Owns the measures that lay out tokens themselves, and so need an `Engine`: the rest of a line under
each anchor, and from the nearest tokens only. The layout itself is `layout`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from ...completer import Piece, Sampling, Usage
from ...engine import Engine
from ...memory import mixing
from ...reading.open_text import Prompt
from ...states.storage import Remembered
from ...tokens import layout
from ...tokens.chain import Chain
from ...tokens.tokenizer import TokenizedText
from .cursors import LINE_TOKENS, Cursor, Trial, trial_of
from .intervals import ratio_of, share_of
from .likelihood import bits_in, going_on, recalled_nats

ANCHORS = ("cursor", "8 lines above", "window start")
COLD_TOKENS = (256, 128, 96, 64)


@dataclass(frozen=True)
class Anchored:
    """A cursor under one anchor: the loss of the rest of its line, and what is written."""

    nats: float
    bits: float  # nats over this are bits per byte
    trial: Trial


@dataclass(frozen=True)
class _Around:
    """The window around a cursor, as tokens."""

    before: str
    settled: list[int]
    ends: list[int]
    tail: str
    suffix: list[int]
    named: list[int]  # what says which file it is

    @classmethod
    def of(cls, engine: Engine, cursor: Cursor) -> _Around:
        text, offset = cursor.context.text, cursor.offset
        before = text[layout.window_start(text, offset) : offset]
        after = layout.suffix_start(text, offset)
        suffix = engine.tokenizer.encode(text[after : after + layout.SUFFIX_CHARS])
        typed = TokenizedText(engine.tokenizer)
        typed.update(before)
        settled = typed.settled
        named = engine.tokenizer.named(cursor.file.path)
        return cls(before, typed.ids[:settled], typed.ends[:settled], typed.tail, suffix, named)

    @property
    def anchor(self) -> int:
        """Where the engine would place it: eight lines above."""
        return layout.place_anchor(self.before, self.ends)

    def write(self, engine: Engine, tokens: Sequence[int]) -> list[Piece]:
        """On from a layout to the line's end, with the memory of the whole window."""
        whole, _ = layout.anchored(engine.tokenizer.markers, self.settled, self.anchor, self.suffix)
        seen = mixing.history(whole, engine.tokenizer.markers)
        prompt = Prompt(Chain(tokens), self.tail, seen)
        stop, pieces, sampling = Event(), [], Sampling(max_tokens=LINE_TOKENS)
        reached = _reached(engine, prompt)
        for piece in engine.decoder.write(reached, prompt, Usage(), sampling, stop):
            if isinstance(piece, Piece) and not stop.is_set():
                pieces.append(piece)
                if "\n" in piece.text:
                    stop.set()
        return pieces


def under_anchors(engine: Engine, cursor: Cursor) -> list[Anchored]:
    """The rest of a line under each of ANCHORS, in that order.

    The judged tokens are the same ones: those that end behind the cursor, of the text around it
    encoded as one, and the end of the middle.
    """
    around, markers = _Around.of(engine, cursor), engine.tokenizer.markers
    encoded = engine.tokenizer.encode_with_offsets(around.before + cursor.truth)
    first = sum(end <= len(around.before) for end in encoded.ends)
    middle = [*encoded.ids[first:], *([] if markers.eom is None else [markers.eom])]
    eighth = around.anchor
    found = []
    for judged_at, written_at in ((first, len(around.settled)), (eighth, eighth), (0, 0)):
        above = encoded.ids[:first]
        read, _ = layout.anchored(markers, above, judged_at, around.suffix, around.named)
        nats = _nats_after(engine, read, middle)
        settled = around.settled
        tokens, _ = layout.anchored(markers, settled, written_at, around.suffix, around.named)
        trial = trial_of(cursor.truth, around.write(engine, tokens))
        found.append(Anchored(nats, bits_in(cursor.truth), trial))
    return found


def _nats_after(engine: Engine, before: Sequence[int], target: Sequence[int]) -> float:
    """As `likelihood.nats_after`, from what was read of the same text already."""
    at = _reached(engine, Prompt(Chain(before), "", mixing.NOTHING))
    predictions = going_on(engine.network, at.logits, at.state, target)
    return recalled_nats(engine, predictions, target, before, engine.decoder.trust)


def _reached(engine: Engine, prompt: Prompt) -> Remembered:
    at = engine.reader.read(prompt, Event()).at
    assert at is not None  # there is a token, and nobody stops it
    return at


def from_nearby(engine: Engine, cursor: Cursor) -> list[Trial]:
    """The rest of a line from each of COLD_TOKENS nearest ones, as the engine lays out cold."""
    around, markers = _Around.of(engine, cursor), engine.tokenizer.markers
    found = []
    for most in COLD_TOKENS:
        below = most // 4
        first = max(0, len(around.settled) - (most - below))
        start = layout.boundary(around.ends, around.ends[first - 1]) if first else 0
        nearest, suffix = around.settled[start:], around.suffix[:below]
        tokens, _ = layout.anchored(markers, nearest, 0, suffix, around.named)
        found.append(trial_of(cursor.truth, around.write(engine, tokens)))
    return found


def cold_report(trials: Sequence[Sequence[Trial]]) -> dict[str, Any]:
    """Exact and right rests of lines by the tokens that were read."""
    return {
        str(tokens): {
            "exact_match": share_of([each[i].exact for each in trials]),
            "right_as_kept": share_of([each[i].right for each in trials]),
        }
        for i, tokens in enumerate(COLD_TOKENS)
    }


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
