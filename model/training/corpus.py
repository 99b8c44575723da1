"""The training corpus: one cleaned shard per distribution, and how to read it back.

Owns the shards' format (gzip, one JSON object `{"path", "text"}` a line), the index of finished
shards, and the order of the build. Which text is fit is decided in `cleaning`, where it comes from
in `sources`. Run `python -m stateline.model.training.corpus build --out DIR --cache DIR`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from .cleaning import RULES, Drop, SeenLines, SourceFile, clean, import_order, is_test
from .sources import (
    STANDARD_LIBRARY,
    CorpusError,
    Distribution,
    fetch,
    is_held_out,
    load_manifest,
    python_members,
    unseen_texts,
)

__all__ = ["MANIFEST", "CorpusError", "Shard", "SourceFile", "app", "build", "read", "shards"]

MANIFEST = Path(__file__).with_name("manifest.toml")
HELDOUT = "heldout"  # the folder, inside the corpus, of shards that only judge
SUFFIX = ".jsonl.gz"
INDEX = "index.json"
DEFAULT_MAX_MB = 6.0  # per distribution, so that no project's habits dominate
MAX_TEST_SHARE = 0.25  # of a shard's characters


@dataclass(frozen=True)
class Shard:
    """What became of one distribution."""

    name: str
    version: str
    licence: str
    key: str  # of everything that the shard's text depends on
    files: int
    chars: int
    size_bytes: int  # of the text in UTF-8
    dropped: dict[str, int]  # files by reason


def shards(folder: Path) -> list[Path]:
    """The shards in a folder, by name; those held out lie in `folder / HELDOUT`."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read(path: Path) -> Iterator[SourceFile]:
    """The files of one shard, in order. Raises CorpusError if it is no shard."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                row = json.loads(line)
                yield SourceFile(str(row["path"]), str(row["text"]))
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path} is not a corpus shard ({error}); build it again.") from error


def build(
    manifest: Path,
    out: Path,
    cache: Path,
    *,
    only: Collection[str] = (),
    max_mb: float = DEFAULT_MAX_MB,
    unseen: Path = STANDARD_LIBRARY,
    on_shard: Callable[[Shard, int], None] = lambda shard, total: None,
) -> list[Shard]:
    """Build the missing shards; `only` limits it to some names, `max_mb` caps each one's text.

    Shards finished earlier under the same rules stay as they are, and new text that repeats them
    is dropped, as are copies of files in the folder `unseen`. `on_shard` hears of each shard and
    of how many there will be. Raises CorpusError.
    """
    wanted = load_manifest(manifest)
    known = {dist.name for dist in (*wanted.train, *wanted.heldout)}
    if unknown := sorted(set(only) - known):
        raise CorpusError(f"The manifest has no {', '.join(unknown)}; choose names that it lists.")
    train = [dist for dist in wanted.train if not only or dist.name in only]
    heldout = [dist for dist in wanted.heldout if not only or dist.name in only]
    total = len(train) + len(heldout)

    def tell(shard: Shard) -> Shard:
        on_shard(shard, total)
        return shard

    seen = SeenLines()
    for text in unseen_texts(unseen):
        seen.add(text)
    keys = {dist.name: _key(dist, max_mb) for dist in wanted.train}
    trained = [tell(shard) for shard in _folder(out, train, keys, cache, max_mb, seen)]
    # What repeats training text cannot judge, so these depend on every trained shard.
    context = [shard.key for shard in _read_index(out).values() if shard.name in keys]
    judged = {dist.name: _key(dist, max_mb, context) for dist in wanted.heldout}
    held = _folder(out / HELDOUT, heldout, judged, cache, max_mb, seen)
    return trained + [tell(shard) for shard in held]


def _key(dist: Distribution, max_mb: float, context: Iterable[str] = ()) -> str:
    parts = [str(RULES), str(float(max_mb)), dist.sha256, *sorted(context)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _folder(
    out: Path,
    wanted: Iterable[Distribution],
    keys: dict[str, str],
    cache: Path,
    max_mb: float,
    seen: SeenLines,
) -> Iterator[Shard]:
    """Build what is missing of one folder; what is finished is only added to `seen`."""
    out.mkdir(parents=True, exist_ok=True)
    index = _read_index(out)
    if strays := [path.name for path in shards(out) if path.name.removesuffix(SUFFIX) not in keys]:
        raise CorpusError(f"{out} holds {', '.join(strays)}, not in the manifest; delete them.")
    finished = {name: shard for name, shard in index.items() if shard.key == keys.get(name)}
    finished = {name: shard for name, shard in finished.items() if _path(out, name).is_file()}
    for name in finished:
        for file in read(_path(out, name)):
            seen.add(file.text)
    for dist in wanted:
        if dist.name not in finished:
            shard = _build_one(dist, keys[dist.name], out, fetch(dist, cache), max_mb, seen)
            index[dist.name] = finished[dist.name] = shard
            _write(out / INDEX, _index_bytes(index))
        yield replace(finished[dist.name], licence=dist.licence)


def _build_one(
    dist: Distribution, key: str, out: Path, wheel: Path, max_mb: float, seen: SeenLines
) -> Shard:
    dropped: Counter[Drop] = Counter()
    files: list[SourceFile] = []
    for path, data in python_members(wheel):
        result = clean(path, data)
        if isinstance(result, SourceFile):
            files.append(result)
        else:
            dropped[result] += 1
    kept = select(import_order(files), seen, int(max_mb * 1e6), dropped)
    rows = (json.dumps(asdict(file), ensure_ascii=False) + "\n" for file in kept)
    _write(_path(out, dist.name), gzip.compress("".join(rows).encode(), 6, mtime=0))
    return Shard(
        *(dist.name, dist.version, dist.licence, key, len(kept)),
        chars=sum(len(file.text) for file in kept),
        size_bytes=sum(len(file.text.encode()) for file in kept),
        dropped={reason.value: count for reason, count in sorted(dropped.items())},
    )


def select(
    files: Iterable[SourceFile], seen: SeenLines, cap_bytes: int, dropped: Counter[Drop]
) -> list[SourceFile]:
    """The files to keep, in the order given: no copies, tests a minor part, the sum capped.

    Adds the kept ones to `seen` and counts the others in `dropped`.
    """
    files = list(files)
    code = _take([file for file in files if not is_test(file.path)], seen, cap_bytes, dropped)
    code_bytes = sum(len(file.text.encode()) for file in code)
    test_bytes = int(code_bytes * MAX_TEST_SHARE / (1 - MAX_TEST_SHARE))
    over = Drop.TESTS if test_bytes < cap_bytes - code_bytes else Drop.CAP
    left_bytes = min(test_bytes, cap_bytes - code_bytes)
    tests = [file for file in files if is_test(file.path)]
    return code + _take(tests, seen, left_bytes, dropped, over)


def _take(
    files: Iterable[SourceFile],
    seen: SeenLines,
    cap_bytes: int,
    dropped: Counter[Drop],
    over: Drop = Drop.CAP,
) -> list[SourceFile]:
    kept: list[SourceFile] = []
    left_bytes = cap_bytes
    for file in files:
        size_bytes = len(file.text.encode())
        if size_bytes > left_bytes:
            dropped[over] += 1
        elif seen.is_copy(file.text):
            dropped[Drop.DUPLICATE] += 1
        else:
            seen.add(file.text)
            kept.append(file)
            left_bytes -= size_bytes
    return kept


def _path(out: Path, name: str) -> Path:
    return out / f"{name}{SUFFIX}"


def _write(path: Path, data: bytes) -> None:
    """Replace a file at once, so that a reader never meets half of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def _index_bytes(index: dict[str, Shard]) -> bytes:
    rows = {name: asdict(shard) for name, shard in sorted(index.items())}
    return (json.dumps(rows, indent=1) + "\n").encode()


def _read_index(out: Path) -> dict[str, Shard]:
    path = out / INDEX
    if not path.exists():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): Shard(**row) for name, row in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path} cannot be read ({error}); delete it to build anew.") from error


def tables(built: Iterable[Shard]) -> Iterator[Table]:
    """What was kept per distribution, and what was dropped and why."""
    built = list(built)
    kept = Table("distribution", "version", "licence", title="Corpus")
    for heading in ("files", "MB"):
        kept.add_column(heading, justify="right")
    _add_rows(kept, "trained on", [shard for shard in built if not is_held_out(shard.name)])
    _add_rows(kept, "held out", [shard for shard in built if is_held_out(shard.name)])
    yield kept
    reasons: Counter[str] = Counter()
    for shard in built:
        reasons.update(shard.dropped)
    dropped = Table("dropped because", "files", title="Left out")
    for reason, count in reasons.most_common():
        dropped.add_row(reason, str(count))
    yield dropped


def _add_rows(kept: Table, side: str, built: list[Shard]) -> None:
    for shard in built:
        megabytes = f"{shard.size_bytes / 1e6:.2f}"
        kept.add_row(shard.name, shard.version, shard.licence, str(shard.files), megabytes)
    kept.add_section()
    total_mb = sum(shard.size_bytes for shard in built) / 1e6
    kept.add_row(side, "", "", str(sum(shard.files for shard in built)), f"{total_mb:.2f}")
    kept.add_section()


app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def _main() -> None:
    """The training corpus of the embedded model."""


@app.command("build")
def build_command(
    out: Annotated[Path, typer.Option(help="Folder for the shards.")],
    cache: Annotated[Path, typer.Option(help="Folder for the downloaded wheels.")],
    only: Annotated[list[str] | None, typer.Option(help="Build only these distributions.")] = None,
    max_mb: Annotated[float, typer.Option(help="Cap of one distribution.")] = DEFAULT_MAX_MB,
    manifest: Annotated[Path, typer.Option(help="Which distributions to use.")] = MANIFEST,
) -> None:
    """Download, clean and write the corpus; shards already finished are kept."""
    console = Console()
    with Progress(console=console) as progress:
        task = progress.add_task("building", total=None)

        def on_shard(shard: Shard, total: int) -> None:
            progress.update(task, advance=1, total=total, description=shard.name)

        try:
            built = build(manifest, out, cache, only=only or (), max_mb=max_mb, on_shard=on_shard)
        except CorpusError as error:
            console.print(f"[red]{error}")
            raise typer.Exit(1) from error
    for table in tables(built):
        console.print(table)


if __name__ == "__main__":
    app()
