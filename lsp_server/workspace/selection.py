"""Which other files go with an open one: what is wanted most, and what of it is read.

Owns the policy, as pure functions: the order of importance, the budgets, and that what has been
read keeps its place. Knows nothing of disks, threads and models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ...model.completer import FileId, Neighbour, WorkspaceBudget

MAX_WANTED = 64  # files
# The files used last stand before the imports; if all did, a long session would leave no room.
_USED_LAST = 6
# A file may have this share of a budget, so that there are always several.
_LARGEST_SHARE = 1 / 3
# Files are chosen to fill that much of the budget. The rest is for files that become wanted later:
# they are read at the end, and nothing else needs to move.
_FILLED = 0.75


@dataclass(frozen=True)
class Selection:
    """Files that go with an open one; the least important first."""

    read: tuple[Neighbour, ...] = ()  # into the state, in this order
    recalled: tuple[Neighbour, ...] = ()  # for the memory alone: none that is read


def wanted(
    file: str, recent: Sequence[str], imports: Iterable[str], further: Iterable[str]
) -> list[str]:
    """Paths by importance for an open file: used recently, imported, imported by what is recent.

    `recent` has the file used last in front; `imports` may end with the file's tests. Lazy in
    `further`, which may be costly to find out.
    """

    def in_order() -> Iterator[str]:
        yield from recent[:_USED_LAST]
        yield from imports
        yield from recent
        yield from further

    order: dict[str, None] = {}
    for path in in_order():
        if len(order) >= MAX_WANTED:
            break
        if path != file:
            order[path] = None
    return list(order)


def choose(
    wanted: Sequence[Neighbour],
    beside: Sequence[Neighbour],
    budget: WorkspaceBudget,
    before: Selection,
) -> Selection:
    """What to read and what to recall, given what is so far; both lists by importance.

    Files that were read keep their order while they are wanted and unchanged, since all that
    stands before the first difference need not be read again; new and changed ones follow. Only
    when the budget is exceeded, everything that would not be chosen anew goes at once. `beside`
    is for the memory alone.
    """
    read = _read(wanted, int(budget.read_tokens * budget.chars_per_token), before.read)
    return Selection(read, _recalled((*wanted, *beside), read, budget))


def in_order(
    wanted: Sequence[Neighbour], budget: WorkspaceBudget, order: Sequence[FileId]
) -> Selection:
    """A selection as it was in an earlier session, of which no text is known."""
    budget_chars = int(budget.read_tokens * budget.chars_per_token)
    pieces = {each.file: each for each in _cut(wanted, int(budget_chars * _LARGEST_SHARE))}
    return Selection(tuple(pieces[file] for file in order if file in pieces))


def _read(
    wanted: Sequence[Neighbour], budget_chars: int, before: Sequence[Neighbour]
) -> tuple[Neighbour, ...]:
    pieces = _cut(wanted, int(budget_chars * _LARGEST_SHARE))
    best = _fitting(pieces, int(budget_chars * _FILLED))
    still = {piece.file: piece for piece in pieces}
    kept = [each for each in before if still.get(each.file) == each]
    new = [each for each in reversed(best) if each not in kept]
    if _chars(kept) + _chars(new) > budget_chars:
        kept = [each for each in kept if each in best]
    return (*kept, *new)


def _recalled(
    wanted: Sequence[Neighbour], read: Sequence[Neighbour], budget: WorkspaceBudget
) -> tuple[Neighbour, ...]:
    budget_chars = int(budget.recalled_tokens * budget.chars_per_token) - _chars(read)
    held = {each.file for each in read}
    others = [each for each in wanted if each.file not in held]
    pieces = _cut(others, int(budget_chars * _LARGEST_SHARE))
    return tuple(reversed(_fitting(pieces, budget_chars)))


def _cut(files: Sequence[Neighbour], most_chars: int) -> list[Neighbour]:
    """Files of at most so many characters each; those of which nothing is left are left out.

    Of a longer file its first lines stay: imports, and the classes and functions that others use,
    stand there more often than below, and edits below the cut change nothing.
    """
    pieces = []
    for file in files:
        text = file.text
        if len(text) > most_chars:
            text = text[: text.rfind("\n", 0, max(most_chars, 0)) + 1]
        if text.strip():
            pieces.append(replace(file, text=text))
    return pieces


def _fitting(pieces: Sequence[Neighbour], budget_chars: int) -> list[Neighbour]:
    chosen = []
    for piece in pieces:
        if len(piece.text) <= budget_chars:
            chosen.append(piece)
            budget_chars -= len(piece.text)
    return chosen


def _chars(pieces: Iterable[Neighbour]) -> int:
    return sum(len(piece.text) for piece in pieces)
