"""The functions of a text, and where their statements stand: what is worth typing in a demo.

Owns how they are found: Python's by its own parser, others' by the look of code that a formatter
has indented. Knows no typing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_MODIFIERS = "export|default|async|public|private|protected|static|override|get|set"
_BRACED = re.compile(
    rf"[ \t]*(?:(?:{_MODIFIERS}) +)*"
    r"(?:function\b\*? *(?P<function>[\w$]+)"
    r"|(?:const|let|var) +(?P<arrow>[\w$]+) *=[^\n]*(?:\($|=>)"
    r"|(?!(?:if|for|while|switch|catch)\b)(?P<method>[\w$]+)(?:<[^\n()]*>)?\()"
)
_HEADER_ROWS = 12  # at most, until the brace that opens the body


@dataclass(frozen=True)
class Body:
    """A function's statements after its docstring: their first rows, from 0, and the row behind."""

    name: str  # with those of what it stands in, where they are known, as in .Class.method
    starts: tuple[int, ...]
    end: int


def bodies_of(text: str, is_python: bool) -> list[Body]:
    """All that are found; none in a Python text that is not valid."""
    return _of_python(text) if is_python else list(_of_braces(text.split("\n")))


def _of_python(text: str) -> list[Body]:
    try:
        return _below(ast.parse(text), "")
    except (SyntaxError, ValueError, RecursionError):
        return []


def _below(node: ast.AST, path: str) -> list[Body]:
    found = []
    for child in ast.iter_child_nodes(node):
        here = f"{path}.{child.name}" if isinstance(child, _NAMED) else path
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.end_lineno:
            skip = 0 if ast.get_docstring(child, clean=False) is None else 1
            starts = tuple(statement.lineno - 1 for statement in child.body[skip:])
            found += [Body(here, starts, child.end_lineno)] if starts else []
        found += _below(child, here)
    return found


def _of_braces(rows: list[str]) -> Iterator[Body]:
    """A body begins behind a row that ends with a brace, and ends where one stands out as far."""
    for at, row in enumerate(rows):
        found = _BRACED.match(row)
        header = range(at, min(at + _HEADER_ROWS, len(rows)))
        opens = next((each for each in header if rows[each].endswith("{")), None)
        if found is None or opens is None:
            continue
        depth = _columns(row)
        closes = (
            each
            for each in range(opens + 1, len(rows))
            if rows[each].strip() and _columns(rows[each]) <= depth
        )
        end = next(closes, None)
        if end is None or not rows[end].lstrip().startswith("}"):
            continue
        inner = [each for each in range(opens + 1, end) if rows[each].strip()]
        least = min((_columns(rows[each]) for each in inner), default=0)
        starts = [each for each in inner if _begins(rows[each], least)]
        if starts:
            yield Body(f".{found[found.lastgroup or 0]}", tuple(starts), end)


def _begins(row: str, columns: int) -> bool:
    """Whether a statement may begin in a row, and none is closed or carried on."""
    return _columns(row) == columns and row.lstrip()[0] not in ")]}.?:&|"


def _columns(row: str) -> int:
    return len(row) - len(row.lstrip())
