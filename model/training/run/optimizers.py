"""Muon for the matrices of the layers, AdamW for everything else.

Owns the update rules. Knows no model but its parameter names, and no schedule.
Source of Muon: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_QUINTIC = (3.4445, -4.7750, 2.0315)  # fixed by Jordan et al. for five iterations


def orthogonalise(matrices: Tensor) -> Tensor:
    """Newton-Schulz: each (m, n) of a stack (s, m, n) towards the nearest orthogonal matrix."""
    a, b, c = _QUINTIC
    # bfloat16 is enough and fast on a GPU; many CPUs only emulate it.
    x = matrices.bfloat16() if matrices.is_cuda else matrices
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    size: Tensor = x.norm(dim=(1, 2), keepdim=True)
    x = x / (size + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; matrices of one shape are handled as one stack."""

    def __init__(
        self, params: list[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                by_shape[p.shape].append(p)
            for same in by_shape.values():
                self._step_stack(same, group)

    def _step_stack(self, params: list[nn.Parameter], group: dict[str, Any]) -> None:
        momentum, lr = group["momentum"], group["lr"]
        directions = []
        for p in params:
            assert p.grad is not None
            state = self.state[p]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(p)
            state["momentum"].lerp_(p.grad, 1 - momentum)
            directions.append(p.grad.lerp(state["momentum"], momentum))
        updates = orthogonalise(torch.stack(directions))
        rows, columns = params[0].shape
        scale = max(1.0, rows / columns) ** 0.5
        for p, update in zip(params, updates, strict=True):
            p.mul_(1 - lr * group["decay"]).add_(update, alpha=-lr * scale)


def optimizers_for(
    model: nn.Module, muon_lr: float, adam_lr: float, muon_decay: float = 0.01
) -> list[torch.optim.Optimizer]:
    """Both optimizers over all parameters; biases, norms and rates are never decayed."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, p in model.named_parameters():
        (matrices if name.endswith("_proj.weight") else others).append(p)
    on_gpu = all(p.is_cuda for p in others)
    adam = torch.optim.AdamW(
        others, lr=adam_lr, betas=(0.9, 0.95), weight_decay=0.0, fused=on_gpu or None
    )
    return [Muon(matrices, lr=muon_lr, decay=muon_decay), adam]
