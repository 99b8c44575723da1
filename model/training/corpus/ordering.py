"""In which order a project's files are read: what is imported comes first.

Owns what an import looks like in each language, as far as it names a file of the same project.
Pure; knows no archives and no rules of cleaning.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from ...languages import PYTHON, language_of_path

_IMPORT = re.compile(
    r"^(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)|import[ \t]+([\w., \t]+))",
    re.MULTILINE,
)
_SCRIPT_IMPORT = re.compile(r"(?:\bfrom|\bimport|\brequire\()\s*[\"'](\.[^\"'\n]*)[\"']")
_SCRIPT_SUFFIX = re.compile(r"\.[cm]?[jt]sx?$")


def import_order(texts: Mapping[str, str]) -> list[str]:
    """The paths of a project's files, each after those that it imports; ties and cycles by path."""
    by_module: dict[str, str] = {}
    for path in sorted(texts):
        by_module.setdefault(_module(path), path)
    ordered: dict[str, None] = {}
    entered: set[str] = set()
    for root in sorted(texts):
        stack: list[tuple[str, Iterator[str]]] = []
        _enter(root, texts, by_module, entered, stack)
        while stack:
            path, pending = stack[-1]
            following = next(pending, None)
            if following is None:
                ordered[path] = None
                stack.pop()
            else:
                _enter(following, texts, by_module, entered, stack)
    return list(ordered)


def _enter(
    path: str,
    texts: Mapping[str, str],
    by_module: Mapping[str, str],
    entered: set[str],
    stack: list[tuple[str, Iterator[str]]],
) -> None:
    if path not in entered:
        entered.add(path)
        found = {by_module[name] for name in _imports(path, texts[path]) if name in by_module}
        stack.append((path, iter(sorted(found - {path}))))


def _is_python(path: str) -> bool:
    return language_of_path(path) is PYTHON


def _module(path: str) -> str:
    """What an import calls the file: dotted in Python, a path without its ending elsewhere."""
    if _is_python(path):
        return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return _SCRIPT_SUFFIX.sub("", path).removesuffix("/index")


def _imports(path: str, text: str) -> Iterable[str]:
    """The modules that a file may mean by its imports at the top level."""
    if not _is_python(path):
        return (_script_module(path, match[1]) for match in _SCRIPT_IMPORT.finditer(text))
    module = _module(path)
    package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
    return (name for match in _IMPORT.finditer(text) for name in _targets(match, package))


def _script_module(path: str, named: str) -> str:
    return _module(posixpath.normpath(posixpath.join(posixpath.dirname(path), named)))


def _targets(match: re.Match[str], package: str) -> Iterator[str]:
    source, names, plain = match.groups()
    if plain:
        yield from (part.split()[0] for part in plain.split(",") if part.split())
        return
    base = _absolute(source, package)
    for name in re.findall(r"\w+", names):
        yield f"{base}.{name}".lstrip(".")
        yield base


def _absolute(source: str, package: str) -> str:
    """The module that `from source import ...` names inside `package`."""
    dots = len(source) - len(source.lstrip("."))
    if not dots:
        return source
    parts = package.split(".") if package else []
    kept = parts[: max(0, len(parts) - (dots - 1))]
    return ".".join([*kept, *filter(None, [source[dots:]])])
