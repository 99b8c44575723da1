"""What a TypeScript or JavaScript project says of its modules, in files that nobody need trust.

Owns the reading of tsconfig.json and jsconfig.json (`baseUrl`, `paths`, `extends`; comments and
trailing commas allowed) and of the names in package.json, all bounded. Knows no import statement,
and reads no disk: texts are given to it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .lookup import Lookup

CONFIGURATIONS = ("tsconfig.json", "jsconfig.json")
MAX_PATTERNS = 200
MAX_TARGETS = 8  # of a pattern
MAX_EXTENDED = 8  # configurations that one rests on
# A comment, a comma before a closing bracket, or a string, in which neither means anything. What
# is not closed reaches to the end, so that nothing is looked through twice.
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*+"?)|//[^\n]*|/\*(?s:.*?)(?:\*/|\Z)')
_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*+"?)|,(?=\s*[}\]])')


@dataclass(frozen=True)
class Paths:
    """`paths` are patterns with at most one star, and what they stand for, made absolute."""

    base: str = ""  # where a name that no pattern fits is looked up; empty: nowhere
    paths: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def places(self, name: str) -> Iterator[str]:
        """Where a module may stand, without its suffix: by the best pattern, then the base.

        The longest text before the star decides, as in TypeScript's handbook.
        """
        fitting = [(pattern, targets) for pattern, targets in self.paths if _fits(pattern, name)]
        if fitting:
            pattern, targets = max(fitting, key=lambda each: _rank(each[0]))
            before, star, after = pattern.partition("*")
            amid = name[len(before) : len(name) - len(after)] if star else ""
            yield from (target.replace("*", amid, 1) for target in targets)
        if self.base and not name.startswith("/"):
            yield os.path.join(self.base, name)


def paths_for(file: str, lookup: Lookup) -> Paths:
    """What the nearest configuration around a file says; one that says nothing is passed over."""
    for folder in lookup.upwards(file):
        for name in CONFIGURATIONS:
            said = _paths_in(os.path.join(folder, name), lookup)
            if said != Paths():
                return said
    return Paths()


def package_folders(files: Sequence[str], read: Callable[[str], str | None]) -> Mapping[str, str]:
    """The folders of these package.json by the names in them; of two with one name, the first."""
    found: dict[str, str] = {}
    for file in files:
        name = _object(read(file)).get("name")
        if isinstance(name, str) and name:
            found.setdefault(name, os.path.dirname(file))
    return found


def _paths_in(file: str, lookup: Lookup) -> Paths:
    """A configuration's own, and what it leaves to those that it extends.

    What `paths` names starts at the `baseUrl` in force, else at the folder of who says it.
    """
    base, home, paths = "", "", dict[str, Any]()
    for each, options in reversed(list(_chain(file, lookup))):
        folder = os.path.dirname(each)
        if isinstance(said := options.get("baseUrl"), str):
            base = os.path.normpath(os.path.join(folder, said))
        if isinstance(said := options.get("paths"), dict):
            home, paths = folder, said
    return Paths(base, tuple(_patterns(paths, base or home)))


def _chain(file: str, lookup: Lookup) -> Iterator[tuple[str, dict[str, Any]]]:
    """A configuration and those it rests on, nearest first: their files and compilerOptions."""
    waiting, seen = [file], set[str]()
    while waiting and len(seen) < MAX_EXTENDED:
        file = waiting.pop(0)
        if file in seen:
            continue
        seen.add(file)
        said = _object(lookup.text(file))
        options = said.get("compilerOptions")
        yield file, options if isinstance(options, dict) else {}
        extended = said.get("extends")
        names = extended if isinstance(extended, list) else [extended]
        folder = os.path.dirname(file)
        for name in reversed(names[:MAX_EXTENDED]):
            if isinstance(name, str) and name.startswith("."):
                whole = name if name.endswith(".json") else f"{name}.json"
                waiting.append(os.path.normpath(os.path.join(folder, whole)))


def _patterns(paths: dict[str, Any], base: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for pattern, targets in list(paths.items())[:MAX_PATTERNS]:
        if pattern.count("*") <= 1 and isinstance(targets, list):
            strings = [each for each in targets[:MAX_TARGETS] if isinstance(each, str)]
            yield pattern, tuple(os.path.join(base, each) for each in strings)


def _fits(pattern: str, name: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == name
    long_enough = len(name) >= len(before) + len(after)
    return long_enough and name.startswith(before) and name.endswith(after)


def _rank(pattern: str) -> tuple[bool, int]:
    """An exact pattern goes before all with a star."""
    before, star, _ = pattern.partition("*")
    return not star, len(before)


def _object(text: str | None) -> dict[str, Any]:
    """The JSON object in a text, comments and trailing commas aside; empty if there is none."""
    try:
        found = json.loads(_COMMA.sub(_string, _COMMENT.sub(_string, text or "")))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _string(found: re.Match[str]) -> str:
    return found[1] or ""
