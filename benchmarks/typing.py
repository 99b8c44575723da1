"""What typing costs: 100 characters at the end of a 2,000-line file, through the real server.

Run from the repository as `python -m benchmarks.typing [--json] [--model FOLDER]`. Owns the text
and the pace; the client is the demo's, the counting is its tally's. Knows no model.

"Tokens read" are all tokens put through the model except newly generated ones; those of the tail
that the writing has to begin with count. They are told per keystroke that the model was asked for;
keystrokes answered from what was already written read none and are counted apart, and so is what
was read in the background.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection, RefusedError, ServerGoneError
from stateline.lsp_server.client.tally import ReportedCost, Spread
from stateline.lsp_server.commands.demo import SERVER, STATUS, USAGE

URI = "file:///benchmark/typing.py"
MODULES = ("argparse", "textwrap", "configparser", "shlex", "csv")  # in this order, to the length
LINES, CHARACTERS = 2000, 100
KEY_S = 0.15  # between two keystrokes; an answer that takes longer is waited for
LOAD_DEADLINE_S, READ_DEADLINE_S = 300.0, 120.0


@dataclass(frozen=True)
class Result:
    """What one run measured; ms from keystroke to answer."""

    first_reads: tuple[ReportedCost, ...]  # one reading ahead in parts
    later_reads: tuple[ReportedCost, ...]
    tokens_read: Spread
    typed_through: int
    answer_ms: Spread
    read_ms: Spread


def source() -> tuple[str, str]:
    """2,000 lines of Python's own library, and the 100 characters that follow there."""
    rows: list[str] = []
    for name in MODULES:
        found = importlib.util.find_spec(name)
        if found is None or found.origin is None:
            raise SystemExit(f"This Python has no source of {name}; use one that has.")
        rows += Path(found.origin).read_text(encoding="utf-8").split("\n")
    text = "\n".join(rows)
    end = len("\n".join(rows[:LINES]))
    return text[:end], text[end : end + CHARACTERS]


def measure(command: Sequence[str], options: dict[str, Any], key_s: float) -> Result:
    """Type into a server; raises what the client raises if the server fails."""
    text, typed = source()
    with Client(Connection(command)) as client:
        client.initialize({"reportUsage": True} | options)
        client.open(URI, "python", text)
        ready = _wait(client, STATUS, lambda status: not status["busy"], LOAD_DEADLINE_S)
        if ready["kind"] == "Error":
            raise SystemExit(f"The server says: {ready['message']}")
        # The server reads the end of a file that was opened, where the typing will go on.
        _wait(client, USAGE, _all_read, READ_DEADLINE_S)
        times = [_key(client, len(text) + at, key, key_s) for at, key in enumerate(typed)]
        client.shutdown()
        costs = [
            ReportedCost.of(m.params, m.at_s)
            for m in client.connection.received
            if m.method == USAGE
        ]
    return _result(costs, times)


def _all_read(usage: dict[str, Any]) -> bool:
    return usage["source"] == "background" and not usage["tokensLeft"]


def _key(client: Client, offset: int, key: str, key_s: float) -> float:
    """Press a key and wait for the answer and for the next key's turn; ms to the answer."""
    began_s = time.perf_counter()
    client.change(URI, offset, offset, key)
    asked = client.suggest(URI, offset + 1)
    asked.items()
    answered_s = asked.pending.answered_s
    assert answered_s is not None  # `items` has returned
    time.sleep(max(began_s + key_s - time.perf_counter(), 0))
    return (answered_s - began_s) * 1000


def _wait(client: Client, method: str, where: Callable[[Any], bool], deadline_s: float) -> Any:
    return client.connection.wait_for(method, where, deadline_s=deadline_s).params


def _result(costs: Sequence[ReportedCost], times: Sequence[float]) -> Result:
    first = next(i for i, cost in enumerate(costs) if cost.source != "background")
    asked = [cost for cost in costs if cost.source == "model"]
    return Result(
        tuple(costs[:first]),
        tuple(cost for cost in costs[first:] if cost.source == "background"),
        Spread.of([cost.tokens_read for cost in asked]),
        sum(cost.source == "typed" for cost in costs),
        Spread.of(times),
        Spread.of([cost.read_ms for cost in asked]),
    )


def told(result: Result) -> str:
    """For a person."""
    read, ms = result.tokens_read, result.answer_ms
    first, later = (sum(c.tokens_read for c in r) for r in (result.first_reads, result.later_reads))
    first_ms = sum(cost.read_ms for cost in result.first_reads)
    return "\n".join(
        (
            f"{CHARACTERS} characters typed at the end of a file of {LINES} lines",
            f"first read, once, on opening   {first} tokens in {first_ms:.0f} ms",
            f"tokens read per keystroke      {_pair(read, 'd')} (of {read.count})",
            f"reading per keystroke          {_pair(result.read_ms, '.1f')} ms",
            f"keystroke to answer            {_pair(ms, '.0f')} ms (of {ms.count})",
            f"answered by typing on          {result.typed_through} keystrokes, without the model",
            f"later, in the background       {later} tokens",
            "pairs are median / p95",
        )
    )


def _pair(spread: Spread, form: str) -> str:
    return f"{format(spread.median, form)} / {format(spread.p95, form)}" if spread.count else "none"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measure what typing costs.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", type=Path, help="a model folder; without it, the embedded model")
    parser.add_argument("--key-ms", type=float, default=KEY_S * 1000, help="between two keys")
    chosen = parser.parse_args(arguments)
    options = {"model": str(chosen.model.resolve())} if chosen.model else {}
    try:
        result = measure(SERVER, options, chosen.key_ms / 1000)
    except (ServerGoneError, RefusedError, TimeoutError) as error:
        raise SystemExit(str(error)) from None
    print(json.dumps(asdict(result)) if chosen.json else told(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
