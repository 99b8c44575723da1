"""Which files may go with an open one, before their texts are looked at.

Owns where they are looked for: in what the user touched, in imports, among tests and in the same
folder. Reads the disk. How they are ordered, and which of them are taken, is `selection`'s to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .families import family
from .relations import Relations
from .selection import wanted
from .walk import siblings

MAX_BESIDE = 16  # files
_FOLLOWED_IMPORTS = 4  # recent files whose imports are looked at
_Read = Callable[[str], str | None]


@dataclass(frozen=True)
class CandidateFiles:
    """Paths, the most important first; some may be of no file."""

    wanted: Sequence[str]
    beside: Sequence[str]  # in the same folder, and not wanted for more


def candidates(
    file: str, text: str, recent: Sequence[str], relations: Relations, read: _Read
) -> CandidateFiles:
    """Those of an open file. Of `recent` the last one was used last.

    `read` gives the text of a file that may be read, else None.
    """
    suffixes = family(file)
    used = [each for each in reversed(recent) if each != file and each.endswith(suffixes)]
    near = [*relations.imports(file, text), *relations.tests(file)]
    found = wanted(file, used, near, _further(used, relations, read))
    listed = siblings(file, suffixes, MAX_BESIDE + len(found))
    beside = [each for each in listed if each not in found]
    return CandidateFiles(found, beside[:MAX_BESIDE])


def _further(used: Sequence[str], relations: Relations, read: _Read) -> Iterator[str]:
    """What is imported by what was used last."""
    for file in used[:_FOLLOWED_IMPORTS]:
        if (text := read(file)) is not None:
            yield from relations.imports(file, text)
