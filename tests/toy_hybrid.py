"""A toy of a hybrid model: a decaying sum of all tokens, and attention over a cache of them.

Owns its sizes, its network on NumPy, and a model folder of it. Its state grows with each token.
Nothing may depend on what it says, for it is random.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from stateline.model.completer import Runtime
from stateline.model.folder.weights import load_tensors
from stateline.model.networks.interface import is_state, state_bytes
from stateline.model.open_network import Kernel
from tiny_model import SIZE, ours

MODEL_TYPE = "toy-hybrid"
WIDTH = 16
EMBEDDING = "backbone.embedding.weight"


@dataclass(frozen=True)
class HybridConfig:
    vocab_size: int
    width: int

    def tensor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {EMBEDDING: (self.vocab_size, self.width)}

    def state_shapes(self, tokens: int) -> dict[str, tuple[int, ...]]:
        return {"sum": (self.width,), "cache": (tokens, self.width)}


@dataclass(frozen=True)
class HybridState:
    held: Mapping[str, NDArray[np.float32]]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.held.values())

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return dict(self.held)

    def settled(self) -> "HybridState":
        return self


class HybridNetwork:
    """A `Network`, one token after the other."""

    runtime, exact = Runtime("cpu", "toy", "float32"), False

    def __init__(self, config: HybridConfig, embedding: NDArray[np.float32]) -> None:
        self.config, self._embedding = config, embedding

    def state_bytes(self, tokens: int) -> int:
        return state_bytes(self.config, np.float32, tokens)

    def zero_state(self) -> HybridState:
        shapes = self.config.state_shapes(0).items()
        return HybridState({name: np.zeros(shape, np.float32) for name, shape in shapes})

    def advance(self, tokens: Sequence[int], state: HybridState):
        logits = np.empty(0, np.float32)
        for token in tokens:
            read = self._embedding[token]
            total = np.float32(0.9) * state.held["sum"] + read
            cache = np.concatenate([state.held["cache"], read[None]])
            weights = np.exp(cache @ read)
            logits = self._embedding @ (total + weights / weights.sum() @ cache)
            state = HybridState({"sum": total, "cache": cache})
        return logits, state

    def trail(self, state: HybridState) -> "Steps":
        return Steps(self, state)

    def revived(self, arrays, tokens: int) -> HybridState | None:
        known = is_state(arrays, self.config, np.float32, tokens)
        return HybridState(arrays) if known else None


class Steps:
    """A `Trail` that keeps every state."""

    token_bytes = WIDTH * 4

    def __init__(self, network: HybridNetwork, state: HybridState) -> None:
        self._network, self._states = network, [state]

    def read(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        logits = []
        for token in tokens:
            predicted, state = self._network.advance([token], self._states[-1])
            self._states.append(state)
            logits.append(predicted)
        return np.array(logits)

    def state(self, length: int) -> HybridState:
        return self._states[length]


def parse(values: Mapping[str, object], where: str) -> HybridConfig:
    """See `architectures.Parse`."""
    return HybridConfig(values["vocab_size"], values["width"])


def load(folder: Path, config: HybridConfig, device: str, threads: int) -> HybridNetwork:
    """See `Kernel`."""
    return HybridNetwork(config, load_tensors(folder, config)[EMBEDDING].array)


KERNEL = Kernel("toy", HybridConfig, lambda config, device: True, load)


def hybrid_folder(folder: Path) -> Path:
    """A model folder of it, with the tokenizer of `tiny_model`."""
    config = {"model_type": MODEL_TYPE, "vocab_size": SIZE, "width": WIDTH}
    (folder / "config.json").write_text(json.dumps(config))
    ours()._inner.save(str(folder / "tokenizer.json"))
    numbers = np.random.default_rng(0).standard_normal((SIZE, WIDTH), np.float32)
    save_file({EMBEDDING: numbers}, folder / "model.safetensors")
    return folder
