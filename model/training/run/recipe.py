"""What a training run is: its sizes, rates and lengths, as a TOML file says them.

Owns `Recipe`. Knows no torch and no corpus.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...languages import LANGUAGES
from .pace import RunPace


@dataclass(frozen=True)
class Recipe:
    """A training run; a step learns from `lanes` times `length` tokens.

    It ends after so many steps, or by the clock: after so many minutes of learning.
    """

    model: dict[str, Any]  # sizes, as in Mamba2Config
    vocabulary: int
    steps: int = 0
    minutes: float = 0.0  # counted from when everything is compiled
    lanes: int = 8
    length: int = 256  # tokens of one chunk of one lane: how far gradients reach
    together: int = 1  # lanes of one backward pass; more fills a GPU
    chunk: int = 256  # tokens of one chunk of the scan, where mamba-ssm's kernels are used
    warmup: int = 50  # steps
    decay: int = 350  # of the last steps, in which the rate falls to zero
    decay_share: float = 0.45  # the same of a run by the clock: of its minutes
    muon_lr: float = 0.02
    muon_decay: float = 0.01  # of weights, per step and rate
    adam_lr: float = 3e-3
    quiet_start: bool = False  # layers add little at first: the more of them, the less
    average: int = 0  # steps over which the averaged weights forget; 0: none are kept
    seed: int = 0
    save_every: int = 50
    validate_every: int = 250
    mix: dict[str, Any] = field(default_factory=dict)  # as in examples.Mix
    # Shares of the lanes by a language's name; without any, every lane reads all files.
    languages: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.lanes % self.together:
            raise ValueError(f"{self.lanes} lanes do not divide into groups of {self.together}")
        if (self.steps > 0) is (self.minutes > 0):
            raise ValueError("a run has either steps or minutes")
        if not 0 <= self.decay_share <= 1:
            raise ValueError(f"decay_share must be from 0 to 1, not {self.decay_share}")
        known = {language.name for language in LANGUAGES}
        if unknown := self.languages.keys() - known:
            raise ValueError(f"{', '.join(sorted(unknown))} is no language of {sorted(known)}")
        if self.languages and abs(sum(self.languages.values()) - 1) > 1e-6:
            raise ValueError("the shares of the languages do not add up to 1")
        if self.lanes < len(self.languages):
            raise ValueError(f"{self.lanes} lanes are too few for {len(self.languages)} languages")

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a recipe; SystemExit says in a sentence what is wrong with it."""
        try:
            return cls(**tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise SystemExit(
                f"{path} is not a training recipe ({error}); write one like smoke.toml."
            ) from error

    @property
    def pace(self) -> RunPace:
        """How its rate rises and falls."""
        if self.minutes:
            total_s = self.minutes * 60
            return RunPace("seconds", total_s, total_s * self.decay_share, self.warmup)
        return RunPace("steps", self.steps, self.decay, self.warmup)

    def in_steps(self, steps: int) -> Recipe:
        """The same run, ending after so many steps; it falls over the same share if it had one."""
        decay = round(steps * self.decay_share) if self.minutes else self.decay
        return replace(self, steps=steps, minutes=0.0, decay=decay)

    def in_minutes(self, minutes: float) -> Recipe:
        """The same run, ending by the clock."""
        return replace(self, steps=0, minutes=minutes)

    def lanes_of(self) -> list[str | None]:
        """Which language each lane reads; None: all. Every language gets at least one lane."""
        if not self.languages:
            return [None] * self.lanes
        counts = dict.fromkeys(self.languages, 1)
        for _ in range(self.lanes - len(counts)):  # to whoever lacks most of its share
            counts[max(counts, key=lambda n: self.languages[n] * self.lanes - counts[n])] += 1
        return [name for name, count in counts.items() for _ in range(count)]
