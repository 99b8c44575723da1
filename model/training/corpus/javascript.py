"""Which JavaScript and TypeScript of a package was written by hand.

Most of what npm holds was made by compilers and bundlers, often beside its source. Owns the marks
of that: folders, file names, what compilers write. Pure functions of paths and texts; the rules for
all languages are `cleaning`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from ...languages import TYPESCRIPT

MIN_LINES = 8
MAX_MEAN_LINE_CHARS = 70
_HEAD_CHARS = 3_000

# Folders of builds for one consumer, and of words and pictures rather than code.
_BUILT_FOLDERS = re.compile(
    r"(^|/)(umd|cjs|amd|system|bundles?|min|_esm20\d\d|fesm\w*|esm\d*|es5|polyfills?"
    r"|node_modules|__snapshots__|fixtures|locales?|i18n|lang|icons?|generated|gen)/"
)
# TypeScript stands in these as it was written, for source maps; JavaScript does not.
_BUILT_SCRIPT_FOLDERS = re.compile(
    r"(^|/)(dist[\w-]*|es|build|out|output|lib-(esm|cjs)|module|_virtual|compiled|target|release"
    r"|public|static|assets|docs?)/"
)
_BUILT_NAME = re.compile(r"\.(d\.[cm]?ts|(min|umd|iife|bundle)\.js)$")
_COMPILED = (
    *("__esModule", "__awaiter", "__importDefault", "__createBinding", "sourceMappingURL"),
    *("webpackBootstrap", "__webpack", "_interopRequire", "@__PURE__", "_classCallCheck"),
    *("babelHelpers", "define.amd", "regeneratorRuntime", "_jsx(", "jsxRuntime", "__toESM"),
    *("__commonJS", "createCommonjsModule", "_createClass", "__spreadArray", "tslib_"),
    *("__defProp", "goog.provide", "var _default =", "exports.default = void 0", "__assign("),
    *("Object.defineProperty(exports", "__publicField", "__name(", "/* @__", "//#region"),
)
_COMPILED_LINE = re.compile(
    r"^var \w+ = class|^\s*exports\.\w+ = exports\.|\"use strict\";\s*\nvar __"
    r"|^\s*_\w+ = \w+\(function\*",
    re.MULTILINE,
)
_VAR = re.compile(r"^var \w", re.MULTILINE)  # what ES5 and compilers begin with
_BLOCK = re.compile(r"\s*(?:/\*.*?\*/\s*|(?://[^\n]*\n)+\s*)", re.DOTALL)
_LEGAL = re.compile(r"copyright|\blicen[cs]e|all rights reserved|spdx-|@license", re.IGNORECASE)


def is_built_path(path: str) -> bool:
    """Whether a file's place or name says that a tool made it, or that it holds no code."""
    if _BUILT_NAME.search(path) or _BUILT_FOLDERS.search(path):
        return True
    return not path.endswith(TYPESCRIPT.suffixes) and bool(_BUILT_SCRIPT_FOLDERS.search(path))


def is_compiled(path: str, text: str) -> bool:
    """Whether JavaScript bears the marks of a compiler, a bundler, or the years before 2015."""
    if path.endswith(TYPESCRIPT.suffixes):
        return False
    marks = any(mark in text for mark in _COMPILED)
    return marks or bool(_VAR.search(text[:_HEAD_CHARS]) or _COMPILED_LINE.search(text))


def is_dense(text: str) -> bool:
    """Whether there are few lines, or long ones, as no one writes them."""
    lines = text.count("\n") + 1
    return lines < MIN_LINES or len(text) > MAX_MEAN_LINE_CHARS * lines


def strip_legal_head(text: str) -> str:
    """The text without a first comment that states a licence."""
    block = _BLOCK.match(text)
    return text[block.end() :] if block and _LEGAL.search(block.group()) else text


def compiled_beside_source(paths: Iterable[str]) -> set[str]:
    """The JavaScript files that bear the name of a TypeScript file of the same package."""
    paths = list(paths)
    names = {PurePosixPath(path).stem for path in paths if path.endswith(TYPESCRIPT.suffixes)}
    scripts = (path for path in paths if not path.endswith(TYPESCRIPT.suffixes))
    return {path for path in scripts if PurePosixPath(path).stem in names}
