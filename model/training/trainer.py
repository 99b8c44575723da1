"""Train a model from shards of source text: one flat loop.

Owns the loop, its log and its resuming. What is trained on is `examples`, how it is updated
`optimizers`. Knows no LSP and no editor.

    python -m stateline.model.training.trainer RECIPE.toml CORPUS OUT
"""

from __future__ import annotations

import json
import math
import random
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from ..mamba2 import Mamba2
from ..state import LayerState, RecurrentState
from ..tokenizer import Tokenizer
from .corpus import read
from .examples import Lane, Mix, segments_of
from .optimizers import optimizers_for, schedule
from .vocabulary import train_vocabulary

Flat = tuple[Tensor, ...]


@dataclass(frozen=True)
class Recipe:
    """A training run, as its TOML file says it."""

    model: dict[str, Any]  # sizes, as in Mamba2Config
    vocabulary: int
    steps: int
    lanes: int = 8
    length: int = 256  # tokens of one chunk of one lane
    warmup: int = 50
    decay: int = 350
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    seed: int = 0
    save_every: int = 50
    validate_every: int = 250
    mix: dict[str, float] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe; SystemExit says in a sentence what is wrong with it."""
        try:
            return cls(**tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise SystemExit(
                f"{path} is not a training recipe ({error}); write one like v0.toml."
            ) from error


def train(recipe: Recipe, corpus: Path, out: Path, *, compiled: bool = False) -> None:
    """Run or resume `recipe`; everything it makes goes into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(recipe, corpus, out / "tokenizer.json")
    config = Mamba2Config(vocab_size=recipe.vocabulary, **recipe.model)
    (out / "config.json").write_text(json.dumps(huggingface_config(config), indent=1))
    torch.manual_seed(recipe.seed)
    model = Mamba2(config).to("cuda" if torch.cuda.is_available() else "cpu")
    torch.nn.init.normal_(model.backbone.embedding.weight, std=0.02)
    run = _Run(recipe, model, _lanes(recipe, corpus, tokenizer), compiled=compiled)
    run.resume(out / "resume.safetensors")
    check = _validation(corpus)
    with (out / "log.jsonl").open("a") as log, _progress() as progress:
        task = progress.add_task("training", total=recipe.steps, loss=math.nan)
        while run.steps < recipe.steps:
            row = run.step()
            last = run.steps == recipe.steps
            if check is not None and (run.steps % recipe.validate_every == 0 or last):
                row["heldout_bits_per_byte"] = bits_per_byte(model, tokenizer, check)
            log.write(json.dumps(row) + "\n")
            log.flush()
            progress.update(task, completed=run.steps, loss=run.recent_loss)
            if run.steps % recipe.save_every == 0 or last:
                run.save(out / "resume.safetensors")
    weights = {n: t.detach().cpu().contiguous() for n, t in model.state_dict().items()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


class _Run:
    """What a step changes, and what of it is saved: weights, momenta, states, the step."""

    def __init__(self, recipe: Recipe, model: Mamba2, lanes: list[Lane], *, compiled: bool) -> None:
        self.steps = 0  # that are done
        self.recent_loss = 0.0
        self._recipe, self._model, self._lanes = recipe, model, lanes
        self._device = model.backbone.embedding.weight.device
        self._optimizers = optimizers_for(model, recipe.muon_lr, recipe.adam_lr)
        self._state = _flat(model.zero_state(recipe.lanes))
        self._loss: Callable[..., tuple[Tensor, Flat]] = _loss
        if compiled:
            self._loss = torch.compile(_loss, dynamic=False)
        self._tokens_seen, self._began = 0, 0.0

    def step(self) -> dict[str, Any]:
        """Learn from one chunk of every lane; returns the row of the log."""
        recipe = self._recipe
        if not self._tokens_seen:
            self._began = time.monotonic()
        rate = schedule(self.steps, recipe.steps, recipe.warmup, recipe.decay)
        loss = self._learn(rate)
        self.steps += 1
        self.recent_loss = 0.98 * self.recent_loss + 0.02 * loss if self.recent_loss else loss
        self._tokens_seen += recipe.lanes * recipe.length
        speed = self._tokens_seen / (time.monotonic() - self._began)
        return {"step": self.steps, "loss": loss, "lr": rate, "tokens_per_s": speed}

    def _learn(self, rate: float) -> float:
        recipe, device = self._recipe, self._device
        chunks = [lane.chunk(recipe.length) for lane in self._lanes]
        tokens = torch.tensor([c for c, _ in chunks], device=device)  # (b, l+1)
        keep = torch.tensor([0.0 if fresh else 1.0 for _, fresh in chunks], device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss, state = self._loss(self._model, tokens, self._state, keep)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        rates = (recipe.muon_lr * rate, recipe.adam_lr * rate)
        for optimizer, lr in zip(self._optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self._state = tuple(t.detach() for t in state)
        return loss.item()

    def save(self, path: Path) -> None:
        """Write all that `resume` needs; a file half written never takes the place of a whole."""
        tensors = {f"model/{n}": t for n, t in self._model.state_dict().items()}
        tensors |= {f"state/{i}": t for i, t in enumerate(self._state)}
        for k, optimizer in enumerate(self._optimizers):
            for i, values in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{k}/{i}/{n}": t for n, t in values.items()}
        tensors = {n: t.detach().cpu().contiguous() for n, t in tensors.items()}
        temporary = path.with_suffix(".new")
        save_file(tensors, temporary, metadata={"step": json.dumps(self.steps)})
        temporary.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote, if it did; the same losses follow as without a break."""
        if not path.exists():
            return
        with safe_open(path, "pt") as file:
            self.steps = json.loads(file.metadata()["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
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
        states = range(len(self._state))
        self._state = tuple(tensors[f"state/{i}"].to(self._device) for i in states)
        for lane in self._lanes:  # a lane is a function of its seed: go over what was read before
            for _ in range(self.steps):
                lane.chunk(self._recipe.length)


def _loss(model: Mamba2, tokens: Tensor, flat: Flat, keep: Tensor) -> tuple[Tensor, Flat]:
    """tokens (b, l+1), keep (b,): nats per token, and the state after the first l."""
    state = _unflat(flat).scaled(keep)
    logits, state = model(tokens[:, :-1], state)
    loss = F.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
    return loss, _flat(state)


def _flat(state: RecurrentState) -> Flat:
    return tuple(t for layer in state.layers for t in (layer.conv, layer.ssm))


def _unflat(flat: Flat) -> RecurrentState:
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return RecurrentState(tuple(LayerState(conv, ssm) for conv, ssm in pairs))


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


def huggingface_config(config: Mamba2Config) -> dict[str, Any]:
    """The `config.json` of a model folder."""
    return {
        "architectures": ["Mamba2ForCausalLM"],
        "model_type": "mamba2",
        "hidden_size": config.d_model,
        "num_hidden_layers": config.n_layer,
        "vocab_size": config.vocab_size,
        "state_size": config.d_state,
        "conv_kernel": config.d_conv,
        "expand": config.expand,
        "head_dim": config.headdim,
        "num_heads": config.n_heads,
        "n_groups": config.n_groups,
        "tie_word_embeddings": config.tie_embeddings,
        "use_bias": config.proj_bias,
        "use_conv_bias": config.conv_bias,
        "layer_norm_epsilon": config.norm_eps,
        "rms_norm": True,
        "residual_in_fp32": True,
    }


def _shards(corpus: Path) -> list[Path]:
    shards = sorted(corpus.glob("*.jsonl.gz"))
    if not shards:
        raise SystemExit(
            f"No shards (*.jsonl.gz) in {corpus}: build some with `stateline corpus build` first."
        )
    return shards


def _tokenizer(recipe: Recipe, corpus: Path, path: Path) -> Tokenizer:
    if not path.exists():
        # Every fourth file of each project: more text would move few merges, and takes minutes.
        some = (f for shard in _shards(corpus) for f in islice(read(shard), 0, None, 4))
        train_vocabulary((f.text for f in some), recipe.vocabulary).save(str(path))
    return Tokenizer.load(path)


def _lanes(recipe: Recipe, corpus: Path, tokenizer: Tokenizer) -> list[Lane]:
    segments = [s for shard in _shards(corpus) for s in segments_of(list(read(shard)))]
    if len(segments) < recipe.lanes:  # a lane without text would look for some forever
        raise SystemExit(
            f"{corpus} has {len(segments)} runs of files for {recipe.lanes} lanes; "
            "add shards or lower `lanes`."
        )
    random.Random(recipe.seed).shuffle(segments)
    mix = Mix(**recipe.mix)
    return [
        Lane(segments[i :: recipe.lanes], tokenizer, mix, f"{recipe.seed}/{i}")
        for i in range(recipe.lanes)
    ]


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


def main(
    config: Path, corpus: Path, out: Path, steps: int | None = None, compiled: bool = False
) -> None:
    """Train as CONFIG says; `steps` replaces its number, to end a run earlier or later."""
    recipe = Recipe.load(config)
    if steps is not None:
        recipe = replace(recipe, steps=steps)
    train(recipe, corpus, out, compiled=compiled)


if __name__ == "__main__":
    import typer

    typer.run(main)
