"""Which files of a workspace a text imports, in whatever language it is written.

Owns the bound and the order of what is found; each language's own module finds it.
"""

from __future__ import annotations

from . import javascript_imports, python_imports
from .families import PYTHON_SUFFIXES, SCRIPT_SUFFIXES, family
from .lookup import Lookup
from .paths import steps

MAX_FILES = 64
_READERS = {
    PYTHON_SUFFIXES: python_imports.imported,
    SCRIPT_SUFFIXES: javascript_imports.imported,
}


def imported_files(text: str, file: str, lookup: Lookup) -> list[str]:
    """The files that a text imports, those near to its own file first; never the file itself."""
    read = _READERS.get(family(file))
    found: dict[str, None] = {}
    for target in read(text, file, lookup) if read else ():
        if len(found) >= MAX_FILES:
            break
        if target != file:
            found[target] = None
    return sorted(found, key=lambda target: steps(file, target))
