"""Servers ended by SIGKILL at random moments while they read and write, and started again.

Owns the rounds and what must hold after each: the next server answers, goes on from what was
completely written, and at last says what a server says that never knew of any of it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from stateline.lsp_server.client.connection import Message
from stateline.lsp_server.commands.demo import USAGE
from stateline.model.states.statefolder import entries
from stateline.model.states.store import Store

from .workplace import Workplace, all_read, loaded, read_ahead, suggested

# Read again when nothing was lost: the open file by itself, which is not kept without the others,
# then the lines near the cursor and what follows it.
REREAD_TOKENS = 1024
# What a kill may cost beyond what was written last: one reading ahead, and the grid of the disk.
SLACK_TOKENS = 1024 + 256 + REREAD_TOKENS


@dataclass(frozen=True)
class ServerLife:
    """One server's life: tokens that it read, and that it had to at most."""

    read: int
    allowed: int
    back_ms: float | None = None  # from the model's being there until all was read again


@dataclass(frozen=True)
class KillReport:
    """Of all rounds. `last` is that of a server that was started after everything was read."""

    rounds: tuple[ServerLife, ...]
    last: ServerLife
    total: int  # tokens before the cursor
    damaged: int  # states in the cache folder that cannot be loaded
    suggestion: tuple[str, ...]
    expected: tuple[str, ...]  # of a server with an empty cache folder


def run(place: Workplace, rounds: int, chance: Random, options: Mapping[str, Any]) -> KillReport:
    """Kill so many servers; raises what the client does if one hangs or does not answer."""
    fresh = replace(place, cache=place.cache.with_name("fresh"))
    expected, whole = _whole(fresh, options)
    total = whole.read
    lives = []
    for _ in range(rounds):
        allowed = total - _longest(place) + SLACK_TOKENS
        lives.append(ServerLife(_killed(place, options, chance, total), allowed))
    _whole(place, options)
    suggestion, last = _whole(place, options)
    return KillReport(tuple(lives), last, total, damaged(place.states), suggestion, expected)


def damaged(states: Path) -> int:
    """How many files in a folder of states cannot be loaded."""
    bad = 0
    for folder in states.iterdir() if states.exists() else ():
        store, known = Store(states, folder.name), entries(states)
        bad += len(list(folder.glob("*.safetensors"))) - len(known)
        bad += sum(store.load(entry.key) is None for entry in known)
    return bad


def _longest(place: Workplace) -> int:
    return max((entry.tokens for entry in entries(place.states)), default=0)


def _killed(place: Workplace, options: Mapping[str, Any], chance: Random, total: int) -> int:
    """Let a server read for a while and kill it; the tokens that it read, as far as it said."""
    with place.serving(options) as client:
        if chance.random() < 0.8:  # the others are killed while they load
            loaded(client)
            client.open(place.uri, "python", place.text)
            most = total // 1024
            for _ in range(chance.randrange(most + 2)):
                mark = len(client.connection.received)
                message = client.connection.wait_for(USAGE, deadline_s=120.0, after=mark)
                with_others = message.params["tokensAbove"] >= len(place.text) // 2
                if with_others and not message.params["tokensLeft"]:
                    break
        time.sleep(chance.uniform(0, 0.1))  # so that it is caught at anything
        client.connection.process.kill()
        client.connection.process.wait()
        return read_ahead(client)


def _whole(place: Workplace, options: Mapping[str, Any]) -> tuple[tuple[str, ...], ServerLife]:
    with place.serving(options) as client:
        began_s = loaded(client)
        client.open(place.uri, "python", place.text)
        message = all_read(client, least_above=len(place.text) // 2)
        texts = tuple(item.text for item in suggested(client, place.uri))
        read = read_ahead(client)
        client.shutdown()
    return texts, ServerLife(read, read, _ms(began_s, message))


def _ms(began_s: float, message: Message) -> float:
    return (message.at_s - began_s) * 1000
