"""Tokens that are read along: the same text with them and without, and when they are worth it."""

from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model import PRETRAINED
from stateline.model.completer import Context, Piece, Sampling
from stateline.model.engine import Engine
from stateline.model.masked import view_of
from stateline.model.networks.native.native_library import library
from stateline.model.writing.speculation import DRAFTS, Drafting, Standing
from tiny_model import tiny_network

REPEATS = "def area(width, height):\n    return width * height\n\n\n" * 3 + "def area(wi"
NEW = "import os\n\n\ndef main() -> None:\n    for name in os."


class Eager(Drafting):
    """Drafts whatever it can."""

    def tokens_worth(self, certainty: int) -> int:
        return DRAFTS[-1]


class Clocked(Eager):
    """A reading takes as long as there are tokens in it, but for what all readings take."""

    def took(self, tokens: int, seconds: float) -> None:
        super().took(tokens, (1 + tokens) / 2)


@pytest.mark.skipif(library() is None, reason="the native library was not built")
@pytest.mark.parametrize("sampling", [Sampling(max_tokens=40), Sampling(0.8, 0.9, 40, seed=3)])
@pytest.mark.parametrize("text", [REPEATS, NEW, "", "x = [1, 2, 3, 4, 1, 2, 3"])
def test_the_text_is_the_same_with_and_without(text: str, sampling: Sampling):
    answers = []
    for drafting in (None, Eager()):
        engine = Engine.open(PRETRAINED)
        assert engine.decoder.drafting is not None, "it is on where calls cut no bit"
        engine.decoder.drafting = drafting
        pieces = engine.complete(view_of(Context(text, len(text), "a")), sampling, Event())
        answers.append([piece for piece in pieces if isinstance(piece, Piece)])
    assert answers[0] == answers[1]


def test_where_a_cut_changes_bits_nothing_is_read_along():
    network = tiny_network()
    assert not network.exact


@settings(deadline=None)
@given(st.lists(st.integers(6, 9), min_size=1, max_size=30), st.data())
def test_whatever_the_drafts_the_logits_are_those_of_stepping(tokens: list[int], data):
    network = tiny_network()
    standing = Standing(network, network.zero_state(), np.empty(0), Eager())
    state = network.zero_state()
    for count, token in enumerate(tokens, 1):
        draft = data.draw(st.lists(st.integers(6, 9), max_size=9))
        standing.write(token, 2, lambda most, draft=draft: draft[:most])
        expected, state = network.advance([token], state)
        np.testing.assert_allclose(standing.logits, expected, atol=1e-4)
        assert standing.length == count
    for name, array in standing.trail.state(len(tokens)).arrays().items():
        np.testing.assert_allclose(array, state.arrays()[name], atol=1e-4)


def test_what_was_read_along_when_the_text_ended_was_in_vain():
    network, drafting = tiny_network(), Clocked()
    for _ in range(100):
        standing = Standing(network, network.zero_state(), np.empty(0), drafting)
        standing.write(6, 5, lambda most: [7, 8, 9, 6, 7, 8, 9][:most])
        standing.write(7, 5, lambda most: [])
        standing.end()
    for tokens in (1, 4):
        drafting.took(tokens, 0.0)
    assert Drafting.tokens_worth(drafting, 6) > 0
    assert Drafting.tokens_worth(drafting, 5) == 0  # half is never written


def taught(step_s: float, four_s: float, eight_s: float, outcomes: list[bool]) -> Drafting:
    drafting = Drafting()
    for tokens, seconds in ((1, step_s), (4, four_s), (8, eight_s)):
        drafting.took(tokens, seconds)
    for accepted in outcomes:
        drafting.judged(5, accepted)
    return drafting


def test_a_draft_is_read_along_where_it_pays():
    assert Drafting().tokens_worth(5) == 0  # it does not know yet what a token costs
    assert taught(1.0, 1.2, 1.4, []).tokens_worth(5) == 7
    assert taught(1.0, 2.0, 5.0, []).tokens_worth(5) == 3
    assert taught(1.0, 4.0, 8.0, [True] * 100).tokens_worth(5) == 0  # no dearer one by one


def test_what_is_never_written_is_drafted_no_more_but_tried_again():
    drafting = taught(1.0, 2.0, 3.0, [False] * 60)
    worth = [drafting.tokens_worth(5) for _ in range(200)]
    assert worth[:60] == [0] * 60
    assert 0 < sum(map(bool, worth)) < 5
    assert drafting.tokens_worth(6) > 0  # another kind of draft
