"""`python -m benchmarks.replay --old A --new B [--json]`, or `--projects`: the command line.

Owns the arguments and what is printed where: tables on stderr, one JSON object on stdout. Several
projects are several pairs of --old and --new; each has a server of its own, and the figures are of
all of them together, with each project's CPU-seconds apart.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from stateline.lsp_server.client.connection import RefusedError, ServerGoneError
from stateline.lsp_server.commands.demo import SERVER
from stateline.model.errors import ModelFolderError
from stateline.model.training.corpus.sources import CorpusError

from benchmarks.peer import PeerError

from .costs import Outcome
from .engines import READ_ANEW, LlamaServer, Other, ReleasePair, named, read_anew, replayed
from .player import PlayError
from .projects import fetched, projects
from .releases import ReleaseError
from .report import Report, as_json, report, show
from .targets import PEER, TargetVerdict, verdicts

KEYSTROKES, SEED = 1000, 0
MODEL_HELP = "a model folder; several are measured side by side; without it, the embedded model"
_FAILURES = (
    *(ReleaseError, CorpusError, PlayError, ModelFolderError, PeerError),
    *(ServerGoneError, RefusedError, TimeoutError),
)


def main(arguments: Sequence[str] | None = None, command: Sequence[str] = SERVER) -> int:
    """Replay, and print; a wrong argument or a failing server ends it with one sentence."""
    chosen = _parser().parse_args(arguments)
    _check(chosen)
    console, results = Console(stderr=True), []
    try:
        models = named(chosen.model)
        pairs, others = _pairs(chosen), _others(chosen)
        for turn, pair in enumerate(pairs):
            with console.status(f"{pair.old.name} to {pair.new.name}"):
                results.append(replayed(pair, command, models, _options(chosen), others, turn))
    except _FAILURES as error:
        raise SystemExit(str(error)) from None
    outcomes = {name: [result[name] for result in results] for name in results[0]}
    reports = {name: report(several) for name, several in outcomes.items()}
    judged = verdicts(outcomes, list(models))
    show(reports, judged, console)
    if chosen.json:
        print(json.dumps(_told(chosen.seed, pairs, results, reports, judged), allow_nan=False))
    return 0


def _told(
    seed: int,
    pairs: Sequence[ReleasePair],
    results: Sequence[Mapping[str, Outcome]],
    reports: Mapping[str, Report],
    judged: Sequence[TargetVerdict],
) -> dict[str, Any]:
    alone = ({name: report([outcome]) for name, outcome in result.items()} for result in results)
    return {
        "seed": seed,
        "projects": [
            {
                "old": pair.old.name,
                "new": pair.new.name,
                "engines": {
                    name: {"keystrokes": each.keystrokes, "cpu_s": each.cpu_s}
                    for name, each in engines.items()
                },
            }
            for pair, engines in zip(pairs, alone, strict=True)
        ],
        "engines": {name: as_json(each) for name, each in reports.items()},
        "targets": [as_json(verdict) for verdict in judged],
    }


def _check(chosen: argparse.Namespace) -> None:
    if len(chosen.old) != len(chosen.new):
        raise SystemExit("Give as many --new as --old; each pair is one project.")
    if not chosen.old and not chosen.projects:
        raise SystemExit("Give --old and --new, two releases of a package, or --projects.")
    if len(chosen.model) > 1 and (chosen.read_anew or chosen.llama):
        raise SystemExit("Other engines are compared with one --model; give one, or none.")
    if chosen.keys < 0:
        raise SystemExit("--keys must be a number from 0 up; 0 plays the whole difference.")


def _pairs(chosen: argparse.Namespace) -> list[ReleasePair]:
    given = list(zip(chosen.old, chosen.new, strict=True))
    own = [ReleasePair(*pair, chosen.keys, chosen.seed, chosen.folder) for pair in given]
    known = projects() if chosen.projects else ()
    return [*own, *(ReleasePair(*fetched(p), chosen.keys, chosen.seed, p.folder) for p in known)]


def _others(chosen: argparse.Namespace) -> dict[str, Other]:
    made: dict[str, Other] = {}
    model = chosen.model[0] if chosen.model else None
    if chosen.read_anew:
        made[READ_ANEW] = read_anew(model, chosen.seed)
    if chosen.llama:
        made[PEER] = LlamaServer(model)
    return made


def _options(chosen: argparse.Namespace) -> dict[str, Any]:
    """The server's settings. What it is compared with reads no other files, and so does it then."""
    alone = chosen.read_anew or chosen.llama
    return {"workspaceTokens": 1} if alone else {}  # 0 would be as many as help


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay",
        description="Measure what editing costs, by kind of action, on the difference between two "
        "releases of a package: folders, wheels or source archives. No code of them is run.",
    )
    add = parser.add_argument
    add("--old", type=Path, action="append", default=[], help="the release edited")
    add("--new", type=Path, action="append", default=[], help="the release arrived at")
    add("--projects", action="store_true", help="those of projects.toml, fetched once")
    add("--folder", default="", help="with --old: what has the source, where there is more")
    add("--model", type=Path, action="append", default=[], help=MODEL_HELP)
    add("--keys", type=int, default=KEYSTROKES, help="keystrokes per project; 0 for all")
    add("--seed", type=int, default=SEED, help="of the chance in the trace")
    add("--read-anew", action="store_true", help="compare with an engine that keeps no state")
    add("--llama", action="store_true", help="compare with llama-server, built by benchmarks.peer")
    add("--json", action="store_true", help="print one JSON object on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
