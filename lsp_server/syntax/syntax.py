"""What shaping has to know of a language: how it is read, and where its lines and blocks end.

Owns which family of rules a language belongs to. A language without a family of its own is taken
for one that indents its blocks. Knows no model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ...model.languages import JAVASCRIPT, TYPESCRIPT, language_of
from . import braces, ecmascript, indentation
from .brackets import Brackets, brackets
from .lines import Extent, cursor_line


@dataclass(frozen=True)
class Syntax:
    """One family's rules. The functions take what stands before the cursor, then what was written;
    `without_next_lines` besides the next line below, and whether that is telling."""

    read_line: Callable[[str], Brackets]  # what stands before the cursor, to the cursor's line
    opens_block: Callable[[str], bool]  # of a line
    first_line: Callable[[str, str], Extent]
    block: Callable[[str, str], Extent]
    without_next_lines: Callable[[str, str, str, bool], str]
    braces: bool = False  # whether a block that is begun has to be closed


def _braced(jsx: bool) -> Syntax:
    return Syntax(
        partial(ecmascript.read_line, jsx=jsx),
        partial(braces.opens_block, jsx=jsx),
        partial(braces.first_line, jsx=jsx),
        partial(braces.block, jsx=jsx),
        partial(braces.without_next_lines, jsx=jsx),
        braces=True,
    )


INDENTED = Syntax(
    lambda prefix: brackets(cursor_line(prefix)),
    indentation.opens_block,
    indentation.first_line,
    indentation.block,
    indentation.without_next_lines,
)
BRACED = _braced(jsx=False)
BRACED_JSX = _braced(jsx=True)


def syntax_of(identifier: str) -> Syntax:
    """The rules for a document with this LSP language identifier."""
    if identifier == "typescript":  # there `<T>x` is a cast
        return BRACED
    return BRACED_JSX if language_of(identifier) in (TYPESCRIPT, JAVASCRIPT) else INDENTED
