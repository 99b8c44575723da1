"""What a training step changes, and how a run is saved and goes on.

Owns `Run`: weights, momenta, states, how many steps are done and for how long. Who computes the
gradients is `workers`, how fast is learned `pace`. Knows no text and no tokenizer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from ...networks.torch.mamba2 import Mamba2
from .feed import Chunk
from .optimizers import optimizers_for
from .pace import Clock, schedule
from .recipe import Recipe
from .workers import SharedBuffers, Workers, point_gradients_to

AVERAGED = "averaged.safetensors"
RESUME = "resume.safetensors"
STABLE = "stable.safetensors"  # the run before its rate began to fall; longer runs go on from here

Batch = tuple[Tensor, Tensor]  # tokens (lanes, l+1), and 0 where a lane starts empty (lanes,)


def batch_of(chunks: Sequence[Chunk]) -> Batch:
    """A step's chunks as tensors."""
    tokens = torch.tensor([tokens for tokens, _ in chunks])
    return tokens, torch.tensor([0.0 if fresh else 1.0 for _, fresh in chunks])


class Run:
    """What a step changes, and what of it is saved: weights, momenta, states, the step."""

    def __init__(self, recipe: Recipe, model: Mamba2, buffers: SharedBuffers) -> None:
        self.steps = 0  # that are done
        self.clock = Clock()
        self.recent_loss = 0.0
        self.model = model
        self._recipe, self._buffers, self._pace = recipe, buffers, recipe.pace
        rates = (recipe.muon_lr, recipe.adam_lr)
        self._optimizers = optimizers_for(model, *rates, muon_decay=recipe.muon_decay)
        self._average = buffers.weights.clone() if recipe.average else None
        self._tokens_seen, self._began = 0, 0.0

    @property
    def at(self) -> float:
        """How far the run is, in its pace's unit."""
        return self.steps if self._pace.unit == "steps" else self.clock.spent_s

    def learn(self, pool: Workers, batch: Batch) -> dict[str, Any]:
        """Learn from one chunk of every lane; returns the row of the log.

        Its loss is a tensor, for a GPU may still be at work.
        """
        if not self._tokens_seen:
            self._began = time.monotonic()
        pace = self._pace
        rate = schedule(self.steps, pace.warmup, pace.total - self.at, pace.decay)
        tokens, keep = batch
        self._buffers.tokens.copy_(tokens)
        self._buffers.keep.copy_(keep)
        loss = pool.run()
        self._update(rate)
        self.steps += 1
        return {"step": self.steps, "loss": loss, "lr": rate}

    def done(self, row: dict[str, Any]) -> dict[str, Any]:
        """Wait for what `learn` began; the row with its loss as a number."""
        loss = row["loss"].item()
        compiled = self.clock.step_done()
        self.recent_loss = 0.98 * self.recent_loss + 0.02 * loss if self.recent_loss else loss
        self._tokens_seen += self._recipe.lanes * self._recipe.length
        speed = self._tokens_seen / (time.monotonic() - self._began)
        if compiled:  # from here on the speed is that of the steps alone
            self._tokens_seen = 0
        return row | {"loss": loss, "tokens_per_s": round(speed, 1)}

    def _update(self, rate: float) -> None:
        """One update along the gradient in the buffers's first row."""
        recipe = self._recipe
        gradient = self._buffers.gradients[0]
        gradient *= torch.clamp(1 / (gradient.norm() + 1e-6), max=1.0)
        point_gradients_to(gradient, self.model)
        rates = (recipe.muon_lr * rate, recipe.adam_lr * rate)
        for optimizer, lr in zip(self._optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        if self._average is not None:  # young averages forget faster: they began from noise
            weight = 1 / min(recipe.average, self.steps + 1)
            self._average.lerp_(self._buffers.weights, weight)

    def export(self, path: Path) -> None:
        """The weights alone, as a model folder has them; the averaged ones beside, if any."""
        _save(self.model.state_dict(), path, {"format": "pt"})
        if self._average is not None:
            with self.averaged():
                _save(self.model.state_dict(), path.with_name(AVERAGED), {"format": "pt"})

    @property
    def averages(self) -> bool:
        """Whether averaged weights are kept."""
        return self._average is not None

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights in the place of those of the last step."""
        assert self._average is not None
        now = self._buffers.weights.clone()
        self._buffers.weights.copy_(self._average)
        try:
            yield
        finally:
            self._buffers.weights.copy_(now)

    def save(self, path: Path) -> None:
        """Write all that `resume` needs; a file half written never takes the place of a whole."""
        tensors = {f"model/{n}": t for n, t in self.model.state_dict().items()}
        tensors |= {f"state/{i}": t for i, t in enumerate(self._buffers.states)}
        if self._average is not None:
            tensors["average"] = self._average
        for k, optimizer in enumerate(self._optimizers):
            for i, values in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{k}/{i}/{n}": t for n, t in values.items()}
        plan = {"step": self.steps, "spent_s": self.clock.spent_s, "at": self.at}
        plan |= {"stays_until": self._pace.stays_until}
        _save(tensors, path, {name: json.dumps(value) for name, value in plan.items()})

    def resume(self, out: Path) -> None:
        """Go on from what `save` wrote, if it did; the same losses follow as without a break.

        A run whose rate had begun to fall, and that is now to be longer, goes on from before that.
        """
        path = out / RESUME
        if not path.exists():
            return
        plan = _plan(path)
        falling = plan["at"] > plan["stays_until"]
        if falling and plan["stays_until"] != self._pace.stays_until and (out / STABLE).exists():
            path = out / STABLE
            plan = _plan(path)
        self.steps, self.clock = plan["step"], Clock(plan["spent_s"])
        with safe_open(path, "pt") as file:
            self._load({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118

    def _load(self, tensors: dict[str, Tensor]) -> None:
        names = [name for name in tensors if name.startswith("model/")]
        self.model.load_state_dict({n.removeprefix("model/"): tensors[n] for n in names})
        for k, optimizer in enumerate(self._optimizers):
            values: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith(f"optimizer/{k}/"):
                    _, _, i, key = name.split("/")
                    values.setdefault(int(i), {})[key] = tensor
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": values, "param_groups": groups})
        for k, state in enumerate(self._buffers.states):
            state.copy_(tensors[f"state/{k}"])
        if self._average is not None:
            self._average.copy_(tensors.get("average", self._buffers.weights))


def _plan(path: Path) -> dict[str, Any]:
    """How far a saved run was, and where it was to fall."""
    with safe_open(path, "pt") as file:
        return {name: json.loads(value) for name, value in file.metadata().items()}


def _save(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    temporary = path.with_suffix(".new")
    whole = {
        n: t.detach().cpu().clone(memory_format=torch.contiguous_format) for n, t in tensors.items()
    }
    save_file(whole, temporary, metadata=metadata)
    temporary.replace(path)
