"""Who puts cases to a subject: this process, or several, each with the subject opened for itself.

Owns those processes. Answers come in the order of the cases, and are the same however many ask: a
question is a function of the subject and one case. Knows no measure.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from .subjects import Subject, open_subject

C = TypeVar("C")
R = TypeVar("R")
_MOST_WORKERS = 16
# Goes over some answers as they come, under a name, and knows how many there will be.
Steps = Callable[[str, Iterable[Any], int], Iterable[Any]]


class Judges:
    """One subject and whoever asks it; without an executor it is asked here."""

    def __init__(self, subject: Subject, steps: Steps, executor: Executor | None = None) -> None:
        self.subject, self._steps, self._executor = subject, steps, executor

    def ask(self, name: str, question: Callable[[Subject, C], R], cases: Sequence[C]) -> list[R]:
        """The answer to each case; `question` is a function of a module."""
        if self._executor is None:
            answers: Iterable[R] = map(partial(question, self.subject), cases)
        else:
            answers = self._executor.map(partial(_asked, question), cases)
        try:
            return list(self._steps(name, answers, len(cases)))
        except BrokenProcessPool as error:
            raise SystemExit(
                "A process that judged ended (out of memory?); try again with fewer --workers."
            ) from error


@contextmanager
def judges_of(folder: Path, steps: Steps, workers: int) -> Iterator[Judges]:
    """For a model folder; one worker is this process, 0 are one a core. Raises ModelFolderError."""
    subject, workers = open_subject(folder), workers or min(os.cpu_count() or 1, _MOST_WORKERS)
    if workers == 1:
        yield Judges(subject, steps)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _open, (folder,)) as executor:
        yield Judges(subject, steps, executor)


_opened: list[Subject] = []  # in a process that asks: the one it asks


def _open(folder: Path) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _opened.append(open_subject(folder))


def _end_with_parent() -> None:
    """For one that is killed tells nobody, and its queue would be waited at for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _asked(question: Callable[[Subject, C], R], case: C) -> R:
    return question(_opened[0], case)
