"""Train a model from shards of source text: one flat loop.

Owns the loop, its log and its resuming. What is trained on is `examples`, how it is updated
`optimizers`. Knows no LSP and no editor.

    python -m stateline.model.training.trainer CONFIG.toml --corpus DIR --out DIR
"""

from __future__ import annotations

import json
import math
import random
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
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

    model: dict[str, int]
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
        return cls(**tomllib.loads(path.read_text()))


def train(recipe: Recipe, corpus: Path, out: Path, *, compiled: bool = False) -> None:
    """Run or resume `recipe`; everything it makes goes into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(recipe, corpus, out / "tokenizer.json")
    config = Mamba2Config(vocab_size=recipe.vocabulary, **recipe.model)
    (out / "config.json").write_text(json.dumps(huggingface_config(config), indent=1))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(recipe.seed)
    model = Mamba2(config).to(device)
    torch.nn.init.normal_(model.backbone.embedding.weight, std=0.02)
    optimizers = optimizers_for(model, recipe.muon_lr, recipe.adam_lr)
    state = _flat(model.zero_state(recipe.lanes))
    start, state = _resume(out / "resume.safetensors", model, optimizers, state)
    lanes = _lanes(recipe, corpus, tokenizer)
    for lane in lanes:  # a lane is a function of its seed: go over what was read before
        for _ in range(start):
            lane.chunk(recipe.length)
    loss_of: Callable[..., tuple[Tensor, Flat]] = _loss
    if compiled:
        loss_of = torch.compile(_loss, dynamic=False)
    check = _validation(corpus, tokenizer)
    log = (out / "log.jsonl").open("a")
    tokens_seen, began, recent = 0, time.monotonic(), 0.0
    with _progress() as progress:
        task = progress.add_task("training", total=recipe.steps, completed=start, loss=math.nan)
        for step in range(start, recipe.steps):
            rate = schedule(step, recipe.steps, recipe.warmup, recipe.decay)
            chunks = [lane.chunk(recipe.length) for lane in lanes]
            tokens = torch.tensor([c for c, _ in chunks], device=device)  # (b, l+1)
            keep = torch.tensor([0.0 if fresh else 1.0 for _, fresh in chunks], device=device)
            with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
                loss, state = loss_of(model, tokens, state, keep)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimizer, lr in zip(optimizers, (recipe.muon_lr, recipe.adam_lr), strict=True):
                for group in optimizer.param_groups:
                    group["lr"] = lr * rate
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            state = tuple(t.detach() for t in state)
            recent = loss.item() if not recent else 0.98 * recent + 0.02 * loss.item()
            tokens_seen += recipe.lanes * recipe.length
            progress.update(task, advance=1, loss=recent)
            last = step + 1 == recipe.steps
            row: dict[str, Any] = {"step": step + 1, "loss": loss.item(), "lr": rate}
            row["tokens_per_s"] = tokens_seen / (time.monotonic() - began)
            if check is not None and ((step + 1) % recipe.validate_every == 0 or last):
                row["heldout_bits_per_byte"] = bits_per_byte(model, tokenizer, check)
            log.write(json.dumps(row) + "\n")
            log.flush()
            if (step + 1) % recipe.save_every == 0 or last:
                _save(out / "resume.safetensors", step + 1, model, optimizers, state)
    weights = {n: t.detach().cpu().contiguous() for n, t in model.state_dict().items()}
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


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
        raise SystemExit(f"No shards (*.jsonl.gz) in {corpus}: run `stateline corpus build` first.")
    return shards


def _tokenizer(recipe: Recipe, corpus: Path, path: Path) -> Tokenizer:
    if not path.exists():
        # Every fourth file of each project: more text would move few merges, and takes minutes.
        some = (f for shard in _shards(corpus) for f in islice(read(shard), 0, None, 4))
        train_vocabulary((f.text for f in some), recipe.vocabulary).save(str(path))
    return Tokenizer.load(path)


def _lanes(recipe: Recipe, corpus: Path, tokenizer: Tokenizer) -> list[Lane]:
    segments = [s for shard in _shards(corpus) for s in segments_of(list(read(shard)))]
    random.Random(recipe.seed).shuffle(segments)
    mix = Mix(**recipe.mix)
    return [
        Lane(segments[i :: recipe.lanes], tokenizer, mix, f"{recipe.seed}/{i}")
        for i in range(recipe.lanes)
    ]


def _validation(corpus: Path, tokenizer: Tokenizer) -> list[str] | None:
    """The first 3,000 characters of some held-out files, the same in every run."""
    files = [f for shard in sorted(corpus.glob("heldout/*.jsonl.gz")) for f in read(shard)]
    random.Random(0).shuffle(files)
    return [f.text[:3000] for f in files[:20]] or None


def _save(
    path: Path, step: int, model: Mamba2, optimizers: list[torch.optim.Optimizer], state: Flat
) -> None:
    tensors = {f"model/{n}": t for n, t in model.state_dict().items()}
    tensors |= {f"state/{i}": t for i, t in enumerate(state)}
    for k, optimizer in enumerate(optimizers):
        for i, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{k}/{i}/{n}": t for n, t in values.items()}
    tensors = {n: t.detach().cpu().contiguous() for n, t in tensors.items()}
    temporary = path.with_suffix(".new")
    save_file(tensors, temporary, metadata={"step": json.dumps(step)})
    temporary.replace(path)


def _resume(
    path: Path, model: Mamba2, optimizers: list[torch.optim.Optimizer], state: Flat
) -> tuple[int, Flat]:
    if not path.exists():
        return 0, state
    with safe_open(path, "pt") as file:
        step = json.loads(file.metadata()["step"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    model.load_state_dict({n[6:]: t for n, t in tensors.items() if n.startswith("model/")})
    for k, optimizer in enumerate(optimizers):
        values: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer/{k}/"):
                _, _, i, key = name.split("/")
                values.setdefault(int(i), {})[key] = tensor
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": values, "param_groups": groups})
    device = state[0].device
    return step, tuple(tensors[f"state/{i}"].to(device) for i in range(len(state)))


def _progress() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
    )


def main(config: Path, corpus: Path, out: Path, steps: int | None = None) -> None:
    """Train as CONFIG says; `steps` replaces its number, to end a run earlier or later."""
    recipe = Recipe.load(config)
    if steps is not None:
        recipe = Recipe(**(asdict(recipe) | {"steps": steps}))
    train(recipe, corpus, out)


if __name__ == "__main__":
    import typer

    typer.run(main)
