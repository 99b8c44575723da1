"""Checkpoints: the longest known beginning, what is dropped first, and never over the budget."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model.completer import FileId
from stateline.model.states.checkpoints import GRID_TOKENS, Checkpoints, Found, Place, worth_keeping
from stateline.model.tokens.chain import Chain


@dataclass(frozen=True)
class State:
    """Stands for a state: a name and a size."""

    name: str
    nbytes: int = 10

    def settled(self):
        return self


def filled(budget_bytes: int, *lengths: int, tokens: range = range(1_000)) -> Checkpoints[State]:
    checkpoints: Checkpoints[State] = Checkpoints(budget_bytes)
    for length in lengths:
        checkpoints.keep(Chain(tokens), length, State(str(length)))
    return checkpoints


def known(
    checkpoints: Checkpoints[State], *lengths: int, tokens: range = range(1_000)
) -> list[int]:
    """Which of the lengths are held; looking counts as use, longest first."""
    found = {n: checkpoints.nearest(Chain(tokens[:n])) for n in sorted(lengths, reverse=True)}
    return sorted(n for n, at in found.items() if at is not None and at.length == n)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (0, None),
        (1, None),
        (63, None),
        (64, 64),
        (65, 64),
        (127, 64),
        (128, 128),
        (129, 128),
        (999, 128),
    ],
)
def test_nearest_around_grid_positions(asked: int, found: int | None):
    at = filled(1_000, 64, 128).nearest(Chain(range(asked)))
    assert at == (None if found is None else Found(found, State(str(found))))


def test_another_text_shares_only_its_beginning():
    checkpoints = filled(1_000, 5, 10, 20)
    other = [*range(10), 77, *range(11, 1_000)]
    assert checkpoints.nearest(Chain(other)) == Found(10, State("10"))
    assert checkpoints.nearest(Chain([77, *range(1, 1_000)])) is None
    assert checkpoints.nearest(Chain()) is None


def test_any_sequence_of_tokens_will_do():
    checkpoints = filled(1_000, 5)
    for tokens in (range(9), tuple(range(9)), list(range(9))):
        assert checkpoints.nearest(Chain(tokens)) == Found(5, State("5"))


def test_a_text_is_still_found_when_another_of_its_length_was_dropped():
    checkpoints = filled(30, 5, 5)
    checkpoints.keep(Chain(range(100, 200)), 5, State("other"))
    for length in (7, 8):  # drops the first of the two
        checkpoints.keep(Chain(range(1_000)), length, State(f"{length}"))
    assert checkpoints.nearest(Chain(range(6))) is None
    assert checkpoints.nearest(Chain(range(100, 106))) == Found(5, State("other"))


def test_large_token_ids_are_told_apart():
    checkpoints: Checkpoints[State] = Checkpoints(100)
    checkpoints.keep(Chain([1 << 20, 3]), 2, State("a"))
    assert checkpoints.nearest(Chain([0, 3])) is None
    assert checkpoints.nearest(Chain([1 << 20, 3])) == Found(2, State("a"))


def test_the_least_recently_used_goes_first():
    checkpoints = filled(30, 1, 2, 3)
    assert checkpoints.nearest(Chain(range(1))) is not None  # so 2 is the oldest now
    checkpoints.keep(Chain(range(1_000)), 4, State("4"))
    assert known(checkpoints, 1, 2, 3, 4) == [1, 3, 4]


def test_touching_protects():
    checkpoints = filled(30, 1, 2, 3)
    checkpoints.touch(Chain([0]).then([1]).then(range(2, 500)))
    checkpoints.keep(Chain(range(1_000)), 4, State("4"))
    assert known(checkpoints, 1, 2, 3, 4) == [1, 2, 4]


def test_touching_another_text_does_not():
    checkpoints = filled(30, 1, 2, 3)
    checkpoints.touch(Chain([7]).then([8]))
    checkpoints.keep(Chain(range(1_000)), 4, State("4"))
    assert known(checkpoints, 1, 2, 3, 4) == [2, 3, 4]


def test_a_state_kept_again_is_counted_once():
    checkpoints = filled(100, 1, 1, 1)
    assert (len(checkpoints), checkpoints.nbytes) == (1, 10)
    checkpoints.keep(Chain(range(5)), 1, State("new", 40))
    assert (len(checkpoints), checkpoints.nbytes) == (1, 40)
    assert checkpoints.nearest(Chain(range(5))) == Found(1, State("new", 40))


@pytest.mark.parametrize(("size", "kept"), [(29, True), (30, True), (31, False)])
def test_a_state_larger_than_the_budget_is_not_kept_and_drops_nothing(size: int, kept: bool):
    checkpoints = filled(30, 1, 2, 3)
    checkpoints.keep(Chain(range(9)), 9, State("large", size))
    assert known(checkpoints, 1, 2, 3, 9) == ([9] if kept else [1, 2, 3])
    assert checkpoints.nbytes <= 30


def test_no_budget_keeps_nothing():
    assert len(filled(0, 1, 2)) == 0


class Naive:
    """The same by the book: a list in order of use, all beginnings compared token by token."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.states: list[tuple[tuple[int, ...], State]] = []

    def nearest(self, tokens):
        fitting = [e for e in self.states if tuple(tokens[: len(e[0])]) == e[0]]
        if not fitting:
            return None
        entry = max(fitting, key=lambda e: len(e[0]))
        self._use(entry)
        return Found(len(entry[0]), entry[1])

    def keep(self, tokens, length, state):
        if state.nbytes > self.budget_bytes:
            return
        beginning = tuple(tokens[:length])
        self.states = [e for e in self.states if e[0] != beginning] + [(beginning, state)]
        while sum(e[1].nbytes for e in self.states) > self.budget_bytes:
            self.states.pop(0)

    def touch(self, tokens, lengths):
        for length in sorted({0, *lengths, len(tokens)}):  # the root is empty, and a link
            for entry in [e for e in self.states if e[0] == tuple(tokens[:length])]:
                self._use(entry)

    def _use(self, entry):
        self.states.remove(entry)
        self.states.append(entry)


def linked(tokens: list[int], lengths: list[int]) -> Chain:
    """A chain of these tokens with links that end at the lengths."""
    chain, at = Chain(), 0
    for end in sorted({*lengths, len(tokens)} - {0}):
        chain, at = chain.then(tokens[at:end]), end
    return chain


sequences = st.lists(st.integers(0, 1), max_size=6)
uses = st.one_of(
    st.tuples(st.just("nearest"), sequences),
    st.tuples(st.just("keep"), sequences, st.integers(0, 6), st.integers(0, 60)),
    st.tuples(st.just("touch"), sequences, st.lists(st.integers(0, 6), max_size=3)),
)


@given(st.integers(0, 120), st.lists(uses, max_size=40))
@settings(deadline=None, max_examples=150)
def test_agrees_with_the_naive_one(budget_bytes: int, used: list[tuple]):
    real: Checkpoints[State] = Checkpoints(budget_bytes)
    naive = Naive(budget_bytes)
    for number, (what, tokens, *rest) in enumerate(used):
        if what == "nearest":
            assert real.nearest(Chain(tokens)) == naive.nearest(tokens)
        elif what == "keep":
            length, size = rest
            state = State(f"{number}", size)
            length = min(length, len(tokens))
            real.keep(Chain(tokens), length, state)
            naive.keep(tokens, length, state)
        else:
            lengths = [n for n in rest[0] if n <= len(tokens)]
            real.touch(linked(tokens, lengths))
            naive.touch(tokens, lengths)
        assert real.nbytes == sum(entry[1].nbytes for entry in naive.states) <= budget_bytes
        assert len(real) == len(naive.states)


def test_only_grid_positions_are_worth_keeping():
    kept = [n for n in range(1, 5_000) if worth_keeping(n, 5_000)]
    assert kept
    assert all(n % GRID_TOKENS == 0 for n in kept)


def test_kept_positions_thin_out_with_their_distance():
    total = 64 * GRID_TOKENS
    kept = [n // GRID_TOKENS for n in range(1, total + 1) if worth_keeping(n, total)]
    assert kept == [*(8, 16, 24, 32), *(36, 40, 44, 48), *(50, 52, 54, 56), *range(57, 65)]


@given(st.integers(8, 3_000))
@settings(deadline=None)
def test_there_are_about_four_per_doubling_and_no_large_gap(grid: int):
    total = grid * GRID_TOKENS + 17
    kept = [n for n in range(1, grid + 1) if worth_keeping(n * GRID_TOKENS, total)]
    assert kept[-8:] == [*range(grid - 7, grid + 1)]
    assert len(kept) <= 8 + 4 * grid.bit_length()
    for earlier, later in pairwise(kept):
        assert later - earlier <= 1 + (grid - earlier) / 2


@given(st.integers(0, 200), st.integers(0, 200))
@settings(deadline=None)
def test_what_is_kept_for_a_later_cursor_was_kept_for_an_earlier_one(position: int, further: int):
    # Else a chain that grows would miss positions that it needs by then.
    near = position * GRID_TOKENS + 5
    if worth_keeping(position * GRID_TOKENS, near + further * GRID_TOKENS):
        assert worth_keeping(position * GRID_TOKENS, near)


# What the model wrote.


def test_what_was_written_is_dropped_by_the_next_writing_unless_it_was_used():
    checkpoints = filled(1_000, 5)
    for length in (6, 7, 8):
        checkpoints.keep(Chain(range(length)), length, State(f"{length}"), Place.WRITTEN)
    assert checkpoints.nearest(Chain(range(7))) == Found(7, State("7"))  # accepted as far as this
    checkpoints.drop_written()
    assert known(checkpoints, 5, 6, 7, 8) == [5, 7]
    assert {held.place for held in checkpoints.held()} == {Place.CURSOR}


def test_what_was_written_takes_a_part_of_the_budget_and_keeps_both_ends():
    checkpoints = filled(160, 5)  # four of ten bytes for what is written
    for length in range(6, 16):
        checkpoints.keep(Chain(range(length)), length, State(f"{length}"), Place.WRITTEN)
    kept = known(checkpoints, *range(5, 16))
    assert kept[:3] == [5, 6, 7]
    assert kept[-1] == 15
    assert len(kept) == 5


def test_what_is_written_where_a_state_is_known_already_changes_nothing():
    checkpoints = filled(100, 5)
    checkpoints.keep(Chain(range(5)), 5, State("written"), Place.WRITTEN)
    checkpoints.drop_written()
    assert checkpoints.nearest(Chain(range(5))) == Found(5, State("5"))


def test_forgetting_a_file_drops_all_that_has_read_it():
    checkpoints = filled(1_000)
    kept, secret = FileId("w", "other.py"), FileId("w", "secret.py")
    other = Chain([0]).then([1, 2], kept)
    whole = other.then([3, 4], secret).then([5])
    for length in (1, 3, 4, 5, 6):
        checkpoints.keep(whole, length, State(f"{length}"))
    checkpoints.forget({secret})
    assert sorted(held.length for held in checkpoints.held()) == [1, 3]
    checkpoints.forget({kept})
    assert [held.length for held in checkpoints.held()] == [1]


# The disk.


class Stored:
    """A storage with these states."""

    def __init__(self, **states: State) -> None:
        self.states = {bytes.fromhex(name): state for name, state in states.items()}

    def lengths(self):
        return {3}

    def load(self, name, tokens):
        return self.states.get(name)


def test_what_is_not_in_memory_may_be_on_the_disk():
    chain = Chain(range(10))
    storage = Stored(**{chain.name(3).hex(): State("stored")})
    checkpoints: Checkpoints[State] = Checkpoints(100, storage)
    assert checkpoints.nearest(Chain(range(2))) is None
    assert checkpoints.nearest(chain) == Found(3, State("stored"))
    storage.states.clear()  # it is in memory now
    assert checkpoints.nearest(chain) == Found(3, State("stored"))
    assert checkpoints.nearest(Chain([5, 6, 7])) is None
