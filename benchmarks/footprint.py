"""What a server costs to have: the time until it can be asked, its memory, and CPU while idle.

Run from the repository as `python -m benchmarks.footprint [--starts N] [--keys N] [--json]`. Owns
what is looked at and when. The workplace and its typist are the soak's. Where there is no /proc,
memory and CPU are not known.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .replay.player import resident_bytes
from .soak import typing
from .soak.workplace import Workplace, handshake, loaded, make, started

FILES, LINES = 12, 140
IDLE_S = 10.0
MIB = 1 << 20

Footprint = dict[str, float | None]


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = make(Path(folder), FILES, LINES)
        found = starting(place, chosen.starts) | working(place, chosen.keys, chosen.idle)
    print(json.dumps(found) if chosen.json else told(found))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks.footprint", description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="servers started; medians are told")
    parser.add_argument("--keys", type=int, default=2_000, help="keystrokes typed")
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds of doing nothing")
    parser.add_argument("--json", action="store_true")
    return parser


def starting(place: Workplace, starts: int) -> Footprint:
    """Medians of several starts, from before the process is there."""
    rows = [_start(place) for _ in range(starts)]
    middle = [statistics.median(column) for column in zip(*rows, strict=True)]
    names = ("initialize answered after ms", "model ready after ms", "resident MiB once ready")
    return dict(zip(names, middle, strict=True))


def _start(place: Workplace) -> tuple[float, float, float]:
    began = time.perf_counter()
    with started(place.cache) as client:
        handshake(client, [place.root.as_uri()], {})
        answered = time.perf_counter()
        ready = loaded(client)
        resident = resident_bytes(client.connection.process.pid) or 0
        client.shutdown()
    return (answered - began) * 1000, (ready - began) * 1000, resident / MIB


def working(place: Workplace, keys: int, idle_s: float) -> Footprint:
    """After much typing."""
    typed = typing.run(place, keys, {"workspaceTokens": 8192}, idle_s)
    last = typed.samples[-1]
    return {
        f"resident MiB after {keys} keystrokes": (last.resident_bytes or 0) / MIB,
        "of which states MiB": last.held_bytes / MIB,
        f"CPU seconds in {idle_s:.0f} s idle": typed.idle_cpu_s,
    }


def told(found: Footprint) -> str:
    """The table."""
    return "\n".join(
        f"{name:34} {'unknown' if value is None else f'{value:10.1f}'}"
        for name, value in found.items()
    )


if __name__ == "__main__":
    sys.exit(main())
