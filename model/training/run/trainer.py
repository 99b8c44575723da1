"""Train a model from shards of source text: one flat loop.

Owns the loop, its log and what a new run begins with. What a run is says `recipe`, what is trained
on `examples`, who computes the gradients `workers`, what a step changes and keeps `run`. Knows no
LSP and no editor.

    stateline train model/training/smoke.toml --corpus build/corpus --out build/smoke
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ...folder.config import Mamba2Config
from ...folder.dialects import huggingface_config
from ...folder.files import tokenizer_path
from ...languages import language_of_path
from ...networks.torch.kernels import TORCH
from ...networks.torch.kernels_ssd import Shape, best_kernels
from ...networks.torch.mamba2 import Mamba2
from ...networks.torch.torch_network import torch_tensors
from ...tokens.tokenizer import Tokenizer
from ..corpus.corpus import HELDOUT, read, shards
from .examples import Mix
from .feed import Chunk, Corpus, feed, plans_of
from .recipe import Recipe
from .run import RESUME, STABLE, Run, batch_of
from .vocabulary import train_vocabulary
from .workers import SharedBuffers, Workers, started

GPU_WORKERS = 8  # processes that prepare text; a GPU takes in what six can make
JUDGED_FILES = 20  # of each language, whose first JUDGED_CHARS are read while a run learns
JUDGED_CHARS = 3_000


def train(
    recipe: Recipe,
    corpus: Path,
    out: Path,
    *,
    start: Path | None = None,
    workers: int | None = None,
    compiled: bool = False,
) -> None:
    """Run or resume `recipe`; everything it makes goes into `out`.

    `start` is a model folder whose weights and tokenizer a new run begins with. Without `workers`
    there is one process on a CPU, and eight prepare text for a GPU.
    """
    out.mkdir(parents=True, exist_ok=True)
    console = Console()
    tokenizer = _tokenizer(recipe, corpus, out / "tokenizer.json", start)
    config = Mamba2Config(vocab_size=recipe.vocabulary, **recipe.model)
    (out / "config.json").write_text(json.dumps(huggingface_config(config), indent=1))
    model = _new_model(config, recipe, start)
    buffers = SharedBuffers.of(model, recipe.lanes, recipe.length, recipe.together)
    on_cpu = buffers.weights.device.type == "cpu"
    if workers is None:
        workers = 1 if on_cpu else min(GPU_WORKERS, os.cpu_count() or 1)
    run = Run(recipe, model, buffers)
    run.resume(out)
    # A GPU needs others to prepare its text; a CPU others to compute.
    feeders, computing = (1, workers) if on_cpu else (workers, 1)
    check = _validation(corpus)
    with (
        _chunks(recipe, corpus, out / "tokenizer.json", run, feeders) as chunks,
        (out / "log.jsonl").open("a") as log,
    ):
        kernels, why = best_kernels(_shape(config, recipe), recipe.chunk, buffers.weights.device)
        console.print(f"{kernels.name} kernels: {why}")
        compiled = compiled and kernels is TORCH  # others are compiled as far as they can be
        with (
            started(buffers, config, computing, kernels=kernels, compiled=compiled) as pool,
            _progress(console) as progress,
        ):
            described = f"training, {kernels.name} kernels"
            total = recipe.pace.total
            task = progress.add_task(described, total=total, loss=math.nan, speed=0.0)
            for row in _steps(run, recipe, pool, chunks, out, tokenizer, check):
                log.write(json.dumps(row | {"kernels": kernels.name}) + "\n")
                log.flush()
                shown = {"loss": run.recent_loss, "speed": row["tokens_per_s"]}
                progress.update(task, completed=run.at, **shown)
    run.export(out / "model.safetensors")


def _steps(
    run: Run,
    recipe: Recipe,
    pool: Workers,
    chunks: Iterator[list[Chunk]],
    out: Path,
    tokenizer: Tokenizer,
    check: Mapping[str, Sequence[str]],
) -> Iterator[dict[str, Any]]:
    """A row for each step until the run is at its end; it is saved on the way."""
    pace, at, batch = recipe.pace, run.at, None
    while at < pace.total:
        row = run.learn(pool, batch or batch_of(next(chunks)))
        batch = batch_of(next(chunks))  # while a GPU is still at work
        row = run.done(row)
        before, at = at, run.at
        last = at >= pace.total
        if check and (run.steps % recipe.validate_every == 0 or last):
            row |= _validated(run, tokenizer, check)
        yield row
        if run.steps % recipe.save_every == 0 or last:
            run.save(out / RESUME)
        if before < pace.stays_until <= at:
            run.save(out / STABLE)


def _chunks(
    recipe: Recipe, corpus: Path, tokenizer: Path, run: Run, processes: int
) -> AbstractContextManager[Iterator[list[Chunk]]]:
    """The text of the steps that are still to do."""
    # A run by the clock is never the same twice, so it need not go over what it has read before:
    # it goes on with another order.
    seed, skip = (recipe.seed, run.steps) if recipe.steps else (recipe.seed + run.steps, 0)
    segments = Corpus.of(_shards(corpus), by_language=bool(recipe.languages), processes=processes)
    plans = plans_of(segments, tokenizer, recipe.lanes_of(), Mix(**recipe.mix), seed)
    return feed(plans, recipe.length, skip, processes)


def _validated(
    run: Run, tokenizer: Tokenizer, texts: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Bits per byte now, by language if there are several, and with the averaged weights."""
    everything = [text for some in texts.values() for text in some]
    found: dict[str, Any] = {
        "heldout_bits_per_byte": bits_per_byte(run.model, tokenizer, everything)
    }
    if len(texts) > 1:
        found["by_language"] = {
            name: bits_per_byte(run.model, tokenizer, some) for name, some in texts.items()
        }
    if run.averages:
        with run.averaged():
            found["averaged_bits_per_byte"] = bits_per_byte(run.model, tokenizer, everything)
    return found


@torch.no_grad()
def bits_per_byte(model: Mamba2, tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Of `texts` read left to right, each from an empty state."""
    nats, size = 0.0, 0
    device = model.backbone.embedding.weight.device
    for text in texts:
        ids = [tokenizer.markers.bos or 0, *tokenizer.encode(text)]
        tokens = torch.tensor([ids], device=device)
        logits, _ = model(tokens[:, :-1], model.zero_state())
        nats += F.cross_entropy(logits[0].float(), tokens[0, 1:], reduction="sum").item()
        size += len(text.encode())
    return nats / size / math.log(2)


def _shards(corpus: Path) -> list[Path]:
    found = shards(corpus)
    if not found:
        raise SystemExit(
            f"No shards (*.jsonl.gz) in {corpus}: build some with `stateline corpus build` first."
        )
    return found


def _shape(config: Mamba2Config, recipe: Recipe) -> Shape:
    """Of the scan in one backward pass."""
    heads = (config.n_heads, config.headdim, config.n_groups, config.d_state)
    return Shape(recipe.together, recipe.length, *heads)


def _new_model(config: Mamba2Config, recipe: Recipe, start: Path | None) -> Mamba2:
    torch.manual_seed(recipe.seed)
    model = Mamba2(config)
    torch.nn.init.normal_(model.backbone.embedding.weight, std=0.02)
    if recipe.quiet_start:
        _quieten(model)
    if start is not None:
        model.load_state_dict({n: t.float() for n, t in torch_tensors(start, config).items()})
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _quieten(model: Mamba2) -> None:
    """What a layer adds begins smaller the more layers there are (Radford et al. 2019, 2.3)."""
    config = model.config
    for name, weight in model.named_parameters():
        if name.endswith("in_proj.weight"):
            torch.nn.init.normal_(weight, std=0.6 * config.d_model**-0.5)
        elif name.endswith("out_proj.weight"):
            torch.nn.init.normal_(weight, std=(2 * config.n_layer * config.d_inner) ** -0.5)


def _tokenizer(recipe: Recipe, corpus: Path, path: Path, start: Path | None) -> Tokenizer:
    if not path.exists() and start is not None:
        shutil.copyfile(tokenizer_path(start), path)
    if not path.exists():
        # Every fourth file of each project: more text would move few merges, and takes minutes.
        some = (f for shard in _shards(corpus) for f in islice(read(shard), 0, None, 4))
        train_vocabulary((f.text for f in some), recipe.vocabulary).save(str(path))
    return Tokenizer.load(path)


def _validation(corpus: Path) -> dict[str, list[str]]:
    """The beginnings of some held-out files by language, the same in every run."""
    files = [f for shard in shards(corpus / HELDOUT) for f in read(shard)]
    random.Random(0).shuffle(files)
    found: dict[str, list[str]] = {}
    for file in files:
        language = language_of_path(file.path)
        some = found.setdefault("other" if language is None else language.name, [])
        if len(some) < JUDGED_FILES:
            some.append(file.text[:JUDGED_CHARS])
    return found


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:,.0f} tokens/s"),
        TimeRemainingColumn(),
        console=console,
    )
