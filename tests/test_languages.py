"""Which language a document or a file is in."""

import pytest
from stateline.model.languages import (
    JAVASCRIPT,
    PYTHON,
    TYPESCRIPT,
    Language,
    identifier_of_path,
    language_of,
    language_of_path,
)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("python", PYTHON),
        ("typescript", TYPESCRIPT),
        ("typescriptreact", TYPESCRIPT),
        ("javascript", JAVASCRIPT),
        ("javascriptreact", JAVASCRIPT),
        ("rust", None),
        ("", None),
    ],
)
def test_an_identifier_names_a_language(identifier: str, expected: Language | None):
    assert language_of(identifier) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.py", PYTHON),
        ("a/b.pyi", PYTHON),
        ("a/View.TSX", TYPESCRIPT),
        ("a/b.d.ts", TYPESCRIPT),
        ("a/b.mjs", JAVASCRIPT),
        ("a/b.cjs", JAVASCRIPT),
        ("a/b.json", None),
        (".py", None),
    ],
)
def test_a_suffix_names_a_language(path: str, expected: Language | None):
    assert language_of_path(path) is expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.py", "python"),
        ("a/b.ts", "typescript"),
        ("a/View.TSX", "typescriptreact"),
        ("a/b.cjs", "javascript"),
        ("a/b.jsx", "javascriptreact"),
        ("a/b.json", ""),
    ],
)
def test_a_suffix_names_an_identifier(path: str, expected: str):
    assert identifier_of_path(path) == expected
