"""Train a model from shards of source text: one flat loop.

Owns the loop, its log and its resuming. What a run is says `recipe`, what is trained on
`examples`, who computes the gradients `crew`, how weights are updated `optimizers`. Knows no LSP
and no editor.

    stateline train model/training/smoke.toml --corpus build/corpus --out build/smoke
"""

from __future__ import annotations

import json
import math
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..config import Mamba2Config
from ..dialects import huggingface_config
from ..folder import tokenizer_path
from ..mamba2 import Mamba2
from ..tokenizer import Tokenizer
from ..torch_network import torch_tensors
from .corpus import read
from .crew import Board, Crew, hired, point_gradients_to
from .examples import Mix
from .feed import Chunk, feed, plans_of
from .optimizers import optimizers_for, schedule
from .recipe import Recipe
from .vocabulary import train_vocabulary

AVERAGED = "averaged.safetensors"
STABLE = "stable.safetensors"  # the run before its rate began to fall; longer runs go on from here


def train(
    recipe: Recipe,
    corpus: Path,
    out: Path,
    *,
    start: Path | None = None,
    workers: int = 1,
    compiled: bool = False,
) -> None:
    """Run or resume `recipe`; everything it makes goes into `out`.

    `start` is a model folder whose weights and tokenizer a new run begins with.
    """
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(recipe, corpus, out / "tokenizer.json", start)
    config = Mamba2Config(vocab_size=recipe.vocabulary, **recipe.model)
    (out / "config.json").write_text(json.dumps(huggingface_config(config), indent=1))
    model = _new_model(config, recipe.seed, start)
    plans = plans_of(
        _shards(corpus), out / "tokenizer.json", recipe.lanes, Mix(**recipe.mix), recipe.seed
    )
    board = Board.of(model, recipe.lanes, recipe.length, recipe.together)
    run = Run(recipe, model, board)
    run.resume(out)
    check = _validation(corpus)
    on_cpu = board.weights.device.type == "cpu"
    with (
        # A GPU needs others to prepare its text; a CPU others to compute.
        feed(plans, recipe.length, run.steps, 1 if on_cpu else workers) as chunks,
        hired(board, model, workers if on_cpu else 1, compiled=compiled) as crew,
        (out / "log.jsonl").open("a") as log,
        _progress() as progress,
    ):
        task = progress.add_task("training", total=recipe.steps, completed=run.steps, loss=math.nan)
        while run.steps < recipe.steps:
            row = run.step(crew, next(chunks))
            last = run.steps == recipe.steps
            if check is not None and (run.steps % recipe.validate_every == 0 or last):
                row |= run.validate(tokenizer, check)
            log.write(json.dumps(row) + "\n")
            log.flush()
            progress.update(task, completed=run.steps, loss=run.recent_loss)
            if run.steps % recipe.save_every == 0 or last:
                run.save(out / "resume.safetensors")
            if run.steps == recipe.steps - recipe.decay:
                run.save(out / STABLE)
    run.export(out / "model.safetensors")


class Run:
    """What a step changes, and what of it is saved: weights, momenta, states, the step."""

    def __init__(self, recipe: Recipe, model: Mamba2, board: Board) -> None:
        self.steps = 0  # that are done
        self.recent_loss = 0.0
        self._recipe, self._model, self._board = recipe, model, board
        self._optimizers = optimizers_for(model, recipe.muon_lr, recipe.adam_lr)
        self._average = board.weights.clone() if recipe.average else None
        self._tokens_seen, self._began = 0, 0.0

    def step(self, crew: Crew, chunks: Sequence[Chunk]) -> dict[str, Any]:
        """Learn from one chunk of every lane; returns the row of the log."""
        recipe = self._recipe
        if not self._tokens_seen:
            self._began = time.monotonic()
        rate = schedule(self.steps, recipe.steps, recipe.warmup, recipe.decay)
        self._board.tokens.copy_(torch.tensor([tokens for tokens, _ in chunks]))
        self._board.keep.copy_(torch.tensor([0.0 if fresh else 1.0 for _, fresh in chunks]))
        loss = crew.run()
        self._learn(rate)
        self.steps += 1
        self.recent_loss = 0.98 * self.recent_loss + 0.02 * loss if self.recent_loss else loss
        self._tokens_seen += recipe.lanes * recipe.length
        speed = self._tokens_seen / (time.monotonic() - self._began)
        return {"step": self.steps, "loss": loss, "lr": rate, "tokens_per_s": round(speed, 1)}

    def _learn(self, rate: float) -> None:
        """One update along the gradient in the board's first row."""
        recipe = self._recipe
        gradient = self._board.gradients[0]
        gradient *= torch.clamp(1 / (gradient.norm() + 1e-6), max=1.0)
        point_gradients_to(gradient, self._model)
        rates = (recipe.muon_lr * rate, recipe.adam_lr * rate)
        for optimizer, lr in zip(self._optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        if self._average is not None:  # young averages forget faster: they began from noise
            weight = 1 / min(recipe.average, self.steps + 1)
            self._average.lerp_(self._board.weights, weight)

    def validate(self, tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, float]:
        """Bits per byte of `texts` now, and with the averaged weights."""
        found = {"heldout_bits_per_byte": bits_per_byte(self._model, tokenizer, texts)}
        if self._average is not None:
            with self._averaged():
                found["averaged_bits_per_byte"] = bits_per_byte(self._model, tokenizer, texts)
        return found

    def export(self, path: Path) -> None:
        """The weights alone, as a model folder has them; the averaged ones beside, if any."""
        _save(self._model.state_dict(), path, {"format": "pt"})
        if self._average is not None:
            with self._averaged():
                _save(self._model.state_dict(), path.with_name(AVERAGED), {"format": "pt"})

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in the place of those of the last step."""
        assert self._average is not None
        now = self._board.weights.clone()
        self._board.weights.copy_(self._average)
        try:
            yield
        finally:
            self._board.weights.copy_(now)

    def save(self, path: Path) -> None:
        """Write all that `resume` needs; a file half written never takes the place of a whole."""
        tensors = {f"model/{n}": t for n, t in self._model.state_dict().items()}
        tensors |= {f"state/{i}": t for i, t in enumerate(self._board.states)}
        if self._average is not None:
            tensors["average"] = self._average
        for k, optimizer in enumerate(self._optimizers):
            for i, values in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{k}/{i}/{n}": t for n, t in values.items()}
        recipe = self._recipe
        plan = {"step": self.steps, "steps": recipe.steps, "decay": recipe.decay}
        _save(tensors, path, {name: json.dumps(value) for name, value in plan.items()})

    def resume(self, out: Path) -> None:
        """Go on from what `save` wrote, if it did; the same losses follow as without a break.

        A run whose rate had begun to fall, and that is now to be longer, goes on from before that.
        """
        path = out / "resume.safetensors"
        if not path.exists():
            return
        with safe_open(path, "pt") as file:
            plan = {name: json.loads(value) for name, value in file.metadata().items()}
        falling = plan["step"] > plan["steps"] - plan["decay"]
        another = plan["steps"] - plan["decay"] != self._recipe.steps - self._recipe.decay
        if falling and another and (out / STABLE).exists():
            path = out / STABLE
        with safe_open(path, "pt") as file:
            self.steps = json.loads(file.metadata()["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self._load(tensors)

    def _load(self, tensors: dict[str, Tensor]) -> None:
        names = [name for name in tensors if name.startswith("model/")]
        self._model.load_state_dict({n.removeprefix("model/"): tensors[n] for n in names})
        for k, optimizer in enumerate(self._optimizers):
            values: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith(f"optimizer/{k}/"):
                    _, _, i, key = name.split("/")
                    values.setdefault(int(i), {})[key] = tensor
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": values, "param_groups": groups})
        for k, state in enumerate(self._board.states):
            state.copy_(tensors[f"state/{k}"])
        if self._average is not None:
            self._average.copy_(tensors.get("average", self._board.weights))


def _save(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    temporary = path.with_suffix(".new")
    whole = {
        n: t.detach().cpu().clone(memory_format=torch.contiguous_format) for n, t in tensors.items()
    }
    save_file(whole, temporary, metadata=metadata)
    temporary.replace(path)


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
    shards = sorted(corpus.glob("*.jsonl.gz"))
    if not shards:
        raise SystemExit(
            f"No shards (*.jsonl.gz) in {corpus}: build some with `stateline corpus build` first."
        )
    return shards


def _new_model(config: Mamba2Config, seed: int, start: Path | None) -> Mamba2:
    torch.manual_seed(seed)
    model = Mamba2(config)
    torch.nn.init.normal_(model.backbone.embedding.weight, std=0.02)
    if start is not None:
        model.load_state_dict({n: t.float() for n, t in torch_tensors(start, config).items()})
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def _tokenizer(recipe: Recipe, corpus: Path, path: Path, start: Path | None) -> Tokenizer:
    if not path.exists() and start is not None:
        shutil.copyfile(tokenizer_path(start), path)
    if not path.exists():
        # Every fourth file of each project: more text would move few merges, and takes minutes.
        some = (f for shard in _shards(corpus) for f in islice(read(shard), 0, None, 4))
        train_vocabulary((f.text for f in some), recipe.vocabulary).save(str(path))
    return Tokenizer.load(path)


def _validation(corpus: Path) -> list[str] | None:
    """The first 3,000 characters of some held-out files, the same in every run."""
    files = [f for shard in sorted(corpus.glob("heldout/*.jsonl.gz")) for f in read(shard)]
    random.Random(0).shuffle(files)
    return [f.text[:3000] for f in files[:20]] or None


def _progress() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )
