"""How typing with suggestions looks in a terminal: the code, the latest keys, the final count.

Owns the drawing, with rich. Draws what it is given and computes no result itself; knows no server
and no clock.
"""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..client.tally import Keystroke, Spread, Tally
from ..client.typist import Draft

THEME = "ansi_dark"  # the terminal's own colours, so that it can be read in any of them
GHOST = "dim italic"
CURSOR = "reverse"
LATEST_KEYS = 6
LATEST_BARS = 24  # so that the median stays on the screen at 80 columns
PICTURE_WIDTH, PICTURE_HEIGHT = 100, 30  # of a saved picture, in characters
_OTHER_ROWS = LATEST_KEYS + 8  # of the picture, besides the code
_CODE_ROWS = range(6, 26)
_LEXED_ROWS = 200  # above the shown ones, so that a string's start is not missed
_DEFINITION = re.compile(r"\s*(def|class|async|@|export|function|interface)\b")
_LEXERS = {"typescriptreact": "tsx", "javascriptreact": "jsx"}  # as Pygments calls languages
_BARS, _BAR_MS = "▁▂▃▄▅▆▇█", 25.0


@dataclass(frozen=True)
class Scene:
    """A moment of typing."""

    title: str
    draft: Draft
    ghost: str
    tally: Tally
    language: str = "python"  # as LSP calls it

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.max_height - _OTHER_ROWS
        rows = min(max(height, _CODE_ROWS.start), _CODE_ROWS.stop)
        yield Panel(
            _code(self.draft, self.ghost, rows, _LEXERS.get(self.language, self.language)),
            title=Text(self.title, "bold"),
            title_align="left",
            border_style="blue",
            box=box.ROUNDED,
        )
        yield _latest_keys(self.tally)
        yield _footer(self.tally, self.draft)


def _code(draft: Draft, ghost: str, rows: int, lexer: str) -> RenderableType:
    """The rows around the cursor; those that only the suggestion has bear no number."""
    before, after = draft.before.expandtabs(4), draft.below.expandtabs(4)
    cursor_row = before.count("\n")
    first = max(0, cursor_row - rows // 2)
    start = _lexing_start(before, first)
    top = before[:start].count("\n")
    shown = before[start:] + "\n".join(after.split("\n", rows)[:rows])
    text = Syntax("", lexer, theme=THEME).highlight(shown)
    at = len(before) - start
    cut = (ghost or " ").expandtabs(4)
    cursor, rest = ("↵", cut) if cut[0] == "\n" else (cut[0], cut[1:])
    marks = Text.assemble((cursor, f"{CURSOR} {GHOST}" if ghost else CURSOR), (rest, GHOST))
    drawn = Text.assemble(text[:at], marks, text[at:]).split("\n", allow_blank=True)
    extra = range(cursor_row + 1, cursor_row + 1 + ghost.count("\n"))
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for row, line in list(enumerate(drawn, start=top))[first - top : first - top + rows]:
        number = row - len(extra) if row >= extra.stop else row
        table.add_row("" if row in extra else str(number + 1), line)
    return table


def _lexing_start(text: str, row: int) -> int:
    """The start of the last definition at or above a row: surely not amid a string."""
    lines = text.split("\n")[: row + 1]
    for at in range(row, max(row - _LEXED_ROWS, 0), -1):
        if _DEFINITION.match(lines[at]):
            return sum(len(line) + 1 for line in lines[:at])
    return sum(len(line) + 1 for line in lines[: max(row - _LEXED_ROWS, 0)])


def _latest_keys(tally: Tally) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), header_style="bold")
    table.add_column("key", width=9, no_wrap=True)
    for title, width in (("answer", 7), ("read", 4), ("reused", 6)):
        table.add_column(title, width=width, justify="right", no_wrap=True)
    table.add_column("answered by", width=11, no_wrap=True)
    table.add_column("suggestion", ratio=1, no_wrap=True, overflow="ellipsis")
    count = len(tally.keystrokes)
    for index in range(count - LATEST_KEYS, count):
        if index < 0:
            table.add_row()
        else:
            table.add_row(*_cells(tally, index))
    return table


def _cells(tally: Tally, index: int) -> tuple[Text, str, str, str, str, Text]:
    """Key, time to the answer, tokens read and reused, who answered, and the suggestion."""
    stroke, cost = tally.keystrokes[index], tally.cost_of(index)
    read, reused, by = "", "", ""
    if cost is not None and cost.source == "typed":
        by = "typing on"
    elif cost is not None:
        read, reused = str(cost.tokens_read), str(cost.tokens_reused)
        by = "model, cold" if cost.cold else "model"
    key = Text(stroke.key.name, "green bold" if stroke.key.accepts else "")
    return key, milliseconds(stroke.answer_ms), read, reused, by, _suggestion(stroke)


def line(tally: Tally, index: int) -> Text:
    """A keystroke in one row of text, for where there is no moving picture."""
    key, answer, read, reused, by, ghost = _cells(tally, index)
    tokens = f"read {read:>3}, reused {reused:>4}" if read else ""
    return Text.assemble(f"{key.plain:<9} {answer:>8}  {tokens:<21} {by:<11} ", ghost)


def _suggestion(stroke: Keystroke) -> Text:
    """A suggestion in one row, and how much of it is right."""
    if not stroke.ghost:
        return Text("no answer before the next key" if stroke.answer_ms is None else "", "dim")
    mark, style = " ", ""
    if stroke.judgement.line:
        mark, style = "✓", "green"
    elif stroke.judgement.word:
        mark, style = "~", "yellow"
    first, newline, _ = stroke.ghost.strip().partition("\n")
    return Text.assemble((f"{mark} ", style), first, (" …" if newline else "", "dim"))


def milliseconds(value: float | None) -> str:
    """For a column of such."""
    return "" if value is None or math.isnan(value) else f"{value:.0f} ms"


def _footer(tally: Tally, draft: Draft) -> Text:
    typed = sum(len(stroke.key.inserts) - stroke.key.deletes for stroke in tally.keystrokes)
    everything = typed + len(draft.left) - len(draft.surplus)
    text = Text(no_wrap=True, overflow="crop")
    text.append(f" {typed} of {everything} characters", "bold")
    text.append(f", keys {len(tally.keystrokes)}, accepted {tally.accepted_share:.0%}   ")
    for stroke in tally.keystrokes[-LATEST_BARS:]:
        ms = stroke.answer_ms
        bar = "·" if ms is None else _BARS[min(int(ms / _BAR_MS), len(_BARS) - 1)]
        text.append(bar, "green" if stroke.ghost else "dim")
    return text.append(f"  {milliseconds(tally.answer_ms.median)}", "bold")


def summary(tally: Tally) -> RenderableType:
    """The count, as a table."""
    table = Table(title="What came of it", box=box.ROUNDED, border_style="blue", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column(style="dim")
    for row in rows(tally):
        table.add_row(*row)
    return table


def rows(tally: Tally) -> list[tuple[str, str, str]]:
    """What is counted, the result, and what it means."""
    shown = tally.shown
    answer, read, first = tally.answer_ms, tally.tokens_read, tally.first_read
    brought = sum(len(stroke.key.inserts) for stroke in tally.accepted)
    words = sum(stroke.judgement.word for stroke in shown)
    lines = sum(stroke.judgement.line for stroke in shown)
    return [
        ("keystrokes", str(len(tally.keystrokes)), "a completion is asked for after each"),
        ("suggestions shown", str(len(shown)), _share(len(shown), len(tally.keystrokes))),
        ("  first word right", str(words), _share(words, len(shown))),
        ("  whole line right", str(lines), _share(lines, len(shown))),
        ("accepted", str(len(tally.accepted)), f"{brought} characters"),
        ("characters accepted", f"{tally.accepted_share:.0%}", "the others were typed"),
        ("keystroke to answer", _both(answer, "ms"), f"median / p95 of {answer.count}"),
        ("overtaken", str(tally.overtaken), "the next key came before the answer"),
        ("answered by typing on", str(tally.typed_through), "the model was not asked again"),
        ("tokens read per key", _both(read, ""), f"median / p95 of the other {read.count}"),
        (
            "first read",
            f"{first.tokens_read} tokens" if first else "none",
            f"{milliseconds(first.read_ms)}, once" if first else "",
        ),
        ("read in the background", f"{tally.background_tokens} tokens", "while nobody waited"),
    ]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%} of them" if whole else ""


def _both(spread: Spread, unit: str) -> str:
    if not spread.count:
        return "none"
    return f"{spread.median:.0f} / {spread.p95:.0f} {unit}".strip()


def save(path: Path, *parts: RenderableType) -> None:
    """Write a picture as SVG; raises OSError. It names no web font, so it fetches nothing."""
    console = Console(
        record=True,
        width=PICTURE_WIDTH,
        height=PICTURE_HEIGHT,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(*parts, sep="\n")
    drawn = console.export_svg(title="stateline demo")
    path.write_text(re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")
