"""The engines that one trace is played by: the server, and what it is compared with.

Owns how a pair of releases becomes an outcome of each. Knows no figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from stateline.model import PRETRAINED
from stateline.model.folder import tokenizer_path
from stateline.model.tokenizer import Tokenizer

from .costs import Outcome, outcome
from .peers import asked
from .player import Played, play
from .questions import Prompts, Question, questions
from .releases import changes, texts
from .reread import Forgetful, reread
from .targets import OURS
from .traces import shortened, trace

READ_ANEW = "read anew"


@dataclass(frozen=True)
class Project:
    """Two releases, and how much of the difference between them is played."""

    old: Path
    new: Path
    keys: int
    seed: int


class Other(Protocol):
    """Something to compare with: it is told a trace's questions and what the server made of it."""

    def __call__(self, told: Sequence[Question], ours: Outcome) -> Outcome: ...


def replayed(
    project: Project,
    command: Sequence[str],
    options: dict[str, Any],
    others: dict[str, Other],
) -> dict[str, Outcome]:
    """The outcomes of one project's trace by engine; raises what reading and playing raise."""
    before = texts(project.old)
    played = played_on(project, command, options, before)
    ours = outcome(played)
    told = list(questions(before, played.actions))
    return {OURS: ours, **{name: other(told, ours) for name, other in others.items()}}


def played_on(
    project: Project, command: Sequence[str], options: dict[str, Any], before: Mapping[str, str]
) -> Played:
    """The server's play of one project's trace, on the texts of the old release."""
    chance = Random(project.seed)
    actions = shortened(trace(changes(project.old, project.new), chance), project.keys)
    return play(command, options, before, actions, Random(project.seed))


def read_anew(model: Path | None, seed: int) -> Other:
    """Our engine without any state kept; ModelFolderError if the model cannot be loaded."""
    engine = Forgetful.open(model)
    return lambda told, ours: reread(engine, told, ours, Random(seed))


class LlamaServer:
    """llama-server, started anew for each trace, as the server is."""

    def __init__(self, model: Path | None) -> None:
        from .llama import exported  # needs packages that only this comparison uses

        folder = model or PRETRAINED
        self._tokenizer = Tokenizer.load(tokenizer_path(folder))
        self._model = exported(folder)

    def __call__(self, told: Sequence[Question], ours: Outcome) -> Outcome:
        from .llama import opened

        with opened(self._model, self._tokenizer) as peer:
            return asked(peer, Prompts(self._tokenizer), told, ours.keystrokes)
