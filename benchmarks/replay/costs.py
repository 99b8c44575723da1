"""What each question of a trace cost, and what an engine made of a whole trace.

Owns which cost belongs to which question. Pure. Knows no server and no figure.

A server that tells which request caused a run is believed. Of one that does not, this much is
known: a run is reported once it ends, maybe after later actions, but always in the order of the
questions that began it. What is read in the background belongs to the last question before it was
reported, so that of a reading that a question stops is counted with that question.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .actions import KEYSTROKES, ActionKind
from .player import Played, Step, UsageMessage


@dataclass(frozen=True)
class QuestionCost:
    """One question, and what was read for it."""

    kind: ActionKind
    answer_ms: float | None  # None: not timed
    source: str  # model, typed (from what was already written), or nothing if never reported
    tokens_waiting: int = 0
    tokens_background: int = 0
    cold: bool = False


@dataclass(frozen=True)
class Outcome:
    """What an engine made of one trace; what is not known is None."""

    costs: tuple[QuestionCost, ...]
    keystrokes: int
    cpu_s: float | None
    accepted: Counter[str] = field(default_factory=Counter)  # by form
    pauses: int = 0
    pauses_without_end: int = 0  # the server did not say in time that it was done
    resident_bytes: int | None = None  # at the end


def resident_mib(outcomes: Sequence[Outcome]) -> float | None:
    """The most memory that a server had at the end of a trace; None where it is not known."""
    known = [each.resident_bytes for each in outcomes if each.resident_bytes is not None]
    return max(known) / (1 << 20) if known else None


def outcome(played: Played) -> Outcome:
    """Of a trace that a server played."""
    return Outcome(
        tuple(costs(played.steps, played.usages)),
        sum(step.kind in KEYSTROKES for step in played.steps),
        played.cpu_s,
        Counter(action.form.value for action in played.actions if action.form),
        sum(step.kind is ActionKind.PAUSE for step in played.steps),
        sum(not step.over for step in played.steps),
        played.resident_bytes,
    )


def costs(steps: Iterable[Step], usages: Iterable[UsageMessage]) -> list[QuestionCost]:
    """What each question cost, in order."""
    asked = [step for step in steps if step.asked]
    if not asked:
        return []
    numbers = {step.request: at for at, step in enumerate(asked) if step.request is not None}
    background, typed = [0] * len(asked), [False] * len(asked)
    runs: dict[int, list[UsageMessage]] = defaultdict(list)
    unnumbered: deque[UsageMessage] = deque()
    now = 0
    for usage in usages:
        while now + 1 < len(asked) and asked[now + 1].mark <= usage.index:
            now += 1
        owner = None if usage.request is None else numbers.get(usage.request)
        if usage.source == "background":
            background[now] += usage.tokens_read
        elif usage.source == "typed":
            typed[now if owner is None else owner] = True
        elif owner is None:
            unnumbered.append(usage)
        else:
            runs[owner].append(usage)
    for at in range(len(asked)):
        if unnumbered and not typed[at] and at not in runs:
            runs[at].append(unnumbered.popleft())
    return [
        _cost(step, background[at], typed[at], runs.get(at, ())) for at, step in enumerate(asked)
    ]


def _cost(step: Step, background: int, typed: bool, runs: Sequence[UsageMessage]) -> QuestionCost:
    source = "model" if runs else "typed" if typed else ""
    tokens, cold = sum(run.tokens_read for run in runs), any(run.cold for run in runs)
    return QuestionCost(step.kind, step.answer_ms, source, tokens, background, cold)
