"""Gradients of one step, by this process or by several on the cores of one machine.

Owns the tensors that the processes share and who does what; the sum is taken in the order of
the lanes, so it is the same whoever was quicker. Knows no optimizer, no text and no schedule.

Processes rather than threads: the operations of a small model are too short for threads to share.
"""

from __future__ import annotations

import os
import queue
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
import torch.multiprocessing as multiprocessing
from torch import Tensor

from ...folder.config import Mamba2Config
from ...networks.torch.kernels import TORCH, Kernels
from ...networks.torch.mamba2 import Mamba2
from ...networks.torch.torch_state import LayerState, RecurrentState

FlatState = tuple[Tensor, ...]
_LOOK_EVERY_S = 5.0
# Freed memory stays with a worker: each step asks for the same again, and page faults took a
# sixth of its time. Read by glibc at the start of a process, ignored elsewhere.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 32),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 32),
    "MALLOC_TOP_PAD_": str(1 << 28),
}


@dataclass(frozen=True)
class SharedBuffers:
    """What all see: the weights and a step's chunks go out, gradients and states come back."""

    weights: Tensor  # (w,) of all parameters, one after another
    tokens: Tensor  # (lanes, l+1)
    keep: Tensor  # (lanes,) 0 where a lane starts from an empty state
    states: FlatState  # each (lanes, ...); read and replaced group by group
    gradients: Tensor  # (groups, w)
    losses: Tensor  # (groups,) nats per token

    @classmethod
    def of(cls, model: Mamba2, lanes: int, length: int, together: int) -> SharedBuffers:
        """For `model`, whose parameters become views of the buffers."""
        device = model.backbone.embedding.weight.device
        weights = torch.cat([p.detach().flatten() for p in model.parameters()])
        groups = lanes // together
        buffers = cls(
            weights,
            torch.zeros(lanes, length + 1, dtype=torch.int64, device=device),
            torch.zeros(lanes, device=device),
            _flat(model.zero_state(lanes)),
            torch.zeros(groups, len(weights), device=device, dtype=weights.dtype),
            torch.zeros(groups, device=device, dtype=weights.dtype),
        )
        _bind(model, weights)
        return buffers

    def share(self) -> None:
        """Move everything into memory that worker processes see too."""
        seen = (self.weights, self.tokens, self.keep, *self.states, self.gradients, self.losses)
        for tensor in seen:
            tensor.share_memory_()  # type: ignore[no-untyped-call]


class Workers(ABC):
    """Computes the gradients of a step; use `started` to get one."""

    def __init__(self, buffers: SharedBuffers) -> None:
        self.buffers = buffers
        self.groups = len(buffers.losses)

    def run(self) -> Tensor:
        """Fill the buffers from its chunks; the mean loss (), and the mean gradient in row 0.

        A GPU may still be at work when this returns.
        """
        self._all_groups()
        total = self.buffers.gradients[0]
        for other in self.buffers.gradients[1:]:
            total += other
        total /= self.groups
        return self.buffers.losses.mean()

    @abstractmethod
    def _all_groups(self) -> None:
        """Take every group of lanes a chunk further."""


class _Alone(Workers):
    def __init__(
        self, buffers: SharedBuffers, config: Mamba2Config, kernels: Kernels, *, compiled: bool
    ) -> None:
        super().__init__(buffers)
        self._worker = Worker(buffers, config, kernels, compiled=compiled)

    def _all_groups(self) -> None:
        for group in range(self.groups):
            self._worker.work(group)


class _Several(Workers):
    def __init__(
        self, buffers: SharedBuffers, config: Mamba2Config, workers: int, *, compiled: bool
    ) -> None:
        super().__init__(buffers)
        context: Any = multiprocessing.get_context("spawn")
        self._orders, self._done = context.Queue(), context.Queue()
        buffers.share()
        os.environ.update(_KEEP_MEMORY | {"OMP_NUM_THREADS": "1"})
        self.workers = [
            context.Process(
                target=_serve,
                args=(buffers, config, compiled, self._orders, self._done),
                daemon=True,
            )
            for _ in range(workers)
        ]
        for worker in self.workers:
            worker.start()

    def _all_groups(self) -> None:
        for group in range(self.groups):
            self._orders.put(group)
        for _ in range(self.groups):
            self._wait()

    def _wait(self) -> None:
        while True:
            try:
                self._done.get(timeout=_LOOK_EVERY_S)
                return
            except queue.Empty:
                if not all(worker.is_alive() for worker in self.workers):
                    raise SystemExit(
                        "A training process ended (out of memory?); run the same command again, "
                        "perhaps with fewer --workers: it goes on from what was saved."
                    ) from None


@contextmanager
def started(
    buffers: SharedBuffers,
    config: Mamba2Config,
    workers: int,
    *,
    kernels: Kernels = TORCH,
    compiled: bool = False,
) -> Iterator[Workers]:
    """`workers` processes; of this one alone, with any kernels, if that is 1."""
    if workers == 1:
        yield _Alone(buffers, config, kernels, compiled=compiled)
        return
    several = _Several(buffers, config, workers, compiled=compiled)
    try:
        yield several
    finally:
        for worker in several.workers:
            worker.terminate()
            worker.join()


def _serve(
    buffers: SharedBuffers, config: Mamba2Config, compiled: bool, orders: Any, done: Any
) -> None:
    """A worker process: one group after another; a parent that was killed is noticed."""
    torch.set_num_threads(1)
    worker = Worker(buffers, config, TORCH, compiled=compiled)
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        with suppress(queue.Empty):
            group = orders.get(timeout=_LOOK_EVERY_S)
            worker.work(group)
            done.put(group)


class Worker:
    """A model of its own, whose weights and gradients are the buffers's."""

    def __init__(
        self, buffers: SharedBuffers, config: Mamba2Config, kernels: Kernels, *, compiled: bool
    ) -> None:
        with torch.device("meta"):
            model = Mamba2(config, kernels)
        self._buffers = buffers
        self._model = model.to_empty(device=buffers.weights.device).to(buffers.weights.dtype)
        _bind(self._model, buffers.weights)
        self._loss: Callable[..., tuple[Tensor, FlatState]] = loss_of
        if compiled:
            self._loss = torch.compile(loss_of, dynamic=False)

    def work(self, group: int) -> None:
        """Take one group of lanes a chunk further."""
        buffers = self._buffers
        together = len(buffers.keep) // len(buffers.losses)
        lanes = slice(group * together, (group + 1) * together)
        point_gradients_to(buffers.gradients[group].zero_(), self._model)
        device = buffers.weights.device.type
        before = tuple(t[lanes] for t in buffers.states)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss, after = self._loss(
                self._model, buffers.tokens[lanes], before, buffers.keep[lanes]
            )
        loss.backward()  # type: ignore[no-untyped-call]
        buffers.losses[group] = loss.detach()
        for old, new in zip(before, after, strict=True):
            old.copy_(new.detach())


def loss_of(
    model: Mamba2, tokens: Tensor, flat: FlatState, keep: Tensor
) -> tuple[Tensor, FlatState]:
    """tokens (b, l+1), keep (b,): nats per token, and the state after the first l."""
    state = _unflat(flat).scaled(keep)
    logits, state = model(tokens[:, :-1], state)
    return model.kernels.cross_entropy(logits, tokens[:, 1:]), _flat(state)


def _bind(model: Mamba2, weights: Tensor) -> None:
    for p, part in _parts(model, weights):
        p.data = part


def point_gradients_to(row: Tensor, model: Mamba2) -> None:
    """Make the gradients of `model` views of `row` (w,)."""
    for p, part in _parts(model, row):
        p.grad = part


def _parts(model: Mamba2, row: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Each parameter with its part of a row (w,) of the buffers."""
    start = 0
    for p in model.parameters():
        yield p, row[start : start + p.numel()].view_as(p)
        start += p.numel()


def _flat(state: RecurrentState) -> FlatState:
    return tuple(t for layer in state.layers for t in (layer.conv, layer.ssm))


def _unflat(flat: FlatState) -> RecurrentState:
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return RecurrentState(tuple(LayerState(conv, ssm) for conv, ssm in pairs))
