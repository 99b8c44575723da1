"""Typing for a long time through the real server, looking at its memory now and then.

Owns the typist, who types the project's own modules into the open file and starts anew when it is
long, and what is looked at. By /proc; where there is none, memory and CPU are not known.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stateline.lsp_server.client.client import Client

from benchmarks.replay.player import cpu_seconds, resident_bytes

from .workplace import Workplace, all_read, loaded

LOOK_KEYS = 50  # between two looks
LONGEST_CHARS = 20_000  # of the open file
PAUSE_KEYS = 500  # between two pauses, in which the server reads ahead


@dataclass(frozen=True)
class MemorySample:
    """After so many keys."""

    keys: int
    resident_bytes: int | None
    held_bytes: int  # of states in memory


@dataclass(frozen=True)
class TypingReport:
    """What came of it. `idle_cpu_s` is of the seconds of doing nothing at the end."""

    samples: tuple[MemorySample, ...]
    answered: int  # requests that got a suggestion
    idle_cpu_s: float | None = None

    @property
    def slope(self) -> float:
        """Resident bytes per key over the last half, by least squares; 0 where unknown."""
        half = self.samples[len(self.samples) // 2 :]
        known = [(each.keys, each.resident_bytes) for each in half if each.resident_bytes]
        if len(known) < 2:
            return 0.0
        mean_x = sum(x for x, _ in known) / len(known)
        mean_y = sum(y for _, y in known) / len(known)
        spread = sum((x - mean_x) ** 2 for x, _ in known)
        return sum((x - mean_x) * (y - mean_y) for x, y in known) / spread


def run(
    place: Workplace, keys: int, options: Mapping[str, Any], idle_s: float = 0.0
) -> TypingReport:
    """Type so many keys, each followed by a request, then do nothing for a while."""
    samples, answered = [], 0
    with place.serving(options) as client:
        loaded(client)
        start = place.text
        client.open(place.uri, "python", start)
        source = _characters(place)
        for key in range(keys):
            if key % LOOK_KEYS == 0:
                samples.append(_sample(client, key))
            end = len(client.text(place.uri))
            if end > LONGEST_CHARS:
                client.change(place.uri, len(start), end, "")
                end = len(start)
            client.change(place.uri, end, end, next(source))
            answered += bool(client.suggest(place.uri, end + 1).items())
            if key % PAUSE_KEYS == PAUSE_KEYS - 1:
                all_read(client, after=len(client.connection.received))
        samples.append(_sample(client, keys))
        idle_cpu_s = _idle(client, idle_s) if idle_s else None
        client.shutdown()
    return TypingReport(tuple(samples), answered, idle_cpu_s)


def _characters(place: Workplace) -> Iterator[str]:
    modules: Sequence[Path] = sorted((place.root / "parts").glob("*.py"))
    while True:
        for path in modules:
            yield from path.read_text(encoding="utf-8")


def _sample(client: Client, keys: int) -> MemorySample:
    params = {"command": "stateline.statistics"}
    told = client.connection.request("workspace/executeCommand", params).result()
    held = sum(each["bytes"] for each in told["held"].values())
    return MemorySample(keys, resident_bytes(client.connection.process.pid), held)


def _idle(client: Client, idle_s: float) -> float | None:
    time.sleep(10.0)  # until what was begun is over
    pid = client.connection.process.pid
    before = cpu_seconds(pid)
    time.sleep(idle_s)
    after = cpu_seconds(pid)
    return None if before is None or after is None else after - before
