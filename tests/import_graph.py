"""The packages' modules and what they import, read with `ast` and never executed.

Owns the reading of package folders into modules, imports and paths between them. Knows no
rule about who may import whom; those stand in test_tidy.py.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = {"model": "stateline.model", "lsp_server": "stateline.lsp_server"}


@dataclass(frozen=True)
class Import:
    """One imported module, by its full name."""

    target: str
    line: int
    runs_at_import: bool
    """False inside a function, and under `if TYPE_CHECKING`."""


@dataclass(frozen=True)
class Module:
    """One source file under its installed name."""

    name: str
    path: Path
    tree: ast.Module
    is_package: bool

    @property
    def label(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


def read_modules(packages: Mapping[str, str] = PACKAGES) -> dict[str, Module]:
    """Every module of some packages, by full name."""
    modules = {}
    for folder, package in packages.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join((package, *(parts[:-1] if is_package else parts)))
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            modules[name] = Module(name, path, tree, is_package)
    return modules


def imports_of(module: Module, known: Iterable[str] = ()) -> list[Import]:
    """The module's imports; `from a import b` means `a.b` where `known` has a module so named."""
    known = frozenset(known)
    found = []
    for node, runs_at_import in _import_statements(module.tree, True):
        for target in _targets(node, module, known):
            found.append(Import(target, node.lineno, runs_at_import))
    return found


def _import_statements(
    parent: ast.AST, runs: bool
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, runs
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _import_statements(node, False)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _import_statements(ast.Module(node.body, []), False)
            yield from _import_statements(ast.Module(node.orelse, []), runs)
        else:
            yield from _import_statements(node, runs)


def _targets(
    node: ast.Import | ast.ImportFrom, module: Module, known: frozenset[str]
) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = _absolute(node, module)
    submodules = {f"{base}.{alias.name}" for alias in node.names} & known
    yield from sorted(submodules)
    if len(submodules) < len(node.names):
        yield base


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if node.level == 0:
        return node.module or ""
    package = module.name.split(".") if module.is_package else module.name.split(".")[:-1]
    package = package[: len(package) - (node.level - 1)]
    return ".".join([*package, *((node.module or "").split(".") if node.module else [])])


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def loaded_by(name: str, edges: Mapping[str, Iterable[str]]) -> set[str]:
    """All names that importing `name` executes: its imports, theirs, and every parent package."""
    loaded: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in loaded:
            continue
        loaded.add(current)
        waiting.extend(edges.get(current, ()))
        if "." in current:
            waiting.append(current.rpartition(".")[0])
    return loaded


def find_cycle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """The names along one cycle, the first repeated at the end; empty where there is none."""
    finished: set[str] = set()

    def visit(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in finished:
            return []
        for target in sorted(edges.get(name, ())):
            if cycle := visit(target, [*trail, name]):
                return cycle
        finished.add(name)
        return []

    return next((cycle for name in sorted(edges) if (cycle := visit(name, []))), [])
