"""What the project wants of a trace, and whether it got it.

Owns the targets. Pure. Tokens read are those put through the model before an answer, newly
generated ones apart, over the questions that were not answered from what was already written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from stateline.lsp_server.client.tally import Spread

from .actions import ActionKind
from .costs import Outcome, QuestionCost, resident_mib

OURS, PEER = "stateline", "llama-server"
JUMP_P95_MS, CPU_S_PER_1000_KEYS, RESIDENT_MIB = 100.0, 30.0, 200.0
_TYPING = frozenset({ActionKind.TYPE, ActionKind.RETYPE})
_JUMP, _SWITCH = frozenset({ActionKind.JUMP}), frozenset({ActionKind.SWITCH})
LIMITS: Mapping[str, tuple[frozenset[ActionKind], int, int]] = {
    "typing": (_TYPING, 6, 16),
    "backspace and undo": (frozenset({ActionKind.BACKSPACE, ActionKind.UNDO}), 16, 64),
    "after accepting": (frozenset({ActionKind.ACCEPT}), 6, 16),
    "a jump": (_JUMP, 400, 1024),
    "a switch": (_SWITCH, 400, 1024),
}
"""What is done, and the most tokens at the median and at p95."""

TIMES_FEWER: Mapping[str, tuple[frozenset[ActionKind], int]] = {
    "a jump": (_JUMP, 10),
    "a switch": (_SWITCH, 10),
    "typing": (_TYPING, 1),
}
"""Against the peer, by all tokens waited for."""


@dataclass(frozen=True)
class TargetVerdict:
    """One target in words, with what was measured; `met` is None where nothing was."""

    what: str
    met: bool | None


def verdicts(
    outcomes: Mapping[str, Sequence[Outcome]], models: Sequence[str] = (OURS,)
) -> list[TargetVerdict]:
    """Of all engines' outcomes, by name; those against an engine that is missing are left out.

    `models` are the engines that are judged; with several, each verdict names its own.
    """
    found = []
    for model in models:
        name = f"{model}, " if len(models) > 1 else ""
        found += [replace(each, what=name + each.what) for each in _alone(outcomes[model])]
    ours = outcomes[models[-1]]
    if (theirs := outcomes.get(PEER)) is not None:
        for name, (kinds, times) in TIMES_FEWER.items():
            sums = sum(_waited(ours, kinds)), sum(_waited(theirs, kinds))
            found.append(_fewer(name, *sums, times))
        found.append(_cheaper(_cpu_s(ours), _cpu_s(theirs)))
    return found


def _alone(ours: Sequence[Outcome]) -> list[TargetVerdict]:
    """What is wanted of an engine whatever others do."""
    found = [_limited(name, _waited(ours, kinds), *most) for name, (kinds, *most) in LIMITS.items()]
    answers = [c.answer_ms for each in ours for c in each.costs if c.kind in _JUMP]
    jumps_ms = Spread.of([ms for ms in answers if ms is not None])
    cpu_s, keys = _cpu_s(ours), sum(outcome.keystrokes for outcome in ours)
    return [
        *found,
        _at_most("a jump, p95", jumps_ms.p95 if jumps_ms.count else None, "ms", JUMP_P95_MS),
        _at_most(
            "per 1,000 keystrokes",
            cpu_s / keys * 1000 if cpu_s is not None and keys else None,
            "CPU-seconds",
            CPU_S_PER_1000_KEYS,
        ),
        _at_most("resident at the end", resident_mib(ours), "MiB", RESIDENT_MIB),
    ]


def _at_most(name: str, value: float | None, unit: str, most: float) -> TargetVerdict:
    wanted = f"{unit} of at most {most:.0f}"
    if value is None:
        return TargetVerdict(f"{name}: not known, {wanted}", None)
    return TargetVerdict(f"{name}: {value:.1f} {wanted}", value <= most)


def _limited(name: str, tokens: Sequence[int], median: int, p95: int) -> TargetVerdict:
    wanted = f"of at most {median} / {p95}"
    if not tokens:
        return TargetVerdict(f"{name}: no tokens measured {wanted}", None)
    spread = Spread.of(tokens)
    met = spread.median <= median and spread.p95 <= p95
    return TargetVerdict(f"{name}: {spread.median:.0f} / {spread.p95:.0f} tokens {wanted}", met)


def _fewer(name: str, ours: int, theirs: int, times: int) -> TargetVerdict:
    told = f"{name}: {ours} tokens in all, {PEER} {theirs}"
    wanted = f"; at least {times} times fewer" if times > 1 else "; no more"
    return TargetVerdict(told + wanted, ours * times <= theirs if theirs else None)


def _cheaper(ours: float | None, theirs: float | None) -> TargetVerdict:
    if ours is None or theirs is None:
        return TargetVerdict("CPU-seconds over the whole trace: not known on this system", None)
    told = f"{ours:.1f} CPU-seconds over the whole trace, {PEER} {theirs:.1f}"
    return TargetVerdict(f"{told}; fewer", ours < theirs)


def _waited(outcomes: Iterable[Outcome], kinds: frozenset[ActionKind]) -> list[int]:
    costs: Iterable[QuestionCost] = (cost for outcome in outcomes for cost in outcome.costs)
    return [cost.tokens_waiting for cost in costs if cost.kind in kinds and cost.source == "model"]


def _cpu_s(outcomes: Sequence[Outcome]) -> float | None:
    known = [outcome.cpu_s for outcome in outcomes if outcome.cpu_s is not None]
    return sum(known) if len(known) == len(outcomes) else None
