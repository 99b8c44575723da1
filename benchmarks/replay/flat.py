"""Whether a key costs the same however much was read: `python -m benchmarks.replay.flat [--json]`.

Owns the workspaces of growing size around one open file, the typing that is the same in all of
them, and the picture. How much is read of other files is raised to each size, and nothing else.
Knows no model.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import RefusedError, ServerGoneError
from stateline.lsp_server.client.tally import Spread
from stateline.lsp_server.commands.demo import SERVER, USAGE
from stateline.model import PRETRAINED
from stateline.model.errors import ModelFolderError
from stateline.model.folder.files import tokenizer_path
from stateline.model.tokens.tokenizer import Tokenizer
from stateline.model.training.corpus.sources import CorpusError

from .actions import Action, ActionKind, Buffer
from .costs import QuestionCost, costs
from .engines import served
from .keyboard import typed
from .player import Player, PlayError, serving, usages
from .projects import CACHE, fetched, projects
from .releases import ReleaseError, texts
from .report import as_json
from .targets import OURS

SIZES_TOKENS = tuple(size << 10 for size in (1, 4, 16, 64, 128))
MOST_RATIO = 1.15  # of the largest size to the smallest
OPEN, OPEN_LINES, KEYS = "cattrs/converters.py", (574, 644), 150  # of the open file; then typed
PARTS, LEAST_PART_TOKENS = 32, 512  # other files; the open one imports them all
READ_DEADLINE_S = 1800.0
ENOUGH = 0.8  # of the tokens wanted: what is read goes by whole files
PICTURE = CACHE / "flat.svg"
_CHARS_PER_TOKEN = 8  # more than there are


@dataclass(frozen=True)
class Flat:
    """Typing with so much context; the spreads are of keys that the model was asked for."""

    context_tokens: int  # as wanted
    above_tokens: int  # as read: what stands before the anchor
    typed_through: int
    tokens_waiting: Spread
    answer_ms: Spread


@dataclass(frozen=True)
class Round:
    """The same keys once."""

    above_tokens: int
    costs: tuple[QuestionCost, ...]  # of each key


class _Steady(Random):
    """The chance of someone who makes no mistakes, so that nothing but keys is measured."""

    def random(self) -> float:
        return 1.0


def main(arguments: Sequence[str] | None = None, command: Sequence[str] = SERVER) -> int:
    """Measure, print and draw; a failing server ends it with one sentence."""
    chosen = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        models = {OURS: chosen.model}
        sizes = chosen.tokens or SIZES_TOKENS
        found = swept(command, models, sizes, chosen.rounds, console)[OURS]
    except FAILURES as error:
        raise SystemExit(str(error)) from None
    _show(found, console)
    draw(found, chosen.picture)
    if chosen.json:
        told = {"sizes": [as_json(each) for each in found], "ratios": ratios(found)}
        print(json.dumps(told, allow_nan=False))
    return 0


def swept(
    command: Sequence[str],
    models: Mapping[str, Path | None],
    sizes: Sequence[int],
    rounds: int,
    console: Console,
) -> dict[str, list[Flat]]:
    """Every size so many times, by model; raises one of FAILURES."""
    before, written, others = source()
    workspaces = {
        (name, size): around(before, others, size, Tokenizer.load(_tokenizer(model)))
        for name, model in models.items()
        for size in sizes
    }
    found: dict[tuple[str, int], list[Round]] = {side: [] for side in workspaces}
    for number in range(rounds):  # in turns, for the machine's moods come and go
        for (name, size), workspace in workspaces.items():
            with console.status(f"round {number + 1}, {name}, {size} tokens of context"):
                played = measured(command, served(models[name]), workspace, written, size)
                found[name, size].append(played)
    return {name: [summed(size, found[name, size]) for size in sizes] for name in models}


def _tokenizer(model: Path | None) -> Path:
    return tokenizer_path(model or PRETRAINED)


def source() -> tuple[str, str, str]:
    """The open file's text, what is typed at its end, and the text of all other files."""
    known: dict[str, str] = {}
    for project in projects():
        _, new = fetched(project)
        known |= {path: text for path, text in texts(new).items() if path.endswith(".py")}
    rows = known.pop(OPEN).split("\n")
    first, last = OPEN_LINES
    before, after = "\n".join(rows[first:last]), "\n" + "\n".join(rows[last:])
    return before, after[:KEYS], "\n".join(known[path] for path in sorted(known))


def around(before: str, others: str, size: int, tokenizer: Tokenizer) -> dict[str, str]:
    """The workspace: the open file, and as many tokens of others as `size` leaves."""
    imports = "import " + ", ".join(f"part_{n:02}" for n in range(PARTS))
    opened = f"{imports}\n\n{before}"
    left = max(size - len(tokenizer.encode(opened)), 0)
    count = min(PARTS, left // LEAST_PART_TOKENS)
    parts = _cut(others, count, left // max(count, 1), tokenizer)
    return {"open.py": opened, **{f"part_{n:02}.py": part for n, part in enumerate(parts)}}


def _cut(text: str, count: int, each_tokens: int, tokenizer: Tokenizer) -> Iterator[str]:
    """So many texts of so many tokens and the rest of a line."""
    at = 0
    for _ in range(count):
        piece = text[at : at + each_tokens * _CHARS_PER_TOKEN]
        ends = tokenizer.encode_with_offsets(piece).ends
        if len(ends) < each_tokens:
            raise PlayError("The projects have too little text for so much context; ask for less.")
        end = piece.find("\n", ends[each_tokens - 1]) + 1 or len(piece)
        yield piece[:end]
        at += end


def measured(
    command: Sequence[str],
    options: Mapping[str, Any],
    workspace: Mapping[str, str],
    written: str,
    size: int,
) -> Round:
    """Type in one workspace once all of it is read; raises what `play` raises."""
    buffer = Buffer("open.py", workspace["open.py"])
    buffer.cursor = len(buffer.text)
    # The server fills three quarters of what it may read; the rest is for files that come later.
    budgets = {"workspaceTokens": size * 4 // 3}
    raised = {**budgets, "reportUsage": True, **options}
    with serving(command, raised, workspace) as (client, root):
        player = Player(client, root, workspace)
        player.step(buffer.plain(ActionKind.OPEN))
        above = _all_read(client, size if len(workspace) > 1 else 0)
        first = len(client.connection.received)
        steps = [player.step(action) for action in typed(buffer, written, _Steady()) if action.edit]
        player.step(Action(ActionKind.PAUSE, "", 0))  # so that the last cost is reported
        found = costs(steps, usages(client.connection, first))
    return Round(above, tuple(found))


def summed(size: int, rounds: Sequence[Round]) -> Flat:
    """Of each key the fastest of the rounds: what else the machine does makes it only slower."""
    fastest = []
    for of_key in zip(*(each.costs for each in rounds), strict=True):
        asked = [cost for cost in of_key if cost.source == "model" and cost.answer_ms is not None]
        fastest += [min(cost.answer_ms or 0.0 for cost in asked)] if asked else []
    first = rounds[0].costs
    return Flat(
        size,
        rounds[0].above_tokens,
        sum(cost.source == "typed" for cost in first),
        Spread.of([cost.tokens_waiting for cost in first if cost.source == "model"]),
        Spread.of(fastest),
    )


def _all_read(client: Client, wanted: int) -> int:
    """Wait until nothing is left to read; how many tokens then stand before the anchor."""
    try:
        message = client.connection.wait_for(
            USAGE,
            lambda params: (
                params["source"] == "background"
                and not params.get("tokensLeft")
                and params.get("tokensAbove", 0) >= ENOUGH * wanted
            ),
            deadline_s=READ_DEADLINE_S,
        )
    except TimeoutError:
        most = max((usage.above for usage in usages(client.connection)), default=0)
        raise PlayError(
            f"The server read {most} tokens of a context of {wanted}; flatness cannot be measured."
        ) from None
    return int(message.params.get("tokensAbove", 0))


def ratios(found: Sequence[Flat]) -> dict[str, float | None]:
    """Of the p95 at the largest size to that at the smallest; None where nothing was measured."""
    small, large = found[0], found[-1]
    return {
        "tokens_waiting": _ratio(large.tokens_waiting, small.tokens_waiting),
        "answer_ms": _ratio(large.answer_ms, small.answer_ms),
    }


def _ratio(large: Spread, small: Spread) -> float | None:
    return large.p95 / small.p95 if large.count and small.count and small.p95 else None


def _show(found: Sequence[Flat], console: Console) -> None:
    table = Table("context", "read", "typed", "tokens", "ms")
    for each in found:
        tokens, ms = each.tokens_waiting, each.answer_ms
        table.add_row(
            str(each.context_tokens),
            str(each.above_tokens),
            str(each.typed_through),
            f"{tokens.median:.0f} / {tokens.p95:.0f}",
            f"{ms.median:.0f} / {ms.p95:.0f}",
        )
    console.print(table)
    for name, ratio in ratios(found).items():
        met = "unknown" if ratio is None else "met" if ratio <= MOST_RATIO else "MISSED"
        told = "" if ratio is None else f"{ratio:.2f} times, "
        console.print(f"{met:8}{name} at p95: {told}at most {MOST_RATIO}", highlight=False)


def draw(found: Sequence[Flat], picture: Path) -> None:
    """Both p95 by size."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(8, 3))
    sizes = [each.context_tokens for each in found]
    for axes, name, values in (
        (both[0], "tokens read", [each.tokens_waiting.p95 for each in found]),
        (both[1], "milliseconds", [each.answer_ms.p95 for each in found]),
    ):
        axes.plot(sizes, values, "o-")
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [f"{size >> 10}k" for size in sizes])
        axes.set_ylim(bottom=0)
        axes.set(xlabel="tokens of context", ylabel=f"{name} per key, p95")
    figure.tight_layout()
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)
    pyplot.close(figure)


FAILURES = (
    *(ReleaseError, CorpusError, PlayError, ModelFolderError),
    *(ServerGoneError, RefusedError, TimeoutError),
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay.flat",
        description="Measure what a key costs with 1k to 128k tokens of context.",
    )
    add = parser.add_argument
    add("--tokens", type=int, action="append", help="a size of context; several, smallest first")
    add("--rounds", type=int, default=3, help="times that each is typed; the fastest counts")
    add("--model", type=Path, help="a model folder; without it, the embedded model")
    add("--picture", type=Path, default=PICTURE, help="where the picture goes, .svg or .png")
    add("--json", action="store_true", help="print one JSON object on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
