"""Hand-written JavaScript and TypeScript are told from what tools made of them."""

import pytest
from stateline.model.training.corpus.javascript import (
    compiled_beside_source,
    is_built_path,
    is_compiled,
    is_dense,
    strip_legal_head,
)
from wheels import scripts

SCRIPT = scripts(1)


@pytest.mark.parametrize(
    ("path", "built"),
    [
        *((path, False) for path in ("src/a.ts", "lib/a.js", "index.mjs", "src/release.ts")),
        *((f"src/{name}", True) for name in ("a.d.ts", "a.d.mts", "a.min.js", "a.umd.js")),
        *((f"{folder}/a.ts", True) for folder in ("cjs", "esm2015", "x/locales", "fesm")),
        *((f"{folder}/a.js", True) for folder in ("dist", "dist-es", "build", "x/es", "docs")),
        ("dist/a.ts", False),  # for source maps, as it was written
    ],
)
def test_where_tools_write_is_known(path: str, built: bool):
    assert is_built_path(path) is built


@pytest.mark.parametrize(
    ("line", "compiled"),
    [
        *((line, False) for line in ("const a = 1;", "  var a = 1;", "exports.a = a;")),
        ('Object.defineProperty(exports, "__esModule", { value: true });', True),
        ("exports.A = exports.B = void 0;", True),
        ("var __awaiter = (this && this.__awaiter) || 1;", True),
        ("var a = require('a');", True),
        ("const a = /*#__PURE__*/ _jsx('a', {});", True),
        ("//# sourceMappingURL=a.js.map", True),
        ("//#region src/a.ts", True),
    ],
)
def test_what_compilers_write_is_known(line: str, compiled: bool):
    assert is_compiled("lib/a.js", f"{line}\n{SCRIPT}") is compiled
    assert not is_compiled("src/a.ts", f"{line}\n{SCRIPT}"), "nothing compiles to TypeScript"


@pytest.mark.parametrize(
    ("text", "dense"),
    [(SCRIPT, False), ("a;\n" * 5, True), ("a;\n" * 8, False), (("b" * 80 + "\n") * 9, True)],
)
def test_dense_text_is_known(text: str, dense: bool):
    assert is_dense(text) is dense


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        ("/*! @license MIT */\n", ""),
        ("\n/*\n * Copyright A.\n */\n\n", ""),
        ("// Copyright A\n// All rights reserved.\n\n", ""),
        ("/* What this is. */\n", "/* What this is. */\n"),
        ("'use strict';\n/* Copyright A */\n", "'use strict';\n/* Copyright A */\n"),
    ],
)
def test_a_licence_at_the_head_goes(head: str, kept: str):
    assert strip_legal_head(head + SCRIPT) == kept + SCRIPT


def test_what_was_compiled_beside_its_source_is_known():
    paths = ["src/a.ts", "lib/a.js", "lib/b.js", "src/c.tsx", "c.mjs", "d.ts"]
    assert compiled_beside_source(paths) == {"lib/a.js", "c.mjs"}
