"""Chains: links do not matter to what a beginning is called, only its tokens do."""

from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model.completer import FileId
from stateline.model.tokens.chain import Chain

A, B = FileId("w", "a.py"), FileId("w", "b.py")

tokens = st.lists(st.integers(0, 3), max_size=12)
cuts = st.lists(st.integers(0, 12), max_size=4)


def linked(numbers: list[int], ends: list[int]) -> Chain:
    chain, at = Chain(), 0
    for end in sorted({min(end, len(numbers)) for end in ends} | {len(numbers)}):
        chain, at = chain.then(numbers[at:end]), end
    return chain


@settings(deadline=None)
@given(tokens, cuts, cuts, tokens)
def test_a_name_is_of_the_tokens_alone(numbers, some, others, different):
    one, other = linked(numbers, some), linked(numbers, others)
    lengths = range(len(numbers) + 1)
    assert list(one.names(lengths)) == list(reversed([(n, other.name(n)) for n in lengths]))
    third = linked(different, some)
    for n in range(min(len(numbers), len(different)) + 1):
        assert (one.name(n) == third.name(n)) == (numbers[:n] == different[:n])


@settings(deadline=None)
@given(tokens, cuts, st.integers(0, 12), st.integers(0, 12))
def test_what_is_between_two_places_is_what_was_put_there(numbers, ends, start, end):
    assert linked(numbers, ends).between(start, end) == numbers[start:end]


def test_names_beyond_the_end_are_not_asked_for():
    assert [length for length, _ in Chain([1, 2, 3]).names([9, 2, 4, 0])] == [2, 0]


def test_the_child_made_last_is_made_once():
    root = Chain([1])
    child = root.then([2, 3], A)
    assert root.then([2, 3], A) is child
    assert root.then([2, 3]) is not child
    assert root.then([2, 3], A).name(3) == child.name(3)


def test_files_and_ends_of_links():
    chain = Chain([1]).then([2, 3], A).then([4], B).then([5, 6])
    assert chain.files == (A, B)
    assert chain.link(3).files == (A,)
    assert chain.link(1).files == ()
    assert chain.ends(0) == [1, 3, 4, 6]
    assert chain.ends(3) == [4, 6]
