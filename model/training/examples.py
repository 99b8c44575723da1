"""From source files to the token streams that the model is trained on.

Owns which holes are cut, where anchors stand, and how files follow each other in a lane.
The layout itself is `fim`, the same that the engine uses. Knows no model and no optimizer.

A lane is an endless stream of one project's files after another; its recurrent state goes
on from chunk to chunk, and is reset at random, so that empty and full states are both known.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .. import fim
from ..tokenizer import Encoded, Tokenizer
from .corpus import SourceFile

SEGMENT_CHARS = 40_000  # files of one project that stay together


@dataclass(frozen=True)
class Mix:
    """Shares of what a lane holds; all are probabilities."""

    left_to_right: float = 0.3
    reset: float = 0.25  # of starting a chunk with an empty state
    end_of_line: float = 0.8  # of a hole that ends where a line ends
    anchor_at_start: float = 0.1
    anchor_at_cursor: float = 0.15
    no_suffix: float = 0.08


class Lane:
    """One stream; `chunk` is the only thing to call. Deterministic for its seed."""

    def __init__(
        self, segments: Sequence[Sequence[SourceFile]], tokenizer: Tokenizer, mix: Mix, seed: str
    ) -> None:
        self._segments = segments
        self._tokenizer = tokenizer
        self._mix = mix
        self._rng = random.Random(seed)
        self._pieces = self._stream()
        self._buffer: list[int] = []

    def chunk(self, length: int) -> tuple[list[int], bool]:
        """`length + 1` tokens, the first of which ended the chunk before; True: a fresh state."""
        fresh = not self._buffer or self._rng.random() < self._mix.reset
        if fresh:  # the rest of the piece is left out: nothing may lean on a forgotten state
            bos = self._tokenizer.markers.bos
            self._buffer = [] if bos is None else [bos]
        while len(self._buffer) <= length:
            self._buffer += next(self._pieces)
        taken = self._buffer[: length + 1]
        self._buffer = self._buffer[length:]
        return taken, fresh

    def _stream(self) -> Iterator[list[int]]:
        marker = self._tokenizer.markers.file
        head = [] if marker is None else [marker]
        while True:
            for segment in self._segments:
                for file in segment:
                    yield [*head, *self._tokenizer.encode(file.path + "\n")]
                    yield from self._file(file.text)

    def _file(self, text: str) -> Iterator[list[int]]:
        at = 0
        while at < len(text):
            size = int(2 ** self._rng.uniform(7.5, 12.5))  # 180 to 5,800 characters
            end = min(len(text), at + size)
            if self._rng.random() < self._mix.left_to_right:
                end = _after_line(text, end)
                yield self._tokenizer.encode(text[at:end])
                at = end
            else:
                tokens, at = self._hole(text, at, end)
                yield tokens

    def _hole(self, text: str, start: int, near: int) -> tuple[list[int], int]:
        """A filled hole that ends near `near`, and where the next piece starts."""
        rng, mix = self._rng, self._mix
        end = fim.line_end(text, near) if rng.random() < mix.end_of_line else near
        encoded = self._tokenizer.encode_with_offsets(text[start:end])
        anchor = self._anchor(text[start:end], encoded)
        if rng.random() < mix.no_suffix and end < len(text):
            tokens, _ = fim.anchored(self._tokenizer.markers, encoded.ids, anchor, ())
            return tokens, end
        after = text[end : end + fim.SUFFIX_CHARS]
        suffix = self._tokenizer.encode_with_offsets(after)
        count = min(len(suffix.ids), fim.SUFFIX_TOKENS)
        tokens, _ = fim.anchored(self._tokenizer.markers, encoded.ids, anchor, suffix.ids)
        eom = self._tokenizer.markers.eom
        tokens += [] if eom is None else [eom]
        read = end + (suffix.ends[count - 1] if count else 0)
        return tokens, _after_line(text, read)

    def _anchor(self, text: str, encoded: Encoded) -> int:
        """An anchor for a cursor some way before the hole's end."""
        rng, choice = self._rng, self._rng.random()
        cursor = len(text) - int(2 ** rng.uniform(0, 8))
        at_cursor = fim.boundary(encoded.ends, max(0, cursor))
        if choice < self._mix.anchor_at_start:
            wanted = 0
        elif choice < self._mix.anchor_at_start + self._mix.anchor_at_cursor:
            return at_cursor
        else:
            line = max(0, cursor)
            for _ in range(rng.randint(0, 32) + 1):
                line = text.rfind("\n", 0, line) if line > 0 else -1
            wanted = fim.boundary(encoded.ends, line + 1)
        return max(wanted, at_cursor - fim.LONGEST_TOKENS)


def _after_line(text: str, offset: int) -> int:
    """The start of the line after the one that holds `offset`."""
    return min(len(text), fim.line_end(text, offset) + 1)


def segments_of(files: Sequence[SourceFile]) -> list[list[SourceFile]]:
    """Consecutive files of one project in runs of about SEGMENT_CHARS."""
    segments: list[list[SourceFile]] = [[]]
    size = 0
    for file in files:
        if segments[-1] and size + len(file.text) > SEGMENT_CHARS:
            segments.append([])
            size = 0
        segments[-1].append(file)
        size += len(file.text)
    return [s for s in segments if s]
