"""Which files may go with a file: those of its language, and of languages that import each other.

Owns the families of languages, as suffixes. Knows no disk, no grammar and no model.
"""

from __future__ import annotations

from ...model.languages import JAVASCRIPT, PYTHON, TYPESCRIPT, language_of_path

PYTHON_SUFFIXES = PYTHON.suffixes
SCRIPT_SUFFIXES = (*TYPESCRIPT.suffixes, *JAVASCRIPT.suffixes)
SUFFIXES = (*PYTHON_SUFFIXES, *SCRIPT_SUFFIXES)
_NOTEBOOK = ".ipynb"  # whose cells are documents with its path


def family(file: str) -> tuple[str, ...]:
    """The suffixes of the files that may go with this one; empty for an unknown language."""
    language = language_of_path(file)
    if language in (TYPESCRIPT, JAVASCRIPT):
        return SCRIPT_SUFFIXES
    if language is PYTHON or file.endswith(_NOTEBOOK):
        return PYTHON_SUFFIXES
    return ()
