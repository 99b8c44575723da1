"""Who is judged: model folders and the n-gram baseline, opened for the same measures.

Owns `Subject` and how a folder becomes one. Knows no measure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ...completer import Writer
from ...engine import Engine
from ...errors import ModelFolderError
from ...masked import Masked
from ...profile import Profile
from .likelihood import nats_of

_NGRAM = "ngram.npz"  # a folder with this holds the n-gram baseline
BUDGET_BYTES = 512 << 20  # for states: cursors of one file go on from each other's


@dataclass(frozen=True)
class Subject:
    """One column of the table."""

    name: str
    completer: Writer
    nats: Callable[[str], float]  # of a text read left to right from an empty state
    profile: Profile = field(default_factory=Profile)

    @property
    def engine(self) -> Engine | None:
        """For the measures that lay out tokens themselves."""
        inner = self.completer.inner if isinstance(self.completer, Masked) else None
        return inner if isinstance(inner, Engine) else None


def open_subject(folder: Path) -> Subject:
    """A model folder, or what `ngram build` wrote; takes seconds. Raises ModelFolderError."""
    if (folder / _NGRAM).is_file():
        return _ngram(folder)
    engine = Engine.open(folder, budget_bytes=BUDGET_BYTES, threads=1)
    nats = partial(nats_of, engine)
    return Subject(str(folder), Masked(engine), nats, engine.profile)


def _ngram(folder: Path) -> Subject:
    from . import ngram

    try:
        completer = ngram.open_completer(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ModelFolderError(
            f"{folder} holds no whole n-gram baseline ({error}); build it again."
        ) from error
    model, tokenizer = completer.model, completer.tokenizer
    bos = tokenizer.markers.bos or 0
    return Subject(str(folder), completer, lambda t: model.nats([bos, *tokenizer.encode(t)]))
