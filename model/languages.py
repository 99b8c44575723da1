"""The languages that Stateline knows by name, and which files are theirs.

Owns a language's name, the identifiers that LSP gives to documents in it, and its files' suffixes.
Plain data for the server, the trainer and the evaluation; knows no grammar, no model and no editor.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Language:
    """`ids` are LSP's language identifiers; a suffix has its dot and is in lower case."""

    name: str
    ids: tuple[str, ...]
    suffixes: tuple[str, ...]


PYTHON = Language("python", ("python",), (".py", ".pyi"))
TYPESCRIPT = Language(
    "typescript", ("typescript", "typescriptreact"), (".ts", ".tsx", ".mts", ".cts")
)
JAVASCRIPT = Language(
    "javascript", ("javascript", "javascriptreact"), (".js", ".jsx", ".mjs", ".cjs")
)
LANGUAGES = (PYTHON, TYPESCRIPT, JAVASCRIPT)
_WITH_ELEMENTS = {".tsx": "typescriptreact", ".jsx": "javascriptreact"}


def language_of(identifier: str) -> Language | None:
    """The language of an LSP identifier."""
    return next((each for each in LANGUAGES if identifier in each.ids), None)


def language_of_path(path: str) -> Language | None:
    """The language of a file, by its suffix."""
    suffix = PurePath(path).suffix.lower()
    return next((each for each in LANGUAGES if suffix in each.suffixes), None)


def identifier_of_path(path: str) -> str:
    """The LSP identifier that editors give to a file, by its suffix; empty if it is not known."""
    language = language_of_path(path)
    suffix = PurePath(path).suffix.lower()
    return _WITH_ELEMENTS.get(suffix, language.ids[0] if language else "")
