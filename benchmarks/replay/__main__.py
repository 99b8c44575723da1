"""`python -m benchmarks.replay --old A --new B [--json]`: the command line.

Owns the arguments and what is printed where: a table on stderr, one JSON object on stdout. Several
projects are several pairs of --old and --new; each has a server of its own, and the figures are of
all of them together, with each project's CPU-seconds apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from stateline.lsp_server.connection import RefusedError, ServerGoneError
from stateline.lsp_server.demo import SERVER

from .player import Played, PlayError, play
from .releases import ReleaseError, changes, texts
from .report import as_json, report, show
from .traces import shortened, trace

KEYSTROKES, SEED = 1000, 0


def main(arguments: Sequence[str] | None = None, command: Sequence[str] = SERVER) -> int:
    """Replay, and print; a wrong argument or a failing server ends it with one sentence."""
    chosen = _parser().parse_args(arguments)
    if len(chosen.old) != len(chosen.new):
        raise SystemExit("Give as many --new as --old; each pair is one project.")
    if chosen.keys < 0:
        raise SystemExit("--keys must be a number from 0 up; 0 plays the whole difference.")
    options = {"model": str(chosen.model.resolve())} if chosen.model else {}
    console = Console(stderr=True)
    traces = []
    try:
        for old, new in zip(chosen.old, chosen.new, strict=True):
            with console.status(f"{old.name} to {new.name}"):
                traces.append(replayed(command, options, old, new, chosen.keys, chosen.seed))
    except (ReleaseError, PlayError, ServerGoneError, RefusedError, TimeoutError) as error:
        raise SystemExit(str(error)) from None
    result = report(traces)
    show(result, console)
    if chosen.json:
        projects = [
            {"old": old.name, "new": new.name, **_in_short(played)}
            for old, new, played in zip(chosen.old, chosen.new, traces, strict=True)
        ]
        print(json.dumps({"seed": chosen.seed, "projects": projects, **as_json(result)}))
    return 0


def replayed(
    command: Sequence[str], options: dict[str, Any], old: Path, new: Path, keys: int, seed: int
) -> Played:
    """Make one project's trace and play it; raises what reading and playing raise."""
    actions = shortened(trace(changes(old, new), Random(seed)), keys)
    return play(command, options, texts(old), actions)


def _in_short(played: Played) -> dict[str, Any]:
    alone = report([played])
    return {"keystrokes": alone.keystrokes, "cpu_s": alone.cpu_s}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay",
        description="Measure what editing costs, by kind of action, on the difference between two "
        "releases of a package: folders, wheels or source archives. No code of them is run.",
    )
    add = parser.add_argument
    add("--old", type=Path, action="append", required=True, help="the release edited")
    add("--new", type=Path, action="append", required=True, help="the release arrived at")
    add("--model", type=Path, help="a model folder; without it, the embedded model")
    add("--keys", type=int, default=KEYSTROKES, help="keystrokes per project; 0 for all")
    add("--seed", type=int, default=SEED, help="of the chance in the trace")
    add("--json", action="store_true", help="print one JSON object on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
