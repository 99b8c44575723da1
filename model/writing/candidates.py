"""Several writings from one state: the same prompt, read once, gone on with in different ways.

Owns where they part, and that all of them go on by one token in one call of the network. Knows
tokens and states, and text only by way of `writing`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event

from ..completer import Ended, Piece
from ..networks.interface import Network, State
from ..states.storage import Remembered
from .sampling import Choice
from .writing import Writing

# Of the first token of another candidate. What is less likely than one in fifty is mostly wrong,
# and shown beside good ones it only costs the user's time and the machine's.
LEAST_PROBABILITY = 0.02


class Every(Event):
    """Set once all the others are; nobody waits for it."""

    def __init__(self, others: Sequence[Event]) -> None:
        super().__init__()
        self._others = others

    def is_set(self) -> bool:
        """See `Event`."""
        return all(other.is_set() for other in self._others)


@dataclass
class _Candidate:
    number: int
    writing: Writing
    stop: Event
    choice: Choice | None  # the token to write; None: it ends here
    state: State  # before that token

    @property
    def over(self) -> bool:
        return self.choice is None or self.writing.full or self.stop.is_set()

    def take(self) -> Piece | None:
        """Write the token."""
        piece = self.writing.take(self.choice) if self.choice else None
        return replace(piece, candidate=self.number) if piece else None


class Candidates:
    """As many writings as there are `stops`; the first is `first`, as it would go on alone."""

    def __init__(self, network: Network, first: Writing, stops: Sequence[Event]) -> None:
        self.writings = [first]  # that have begun
        self._network, self._stops = network, stops

    def write(self, reached: Remembered) -> Iterator[Piece | Ended]:
        """On from a state: pieces as they come, and one `Ended` for each candidate."""
        parted = self._parted(reached)
        yield from (Ended(number, 0) for number in range(len(parted), len(self._stops)))
        going = yield from _going(parted)
        while going:
            for each in going:
                piece = each.take()
                if piece:
                    yield piece
            going = yield from _going(going)
            self._advance(going)
            going = yield from _going(going)

    def _parted(self, reached: Remembered) -> list[_Candidate]:
        """Each before the token that brings its first new text; none where no text is to come."""
        first, stopped = self.writings[0], Every(self._stops)
        logits, state = reached.logits, reached.state
        while not first.full and not stopped.is_set():
            choice = first.choose(logits)
            if choice is None:
                break
            if first.brings(choice.token):
                others = first.others(logits, choice, LEAST_PROBABILITY)
                choices = [choice, *others][: len(self._stops)]
                self.writings += [first.fork() for _ in choices[1:]]
                begun = zip(self.writings, self._stops, choices, strict=False)
                return [_Candidate(n, *each, state) for n, each in enumerate(begun)]
            first.take(choice)
            logits, state = self._network.advance([choice.token], state)
        return []

    def _advance(self, going: Sequence[_Candidate]) -> None:
        """Read what each has written last, all in one call, and choose what comes next."""
        tokens = [each.choice.token for each in going if each.choice]
        if not tokens:
            return
        logits, states = self._network.advance_each(tokens, [each.state for each in going])
        for each, row, state in zip(going, logits, states, strict=True):
            each.choice, each.state = each.writing.choose(row), state


def _going(candidates: Sequence[_Candidate]) -> Generator[Ended, None, list[_Candidate]]:
    """Tell of those that are over; the others."""
    for each in candidates:
        if each.over:
            yield Ended(each.number, each.writing.generated, each.writing.repeated_chars)
    return [each for each in candidates if not each.over]
