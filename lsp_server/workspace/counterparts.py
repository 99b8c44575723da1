"""Which tests go with a source, and which source with a test: by their names, in either direction.

Owns the habits of naming, for each family of languages. Pure but for what it asks a `Lookup`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from .families import PYTHON_SUFFIXES, SCRIPT_SUFFIXES, family
from .lookup import Lookup
from .paths import steps

MAX_COUNTERPARTS = 4
_TEST_FOLDER = "__tests__"
# A name without suffix: what a test's is made of, and which ones a source's test may have.
_TESTED = {
    PYTHON_SUFFIXES: re.compile(r"test_(?P<before>.+)|(?P<after>.+)_test"),
    SCRIPT_SUFFIXES: re.compile(r"(?P<after>.+)\.(?:test|spec)"),
}
_TESTS = {
    PYTHON_SUFFIXES: ("test_{}", "{}_test"),
    SCRIPT_SUFFIXES: ("{}.test", "{}.spec"),
}


def counterparts(file: str, lookup: Lookup) -> list[str]:
    """The files that test a file, or else those that it tests; the likeliest first."""
    suffixes = family(file)
    if not suffixes:
        return []
    found = dict.fromkeys([*_beside(file, suffixes, lookup), *_elsewhere(file, suffixes, lookup)])
    found.pop(file, None)
    return list(found)[:MAX_COUNTERPARTS]


def _beside(file: str, suffixes: tuple[str, ...], lookup: Lookup) -> Iterator[str]:
    """In the same folder, or in the one for tests below it."""
    folder, name = os.path.split(os.path.splitext(file)[0])
    tests = os.path.join(folder, _TEST_FOLDER)
    tested = _tested(name, suffixes)
    if os.path.basename(folder) == _TEST_FOLDER:
        places = [os.path.join(os.path.dirname(folder), tested or name)]
    elif tested:
        places = [os.path.join(folder, tested)]
    else:
        names = [each.format(name) for each in _TESTS[suffixes]]
        places = [os.path.join(folder, each) for each in names]
        places += [os.path.join(tests, each) for each in (*names, name)]
    yield from filter(None, (lookup.first(place, suffixes) for place in places))


def _elsewhere(file: str, suffixes: tuple[str, ...], lookup: Lookup) -> Iterator[str]:
    """Anywhere, if the source is the nearest of its name to the test."""
    name = os.path.splitext(os.path.basename(file))[0]
    if tested := _tested(name, suffixes):
        yield from filter(None, [_nearest(tested, file, suffixes, lookup)])
        return
    for each in (pattern.format(name) for pattern in _TESTS[suffixes]):
        test = _nearest(each, file, suffixes, lookup)
        if test and _nearest(name, test, suffixes, lookup) == file:
            yield test


def _tested(name: str, suffixes: tuple[str, ...]) -> str:
    """The name of what a test of this name tests; empty for the name of no test."""
    found = _TESTED[suffixes].fullmatch(name)
    return next(filter(None, found.groups()), "") if found else ""


def _nearest(name: str, file: str, suffixes: tuple[str, ...], lookup: Lookup) -> str | None:
    """By the folders' names that both paths share, as trees of tests are laid out like sources."""

    def distance(path: str) -> tuple[int, int, str]:
        shared = {*path.split(os.sep)[:-1]} & {*file.split(os.sep)[:-1]}
        return -len(shared), steps(file, path), path

    found = [path for path in lookup.with_tail([name]) if path.endswith(suffixes)]
    return min(found, key=distance, default=None)
