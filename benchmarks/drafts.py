"""What reading drafts along brings: tokens a second on completions, with and without.

Run from the repository as `python -m benchmarks.drafts [--cursors N] [--rounds N] [--json]`. Owns
the cursors, in Python's own library, and two ways to write there: until the server has enough of
a suggestion that nobody asked for, or 48 tokens whatever they are. Both sides take turns in one
process, the best round of each counts, and their texts and confidences must be equal.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import Any

from stateline.lsp_server.edit.requests import Trigger
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.suggestions.stopping import Enough
from stateline.model import PRETRAINED
from stateline.model.completer import Context, Piece, Sampling, Usage
from stateline.model.engine import Engine
from stateline.model.masked import view_of
from stateline.model.writing.speculation import Drafting

TOKENS = 48
LEAST_CHARS, MOST_CHARS = 4_000, 60_000  # of a module
WAYS = ("until it is enough", f"{TOKENS} tokens")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.drafts", description=__doc__)
    parser.add_argument("--cursors", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    engine = Engine.open(PRETRAINED, threads=1)
    if engine.decoder.drafting is None:
        raise SystemExit("Drafts are read along by the native library only, and it was not built.")
    report = measured(engine, contexts(chosen.cursors), chosen.rounds)
    print(json.dumps(report) if chosen.json else told(report))
    return 0


def contexts(count: int) -> list[Context]:
    """Cursors at random places of modules of the standard library."""
    chance, found = random.Random(0), []
    modules = sorted(Path(json.__file__).parents[1].glob("*.py"))
    chance.shuffle(modules)
    for path in modules:
        text = path.read_text(encoding="utf-8", errors="replace")
        if LEAST_CHARS <= len(text) <= MOST_CHARS:
            found.append(Context(text, chance.randrange(1000, len(text)), str(path), "python"))
    return found[:count]


def measured(engine: Engine, cursors: Sequence[Context], rounds: int) -> dict[str, Any]:
    """Tokens a second by way and side."""
    drafting, report = Drafting(), {}
    for way in WAYS:
        best: dict[bool, float] = {}
        written: dict[bool, list[Piece]] = {}
        for _ in range(rounds):
            for drafts in (False, True):
                engine.decoder.drafting = drafting if drafts else None
                pieces, tokens, seconds = write(engine, cursors, way)
                written[drafts] = pieces
                best[drafts] = max(best.get(drafts, 0.0), tokens / seconds)
        assert written[False] == written[True], "a draft changed what was written"
        report[way] = {
            "tokens": tokens,
            "without, tokens/s": best[False],
            "with, tokens/s": best[True],
            "with / without": best[True] / best[False],
        }
    return report


def write(engine: Engine, cursors: Sequence[Context], way: str) -> tuple[list[Piece], int, float]:
    """All that is written, its tokens (imposed ones too), and the seconds that took."""
    pieces: list[Piece] = []
    tokens, seconds = 0, 0.0
    for context in cursors:
        while engine.warm(view_of(context), Event()).tokens_left:
            pass
        manner = Settings().manner(context.language, engine.profile)
        enough, stop = Enough(context, Trigger.AUTOMATIC, manner), Event()
        for each in engine.complete(view_of(context), Sampling(max_tokens=TOKENS), stop):
            if isinstance(each, Usage):
                tokens += each.tokens_generated + each.tokens_read
                seconds += each.write_ms / 1000
            else:
                pieces.append(each)
                if way == WAYS[0] and enough.after(each):
                    stop.set()
    return pieces, tokens, seconds


def told(report: dict[str, Any]) -> str:
    """The table."""
    rows = [f"{'':20}{'tokens':>8}{'without':>10}{'with':>10}{'ratio':>8}   (tokens/s)"]
    for way, found in report.items():
        tokens, without, with_drafts, ratio = found.values()
        rows.append(f"{way:20}{tokens:8}{without:10,.0f}{with_drafts:10,.0f}{ratio:8.2f}")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
