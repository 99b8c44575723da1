"""What a TypeScript or JavaScript text imports, and in which files that stands.

Owns the reading of import, export and require, and the ways from what they name to a file: as
TypeScript and bundlers go, but for installed packages, which are nobody's own. What a project says
of its modules is `script_project`'s to read. Pure but for what it asks a `Lookup`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from .families import SCRIPT_SUFFIXES
from .lookup import Lookup
from .script_project import Paths, paths_for

MAX_IMPORTS = 200  # of a text

# A parser would refuse a text that is being typed; what names a module is found by its look alone.
# One inside a string may be found too, which costs nothing but a look at the disk.
_NAMED = re.compile(
    r"^[ \t]*//(?!/)[^\n]*"  # a comment, if no reference; types are named in those for JSDoc
    r"|(?:\b(?:from|import)\s*|\b(?:import|require)\s*\(\s*(?:/\*[^*]{0,200}\*/\s*)?"
    r"|^///\s*<reference\s+path\s*=\s*)"
    r"(?P<quote>[\"'`])(?P<name>[^\"'`\n\\$]{1,300})(?P=quote)",
    re.MULTILINE,
)
_DECLARED = ".d.ts"
# What a name without a suffix may stand for, and what one of compiled JavaScript may be written as.
_ENDINGS = tuple(
    end for each in SCRIPT_SUFFIXES for end in ((each, _DECLARED) if each == ".tsx" else (each,))
)
_WRITTEN_AS = {
    ".js": (".ts", ".tsx", _DECLARED, ".js", ".jsx"),
    ".jsx": (".tsx", ".jsx"),
    ".mjs": (".mts", ".d.mts", ".mjs"),
    ".cjs": (".cts", ".d.cts", ".cjs"),
}
# By habit these stand for where the sources begin, whether or not a configuration says so.
_ALIASES = ("@/", "~/", "#/")


def read_names(text: str) -> list[str]:
    """What a text imports, exports from or requires, as it is named there, in order."""
    found: dict[str, None] = {}
    for match in _NAMED.finditer(text):
        if name := (match["name"] or "").partition("?")[0]:
            found[name] = None
        if len(found) >= MAX_IMPORTS:
            break
    return list(found)


def imported(text: str, file: str, lookup: Lookup) -> Iterator[str]:
    """The files that a text imports, in its order; some perhaps more than once."""
    names = read_names(text)
    near = [each for each in names if each.startswith(".")]
    paths = paths_for(file, lookup) if len(near) < len(names) else Paths()
    for name in names:
        places = _places(name, file, paths, lookup)
        if found := next(filter(None, (_module(place, lookup) for place in places)), None):
            yield found


def _places(name: str, file: str, paths: Paths, lookup: Lookup) -> Iterator[str]:
    """Where a module may stand, without its suffix."""
    if name.startswith("."):
        yield os.path.join(os.path.dirname(file), name)
        return
    yield from paths.places(name)
    if name.startswith(_ALIASES):
        for folder in lookup.source_folders(file):
            yield os.path.join(folder, name[2:])
    else:
        yield from _in_package(name, lookup)


def _in_package(name: str, lookup: Lookup) -> Iterator[str]:
    """The same in a package of this workspace, of which the first part is the name."""
    parts = name.split("/")
    cut = 2 if name.startswith("@") else 1
    folder = lookup.packages().get("/".join(parts[:cut]))
    if folder is not None:
        rest = parts[cut:]
        yield os.path.join(folder, "src", *rest)
        yield os.path.join(folder, *rest)


def _module(place: str, lookup: Lookup) -> str | None:
    """The file that a place without suffix stands for, or with that of what it is compiled to."""
    place = os.path.normpath(place)
    stem, suffix = os.path.splitext(place)
    if suffix in SCRIPT_SUFFIXES:
        return lookup.first(stem, _WRITTEN_AS.get(suffix, (suffix,)))
    return lookup.first(place, _ENDINGS) or lookup.first(os.path.join(place, "index"), _ENDINGS)
