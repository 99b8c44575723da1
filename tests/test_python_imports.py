"""Python's imports: what a text imports, however broken it is, and in which files that stands."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.lsp_server.workspace.imports import MAX_FILES, imported_files
from stateline.lsp_server.workspace.lookup import Lookup
from stateline.lsp_server.workspace.python_imports import (
    MAX_IMPORTS,
    MAX_NAMES,
    Import,
    read_imports,
)

ROOT = os.path.abspath(os.path.join(os.sep, "work", "project"))


def at(*names):
    return [os.path.join(ROOT, *name.split("/")) for name in names]


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        ("", []),
        ("import a", [Import("a")]),
        ("import a.b as c, d  # e, f", [Import("a.b"), Import("d")]),
        ("    import a; import b", [Import("a")]),
        ("from a.b import c", [Import("a.b", 0, ("c",))]),
        ("from a import b as c, d # why", [Import("a", 0, ("b", "d"))]),
        ("from . import a", [Import("", 1, ("a",))]),
        ("from ...a.b import c", [Import("a.b", 3, ("c",))]),
        ("from a import (\n  b,  # one, two\n  c as d,\n)\n", [Import("a", 0, ("b", "c"))]),
        ("from a import \\\n  b, \\\n  c\n", [Import("a", 0, ("b", "c"))]),
        ("from a import (b,\n  c", [Import("a", 0, ("b", "c"))]),
        ("from a import *", [Import("a")]),
        ("from a import b; x = 1", [Import("a", 0, ("b",))]),
        ("from a import ", [Import("a")]),
        ("from a imp", []),
        ("from a.", []),
        ("import ", []),
        ("import a.", [Import("a")]),
        ("important = 1\nimported(a)\nx = 'import a'\n# import b", []),
        ("try:\n\timport a\nexcept", [Import("a")]),
        ("def f(:\n  from b import (c\nimport d", [Import("b", 0, ("c",)), Import("d")]),
        ("import naïve", [Import("naïve")]),
    ],
)
def test_statements_are_read(text, imports):
    assert read_imports(text) == imports


def test_what_is_read_is_bounded():
    assert len(read_imports("import a\n" * 10 * MAX_IMPORTS)) == MAX_IMPORTS
    [found] = read_imports("from a import " + ", ".join(f"n{i}" for i in range(1000)))
    assert len(found.names) == MAX_NAMES


@given(st.text(alphabet="from import(.,)\\\n a#;", max_size=400))
def test_any_text_can_be_read(text):
    for found in read_imports(text):
        assert found.module or found.level


@pytest.mark.parametrize(
    "text",
    [
        "from a import (\n" * 20_000,
        "from a import (" * 20_000,
        "from " + "." * 250_000,
        "import " * 40_000,
    ],
)
def test_no_text_takes_long(text):
    assert len(read_imports(text)) <= MAX_IMPORTS  # quadratic would be minutes


def test_absolute_imports_start_at_the_folders_above_and_the_roots():
    [file] = at("tools/deep/a.py")
    other = os.path.abspath(os.path.join(os.sep, "other"))
    assert Lookup([ROOT, other]).source_folders(file) == [
        *at("tools/deep", "tools"),
        ROOT,
        *at("src", "lib"),
        other,
        *(os.path.join(other, name) for name in ("src", "lib")),
    ]


@pytest.mark.parametrize(
    ("text", "there", "found"),
    [
        ("import a", ["a.py"], ["a.py"]),
        ("import a", ["a/__init__.py"], ["a/__init__.py"]),
        ("import a", ["a.py", "a.pyi", "a/__init__.py"], ["a.py"]),
        ("import a", ["a.pyi"], ["a.pyi"]),
        ("import a.b", ["src/a/b.py", "a/c.py"], ["src/a/b.py"]),
        ("import a", ["lib/a.py"], ["lib/a.py"]),
        ("import a", ["pkg/sub/a.py", "a.py"], ["pkg/sub/a.py"]),
        ("import a", ["pkg/a.py", "a.py"], ["pkg/a.py"]),
        ("from a import b, c", ["a/__init__.py", "a/b.py"], ["a/b.py", "a/__init__.py"]),
        ("from a import b", ["a/__init__.py", "a/b.py"], ["a/b.py"]),
        ("from a import b", ["a.py"], ["a.py"]),
        ("from . import a", ["pkg/sub/a.py", "pkg/sub/__init__.py"], ["pkg/sub/a.py"]),
        ("from . import a", ["pkg/sub/__init__.py"], ["pkg/sub/__init__.py"]),
        ("from .a import b", ["pkg/sub/a.py", "pkg/a.py"], ["pkg/sub/a.py"]),
        ("from ..a import b", ["pkg/sub/a.py", "pkg/a/b.py"], ["pkg/a/b.py"]),
        ("from .........a import b", ["a.py"], []),
        ("import here", ["pkg/sub/here.py"], []),  # the file itself
        ("import os, numpy", [], []),
        (
            "import far\nfrom . import near",
            ["far.py", "pkg/sub/near.py"],
            ["pkg/sub/near.py", "far.py"],
        ),
    ],
)
def test_modules_are_found(text, there, found):
    [file] = at("pkg/sub/here.py")
    assert imported_files(text, file, Lookup([ROOT], set(at(*there)).__contains__)) == at(*found)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("from stateline.model import engine", ["stateline.model.engine", "model.engine"]),
        ("import a.b", ["a.b"]),
        ("import a", ["a"]),
        ("import json", []),
        ("from . import a", []),
    ],
)
def test_unusual_layouts_are_asked_for_by_tail(text, asked):
    seen = []

    def with_tail(parts):
        seen.append(".".join(parts))
        return []

    lookup = Lookup([ROOT], with_tail=with_tail)
    assert imported_files(text, *at("x/here.py"), lookup) == []
    assert seen[: len(asked)] == asked
    assert bool(seen) == bool(asked)


def test_of_several_with_a_tail_the_nearest_is_taken():
    choices = at("a/model/engine.py", "x/y/model/engine.py", "x/model/engine.ts")
    lookup = Lookup([ROOT], with_tail=lambda parts: choices)
    assert imported_files("import p.model.engine", *at("x/here.py"), lookup) == choices[1:2]


def test_the_number_of_files_is_bounded():
    text = "\n".join(f"from p{i} import {', '.join('abcdefgh')}" for i in range(100))
    lookup = Lookup([ROOT], lambda path: True)
    assert len(imported_files(text, *at("here.py"), lookup)) == MAX_FILES
