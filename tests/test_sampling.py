"""Which token comes next: agreement with the tail, greedy, temperature, top-p, and seeds."""

import math
from collections import Counter
from threading import Event

import numpy as np
import pytest
import tiny_model
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from stateline.model.completer import Sampling
from stateline.model.writing import writing
from stateline.model.writing.sampling import Vocabulary, choose

OURS = tiny_model.ours()
END = OURS.markers.eom
VOCABULARY = Vocabulary(OURS.token_bytes, OURS.special_ids, END)
GREEDY = Sampling()
SEEDED = np.random.default_rng(0)
BYTES = st.lists(st.sampled_from([b"a", b"b", b"\xc3"]), max_size=4).map(b"".join)


def agrees(token: bytes, tail: bytes) -> bool:
    return token.startswith(tail) or tail.startswith(token)


@given(st.lists(BYTES, max_size=12), st.sets(st.integers(0, 11)), BYTES)
@settings(deadline=None, max_examples=150)
def test_allowed_are_all_tokens_that_agree_with_the_tail(token_bytes, never, tail):
    assume(tail)
    found = Vocabulary(token_bytes, never, None).allowed(tail)
    wanted = {i for i, text in enumerate(token_bytes) if text and agrees(text, tail)} - never
    assert sorted(found.tolist()) == sorted(wanted)
    assert found.dtype == np.intp


@given(st.sampled_from(["x", "self.", "    re", "日", "größ", "'ll", "\n\n", "<|mid|>", "█"]))
def test_allowed_in_a_real_vocabulary(tail: str):
    data = tail.encode()
    wanted = {i for i, text in enumerate(OURS.token_bytes) if text and agrees(text, data)}
    assert set(VOCABULARY.allowed(data).tolist()) == wanted
    assert wanted, "a single byte can always be written"


def test_without_a_tail_all_text_and_the_end_are_allowed():
    allowed = set(VOCABULARY.allowed(b"").tolist())
    assert END in allowed
    assert allowed == set(range(len(OURS.token_bytes))) - OURS.special_ids | {END}
    assert not set(Vocabulary(OURS.token_bytes, OURS.special_ids, None).allowed(b"").tolist()) & (
        OURS.special_ids
    )


def test_the_end_does_not_cut_a_tail_short():
    assert END not in VOCABULARY.allowed(b"x").tolist()


def test_a_tail_that_no_token_can_write_has_none():
    assert len(Vocabulary([b"a", b"b"], (), None).allowed(b"c")) == 0


@pytest.mark.parametrize(
    "tail", ["", "d", "self.fo", "    return 日本", "a" * 120, "🙂", "\n\n    "]
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_written_begins_with_the_tail(tail: str, temperature: float):
    """Whatever a model would like: its logits are noise."""
    sampling = Sampling(temperature=temperature)
    for seed in range(10):
        generator = np.random.default_rng(seed)
        written, left = b"", tail.encode()
        for _ in range(len(left) + 5):
            logits = generator.standard_normal(len(OURS.token_bytes), np.float32) * 3
            token = choose(logits, VOCABULARY.allowed(left), sampling, generator).token
            if token == END:
                assert not left
                break
            text = OURS.token_bytes[token]
            written, left = written + text, left[len(text) :]
        assert not left
        assert written.startswith(tail.encode())


@pytest.mark.parametrize("tail", ["", "x", "self.", "日本", "\n    "])
def test_an_engine_writes_the_tail_first_and_yields_the_rest(tail: str, monkeypatch):
    chosen: list[int] = []

    def noted(*arguments):
        choice = choose(*arguments)
        chosen.append(choice.token)
        return choice

    monkeypatch.setattr(writing, "choose", noted)
    engine = tiny_model.tiny_engine()
    asked = Sampling(temperature=1.0, max_tokens=6, seed=4)
    *pieces, usage = engine.complete_tokens(OURS.encode("import os\n"), tail, asked, Event())
    # The model is random: it may stop, or break off inside a character.
    written = b"".join(OURS.token_bytes[token] for token in chosen)
    yielded = "".join(piece.text for piece in pieces)
    assert written.startswith(tail.encode())
    assert written[len(tail.encode()) :].decode(errors="replace").startswith(yielded)
    assert usage.tokens_generated <= 6


def test_special_tokens_are_never_chosen():
    logits = np.zeros(len(OURS.token_bytes), np.float32)
    logits[sorted(OURS.special_ids - {END})] = 100.0
    generator = np.random.default_rng(0)
    for tail in (b"", b"a"):
        for sampling in (GREEDY, Sampling(temperature=1.0)):
            for _ in range(20):
                token = choose(logits, VOCABULARY.allowed(tail), sampling, generator).token
                assert token not in OURS.special_ids - {END}


def drawn(p: list[float], count: int = 1_000, **sampling) -> dict[int, float]:
    """How often each token is drawn when the model gives these probabilities."""
    logits, allowed = np.log(p), np.arange(len(p))
    generator = np.random.default_rng(1)
    asked = Sampling(**({"temperature": 1.0} | sampling))
    tokens = Counter(choose(logits, allowed, asked, generator).token for _ in range(count))
    return {token: n / count for token, n in sorted(tokens.items())}


P = [0.05, 0.5, 0.15, 0.3]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({}, {0: 0.05, 1: 0.5, 2: 0.15, 3: 0.3}),
        ({"top_p": 0.0}, {1: 1.0}),
        ({"top_p": 0.49}, {1: 1.0}),
        ({"top_p": 0.51}, {1: 0.5 / 0.8, 3: 0.3 / 0.8}),
        ({"top_p": 0.79}, {1: 0.5 / 0.8, 3: 0.3 / 0.8}),
        ({"top_p": 0.81}, {1: 0.5 / 0.95, 2: 0.15 / 0.95, 3: 0.3 / 0.95}),
        ({"top_p": 0.96}, {0: 0.05, 1: 0.5, 2: 0.15, 3: 0.3}),
        ({"temperature": 0.01}, {1: 1.0}),
        ({"temperature": 1e-9}, {1: 1.0}),
        ({"temperature": 1e9}, {0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25}),
        # At temperature 1/2 the probabilities are squared: 0.685, 0.247, 0.062, 0.007.
        ({"temperature": 0.5}, {0: 0.007, 1: 0.685, 2: 0.062, 3: 0.247}),
        ({"temperature": 0.5, "top_p": 0.6}, {1: 1.0}),
    ],
)
def test_tokens_are_drawn_as_often_as_they_should(sampling: dict, expected: dict[int, float]):
    assert drawn(P, **sampling) == pytest.approx(expected, abs=0.05)


def test_top_p_takes_no_token_more_than_it_needs():
    assert len(drawn([0.5, 0.5], count=50, top_p=0.5)) == 1


def nucleus(p: list[float], top_p: float) -> set[int]:
    """By the book: the likeliest tokens, until they hold top_p together."""
    taken: set[int] = set()
    for i in sorted(range(len(p)), key=lambda i: -p[i]):
        if taken and sum(p[j] for j in taken) >= top_p:
            break
        taken.add(i)
    return taken


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8, unique=True), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_top_p_draws_from_the_smallest_set_that_holds_it(weights: list[int], top_p: float):
    p = [w / sum(weights) for w in weights]
    sums = [sum(sorted(p)[-n:]) for n in range(len(p) + 1)]
    assume(all(abs(s - top_p) > 1e-9 for s in sums))
    found = set(drawn(p, count=60, top_p=top_p))
    assert found <= nucleus(p, top_p)
    assert nucleus(p, top_p) - found <= {i for i in range(len(p)) if p[i] < 0.1}


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=20), st.data())
@settings(deadline=None)
def test_greedy_takes_the_likeliest_of_the_allowed(logits: list[float], data):
    allowed = data.draw(st.lists(st.sampled_from(range(len(logits))), min_size=1, unique=True))
    choice = choose(np.array(logits, np.float32), np.array(allowed), GREEDY, None)
    assert choice.token in allowed
    assert logits[choice.token] >= max(logits[i] for i in allowed) - 1e-6, "or as good as that"
    total = sum(math.exp(logits[i] - logits[choice.token]) for i in allowed)
    assert choice.probability == pytest.approx(1 / total, rel=1e-4)


def test_probabilities_are_of_the_allowed_at_temperature_one_and_sum_to_one():
    logits = np.random.default_rng(0).standard_normal(50, np.float32)
    allowed = np.array([3, 7, 20, 41])
    chosen = {}
    for seed in range(200):
        sampling = Sampling(temperature=5.0, top_p=1.0)
        choice = choose(logits, allowed, sampling, np.random.default_rng(seed))
        chosen[choice.token] = choice.probability
    assert set(chosen) == {3, 7, 20, 41}
    assert sum(chosen.values()) == pytest.approx(1.0)
    assert chosen[7] / chosen[3] == pytest.approx(math.exp(logits[7] - logits[3]), rel=1e-4)


def test_a_temperature_without_a_generator_is_greedy():
    assert choose(np.array([0.0, 1.0]), np.arange(2), Sampling(temperature=1.0), None).token


def test_seeds_repeat_and_differ():
    def tokens(seed: int) -> list[int]:
        logits = np.zeros(1_000, np.float32)
        generator = np.random.default_rng(seed)
        asked = Sampling(temperature=1.0)
        return [choose(logits, np.arange(1_000), asked, generator).token for _ in range(5)]

    assert tokens(3) == tokens(3)
    assert len({tuple(tokens(seed)) for seed in range(10)}) == 10


def test_a_probability_among_many_is_exact_and_the_logits_stay():
    logits = np.random.default_rng(0).standard_normal(100_000, np.float32)
    before = logits.copy()
    wide = logits.astype(np.float64)
    for sampling, generator in ((GREEDY, None), (Sampling(temperature=0.5), SEEDED)):
        choice = choose(logits, np.arange(100_000), sampling, generator)
        expected = 1 / math.fsum(np.exp(wide - wide[choice.token]))
        assert choice.probability == pytest.approx(expected, rel=1e-6)
    assert np.array_equal(logits, before)
