"""`python -m benchmarks.soak [kills|typing|crowd ...]`: the command line; without a name, all.

Owns the sizes, the picture and what is printed: one JSON object for each, on stdout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import crowd, kills, typing
from .workplace import make

PARTS = ("kills", "typing", "crowd")
# 64 files of this length are about 100,000 tokens, of which the budget is filled to three quarters.
FILES, LINES, WORKSPACE_TOKENS, MEMORY_MIB = 64, 140, 190_000, 512
IDLE_S = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do them one after another; 1 if something did not hold."""
    chosen = _parser().parse_args(arguments)
    sound = True
    for name in chosen.parts or PARTS:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            told, good = globals()[f"_{name}"](Path(folder), chosen)
        print(json.dumps({name: told, "sound": good}), flush=True)
        sound = sound and good
    return 0 if sound else 1


def _kills(folder: Path, chosen: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    place = make(folder, chosen.files, LINES, chosen.seed)
    tokens = WORKSPACE_TOKENS * chosen.files // FILES
    options = {"workspaceTokens": tokens, "memoryMiB": MEMORY_MIB}
    outcome = kills.run(place, chosen.rounds, random.Random(chosen.seed), options)
    good = (
        outcome.damaged == 0
        and outcome.suggestion == outcome.expected
        and outcome.last.read <= kills.REREAD_TOKENS
        and all(each.read <= each.allowed for each in outcome.rounds)
        and (outcome.last.back_ms or 0.0) <= 1000
    )
    return asdict(outcome), good


def _typing(folder: Path, chosen: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    place = make(folder, 12, LINES, chosen.seed)
    typed = typing.run(place, chosen.keys, {"workspaceTokens": 8192}, IDLE_S)
    if chosen.picture:
        _draw(typed, chosen.picture)
    within = max(each.held_bytes for each in typed.samples) <= 96 << 20
    flat = typed.slope * chosen.keys <= 32 << 20
    still = typed.idle_cpu_s is None or typed.idle_cpu_s <= 0.05 * IDLE_S
    ends = [asdict(each) for each in (typed.samples[0], typed.samples[-1])]
    told = {"ends": ends, "slope_bytes_per_key": typed.slope, "answered": typed.answered}
    return told | {"idle_cpu_s": typed.idle_cpu_s}, within and flat and still


def _crowd(folder: Path, chosen: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    empty_ms = crowd.first_answers_ms(make(folder / "empty", 2, 30), {})
    crowded_ms = crowd.first_answers_ms(crowd.make(folder / "crowd", chosen.crowd), {})
    ratio = crowded_ms / empty_ms
    return {"empty_ms": empty_ms, "crowded_ms": crowded_ms, "ratio": ratio}, ratio <= 1.5


def _draw(typed: typing.TypingReport, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.5))
    keys = [each.keys for each in typed.samples]
    axes.plot(keys, [(each.resident_bytes or 0) / 2**20 for each in typed.samples], label="process")
    axes.plot(keys, [each.held_bytes / 2**20 for each in typed.samples], label="states")
    axes.set(xlabel="keystrokes", ylabel="MiB in memory", ylim=0)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=(__doc__ or "").partition("\n")[0]
    )
    add = parser.add_argument
    add("parts", nargs="*", choices=[*PARTS, []], help="which; without a name, all of them")
    add("--rounds", type=int, default=200, help="servers killed")
    add("--files", type=int, default=FILES, help="files of the workspace in which they are")
    add("--keys", type=int, default=20_000, help="keystrokes typed")
    add("--crowd", type=int, default=100_000, help="files of the workspace with many")
    add("--seed", type=int, default=0, help="of the chance in all of it")
    add("--picture", type=Path, help="where the memory over the typing is drawn (.svg, .png)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
