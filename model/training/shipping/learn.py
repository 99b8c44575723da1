"""All that a model folder says of its model beside its weights, learned from held-out text.

Owns the order: how far the memory is trusted, then the gates under it, then how much of a workspace
it is given. The text is that of the corpus's learning shards, which neither train nor judge.

    python -m stateline.model.training.shipping.learn MODEL --corpus DIR
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ...completer import WorkspaceBudget
from ...errors import ModelFolderError
from ...folder.workspace_budget import write_workspace_budget
from ...languages import LANGUAGES
from ...memory import mixing
from ...profile import UNCALIBRATED, Profile, write_profile
from ..corpus.corpus import LEARN, CorpusError, SourceFile, read, shards
from ..judging import cursors, workspaces
from ..judging.calibration import Case, lowest_threshold
from ..judging.cases import in_language
from ..judging.evaluate import answers_by_kind, workspace_nats
from ..judging.figures import progress
from ..judging.judges import Judges, Steps, judges_of
from ..judging.subjects import Subject
from ..judging.trust import LEARNING_CHARS, LearningSample, recalled_in, samples, weighed
from ..judging.workspaces import TOKENS

# Asked of what is shown, so that WANTED_PRECISION is kept elsewhere: a threshold looks better on
# the few projects that it was found on.
ASKED_PRECISION = 0.7
READING_PAYS = 0.02  # of the bits: other files are read, which takes seconds, if it saves as much
RECALLING_PAYS = 0.002  # it costs next to nothing

Projects = Sequence[Sequence[SourceFile]]


@dataclass(frozen=True)
class Effort:
    """How much is learned from: cases of each language, and of the workspace in all."""

    windows: int = 24
    cursors: int = 400
    targets: int = 12


USUAL = Effort()


def learn(
    model: Path, corpus: Path, steps: Steps, effort: Effort = USUAL, workers: int = 0
) -> None:
    """Write mixing.json, profile.json and workspace.json into a model folder.

    Raises CorpusError where there are no learning shards, and ModelFolderError.
    """
    projects = [list(read(shard)) for shard in shards(corpus / LEARN)]
    if not projects:
        raise CorpusError(f"No shards in {corpus / LEARN}; run `stateline corpus build` first.")
    (model / mixing.FILE).unlink(missing_ok=True)  # it is learned beside the network alone
    with judges_of(model, steps, workers) as judges:
        mixing.write_trust(trust(judges, projects, effort.windows), model)
    with judges_of(model, steps, workers) as judges:
        found = gates(judges, projects, effort.cursors)
        write_profile(Profile(tuple(found), found), model)
        write_workspace_budget(workspace_budget(judges, projects, effort.targets), model)


def trust(judges: Judges, projects: Projects, windows: int) -> mixing.Trust:
    """One table for all languages."""
    every = [sample for language in LANGUAGES for sample in samples(projects, language, windows)]
    rows = np.concatenate(judges.ask("trust", _recalled, every))
    return weighed(rows[:, 0], rows[:, 1], rows[:, 2].astype(np.int64))


def _recalled(subject: Subject, sample: LearningSample) -> NDArray[np.float64]:
    assert subject.engine is not None
    return recalled_in(subject.engine, sample)


def gates(judges: Judges, projects: Projects, count: int) -> dict[str, float]:
    """By language there is text of: from where on enough of what is shown mid-line is right."""
    cases = {}
    for language in LANGUAGES:
        if held := in_language(projects, language):
            places = cursors.mid_line_cursors(cursors.pages(held, 0), count, 0)
            name = f"{language.name}: gate"
            trials = answers_by_kind(judges, name, {"mid_line": places})["mid_line"]
            cases[language.name] = [(each.confidence, each.right) for each in trials if each.shown]
    return between(cases)


def between(cases: Mapping[str, Sequence[Case]]) -> dict[str, float]:
    """Each language's gate: midway between what its own cases ask for and what all of them do.

    For the projects that speak for a language are few, and its own threshold was found by chance.
    """
    every = lowest_threshold([c for some in cases.values() for c in some], ASKED_PRECISION)
    together = UNCALIBRATED if every is None else every
    own = {name: lowest_threshold(some, ASKED_PRECISION) for name, some in cases.items()}
    return {
        name: together if alone is None else round((alone + together) / 2, 2)
        for name, alone in own.items()
    }


def workspace_budget(judges: Judges, projects: Projects, count: int) -> WorkspaceBudget:
    """How much of other files is read and recalled, by what it saves, and how long tokens are."""
    judged = workspaces.targets(projects, count, 0)
    read, recalled = 0, TOKENS[-1]
    if judged:  # else what costs nothing
        nats = judges.ask("workspace", workspace_nats, judged)
        report = workspaces.workspace_report(judged, nats)
        read = worth(report, "all_recalled", READING_PAYS)
        recalled = worth(report, "recalled", RECALLING_PAYS)
    engine = judges.subject.engine
    assert engine is not None
    texts = [file.text[:LEARNING_CHARS] for files in projects for file in files]
    tokens = sum(len(engine.tokenizer.encode(text)) for text in texts)
    return WorkspaceBudget(read, max(read, recalled), round(sum(map(len, texts)) / tokens, 2))


def worth(report: Mapping[str, Any], use: str, pays: float) -> int:
    """How many tokens to give: more only if that saves a share of at least `pays` of the bits."""
    bits = {tokens: report[str(tokens)][use]["bits_per_byte"]["value"] for tokens in TOKENS}
    best = TOKENS[0]
    for tokens in TOKENS[1:]:
        if bits[tokens] <= bits[best] * (1 - pays):
            best = tokens
    return best


def main(
    model: Annotated[Path, typer.Argument(help="A model folder; three files are written there.")],
    corpus: Annotated[Path, typer.Option(help="Where `stateline corpus build` put its shards.")],
    workers: Annotated[int, typer.Option(help="Processes; 0: one a core.")] = 0,
) -> None:
    """Learn how far the memory is trusted, the gates and the use of a workspace; minutes."""
    try:
        with progress() as steps:
            learn(model, corpus, steps, workers=workers)
    except (CorpusError, ModelFolderError) as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    typer.run(main)
