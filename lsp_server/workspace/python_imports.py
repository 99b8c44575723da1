"""What a Python text imports, and in which files that stands.

Owns the reading of import statements and Python's ways from a module's name to its file. Pure but
for what it asks a `Lookup`. Paths are absolute strings.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .families import PYTHON_SUFFIXES
from .lookup import Lookup

MAX_IMPORTS = 200  # statements of a text
MAX_NAMES = 50  # of one statement

# A parser would refuse a text that is being typed; an import statement is found by its look alone.
# One inside a string may be found too, which costs nothing but a look at the disk.
_STATEMENT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>[.\w]+)[ \t]+import\b[ \t]*"
    r"(?:\((?P<block>(?:[^)\n]|\n(?![ \t]*(?:import|from)\b)){0,4000})|(?P<line>[^\n;]*))"
    r"|import[ \t]+(?P<modules>[^\n;]+))",
    re.MULTILINE,
)
_COMMENT = re.compile(r"#[^\n]*")
_NAME = re.compile(r"\w+(?:\.\w+)*")
_ENDINGS = tuple(end for each in PYTHON_SUFFIXES for end in (each, f"{os.sep}__init__{each}"))


@dataclass(frozen=True)
class Import:
    """`from ..module import names` has level 2; `import module` has no names."""

    module: str
    level: int = 0
    names: tuple[str, ...] = ()


def read_imports(text: str) -> list[Import]:
    """The import statements of a text in order, also while it is no valid Python."""
    return list(_statements(text.replace("\\\n", " ")))[:MAX_IMPORTS]


def _statements(text: str) -> Iterator[Import]:
    for found in _STATEMENT.finditer(text):
        if (modules := found["modules"]) is not None:
            yield from (Import(name) for name in _names(modules))
        else:
            module = found["module"].lstrip(".")
            level = len(found["module"]) - len(module)
            names = _names(found["block"] or found["line"] or "")
            yield Import(module.strip("."), level, tuple(names))


def _names(listed: str) -> list[str]:
    """The names of `a, b.c as d  # why`."""
    parts = _COMMENT.sub("", listed).split(",", MAX_NAMES)[:MAX_NAMES]
    return [found[0] for part in parts if (found := _NAME.match(part.strip()))]


def imported(text: str, file: str, lookup: Lookup) -> Iterator[str]:
    """The files that a text imports, in its order; some perhaps more than once."""
    bases = lookup.source_folders(file)
    for each in read_imports(text):
        yield from _targets(each, file, bases, lookup)


def _targets(each: Import, file: str, bases: Sequence[str], lookup: Lookup) -> Iterator[str]:
    """Files of one statement: the names that are modules, and else the module they are from."""
    parts = each.module.split(".") if each.module else []
    if each.level:
        folder = file
        for _ in range(min(each.level, 32)):
            folder = os.path.dirname(folder)
        bases = [folder]

    def look(parts: list[str]) -> str | None:
        if not parts:
            return _module(bases[0], ["__init__"], lookup) if each.level else None
        if found := next(filter(None, (_module(base, parts, lookup) for base in bases)), None):
            return found
        known = each.level or parts[0] in sys.stdlib_module_names
        return None if known else _by_tail(parts, file, lookup)

    modules = [look([*parts, name]) for name in each.names]
    yield from filter(None, modules)
    if not all(modules) or not modules:
        yield from filter(None, [look(parts)])


def _module(base: str, parts: Sequence[str], lookup: Lookup) -> str | None:
    return lookup.first(os.path.join(base, *parts), _ENDINGS)


def _by_tail(parts: Sequence[str], file: str, lookup: Lookup) -> str | None:
    """The nearest file that is called so; of a dotted name the first parts may be called otherwise.

    (A package's folder may have another name than the package, as in this very project.) Two parts
    must agree at least, if there are as many: one alone is too common.
    """
    for start in range(max(len(parts) - 1, 1)):
        if found := lookup.nearest_with_tail(parts[start:], file, PYTHON_SUFFIXES):
            return found
    return None
