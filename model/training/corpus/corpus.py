"""The training corpus as others see it: its shards, and the command that builds it.

Owns the command line: `stateline corpus build --out DIR --cache DIR`, its progress and its tables.
What is built is `assembly`'s, how it lies on the disk `shards`'.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ...languages import LANGUAGES
from .assembly import DEFAULT_MAX_MB, Built, build
from .cleaning import SourceFile
from .manifest import MANIFEST
from .shards import HELDOUT, LEARN, Shard, read, shards
from .sources import CorpusError

__all__ = [
    "HELDOUT",
    "LEARN",
    "MANIFEST",
    "CorpusError",
    "Shard",
    "SourceFile",
    "app",
    "build",
    "read",
    "shards",
]


def tables(built: Built) -> Iterator[Table]:
    """What was kept on each side, what was dropped and why, what could not be had."""
    yield _kept(built)
    reasons: Counter[str] = Counter()
    for shard in (*built.train, *built.heldout, *built.learn):
        reasons.update(shard.dropped)
    dropped = Table("dropped because", "files", title="Left out")
    for reason, count in reasons.most_common():
        dropped.add_row(reason, f"{count:,}")
    yield dropped
    if built.missing:
        missing = Table("source", "why", title="Could not be had")
        for stem, why in sorted(built.missing.items()):
            missing.add_row(stem, why)
        yield missing


def _kept(built: Built) -> Table:
    table = Table("side", "language", title="Corpus")
    for heading in ("sources", "files", "million characters"):
        table.add_column(heading, justify="right")
    sides = (("trained on", built.train), (HELDOUT, built.heldout), (LEARN, built.learn))
    for side, found in sides:
        for language in LANGUAGES:
            having = [shard for shard in found if language.name in shard.files]
            files = sum(shard.files[language.name] for shard in having)
            chars = sum(shard.chars[language.name] for shard in having)
            counts = (f"{len(having):,}", f"{files:,}", f"{chars / 1e6:,.2f}")
            table.add_row(side, language.name, *counts)
        table.add_section()
    return table


app = typer.Typer(add_completion=False, help="The training corpus: built from pinned sources.")


@app.callback()
def _verbs() -> None:
    """The training corpus: built from pinned sources."""


@app.command("build")
def build_command(
    out: Annotated[Path, typer.Option(help="Where the shards go.")],
    cache: Annotated[Path, typer.Option(help="Where downloaded archives are kept.")],
    only: Annotated[list[str] | None, typer.Option(help="Only these; may be repeated.")] = None,
    max_mb: Annotated[float, typer.Option(help="Cap on one project's text.")] = DEFAULT_MAX_MB,
    manifest: Annotated[Path, typer.Option(help="Which sources to use.")] = MANIFEST,
    processes: Annotated[int, typer.Option(help="How many clean text.")] = os.cpu_count() or 1,
) -> None:
    """Download, clean and write the corpus; what is already finished is kept."""
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("building", total=None)

        def on_source(stem: str, total: int) -> None:
            progress.update(task, advance=1, total=total, description=f"{stem:32.32}")

        try:
            built = build(
                *(manifest, out, cache),
                only=only or (),
                max_mb=max_mb,
                processes=processes,
                on_source=on_source,
            )
        except CorpusError as error:
            console.print(f"[red]{error}")
            raise typer.Exit(1) from error
    for table in tables(built):
        console.print(table)
    if built.missing:
        console.print(
            f"[yellow]{len(built.missing)} sources could not be had; the shards of all others are"
            " whole and can be used. The same command tries only those again."
        )
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
