"""Which files of a workspace a Python text imports.

Owns the reading of import statements and Python's ways from a module's name to its file. Pure but
for two questions about the disk, which the caller answers. Paths are absolute strings.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

MAX_IMPORTS = 200  # statements of a text
MAX_NAMES = 50  # of one statement
MAX_FILES = 64

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
# What a project's modules stand under, beside its root.
_SOURCE_FOLDERS = ("", "src", "lib")
_SUFFIXES = (".py", os.sep + "__init__.py", ".pyi", os.sep + "__init__.pyi")


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


def imported_files(
    text: str,
    file: str,
    roots: Sequence[str],
    exists: Callable[[str], bool],
    with_tail: Callable[[Sequence[str]], Sequence[str]] = lambda parts: (),
) -> list[str]:
    """The files that a text imports, those near to its own file first; never the file itself.

    `exists` says whether there is such a file; `with_tail` which files' paths end with the parts
    of a module's name, for layouts that no rule foresees.
    """
    bases = source_folders(file, roots)
    found: dict[str, None] = {}
    for each in read_imports(text):
        for target in _targets(each, file, bases, exists, with_tail):
            if target != file:
                found[target] = None
        if len(found) >= MAX_FILES:
            break
    return sorted(found, key=lambda target: _steps(file, target))[:MAX_FILES]


def source_folders(file: str, roots: Sequence[str]) -> list[str]:
    """Where a file's absolute imports may start: its own folder and those above, then the roots."""
    bases: dict[str, None] = {}
    home = max((root for root in roots if _within(file, root)), key=len, default=None)
    folder = os.path.dirname(file)
    while home is not None and _within(folder, home):
        bases[folder] = None
        folder = os.path.dirname(folder)
    for root in roots:
        for name in _SOURCE_FOLDERS:
            bases[os.path.join(root, name) if name else root] = None
    return list(bases)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _targets(
    each: Import,
    file: str,
    bases: Sequence[str],
    exists: Callable[[str], bool],
    with_tail: Callable[[Sequence[str]], Sequence[str]],
) -> Iterator[str]:
    """Files of one statement: the names that are modules, and else the module they are from."""
    parts = each.module.split(".") if each.module else []
    if each.level:
        folder = file
        for _ in range(min(each.level, 32)):
            folder = os.path.dirname(folder)
        bases = [folder]

    def look(parts: list[str]) -> str | None:
        if not parts:
            return _first(bases[0], ("__init__.py", "__init__.pyi"), exists) if each.level else None
        if found := next(filter(None, (_module(base, parts, exists) for base in bases)), None):
            return found
        known = each.level or parts[0] in sys.stdlib_module_names
        return None if known else _by_tail(parts, file, with_tail)

    modules = [look([*parts, name]) for name in each.names]
    yield from filter(None, modules)
    if not all(modules) or not modules:
        yield from filter(None, [look(parts)])


def _module(base: str, parts: Sequence[str], exists: Callable[[str], bool]) -> str | None:
    return _first(os.path.join(base, *parts), _SUFFIXES, exists, joint="")


def _first(
    stem: str, endings: Sequence[str], exists: Callable[[str], bool], joint: str = os.sep
) -> str | None:
    return next((path for each in endings if exists(path := stem + joint + each)), None)


def _by_tail(
    parts: Sequence[str], file: str, with_tail: Callable[[Sequence[str]], Sequence[str]]
) -> str | None:
    """The nearest file that is called so; of a dotted name the first parts may be called otherwise.

    (A package's folder may have another name than the package, as in this very project.) Two parts
    must agree at least, if there are as many: one alone is too common.
    """
    for start in range(max(len(parts) - 1, 1)):
        if found := with_tail(parts[start:]):
            return min(found, key=lambda path: (_steps(file, path), path))
    return None


def _steps(file: str, target: str) -> int:
    """How many folders one goes up and down from one file to another."""
    ours, theirs = file.split(os.sep)[:-1], target.split(os.sep)[:-1]
    pairs = zip(ours, theirs, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return len(ours) + len(theirs) - 2 * shared
