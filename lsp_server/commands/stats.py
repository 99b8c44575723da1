"""`stateline stats`: what suggestions were worth, as a table and a picture.

Owns the periods, the shares and the drawing. Knows no server; the counts are the `ledger`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..worth.ledger import Page, quantile_ms, total

PERIODS = {"today": 1, "7 days": 7, "30 days": 30}
PICTURED_DAYS = 14
_BARS = " ▁▂▃▄▅▆▇█"
_ROWS = 6  # of the picture


@dataclass(frozen=True)
class Worth:
    """What became of the suggestions of some days."""

    shown: int
    accepted: int  # of those shown, at least in part
    whole: int
    line: int
    word: int
    characters: int
    kept_30s: float | None  # share of what was looked at again
    kept_5min: float | None
    p50_ms: float | None
    p95_ms: float | None

    @staticmethod
    def of(page: Page) -> Worth:
        """A client that does not tell what it draws is taken to draw all that it is offered."""
        counts = page.counts
        return Worth(
            shown=counts["shown"] or counts["offered"],
            accepted=counts["accepted"],
            whole=counts["acceptedWhole"],
            line=counts["acceptedLine"],
            word=counts["acceptedWord"],
            characters=counts["charactersAccepted"],
            kept_30s=_share(counts, "keptAfter30s", "lookedAfter30s"),
            kept_5min=_share(counts, "keptAfter5min", "lookedAfter5min"),
            p50_ms=quantile_ms(page.latency, 0.5),
            p95_ms=quantile_ms(page.latency, 0.95),
        )


def periods(pages: Sequence[Page], today: date) -> dict[str, Worth]:
    """By name; the last is all there is."""
    found = {
        name: _since(pages, today - timedelta(days=days - 1)) for name, days in PERIODS.items()
    }
    return {**found, "all": _since(pages, date.min)}


def report(pages: Sequence[Page], today: date) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "periods": {name: vars(worth) for name, worth in periods(pages, today).items()},
        "days": {page.day.isoformat(): vars(Worth.of(page)) for page in pages},
    }


def show(pages: Sequence[Page], today: date, console: Console) -> None:
    """For a person."""
    if not pages:
        console.print("Nothing was counted yet: no suggestion was offered in an editor.")
        return
    console.print(Group(_table(periods(pages, today)), picture(pages, today)))


def picture(pages: Iterable[Page], today: date) -> RenderableType:
    """The last days, a column each: how many suggestions were shown, how many accepted."""
    days = [today - timedelta(days=back) for back in reversed(range(PICTURED_DAYS))]
    by_day = {page.day: Worth.of(page) for page in pages}
    worths = [by_day.get(day, Worth.of(Page(day))) for day in days]
    most = max(1, *(worth.shown for worth in worths))
    lines = [Text(f"Suggestions a day, shown and accepted (the highest column: {most})")]
    for row in reversed(range(_ROWS)):
        line = Text(" ")
        for worth in worths:
            line.append(_cell(worth.shown / most, row) * 2, "blue")
            line.append(_cell(worth.accepted / most, row) * 2 + " ", "green")
        lines.append(line)
    lines.append(Text(" " + "".join(f"{day.day:<5}" for day in days), "dim"))
    lines.append(Text.assemble((" █ ", "blue"), "shown  ", ("█ ", "green"), "accepted"))
    return Group(*lines)


def _since(pages: Sequence[Page], first: date) -> Worth:
    """Shown is added up after it was settled for each day, since clients differ."""
    chosen = [page for page in pages if page.day >= first]
    worth = Worth.of(total(chosen))
    return Worth(**{**vars(worth), "shown": sum(Worth.of(page).shown for page in chosen)})


def _table(found: dict[str, Worth]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False)
    table.add_column("")
    for name in found:
        table.add_column(name, justify="right", no_wrap=True)
    worths = list(found.values())
    table.add_row("suggestions shown", *(str(w.shown) for w in worths))
    table.add_row("accepted", *(f"{w.accepted}{_of(w.accepted, w.shown)}" for w in worths))
    for label, name in (("whole", "whole"), ("a line", "line"), ("a word", "word")):
        table.add_row(f"  times {label}", *(str(getattr(w, name)) for w in worths))
    table.add_row("characters accepted", *(str(w.characters) for w in worths))
    table.add_row("still there after 30 s", *(_percent(w.kept_30s) for w in worths))
    table.add_row("still there after 5 min", *(_percent(w.kept_5min) for w in worths))
    table.add_row("half of the answers within", *(_ms(w.p50_ms) for w in worths))
    table.add_row("95 of 100 within", *(_ms(w.p95_ms) for w in worths))
    return table


def _cell(share: float, row: int) -> str:
    """What a column of this height shows in a row, counted from below; a little is not nothing."""
    eighths = round(share * _ROWS * 8) or int(share > 0)
    return _BARS[min(max(eighths - 8 * row, 0), 8)]


def _share(counts: Counter[str], part: str, whole: str) -> float | None:
    return counts[part] / counts[whole] if counts[whole] else None


def _of(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.0f} %)" if whole else ""


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def _ms(duration_ms: float | None) -> str:
    return "-" if duration_ms is None else f"{duration_ms:.0f} ms"
