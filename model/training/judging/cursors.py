"""Cursors in held-out files, what a completer writes at one, and whether that is right.

Owns `Cursor` and `Trial`, how cursors are drawn, and the share and similarity of what is right.
The same cursors are put to every completer, a few to each file, near each other: what is read for
one of them need not be read for the next. Knows no model, no layout and no gate.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from threading import Event
from typing import Any, TypeVar

from ...completer import Context, FileId, Piece, Sampling, Surroundings, Writer
from ...languages import PYTHON, language_of_path
from ...tokens import layout
from ..corpus.corpus import CorpusError, SourceFile
from .intervals import mean_of, share_of

LINE_TOKENS = 64
PAGE_CHARS = layout.WINDOW_CHARS // 2  # all cursors of a page are read from the same place on
CURSORS_PER_PAGE = 2  # of one kind; more are alike
_DRAWS_PER_CURSOR = 20  # of random places in a page, before it counts as having none
_COMMENTS = ("//", "/*", "*")  # where it is not Python
_KEPT_ANYWAY = re.compile(r"[\s)\]}\"'`]*\Z")  # editors close these themselves


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
        """The file without the truth, as a text of its own: no anchor of another cursor counts."""
        text, language = self.file.text, language_of_path(self.file.path)
        without = text[: self.offset] + text[self.end :]
        name = f"{self.file.path}:{self.offset}"
        around = Surroundings(file=FileId(".", self.file.path))  # its path is shown whole
        return Context(without, self.offset, name, language.ids[0] if language else "", around)


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


@dataclass(frozen=True)
class FilePage:
    """A part of a file; the engine's window begins at the same place for all cursors in it."""

    file: SourceFile
    start: int  # code points

    def anywhere(self, rng: random.Random) -> int:
        """A random offset."""
        return rng.randint(self.start, min(self.start + PAGE_CHARS - 1, len(self.file.text)))


def pages(projects: Sequence[Sequence[SourceFile]], seed: int) -> list[FilePage]:
    """One random page of every file, each project in turn, so that no large one outweighs."""
    rng = random.Random(f"pages {seed}")
    waiting = [rng.sample(files, len(files)) for files in projects]
    rng.shuffle(waiting)
    return [
        FilePage(file, rng.randrange(len(file.text) + 1) // PAGE_CHARS * PAGE_CHARS)
        for file in in_turns(waiting)
    ]


T = TypeVar("T")


def in_turns(waiting: Sequence[Sequence[T]]) -> list[T]:
    """The first of each list, then the second of each, and so on."""
    longest = max(map(len, waiting), default=0)
    return [each[i] for i in range(longest) for each in waiting if i < len(each)]


def mid_line_cursors(judged: Sequence[FilePage], count: int, seed: int) -> list[Cursor]:
    """At random places strictly inside a line's code, to the line's end.

    Raises CorpusError where there are hardly any.
    """

    def place(page: FilePage, rng: random.Random) -> Cursor | None:
        text, offset = page.file.text, page.anywhere(rng)
        start, end = _line(text, offset)
        inside = text[start:offset].strip() and text[offset:end].strip()
        return Cursor(page.file, offset, end) if inside else None

    return draw(judged, count, f"mid-line {seed}", place)


def line_start_cursors(judged: Sequence[FilePage], count: int, seed: int) -> list[Cursor]:
    """After the indentation of random lines that are not empty. Raises CorpusError."""

    def place(page: FilePage, rng: random.Random) -> Cursor | None:
        start, end = _line(page.file.text, page.anywhere(rng))
        code = page.file.text[start:end].lstrip()
        return Cursor(page.file, end - len(code), end) if code else None

    return draw(judged, count, f"line start {seed}", place)


def draw(
    judged: Sequence[FilePage],
    count: int,
    seed: str,
    place: Callable[[FilePage, random.Random], Cursor | None],
) -> list[Cursor]:
    """So many different cursors that are in no comment, by CURSORS_PER_PAGE of a page.

    By more where there are few pages; raises CorpusError where even so there are too few.
    """
    per_page = CURSORS_PER_PAGE
    while per_page < 4 * count:
        found: list[Cursor] = []
        for page in judged:
            found += _on_page(page, random.Random(f"{seed} {page.file.path}"), place, per_page)
            if len(found) >= count:
                return found[:count]
        per_page *= 2
    raise CorpusError("The held-out files have too few lines of code; build larger shards.")


def _on_page(
    page: FilePage,
    rng: random.Random,
    place: Callable[[FilePage, random.Random], Cursor | None],
    count: int,
) -> Iterator[Cursor]:
    seen: set[int] = set()
    for _ in range(count * _DRAWS_PER_CURSOR):
        cursor = place(page, rng)
        if cursor and cursor.offset not in seen and not is_comment(cursor.file, cursor.offset):
            seen.add(cursor.offset)
            yield cursor
        if len(seen) == count:
            return


def is_comment(file: SourceFile, offset: int) -> bool:
    """Whether the line at `offset` is nothing but a comment, or a part of one."""
    marks = ("#",) if language_of_path(file.path) in (PYTHON, None) else _COMMENTS
    start, end = _line(file.text, offset)
    return file.text[start:end].lstrip(" \t").startswith(marks)


def _line(text: str, offset: int) -> tuple[int, int]:
    return text.rfind("\n", 0, offset) + 1, layout.line_end(text, offset)
