"""Prints the packages, their lines and the arrows between them, and draws ARCHITECTURE's picture.

Owns the order of the rooms, lowest first, and the picture between two marks of ARCHITECTURE.md.
`python .ci/rooms.py` prints; `--write` draws the picture anew, which a test wants to be fresh. The
imports are read by tests/import_graph.py; nothing is executed.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from import_graph import PACKAGES, imports_of, read_modules  # noqa: E402

ARCHITECTURE = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- rooms: drawn by .ci/rooms.py --write -->\n", "<!-- end of rooms -->\n"
# A room may import those of the rows before its own. Rooms of a row do not know each other.
ORDER = {
    "model": (
        ("errors", "json_file", "languages", "secrets"),
        ("profile",),
        ("completer",),
        ("tokens", "folder"),
        ("networks", "memory", "masked"),
        ("networks.native", "networks.torch"),
        ("states", "open_network"),
        ("reading",),
        ("writing",),
        ("engine",),
        ("training.corpus",),
        ("training.run", "training.judging"),
        ("training.shipping",),
    ),
    "lsp_server": (
        ("syntax", "edit", "access"),
        ("workspace", "client"),
        ("suggestions", "worth"),
        ("server",),
        ("commands",),
        ("cli",),
    ),
}
ROOMS = {
    f"{package}.{room}": (package, row)
    for package, rows in ORDER.items()
    for row, rooms in enumerate(rows)
    for room in rooms
}


def room(module: str) -> str:
    """The room of a module, by its installed name: the longest that it is in, or its package."""
    name = module.removeprefix("stateline.")
    parts = name.split(".")
    inside = (".".join(parts[:count]) for count in range(len(parts), 1, -1))
    return next((each for each in inside if each in ROOMS), parts[0])


def arrows() -> dict[tuple[str, str], list[str]]:
    """(from, to) -> the imports between two rooms, as `file:line`."""
    modules, found = read_modules(), defaultdict(list)
    for name, module in modules.items():
        for each in imports_of(module, modules):
            if each.target in modules and room(name) != room(each.target):
                found[room(name), room(each.target)].append(f"{module.label}:{each.line}")
    return dict(found)


def upward(found: Mapping[tuple[str, str], list[str]]) -> list[str]:
    """The arrows that do not point down; whoever opens a package's door may only be above all."""
    return [
        f"{places[0]}: {source} imports {target}"
        for (source, target), places in found.items()
        if source in ROOMS and target in ROOMS and not _below(target, source)
    ]


def _below(target: str, source: str) -> bool:
    (package, row), (other, higher) = ROOMS[target], ROOMS[source]
    return row < higher if package == other else (other, package) == ("lsp_server", "model")


def picture(found: Mapping[tuple[str, str], list[str]]) -> str:
    """A Mermaid graph of the rooms of both packages without training, each arrow that says more."""
    edges = {(a, b) for a, b in found if {a, b} <= ROOMS.keys() and "training" not in a + b}
    told = {(a, b) for a, b in edges if not _by_way(a, b, edges)}
    lines = ["```mermaid", "graph TD"]
    for package in PACKAGES:
        inside = (name for name in ROOMS if name.startswith(f"{package}."))
        names = [name for name in inside if "training" not in name]
        lines += [f"  subgraph {package}"]
        lines += [f"    {_node(name)}[{name.partition('.')[2]}]" for name in names]
        lines += ["  end"]
    lines += [f"  {_node(a)} --> {_node(b)}" for a, b in sorted(told)]
    return "\n".join([*lines, "```", ""])


def _node(name: str) -> str:
    return name.replace(".", "_")


def _by_way(source: str, target: str, edges: set[tuple[str, str]]) -> bool:
    """Whether `target` is reached from `source` by another room as well."""
    seen, waiting = set(), [b for a, b in edges if a == source and b != target]
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += [b for a, b in edges if a == name]
    return target in seen


def drawn(text: str, found: Mapping[tuple[str, str], list[str]]) -> str:
    """ARCHITECTURE.md with the picture as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{picture(found)}{END}{after}"


def main(arguments: list[str]) -> int:
    found = arrows()
    if arguments == ["--write"]:
        text = ARCHITECTURE.read_text(encoding="utf-8")
        ARCHITECTURE.write_text(drawn(text, found), encoding="utf-8")
        return 0
    lines: Counter[str] = Counter()
    for name, module in read_modules().items():
        lines[room(name)] += len(module.path.read_text(encoding="utf-8").splitlines())
    for name in ROOMS:
        targets = sorted(b for a, b in found if a == name)
        print(f"{name:24} {lines[name]:6}  -> {', '.join(targets)}")
    for each in (wrong := upward(found)):
        print(f"upwards: {each}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
