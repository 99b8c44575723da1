"""How well a model does on text it never saw: bits per byte, lines, and the gate.

Owns the measures. What is completed goes through the engine, as in the product. Knows no
editor and no shaping.

    python -m stateline.model.training.evaluate MODEL --corpus DIR [--count 300]
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import typer

from ..completer import Context, Piece, Sampling
from ..engine import Engine
from .corpus import SourceFile, read
from .trainer import bits_per_byte

PREFIX_CHARS = 3_000  # read before each cursor
THRESHOLDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Trial:
    """One cursor: what stood there, what was written, and how sure the model was."""

    truth: str
    written: str
    confidence: float

    @property
    def right(self) -> bool:
        return self.written.strip() == self.truth.strip()


def rest_of_line(engine: Engine, file: SourceFile, offset: int) -> Trial:
    """Complete the line at `offset`, with the file's other lines around it."""
    start = file.text.rfind("\n", 0, max(0, offset - PREFIX_CHARS)) + 1
    end = file.text.find("\n", offset)
    end = len(file.text) if end < 0 else end
    text = file.text[start:offset] + file.text[end:]
    context = Context(text, offset - start, file.path, "python")
    engine.warm(context, Event())
    stop = Event()
    written, confidence = "", 1.0
    for piece in engine.complete(context, Sampling(max_tokens=48), stop):
        if isinstance(piece, Piece) and "\n" not in written:
            written += piece.text
            confidence *= piece.confidence
            if "\n" in written:
                stop.set()
    return Trial(file.text[offset:end], written.partition("\n")[0], confidence)


def mid_line_cursors(files: Sequence[SourceFile], count: int, seed: int) -> list[tuple[int, int]]:
    """(file index, offset) at random places strictly inside a line's code."""
    rng = random.Random(seed)
    places: list[tuple[int, int]] = []
    while len(places) < count:
        i = rng.randrange(len(files))
        offset = rng.randrange(len(files[i].text))
        start = files[i].text.rfind("\n", 0, offset) + 1
        end = files[i].text.find("\n", offset)
        before, after = files[i].text[start:offset], files[i].text[offset:end]
        if before.strip() and after.strip() and not before.lstrip().startswith("#"):
            places.append((i, offset))
    return places


def gate_curve(trials: Sequence[Trial]) -> list[dict[str, float]]:
    """For each threshold: the share of cursors where something is shown, and of it the right."""
    rows = []
    for threshold in THRESHOLDS:
        shown = [t for t in trials if t.confidence >= threshold and t.written.strip()]
        right = sum(t.right for t in shown)
        rows.append(
            {
                "threshold": threshold,
                "coverage": len(shown) / len(trials),
                "precision": right / len(shown) if shown else 1.0,
            }
        )
    return rows


def evaluate(model: Path, files: Sequence[SourceFile], count: int, seed: int = 0) -> dict[str, Any]:
    """All measures of a model folder on `files`."""
    engine = Engine.open(model)
    texts = [f.text[:3000] for f in random.Random(seed).sample(list(files), min(60, len(files)))]
    trials = [
        rest_of_line(engine, files[i], offset) for i, offset in mid_line_cursors(files, count, seed)
    ]
    similar = (SequenceMatcher(None, t.truth.strip(), t.written.strip()).ratio() for t in trials)
    return {
        "bits_per_byte": bits_per_byte(engine.model, engine.tokenizer, texts),
        "cursors": len(trials),
        "exact_match": sum(t.right for t in trials) / len(trials),
        "edit_similarity": sum(similar) / len(trials),
        "gate": gate_curve(trials),
    }


def main(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    corpus: Annotated[Path, typer.Option(help="Where `stateline corpus build` put its shards.")],
    count: Annotated[int, typer.Option(help="Mid-line cursors to complete at.")] = 300,
) -> None:
    """Evaluate on the held-out shards; one JSON line last."""
    files = [f for shard in sorted(corpus.glob("heldout/*.jsonl.gz")) for f in read(shard)]
    if not files:
        raise SystemExit(f"No held-out shards in {corpus}: run `stateline corpus build` first.")
    typer.echo(json.dumps(evaluate(model, files, count)))


if __name__ == "__main__":
    typer.run(main)
