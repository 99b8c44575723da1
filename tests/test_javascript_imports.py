"""Imports of TypeScript and JavaScript: what a text names, and in which files that stands."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.lsp_server.workspace.imports import MAX_FILES, imported_files
from stateline.lsp_server.workspace.javascript_imports import MAX_IMPORTS, read_names
from stateline.lsp_server.workspace.lookup import Lookup

ROOT = os.path.abspath(os.path.join(os.sep, "work", "project"))


def at(*names):
    return [os.path.join(ROOT, *name.split("/")) for name in names]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("import a from './a'", ["./a"]),
        ('import type { A, B as C } from "../b.js";', ["../b.js"]),
        ("import {\n  a, // from here\n  b,\n} from './c'\n", ["./c"]),
        ("import './side-effect.css'", ["./side-effect.css"]),
        ("import a from './x.svg?url'", ["./x.svg"]),
        ("export * from './a'\nexport { b } from './b'", ["./a", "./b"]),
        ("export * as c from\n  './c'", ["./c"]),
        ("import fs = require('./fs')", ["./fs"]),
        ("const { a } = require( './a' ), b = require(`./b`)", ["./a", "./b"]),
        ("const Page = lazy(() => import('./Page'))", ["./Page"]),
        ("await import(/* webpackChunkName: 'p' */ './p')", ["./p"]),
        ("let a: import('./types').A", ["./types"]),
        ("/** @type {import('./types').A} */", ["./types"]),
        ('/// <reference path="./globals.d.ts" />', ["./globals.d.ts"]),
        ("// import a from './a'\n  // require('./b')\nimport './c'", ["./c"]),
        ("import a from './a'\nimport b from './a'", ["./a"]),
        ("import(`./${name}`); require(name); import('')", []),
        ("import { a } from ", []),
        ("import { a } from './a", []),
        ("import { a } from './a\nimport b from './b'", ["./b"]),
        ("Array.from('abc'); important('x'); myrequire('y')", []),
        ("import {} from 'react'; import x from '@scope/pkg/deep'", ["react", "@scope/pkg/deep"]),
    ],
)
def test_names_are_read(text, names):
    assert read_names(text) == names


def test_what_is_read_is_bounded():
    text = "".join(f"import './{number}'\n" for number in range(10 * MAX_IMPORTS))
    assert len(read_names(text)) == MAX_IMPORTS
    assert read_names(f"import '{'a' * 10_000}'") == []


@given(st.text(alphabet="import from require(.,/*)\\\n a'\"`{}$<=", max_size=400))
def test_any_text_can_be_read(text):
    assert all(read_names(text))


@pytest.mark.parametrize(
    "text",
    [
        "import(" * 40_000,
        "from " * 50_000,
        "import" + " " * 250_000,
        "import(" + " " * 250_000,
        "import(/*" + " " * 250_000,
        "from '" * 40_000,
        "\t" * 250_000,
        "// " * 80_000,
    ],
)
def test_no_text_takes_long(text):
    assert len(read_names(text)) <= MAX_IMPORTS  # quadratic would be minutes


def found_in(text, there, file="pkg/sub/here.ts", texts=None, **lookup):
    texts = {at(name)[0]: said for name, said in (texts or {}).items()}
    [here] = at(file)
    lookup = Lookup([ROOT], set(at(*there)).__contains__, texts.get, **lookup)
    return [
        os.path.relpath(each, ROOT).replace(os.sep, "/")
        for each in imported_files(text, here, lookup)
    ]


@pytest.mark.parametrize(
    ("name", "there", "found"),
    [
        ("./a", ["pkg/sub/a.ts", "pkg/sub/a.js", "pkg/sub/a/index.ts"], "pkg/sub/a.ts"),
        ("./a", ["pkg/sub/a.tsx", "pkg/sub/a.d.ts"], "pkg/sub/a.tsx"),
        ("./a", ["pkg/sub/a.d.ts", "pkg/sub/a.js"], "pkg/sub/a.d.ts"),
        ("./a", ["pkg/sub/a.jsx"], "pkg/sub/a.jsx"),
        ("./a", ["pkg/sub/a/index.tsx"], "pkg/sub/a/index.tsx"),
        ("./a.js", ["pkg/sub/a.ts", "pkg/sub/a.js"], "pkg/sub/a.ts"),
        ("./a.js", ["pkg/sub/a.js"], "pkg/sub/a.js"),
        ("./a.mjs", ["pkg/sub/a.mts"], "pkg/sub/a.mts"),
        ("./a.cjs", ["pkg/sub/a.cjs"], "pkg/sub/a.cjs"),
        ("./a.ts", ["pkg/sub/a.ts"], "pkg/sub/a.ts"),
        ("./a.ts", ["pkg/sub/a.js"], None),
        ("./a.service", ["pkg/sub/a.service.ts"], "pkg/sub/a.service.ts"),
        ("./a.json", ["pkg/sub/a.json"], None),
        (".", ["pkg/sub/index.ts"], "pkg/sub/index.ts"),
        ("..", ["pkg/index.js"], "pkg/index.js"),
        ("../b/c", ["pkg/b/c.ts"], "pkg/b/c.ts"),
        ("./here", ["pkg/sub/here.ts"], None),  # the file itself
        ("../../../outside", ["../outside.ts"], None),
        ("/etc/a", ["../../etc/a.ts"], None),
        ("./node_modules/a", ["pkg/sub/node_modules/a.ts"], None),
        ("a", ["node_modules/a/index.js", "pkg/sub/a.ts"], None),
        ("@/b/c", ["pkg/b/c.ts"], "pkg/b/c.ts"),
        ("@/b/c", ["src/b/c.tsx"], "src/b/c.tsx"),
        ("~/c", ["c.js"], "c.js"),
    ],
)
def test_modules_are_found(name, there, found):
    assert found_in(f"import x from '{name}'", there) == ([found] if found else [])


def test_near_files_come_first():
    there = ["far.ts", "pkg/sub/near.ts"]
    text = "import '../../far'; import './near'"
    assert found_in(text, there) == ["pkg/sub/near.ts", "far.ts"]


def test_a_configuration_says_where_modules_stand():
    texts = {"tsconfig.json": '{"compilerOptions": {"paths": {"#lib/*": ["./src/library/*"]}}}'}
    there = ["src/library/a/b.ts"]
    assert found_in("import '#lib/a/b'", there, texts=texts) == there
    assert found_in("import '#lib/a/b'", there) == []


def test_packages_of_the_workspace_are_found_by_their_names():
    folders = dict(zip(["ours", "@us/ui"], at("packages/a", "packages/ui"), strict=True))
    there = ["packages/a/src/index.ts", "packages/ui/button.tsx", "packages/ui/src/deep/x.ts"]
    text = "import 'ours'; import '@us/ui/button'; import '@us/ui/deep/x.js'; import 'react'"
    assert sorted(found_in(text, there, packages=lambda: folders)) == there


def test_the_number_of_files_is_bounded():
    text = "".join(f"import './{number}'\n" for number in range(2 * MAX_FILES))
    there = [f"pkg/sub/{number}.ts" for number in range(2 * MAX_FILES)]
    assert len(found_in(text, there)) == MAX_FILES
