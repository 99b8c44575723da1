"""Several candidates from one reading: the first is what is written alone, the others differ."""

from collections import defaultdict
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model import PRETRAINED
from stateline.model.completer import Context, Ended, Piece, Sampling, Usage
from stateline.model.engine import Engine
from stateline.model.masked import view_of
from stateline.model.networks.native.native_library import library
from stateline.model.states.storage import Remembered
from stateline.model.writing.candidates import LEAST_PROBABILITY, Candidates, Every
from stateline.model.writing.sampling import Vocabulary, choose, ranked
from stateline.model.writing.writing import Writing
from tiny_model import tiny_engine

NEW = "import os\n\n\ndef main() -> None:\n    for name in os."
REPEATS = "def area(width, height):\n    return width * height\n\n\n" * 3 + "def area(wi"
TEXTS = [NEW, REPEATS, "", "x = [1, 2, 3, 4, 1, 2, 3", "class Box:\n    def __init__(self, va"]
needs_library = pytest.mark.skipif(library() is None, reason="the native library was not built")


@pytest.fixture(scope="module")
def shipped() -> Engine:
    return Engine.open(PRETRAINED)


def several(engine, text, count=3, stops=None, max_tokens=12):
    """What each candidate says, what ended it, and the cost."""
    stops = stops or [Event() for _ in range(count)]
    context = view_of(Context(text, len(text), "a"))
    *told, usage = engine.choices(context, Sampling(max_tokens=max_tokens), stops)
    pieces, ended = defaultdict(list), {}
    for each in told:
        if isinstance(each, Ended):
            assert each.candidate not in ended
            ended[each.candidate] = each.tokens_generated
        else:
            assert each.candidate not in ended
            pieces[each.candidate].append(each)
    return pieces, ended, usage


def alone(engine, text, max_tokens=12):
    context = view_of(Context(text, len(text), "a"))
    *pieces, usage = engine.complete(context, Sampling(max_tokens=max_tokens), Event())
    return pieces, usage


def texts(pieces):
    return {candidate: "".join(p.text for p in said) for candidate, said in pieces.items()}


@needs_library
@pytest.mark.parametrize("text", TEXTS)
def test_the_first_is_bit_for_bit_what_is_written_alone(shipped, text):
    pieces, ended, usage = several(shipped, text)
    expected, cost = alone(shipped, text)
    assert pieces[0] == expected
    assert ended[0] == cost.tokens_generated
    assert usage.tokens_generated == sum(ended.values())


@pytest.mark.parametrize("text", TEXTS)
def test_each_begins_in_its_own_way_and_all_end(shipped, text):
    pieces, ended, _ = several(shipped, text, count=4)
    assert sorted(ended) == [0, 1, 2, 3]
    assert set(pieces) == set(range(len(pieces))), "likelier ones first, and none left out"
    firsts = [pieces[candidate][0] for candidate in sorted(pieces)]
    assert len({first.text for first in firsts}) == len(firsts)
    likely = [first.confidence for first in firsts]
    assert likely == sorted(likely, reverse=True)
    assert all(each >= LEAST_PROBABILITY for each in likely[1:])


def test_there_are_some(shipped):
    pieces, _, _ = several(shipped, "x = ")
    assert len(set(texts(pieces).values())) == 3


def test_one_stop_ends_one(shipped):
    """However much is wanted of one, it is all the same to the others."""
    whole, _, _ = several(shipped, NEW)
    stops = [Event() for _ in range(3)]
    seen = defaultdict(list)
    context = view_of(Context(NEW, len(NEW), "a"))
    for told in shipped.choices(context, Sampling(max_tokens=12), stops):
        if isinstance(told, Piece):
            seen[told.candidate].append(told)
            if told.candidate < 2 and len(seen[told.candidate]) == told.candidate + 2:
                stops[told.candidate].set()
    assert [seen[0], seen[1], seen[2]] == [whole[0][:2], whole[1][:3], whole[2]]


def test_all_stops_end_it_at_once(shipped):
    stops = [Event() for _ in range(3)]
    for stop in stops:
        stop.set()
    pieces, ended, usage = several(shipped, NEW + "stopped", stops=stops)
    assert (pieces, ended, usage.tokens_generated) == ({}, {}, 0)
    every = Every([Event(), stops[0]])
    assert not every.is_set()


def test_the_first_may_be_stopped_before_it_begins(shipped):
    whole, _, _ = several(shipped, NEW)
    stops = [Event() for _ in range(3)]
    stops[0].set()
    pieces, ended, _ = several(shipped, NEW, stops=stops)
    assert ended[0] == 0
    assert (pieces[0], pieces[1], pieces[2]) == ([], whole[1], whole[2])


@pytest.mark.parametrize("max_tokens", [0, 1, 5])
def test_no_candidate_has_more_tokens_than_it_may(shipped, max_tokens):
    pieces, ended, _ = several(shipped, NEW, max_tokens=max_tokens)
    assert max(ended.values()) <= max_tokens
    assert bool(pieces) == bool(max_tokens)


@settings(deadline=None, max_examples=15)
@given(st.text("xyz .(=\nédef", max_size=30), st.integers(1, 5))
def test_a_random_model_says_the_same_with_others_beside_it(text, count):
    engine = tiny_engine()
    pieces, ended, _ = several(engine, text, count, max_tokens=6)
    expected, _ = alone(tiny_engine(), text, max_tokens=6)
    assert len(ended) == count
    assert "".join(p.text for p in pieces[0]) == "".join(p.text for p in expected)
    assert [p.confidence for p in pieces[0]] == pytest.approx([p.confidence for p in expected])


# Without a model: a network whose logits are a table by the last token.


class Table:
    """After token `t` comes row `t`; a state is the tokens so far."""

    def __init__(self, rows):
        self.rows, self.calls = rows, []

    def after(self, token):
        logits = np.full(len(TOKENS), -30.0, np.float32)
        for follower, probability in self.rows[TOKENS[token]].items():
            logits[TOKENS.index(follower)] = np.log(probability)
        return logits

    def advance(self, tokens, state):
        return self.after(tokens[-1]), state + tuple(tokens)

    def advance_each(self, tokens, states):
        self.calls.append(len(tokens))
        logits = np.stack([self.after(token) for token in tokens])
        return logits, [(*s, token) for token, s in zip(tokens, states, strict=True)]


E_ACUTE, E_GRAVE = "é".encode(), "è".encode()
TOKENS = [b"<end>", b"s", b"se", b"self", b"elf", b".", b"x", b"\n",
          E_ACUTE[:1], E_ACUTE[1:], E_GRAVE[1:], b"sing"]  # fmt: skip
END = 0


def written(begin, rows, tail="", count=3, max_tokens=8):
    """Texts by candidate, and the network that was asked."""
    network = Table(rows | {b"begin": begin})
    network.rows[TOKENS[END]] = begin
    vocabulary = Vocabulary(TOKENS, [END], END)
    writing = Writing(vocabulary, None, None, tail, Sampling(max_tokens=max_tokens))
    candidates = Candidates(network, writing, [Event() for _ in range(count)])
    said = ["" for _ in range(count)]
    for told in candidates.write(Remembered((), network.after(END))):
        if isinstance(told, Piece):
            said[told.candidate] += told.text
    return said, network, candidates


STOP = {TOKENS[END]: 1.0}


@pytest.mark.parametrize(
    ("tail", "begin", "expected"),
    [
        # They part where new text comes: one spells the tail with a longer token.
        ("se", {b"self": 0.6, b"sing": 0.3, b"x": 0.1}, ["lf", "", ""]),
        ("s", {b"self": 0.6, b"sing": 0.3, b"x": 0.1}, ["elf", "ing", ""]),
        # The likeliest spells the tail alone, and brings nothing new: what follows it parts them.
        ("s", {b"s": 0.6, b"self": 0.4}, ["x", ".", ""]),
        ("", {b"x": 0.5, b".": 0.3, b"\n": 0.2}, ["x", ".", "\n"]),
        ("", {b"x": 0.98, b".": 0.015}, ["x", "", ""]),  # one that is too unlikely
        ("", {b"x": 0.6, TOKENS[END]: 0.4}, ["x", "", ""]),  # the end is no alternative
        ("", {b"x": 0.4, TOKENS[END]: 0.6}, ["", "", ""]),  # nor has it any
    ],
)
def test_where_they_part(tail, begin, expected):
    rows = dict.fromkeys(TOKENS, STOP) | {b"s": {b"x": 0.7, b".": 0.3}}
    assert written(begin, rows, tail)[0] == expected


def test_a_character_in_the_making_is_each_ones_own():
    rows = dict.fromkeys(TOKENS, STOP)
    rows[E_ACUTE[:1]] = {E_ACUTE[1:]: 1.0}
    rows[b"x"] = {E_ACUTE[:1]: 1.0}
    said, _, _ = written({E_ACUTE[:1]: 0.6, b"x": 0.4}, rows, count=2)
    assert said == ["é", "xé"]


def test_those_that_ended_are_read_no_further():
    rows = dict.fromkeys(TOKENS, STOP) | {b".": {b".": 1.0}, b"s": {b"x": 1.0}}
    said, network, candidates = written({b"x": 0.5, b".": 0.3, b"s": 0.2}, rows, max_tokens=4)
    assert said == ["x", "....", "sx"]
    assert network.calls == [3, 2, 1]
    assert [each.generated for each in candidates.writings] == [1, 4, 2]


def test_with_a_temperature_only_the_first_is_drawn():
    rows = {token: {b"x": 0.5, b".": 0.5} for token in TOKENS}
    vocabulary, network = Vocabulary(TOKENS, [END], END), Table(rows)
    sampling = Sampling(temperature=1.0, max_tokens=12, seed=1)
    writing = Writing(vocabulary, None, None, "", sampling)
    said = ["", ""]
    for told in Candidates(network, writing, [Event(), Event()]).write(
        Remembered((), network.after(END))
    ):
        if isinstance(told, Piece):
            said[told.candidate] += told.text
    assert set(said[0]) == {"x", "."}
    assert len(set(said[1][1:])) == 1


@given(st.lists(st.floats(-8, 8, width=32), min_size=1, max_size=12), st.floats(0, 1))
def test_ranked_are_the_likely_ones_in_order(numbers, least):
    logits, allowed = np.array(numbers, np.float32), np.arange(len(numbers))
    found = ranked(logits, allowed, least)
    p = np.exp(logits.astype(float))
    p /= p.sum()
    assert [c.probability for c in found] == sorted((c.probability for c in found), reverse=True)
    assert all(c.probability == pytest.approx(p[c.token], rel=1e-4) for c in found)
    assert all(each < least + 1e-4 for i, each in enumerate(p) if i not in {c.token for c in found})
    if found:
        assert found[0].probability == pytest.approx(
            choose(logits, allowed, Sampling(), None).probability
        )


def test_a_usage_comes_last(shipped):
    context = view_of(Context("a", 1, "b"))
    *_, usage = shipped.choices(context, Sampling(max_tokens=2), [Event(), Event()])
    assert isinstance(usage, Usage)
