"""What counts as going round in circles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.model.writing.repetition import LEAST_TOKENS, repeated_tokens

UNIT = list(range(20))


@pytest.mark.parametrize(
    ("tokens", "repeated"),
    [
        ([], 0),
        ([7], 0),
        ([7] * LEAST_TOKENS, 0),
        ([7] * (LEAST_TOKENS + 1), LEAST_TOKENS),
        ([1, 2] * 6, 0),
        ([1, 2] * 7, LEAST_TOKENS),
        ([9, 8, *([1, 2] * 7)], LEAST_TOKENS),
        ([*([1, 2] * 7), 9], 0),
        (UNIT, 0),
        ([*UNIT, *UNIT[:-1]], 0),
        ([*UNIT, *UNIT], 20),
        ([*UNIT, *UNIT, 0, 1], 22),
        ([*UNIT, 99, *UNIT], 0),
    ],
)
def test_a_dozen_tokens_and_a_whole_stretch_must_come_again(tokens: list[int], repeated: int):
    assert repeated_tokens(tokens) == repeated


@given(st.lists(st.integers(0, 3), max_size=60))
def test_what_is_left_says_it_all(tokens: list[int]):
    repeated = repeated_tokens(tokens)
    kept = tokens[: len(tokens) - repeated]
    assert repeated == 0 or repeated >= LEAST_TOKENS
    if repeated:
        periods = range(1, len(kept) + 1)
        assert any(
            all(tokens[i] == tokens[i - period] for i in range(len(kept), len(tokens)))
            for period in periods
        )


@given(st.lists(st.integers(0, 50), min_size=1, max_size=15), st.integers(2, 20))
def test_whatever_comes_often_enough_is_found(unit: list[int], times: int):
    again = len(unit) * (times - 1)
    assert again < LEAST_TOKENS or repeated_tokens(unit * times) >= again
