"""The project's shape: who may import whom, how large things get, what may stand in a file."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest
from import_graph import (
    PACKAGES,
    ROOT,
    Module,
    find_cycle,
    imports_of,
    is_within,
    loaded_by,
    read_modules,
)

sys.path.append(str(ROOT / ".ci"))
import rooms

MODEL, SERVER = PACKAGES["model"], PACKAGES["lsp_server"]
TRAINING = f"{MODEL}.training"
TORCH, NATIVE = f"{MODEL}.networks.torch", f"{MODEL}.networks.native"
CLI = f"{SERVER}.commands.verbs"  # The command line imports what a verb needs when it is called.

MODULES = read_modules()
IMPORTS = {name: imports_of(module, MODULES) for name, module in MODULES.items()}
RUN_AT_IMPORT = {
    name: {found.target for found in imports if found.runs_at_import}
    for name, imports in IMPORTS.items()
}
TORCH_MODULES = [
    name
    for name in MODULES
    if is_within(name, MODEL)
    and loaded_by(name, RUN_AT_IMPORT) & {"torch", "safetensors.torch", "transformers"}
]


def offences(
    importers: list[str], forbidden: list[str], lazily_allowed_in: str | None = None
) -> list[str]:
    """Where one of the importers imports something within a forbidden package."""
    return [
        f"{MODULES[name].label}:{found.line} imports {found.target}"
        for name in importers
        for found in IMPORTS[name]
        if any(is_within(found.target, package) for package in forbidden)
        and not (name == lazily_allowed_in and not found.runs_at_import)
    ]


def within(package: str) -> list[str]:
    return [name for name in MODULES if is_within(name, package)]


def test_the_model_knows_no_editor_and_no_event_loop():
    assert offences(within(MODEL), [SERVER, "pygls", "lsprotocol", "asyncio"]) == []


def test_the_server_imports_no_torch():
    assert TORCH_MODULES, "found no module that imports torch, so this test would prove nothing"
    assert MODEL not in TORCH_MODULES, f"`import {MODEL}` must not import torch"
    assert offences(within(SERVER), ["torch", "safetensors.torch", "transformers"]) == []
    assert offences(within(SERVER), TORCH_MODULES, lazily_allowed_in=CLI) == []


def test_importing_the_server_leaves_torch_out():
    program = (
        f"import sys, {MODEL}.engine, {SERVER}.server.features; sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or "torch was imported"


def test_torch_stays_on_its_side():
    """A process that computes with another network never imports it."""
    found = {name for name in TORCH_MODULES if not is_within(name, TRAINING)}
    assert found == set(within(TORCH)) - {TORCH}


def test_nothing_at_run_time_imports_training():
    runtime = [name for name in MODULES if not is_within(name, TRAINING)]
    assert offences(runtime, [TRAINING], lazily_allowed_in=CLI) == []


def test_the_two_networks_do_not_know_each_other():
    assert offences(within(TORCH), [NATIVE]) == []
    assert offences(within(NATIVE), [TORCH]) == []


def test_only_the_server_room_speaks_lsp():
    others = set(within(SERVER)) - set(within(f"{SERVER}.server"))
    offenders = [each.partition(":")[0] for each in offences(sorted(others), ["pygls"])]
    assert offenders == ["lsp_server/edit/uris.py"], "pure functions of a text, which pygls has"


@pytest.mark.parametrize("name", ["access", "client"])
def test_a_room_that_never_sees_the_model(name: str):
    assert offences(within(f"{SERVER}.{name}"), [MODEL]) == []


def test_no_arrow_between_rooms_points_up():
    assert rooms.upward(rooms.arrows()) == []


def test_an_arrow_that_points_up_or_sideways_is_seen():
    assert rooms.upward({("model.tokens", "model.reading"): ["a.py:1"]}) != []
    assert rooms.upward({("lsp_server.edit", "lsp_server.access"): ["a.py:1"]}) != []
    assert rooms.upward({("model.errors", "lsp_server.edit"): ["a.py:1"]}) != []
    assert rooms.upward({("lsp_server.edit", "model.errors"): ["a.py:1"]}) == []


def test_every_module_is_in_a_room():
    doors = {*PACKAGES, "model.training"}
    assert {rooms.room(name) for name in MODULES} <= {*rooms.ROOMS, *doors}


def test_the_picture_of_the_rooms_is_fresh():
    text = rooms.ARCHITECTURE.read_text(encoding="utf-8")
    assert text == rooms.drawn(text, rooms.arrows()), "run python .ci/rooms.py --write"


def test_imports_between_our_modules_have_no_cycle():
    modules = read_modules({**PACKAGES, "benchmarks": "benchmarks"})
    edges = {
        name: {found.target for found in imports_of(module, modules)} & modules.keys() - {name}
        for name, module in modules.items()
    }
    assert " -> ".join(find_cycle(edges)) == ""


def test_each_folder_with_modules_is_a_package():
    # An editable install cannot import a mapped folder that has no __init__.py.
    folders = {module.path.parent for module in MODULES.values()}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


PYTHON_FILES = [
    path
    for folder in (*PACKAGES, "tests", "benchmarks", ".ci")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_documented_well_named_and_finished(path: Path):
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source)), "the module has no docstring"
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "managers"}
    assert not vague & set(re.split(r"[_.]", path.stem)), "the name says nothing about the content"
    assert unfinished(source) == []


def test_no_two_public_types_share_a_name():
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in (*PACKAGES, "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert named_twice(sources) == {}


def named_twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of public top-level classes and type aliases that several files define."""
    places = defaultdict(list)
    for label, source in sources.items():
        for name in {type_named(node) for node in ast.parse(source).body} - {""}:
            places[name].append(label)
    return {name: labels for name, labels in places.items() if len(labels) > 1}


def type_named(node: ast.stmt) -> str:
    """The public class or type alias that a statement defines, known by its capitals; or none."""
    match node:
        case (
            ast.ClassDef(name=name)
            | ast.Assign(targets=[ast.Name(id=name)])
            | ast.AnnAssign(target=ast.Name(id=name))
        ):
            return name if re.fullmatch(r"[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*", name) else ""
    return ""


def test_a_name_of_two_types_is_seen():
    sources = {
        "a.py": "class Page: pass\nWide = dict[str, int]\nONE = 1\nclass _Here: pass\n",
        "b.py": "Page: TypeAlias = int\nWide = list[int]\nONE = 1\nclass _Here: pass\n",
        "c.py": "def f():\n    class Page: pass\n",
    }
    assert named_twice(sources) == {"Page": ["a.py", "b.py"], "Wide": ["a.py", "b.py"]}


def unfinished(source: str) -> list[str]:
    """Comments that put work off; the words may stand in strings, such as a completion's text."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = (token for token in tokens if token.type == tokenize.COMMENT)
    return [
        f"line {token.start[0]}: {token.string}"
        for token in comments
        if re.search(r"\b(TODO|FIXME|XXX)\b", token.string)
    ]


@pytest.mark.parametrize("module", MODULES.values(), ids=lambda module: module.label)
def test_a_module_is_small(module: Module):
    # The aims are 300 lines and 40; these are the limits.
    assert len(module.path.read_text(encoding="utf-8").splitlines()) <= 350
    functions = (
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    lengths = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno}
    assert {name: lines for name, lines in lengths.items() if lines > 60} == {}


@pytest.mark.parametrize("module", MODULES.values(), ids=lambda module: module.label)
def test_a_module_runs_no_code_from_data(module: Module):
    assert code_from_data(module.tree) == []


def code_from_data(tree: ast.Module) -> list[str]:
    """Uses of pickle, which runs whatever a file tells it to, and of what pickles underneath."""
    picklers = {
        "pickle",
        "_pickle",
        "cPickle",
        "cloudpickle",
        "dill",
        "joblib",
        "marshal",
        "shelve",
    }
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                bad = any(alias.name.split(".")[0] in picklers for alias in names)
            case ast.ImportFrom(module=str(source), names=names, level=0):
                bad = source.split(".")[0] in picklers or (
                    source == "torch" and any(alias.name in ("load", "save") for alias in names)
                )
            case ast.Attribute(value=ast.Name(id="torch"), attr="load" | "save"):
                bad = True
            case ast.keyword(arg="allow_pickle", value=value):
                bad = not (isinstance(value, ast.Constant) and value.value is False)
            case _:
                continue
        if bad:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import pickle", 1),
        ("from shelve import open", 1),
        ("from torch import load", 1),
        ("torch.load(path)", 1),
        ("numpy.load(path, allow_pickle=True)", 1),
        ("numpy.load(path, allow_pickle=False)", 0),
        ("text = 'import pickle'", 0),
        ("from .state import load", 0),
        ("from safetensors.torch import load_file", 0),
    ],
)
def test_pickle_is_recognised(source: str, count: int):
    assert len(code_from_data(ast.parse(source))) == count


def test_put_off_work_is_recognised_in_comments_only():
    assert len(unfinished("x = 1  # TODO: two\n")) == 1
    assert unfinished("x = '# TODO'  # what methodology\n") == []


SOURCE = """
import a.b, torch.nn
from . import sibling, function
from ..model.errors import Oops
from __future__ import annotations
try:
    import optional
except ImportError:
    pass
if TYPE_CHECKING:
    import typed
else:
    import untyped
class C:
    import in_class
    def method(self):
        from .late import x
"""


def test_imports_are_read_under_full_names():
    module = Module(f"{SERVER}.here", ROOT / "here.py", ast.parse(SOURCE), is_package=False)
    found = imports_of(module, known=[f"{SERVER}.sibling", f"{MODEL}.errors"])
    at_import = [each.target for each in found if each.runs_at_import]
    assert at_import == [
        *("a.b", "torch.nn", f"{SERVER}.sibling", SERVER, f"{MODEL}.errors", "__future__"),
        *("optional", "untyped", "in_class"),
    ]
    later = [each.target for each in found if not each.runs_at_import]
    assert later == ["typed", f"{SERVER}.late"]


def test_a_package_resolves_its_relative_imports_from_itself():
    tree = ast.parse("from .sibling import x\nfrom ..other import y")
    package = Module(SERVER, ROOT / "__init__.py", tree, is_package=True)
    assert [each.target for each in imports_of(package)] == [f"{SERVER}.sibling", "stateline.other"]


def test_importing_runs_parents_and_what_they_import():
    edges = {"p": {"torch.nn"}, "p.a": set(), "q.b": {"p.a"}}
    assert loaded_by("q.b", edges) == {"q.b", "q", "p.a", "p", "torch.nn", "torch"}


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ({}, []),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, []),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
        ({"a": ["a"]}, ["a", "a"]),
    ],
)
def test_cycles_are_found(edges: dict[str, list[str]], cycle: list[str]):
    assert find_cycle(edges) == cycle
