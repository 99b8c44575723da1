"""From source files to the token streams that the model is trained on.

Owns which holes are cut, where anchors stand, and how files follow each other in a lane.
The layout itself is `layout`, the same that the engine uses. Knows no model and no optimizer.

A lane is an endless stream of one project's files after another; its recurrent state goes
on from chunk to chunk, and is reset at random, so that empty and full states are both known.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...tokens import layout
from ...tokens.tokenizer import Encoded, Tokenizer
from ..corpus.corpus import SourceFile

SEGMENT_CHARS = 40_000  # files of one project that stay together
LONGEST_BLOCK_CHARS = 1_000  # of the rest of a block; a longer one is nobody's suggestion


@dataclass(frozen=True)
class Mix:
    """Shares of what a lane holds; probabilities unless they say tokens."""

    whole_file: float = 0.25  # of a file read left to right, as files of the workspace part are
    left_to_right: float = 0.15  # of a piece of any other file
    fewest_tokens: int = 256  # read before the state is emptied: log-uniform from this ...
    most_tokens: int = 16_384  # ... to this, the most that the product will lay out
    path: float = 0.75  # of the file's path standing before its first piece after an empty state
    end_of_line: float = 0.6  # of a hole that ends where a line ends
    end_of_block: float = 0.2  # ... or where the block ends; else anywhere, also inside a word
    anchor_at_start: float = 0.1
    anchor_at_cursor: float = 0.15
    inside: float = 0.8  # of a piece that would reach the file's end ending before it
    no_suffix: float = 0.08


class Lane:
    """One stream; `chunk` is the only thing to call. Deterministic for its seed."""

    def __init__(
        self, segments: Iterable[Sequence[SourceFile]], tokenizer: Tokenizer, mix: Mix, seed: str
    ) -> None:
        """`segments` are gone through again and again."""
        self._segments = segments
        self._tokenizer = tokenizer
        self._mix = mix
        self._rng = random.Random(seed)
        self._pieces = self._stream()
        self._buffer: list[int] = []
        self._left = 0  # tokens until the state is emptied
        self._path_due = False

    def chunk(self, length: int) -> tuple[list[int], bool]:
        """`length + 1` tokens, the first of which ended the chunk before; True: a fresh state."""
        fresh = self._left <= 0
        if fresh:  # the rest of the piece is left out: nothing may lean on a forgotten state
            bos = self._tokenizer.markers.bos
            self._buffer = [] if bos is None else [bos]
            shortest, longest = self._mix.fewest_tokens, self._mix.most_tokens
            self._left = round(shortest * (longest / shortest) ** self._rng.random())
            self._path_due = self._rng.random() < self._mix.path
        self._left -= length
        while len(self._buffer) <= length:
            self._buffer += next(self._pieces)
        taken = self._buffer[: length + 1]
        self._buffer = self._buffer[length:]
        return taken, fresh

    def _stream(self) -> Iterator[list[int]]:
        while True:
            for segment in self._segments:
                for file in segment:
                    self._path_due = True
                    for tokens in self._file(file.text):
                        head = self._tokenizer.named(file.path) if self._path_due else []
                        self._path_due = False
                        yield head + tokens

    def _file(self, text: str) -> Iterator[list[int]]:
        if self._rng.random() < self._mix.whole_file:
            yield self._tokenizer.encode(text)
            return
        at = 0
        while at < len(text):
            end = self._near(text, at)
            if self._rng.random() < self._mix.left_to_right:
                end = _after_line(text, end)
                yield self._tokenizer.encode(text[at:end])
                at = end
            else:
                tokens, at = self._hole(text, at, end)
                yield tokens

    def _near(self, text: str, at: int) -> int:
        """Where the next piece should end: after 180 to 11,600 characters, the window."""
        end = at + int(2 ** self._rng.uniform(7.5, 13.5))
        if end < len(text):
            return end
        # Most cursors stand inside a file, however short it is.
        inside = self._rng.random() < self._mix.inside
        return self._rng.randint(at + 1, len(text)) if inside else len(text)

    def _hole(self, text: str, start: int, near: int) -> tuple[list[int], int]:
        """A filled hole that ends near `near`, and where the next piece starts."""
        rng, mix = self._rng, self._mix
        end = self._end(text, near)
        encoded = self._tokenizer.encode_with_offsets(text[start:end])
        anchor = self._anchor(text[start:end], encoded)
        if rng.random() < mix.no_suffix and end < len(text):
            tokens, _ = layout.anchored(self._tokenizer.markers, encoded.ids, anchor, ())
            return tokens, end
        after = text[end : end + layout.SUFFIX_CHARS]
        suffix = self._tokenizer.encode_with_offsets(after)
        count = min(len(suffix.ids), layout.SUFFIX_TOKENS)
        tokens, _ = layout.anchored(self._tokenizer.markers, encoded.ids, anchor, suffix.ids)
        eom = self._tokenizer.markers.eom
        tokens += [] if eom is None else [eom]
        read = end + (suffix.ends[count - 1] if count else 0)
        return tokens, _after_line(text, read)

    def _end(self, text: str, near: int) -> int:
        """Where users would stop: at the end of a line, of a block, or anywhere."""
        choice = self._rng.random()
        if choice < self._mix.end_of_line:
            return layout.line_end(text, near)
        if choice < self._mix.end_of_line + self._mix.end_of_block:
            return block_end(text, near)
        return near

    def _anchor(self, text: str, encoded: Encoded) -> int:
        """An anchor for a cursor some way before the hole's end."""
        rng, choice = self._rng, self._rng.random()
        cursor = len(text) - int(2 ** rng.uniform(0, 8))
        at_cursor = layout.boundary(encoded.ends, max(0, cursor))
        if choice < self._mix.anchor_at_start:
            wanted = 0
        elif choice < self._mix.anchor_at_start + self._mix.anchor_at_cursor:
            return at_cursor
        else:
            line = max(0, cursor)
            for _ in range(rng.randint(0, 32) + 1):
                line = text.rfind("\n", 0, line) if line > 0 else -1
            wanted = layout.boundary(encoded.ends, line + 1)
        return max(wanted, at_cursor - layout.LONGEST_TOKENS)


def _after_line(text: str, offset: int) -> int:
    """The start of the line after the one that holds `offset`."""
    return min(len(text), layout.line_end(text, offset) + 1)


def block_end(text: str, offset: int) -> int:
    """The end of the last line that is indented at least like the one that holds `offset`.

    Counted from that line on; blank lines go with what follows. At most LONGEST_BLOCK characters
    further, or the line's own end.
    """
    line = text.rfind("\n", 0, offset) + 1
    end = layout.line_end(text, offset)
    width = _indent(text[line:end])
    at = reached = end
    while at < len(text) and at - offset < LONGEST_BLOCK_CHARS:
        line, at = at + 1, layout.line_end(text, at + 1)
        if not text[line:at].strip():
            continue
        if _indent(text[line:at]) < width:
            break
        reached = at
    return reached if at - offset < LONGEST_BLOCK_CHARS else end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def runs_of(lengths: Sequence[int]) -> list[range]:
    """Consecutive files of one project, by their characters, in runs of about SEGMENT_CHARS."""
    runs: list[range] = []
    start, size = 0, 0
    for i, length in enumerate(lengths):
        if i > start and size + length > SEGMENT_CHARS:
            runs.append(range(start, i))
            start, size = i, 0
        size += length
    return [*runs, range(start, len(lengths))] if lengths else []
