"""Cursors in held-out files, what a completer writes at one, and whether that is right.

Owns `Cursor` and `Trial`, how cursors are drawn, and the share and similarity of what is right.
The same cursors are put to every completer. Knows no model, no layout and no gate.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from threading import Event
from typing import Any

from .. import fim
from ..completer import Context, Piece, Sampling, Writer
from .corpus import CorpusError, SourceFile
from .intervals import mean_of, share_of

PREFIX_CHARS = 3_000  # read before each cursor
LINE_TOKENS = 64
_DRAWS_PER_CURSOR = 200  # of random places, before a corpus counts as having none
_KEPT_ANYWAY = re.compile(r"[\s)\]}\"']*\Z")  # editors close these themselves


@dataclass(frozen=True)
class Cursor:
    """A place in a file whose text up to `end` is to be written."""

    file: SourceFile
    offset: int  # code points
    end: int

    @property
    def truth(self) -> str:
        return self.file.text[self.offset : self.end]

    @property
    def context(self) -> Context:
        """The file without the truth, from some thousand characters above on."""
        text = self.file.text
        start = text.rfind("\n", 0, max(0, self.offset - PREFIX_CHARS)) + 1
        around = text[start : self.offset] + text[self.end :]
        return Context(around, self.offset - start, self.file.path, "python")


@dataclass(frozen=True)
class Trial:
    """What stood at a cursor, what was written of that line, and how sure the model was."""

    truth: str
    written: str
    confidence: float  # the product over the text's pieces; the gate of the server sees this
    with_end: float  # times the probability that the line ends there

    @property
    def exact(self) -> bool:
        """Right to the end of the line, trailing white space apart."""
        return self.written.rstrip() == self.truth.rstrip()

    @property
    def right(self) -> bool:
        """Right up to what a user would keep."""
        return kept(self.written) == kept(self.truth)

    @property
    def shown(self) -> bool:
        """Whether there is anything to show, if the gate lets it pass."""
        return bool(self.written.strip())

    @property
    def similarity(self) -> float:
        return similarity(self.truth, self.written)


def kept(text: str) -> str:
    """`text` without what ends it that a user need not type: space, closing brackets, quotes."""
    return text[: _KEPT_ANYWAY.search(text).start()]  # type: ignore[union-attr]  # always matches


def similarity(truth: str, written: str) -> float:
    """From 0 to 1, as difflib's ratio; trailing white space apart."""
    return SequenceMatcher(None, truth.rstrip(), written.rstrip(), autojunk=False).ratio()


def write(
    completer: Writer, context: Context, max_tokens: int, enough: Callable[[str], bool]
) -> list[Piece]:
    """The pieces that are written greedily, until one makes the text `enough`."""
    while completer.warm(context, Event()).tokens_left:
        pass
    stop, pieces, text = Event(), [], ""
    for piece in completer.complete(context, Sampling(max_tokens=max_tokens), stop):
        if isinstance(piece, Piece) and not stop.is_set():
            pieces.append(piece)
            text += piece.text
            if enough(text):
                stop.set()
    return pieces


def trial_of(truth: str, pieces: Sequence[Piece]) -> Trial:
    """The first line of what was written, judged."""
    text, confidence, with_end = "", 1.0, 1.0
    for piece in pieces:
        with_end *= piece.confidence
        first = piece.text.partition("\n")[0]
        if first or not piece.text:  # without text: the first part of the next character
            confidence *= piece.confidence
        text += first
        if "\n" in piece.text:
            break
    return Trial(truth, text, confidence, with_end)


def rest_of_line(completer: Writer, cursor: Cursor) -> Trial:
    """Complete the line at a cursor."""
    pieces = write(completer, cursor.context, LINE_TOKENS, lambda text: "\n" in text)
    return trial_of(cursor.truth, pieces)


def line_report(trials: Sequence[Trial]) -> dict[str, Any]:
    """Exact match and edit similarity of the rests of lines, with 95 % intervals."""
    return {
        "exact_match": share_of([t.exact for t in trials]),
        "right_as_kept": share_of([t.right for t in trials]),
        "edit_similarity": mean_of([t.similarity for t in trials]),
    }


def mid_line_cursors(files: Sequence[SourceFile], count: int, seed: int) -> list[Cursor]:
    """At random places strictly inside a line's code, to the line's end.

    Raises CorpusError where there are hardly any.
    """

    def place(text: str, offset: int) -> int | None:
        start, end = _line(text, offset)
        return offset if text[start:offset].strip() and text[offset:end].strip() else None

    return _cursors(files, count, f"mid-line {seed}", place)


def line_start_cursors(files: Sequence[SourceFile], count: int, seed: int) -> list[Cursor]:
    """After the indentation of random lines that are not empty. Raises CorpusError."""

    def place(text: str, offset: int) -> int | None:
        start, end = _line(text, offset)
        code = text[start:end].lstrip()
        return end - len(code) if code else None

    return _cursors(files, count, f"line start {seed}", place)


def _cursors(
    files: Sequence[SourceFile],
    count: int,
    seed: str,
    place: Callable[[str, int], int | None],
) -> list[Cursor]:
    rng = random.Random(seed)
    found: list[Cursor] = []
    for _ in range(count * _DRAWS_PER_CURSOR):
        if len(found) == count or not files:
            break
        file = files[rng.randrange(len(files))]
        offset = place(file.text, rng.randrange(len(file.text) + 1))
        if offset is not None and not is_comment(file.text, offset):
            found.append(Cursor(file, offset, fim.line_end(file.text, offset)))
    if len(found) < count:
        raise CorpusError("The held-out files have too few lines of code; build larger shards.")
    return found


def is_comment(text: str, offset: int) -> bool:
    """Whether the line at `offset` is nothing but a comment."""
    return text[_line(text, offset)[0] :].lstrip(" \t").startswith("#")


def _line(text: str, offset: int) -> tuple[int, int]:
    return text.rfind("\n", 0, offset) + 1, fim.line_end(text, offset)
