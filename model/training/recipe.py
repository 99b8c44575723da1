"""What a training run is: its sizes, rates and lengths, as a TOML file says them.

Owns `Recipe`. Knows no torch and no corpus.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """A training run; a step learns from `lanes` times `length` tokens."""

    model: dict[str, Any]  # sizes, as in Mamba2Config
    vocabulary: int
    steps: int
    lanes: int = 8
    length: int = 256  # tokens of one chunk of one lane: how far gradients reach
    together: int = 1  # lanes of one backward pass; more fills a GPU
    warmup: int = 50
    decay: int = 350  # of the last steps, in which the rate falls to zero
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    average: int = 0  # steps over which the averaged weights forget; 0: none are kept
    seed: int = 0
    save_every: int = 50
    validate_every: int = 250
    mix: dict[str, Any] = field(default_factory=dict)  # as in examples.Mix

    def __post_init__(self) -> None:
        if self.lanes % self.together:
            raise ValueError(f"{self.lanes} lanes do not divide into groups of {self.together}")

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe; SystemExit says in a sentence what is wrong with it."""
        try:
            return cls(**tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise SystemExit(
                f"{path} is not a training recipe ({error}); write one like smoke.toml."
            ) from error
