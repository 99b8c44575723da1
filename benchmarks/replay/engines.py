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
from stateline.model.folder.files import tokenizer_path
from stateline.model.tokens.tokenizer import Tokenizer

from .costs import Outcome, outcome
from .peers import asked
from .player import Played, PlayError, play
from .questions import Prompts, Question, questions
from .releases import changes, texts
from .reread import Forgetful, reread
from .targets import OURS
from .traces import shortened, trace

READ_ANEW = "read anew"


@dataclass(frozen=True)
class ReleasePair:
    """Two releases, and how much of the difference between them is played."""

    old: Path
    new: Path
    keys: int
    seed: int
    folder: str = ""  # of both releases that has their source; empty: all


class Other(Protocol):
    """Something to compare with: it is told a trace's questions and what the server made of it."""

    def __call__(self, told: Sequence[Question], ours: Outcome) -> Outcome: ...


def replayed(
    project: ReleasePair,
    command: Sequence[str],
    models: Mapping[str, Path | None],
    options: dict[str, Any],
    others: dict[str, Other],
    turn: int = 0,
) -> dict[str, Outcome]:
    """The outcomes of one project's trace by engine; raises what reading and playing raise.

    Others are told what the last model's server was asked.
    """
    played = beside(project, command, models, options, turn)
    outcomes = {name: outcome(each) for name, each in played.items()}
    *_, last = models
    told = list(questions(texts(project.old, project.folder), played[last].actions))
    theirs = {name: other(told, outcomes[last]) for name, other in others.items()}
    return outcomes | theirs


def beside(
    project: ReleasePair,
    command: Sequence[str],
    models: Mapping[str, Path | None],
    options: dict[str, Any],
    turn: int,
) -> dict[str, Played]:
    """The server's play of one project's trace with each of some models, by name.

    Whose turn is first goes round with `turn`, for the machine's moods come and go.
    """
    before = texts(project.old, project.folder)
    names = list(models)
    first = turn % len(names)
    played = {
        name: played_on(project, command, {**options, **served(models[name])}, before)
        for name in (*names[first:], *names[:first])
    }
    return {name: played[name] for name in names}


def named(folders: Sequence[Path]) -> dict[str, Path | None]:
    """Model folders by the names that tables give them; the embedded model where there is none.

    Raises PlayError where two have one name.
    """
    if len(folders) < 2:
        return {OURS: folders[0] if folders else None}
    found: dict[str, Path | None] = {folder.resolve().name: folder for folder in folders}
    if len(found) < len(folders):
        raise PlayError("Two --model folders have one name, and tables tell them by it.")
    return found


def served(model: Path | None) -> dict[str, str]:
    """The server's setting for a model folder, or for none."""
    return {"model": str(model.resolve())} if model else {}


def played_on(
    project: ReleasePair, command: Sequence[str], options: dict[str, Any], before: Mapping[str, str]
) -> Played:
    """The server's play of one project's trace, on the texts of the old release."""
    chance = Random(project.seed)
    actions = shortened(
        trace(changes(project.old, project.new, project.folder), chance), project.keys
    )
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
