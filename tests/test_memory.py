"""The memory: what it recalls, what it must never propose, and how it is weighed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model import PRETRAINED
from stateline.model.engine import Engine
from stateline.model.errors import ModelFolderError
from stateline.model.folder.config import Mamba2Config
from stateline.model.languages import PYTHON, TYPESCRIPT
from stateline.model.memory import mixing
from stateline.model.memory.archive import NO_FILES, Archive, Ids
from stateline.model.memory.match import Match
from stateline.model.memory.mixing import Recalled, Trust, history, mixed, read_trust, recalled
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.networks.torch.torch_network import TorchNetwork
from stateline.model.tokens.tokenizer import Markers, Tokenizer
from stateline.model.training.corpus.corpus import SourceFile
from stateline.model.training.judging.trust import (
    LearningSample,
    likeliest,
    recalled_in,
    samples,
    weighed,
)
from tiny_model import tiny_engine

BOS, PRE, SUF, MID, EOM, FILE = range(6)
MARKERS = Markers(BOS, PRE, SUF, MID, EOM, FILE)
NONE = Markers(None, None, None, None, None, None)
VOCABULARY = 12
EVEN = Trust(np.full(mixing.SHAPE, 0.5))

tokens = st.lists(st.integers(6, VOCABULARY - 1), max_size=60)
prompts = st.lists(st.integers(0, VOCABULARY - 1), max_size=60)


def recall(past: Ids, others: Archive = NO_FILES) -> Recalled | None:
    return recalled(Match.of(past, others))


def extended(past: Ids, token: int) -> Ids:
    return np.append(past, np.int32(token))


def found(ids: list[int], markers: Markers = MARKERS) -> tuple[dict[int, float], int] | None:
    """What is recalled after a prompt: shares by token, and the length of the match."""
    said = recall(history(ids, markers))
    if said is None:
        return None
    return dict(zip(said.tokens.tolist(), said.shares.tolist(), strict=True)), said.length


def naive(ids: list[int]) -> tuple[dict[int, float], int] | None:
    """The same of text without markers, by trying every place and every length."""
    for length in range(min(len(ids) - 1, mixing.LONGEST_TOKENS), 0, -1):
        ends = [i for i in range(length, len(ids)) if ids[i - length : i] == ids[-length:]]
        after = [ids[i] for i in ends]
        if after:
            return {t: after.count(t) / len(after) for t in after}, length
    return None


def test_the_longest_match_speaks():
    assert found([6, 7, 8, 9, 7, 10, 6, 7]) == ({8: 1.0}, 2)
    assert found([7, 8, 7, 9, 7, 8, 7]) == ({9: 1.0}, 3)
    assert found([7, 8, 9, 7, 10, 6, 7]) == ({8: 0.5, 10: 0.5}, 1)


def test_nothing_is_recalled_of_what_is_new():
    assert found([]) is None
    assert found([7]) is None
    assert found([6, 7, 8]) is None


@settings(deadline=None)
@given(tokens)
def test_it_recalls_what_a_search_by_hand_finds(ids: list[int]):
    expected, got = naive(ids), found(ids, NONE)
    assert (expected is None) == (got is None)
    if expected and got:
        assert got == (pytest.approx(expected[0]), expected[1])


@settings(deadline=None)
@given(st.lists(tokens, max_size=4), tokens)
def test_other_files_are_searched_as_if_they_stood_before(files: list[list[int]], ids: list[int]):
    own = history(ids, NONE)
    parts = [part for text in files for part in (np.array(text, np.int32), own[:1])]
    joint = recall(np.concatenate([own[: mixing.LONGEST_TOKENS], *parts, own]))
    apart = recall(own, Archive(files))
    assert (joint is None) == (apart is None)
    if joint and apart:
        assert apart.length == joint.length
        assert apart.tokens.tolist() == joint.tokens.tolist()
        assert apart.shares.tolist() == joint.shares.tolist()


@settings(deadline=None)
@given(st.lists(tokens, max_size=3), tokens, tokens)
def test_from_token_to_token_the_match_is_that_of_a_search(
    files: list[list[int]], ids: list[int], written: list[int]
):
    others, past = Archive(files), history(ids, NONE)
    match = Match.of(past, others)
    for token in (t for t in written if t > EOM):
        match, past = match.then(token), extended(past, token)
        anew = Match.of(past, others)
        assert match.length == anew.length
        for one, other in ((match.here, anew.here), (match.there, anew.there)):
            assert (one.length, one.places.tolist()) == (other.length, other.places.tolist())


def test_a_draft_is_what_followed_at_the_latest_place():
    past = history([6, 7, 8, 9, 6, 7, 10, 11, 6, 7], NONE)
    assert Match.of(past).continuation(3) == [10, 11, 6]
    assert Match.of(past).continuation(9) == [10, 11, 6, 7]
    assert Match.of(past, Archive([[5, 6, 7, 9, 10]])).continuation(9) == [10, 11, 6, 7]
    assert Match.of(past, Archive([[11, 6, 7, 9, 10]])).continuation(9) == [9, 10]
    assert Match.of(history([6, 7, 8], NONE)).continuation(9) == []


def test_a_match_is_at_most_so_long():
    ids = list(range(6, 12)) * 12
    assert found(ids) == ({6: 1.0}, mixing.LONGEST_TOKENS)


def test_what_the_anchor_parted_is_one_text():
    # 6 7 | 8 was seen in P0; now P0 ends in 6, and M0 is 7.
    assert found([BOS, PRE, 6, 7, 8, 9, 6, SUF, 10, MID, 7]) == ({8: 1.0}, 2)
    assert found([BOS, PRE, 6, 7, 8, 9, 6, 7, SUF, 10, MID]) == ({8: 1.0}, 2)


def test_text_after_the_cursor_is_remembered_but_goes_nowhere():
    assert found([BOS, PRE, 6, SUF, 7, 8, MID, 7]) == ({8: 1.0}, 1)
    assert found([BOS, PRE, 6, SUF, 8, 7, MID, 7]) is None
    # The suffix does not lead into the lines near the cursor, as it does in the prompt.
    assert found([BOS, PRE, 6, SUF, 7, MID, 8, 9, 7]) is None


@settings(deadline=None)
@given(prompts)
def test_markers_are_never_proposed(ids: list[int]):
    recalled = found(ids)
    assert recalled is None or min(recalled[0]) >= 6


@settings(deadline=None)
@given(prompts, st.integers(6, VOCABULARY - 1))
def test_extending_is_as_reading(ids: list[int], token: int):
    if MID in ids or not {PRE, SUF} <= set(ids):  # else the token would belong to another part
        assert (extended(history(ids, MARKERS), token) == history([*ids, token], MARKERS)).all()


logits = st.lists(st.floats(-20, 20), min_size=VOCABULARY, max_size=VOCABULARY)


def some_logits() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(VOCABULARY, np.float32)


def probabilities(logits: np.ndarray) -> np.ndarray:
    p = np.exp(logits.astype(np.float64) - logits.max())
    return p / p.sum()


@settings(deadline=None)
@given(logits, tokens)
def test_mixing_keeps_the_sum_and_the_end(raw: list[float], ids: list[int]):
    said = np.array(raw, np.float32)
    before = probabilities(said)
    recalled = recall(history(ids, MARKERS))
    after = probabilities(mixed(said, recalled, EVEN, EOM))
    assert float(after.sum()) == pytest.approx(1, abs=1e-5)
    assert float(after[EOM]) == pytest.approx(float(before[EOM]), rel=1e-4, abs=1e-6)
    if recalled is not None:
        theirs = np.zeros(VOCABULARY)
        theirs[recalled.tokens] = recalled.shares
        expected = 0.5 * before + 0.5 * (1 - before[EOM]) * theirs
        expected[EOM] = before[EOM]
        assert np.allclose(after, expected, atol=1e-4)


def test_mixing_leaves_its_arguments_alone():
    raw = some_logits()
    copy, past = raw.copy(), history([6, 7, 6], NONE)
    mixed(raw, recall(past), EVEN, None)
    assert np.array_equal(raw, copy)
    assert recall(past) is not None
    assert len(extended(past, 7)) == len(past) + 1


def test_the_least_likely_token_keeps_a_probability():
    raw = np.full(VOCABULARY, -300.0, np.float32)
    raw[EOM] = 0
    after = mixed(raw, recall(history([6, 7, 6], NONE)), EVEN, EOM)
    assert np.isfinite(after).all()


def test_without_weight_or_memory_the_model_speaks_alone():
    raw = some_logits()
    recalled = recall(history([6, 7, 6], NONE))
    assert np.array_equal(mixed(raw, None, EVEN, EOM), raw)
    assert np.array_equal(mixed(raw, recalled, Trust(np.zeros(mixing.SHAPE)), EOM), raw)


@pytest.mark.parametrize(
    ("length", "confidence", "cell"),
    [(1, 0.0, (0, 0)), (2, 0.1, (1, 1)), (6, 0.98, (4, 6)), (9, 0.09, (5, 0)), (16, 0.5, (7, 3))],
)
def test_a_bound_belongs_to_the_cell_above(length, confidence, cell):
    weights = np.zeros(mixing.SHAPE)
    weights[cell] = 0.25
    assert Trust(weights).weight(length, confidence) == 0.25


def test_tables_by_size_are_one(tmp_path: Path):
    by_size = [np.full(mixing.SHAPE, weight) for weight in (0.2, 0.6)]
    (tmp_path / mixing.FILE).write_text(json.dumps(np.stack(by_size).tolist()))
    trust = read_trust(tmp_path)
    assert trust is not None
    assert trust.weights == pytest.approx(np.full(mixing.SHAPE, 0.4))


def test_the_table_is_kept_beside_the_model(tmp_path: Path):
    assert read_trust(tmp_path) is None
    weights = np.random.default_rng(0).uniform(0, mixing.MOST_WEIGHT, mixing.SHAPE).round(3)
    mixing.write_trust(Trust(weights), tmp_path)
    read = read_trust(tmp_path)
    assert read is not None
    assert (read.weights == weights).all()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[1, [2]]",
        "0.5",
        '{"weights": 1}',
        "[" * 100_000,
        json.dumps(np.full(mixing.SHAPE, 1.0).tolist()),
        json.dumps(np.full(mixing.SHAPE, -0.1).tolist()),
        json.dumps(np.full(mixing.SHAPE, float("nan")).tolist()),
        json.dumps(np.full(mixing.SHAPE[:1], 0.5).tolist()),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str):
    (tmp_path / mixing.FILE).write_text(text)
    with pytest.raises(ModelFolderError, match=mixing.FILE):
        read_trust(tmp_path)


def test_weights_go_to_whoever_is_right():
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 2, 4_000)
    by_them = rng.random(4_000) < np.where(cells == 0, 0.8, 0.1)
    mine, theirs = np.where(by_them, 0.001, 0.5), np.where(by_them, 0.5, 0.001)
    weights = likeliest(mine, theirs, cells, np.full(3, 0.3))
    assert weights == pytest.approx([0.8, 0.1, 0.3], abs=0.03)  # nothing was seen of the third


PROJECT = [SourceFile(f"{i}.ts", f"const a{i} = first({i});\n" * 9) for i in range(9)]


def test_samples_are_windows_and_files_just_begun_every_second_with_others():
    found = samples([PROJECT, [SourceFile("a.py", "x = 1\n")]], TYPESCRIPT, 2)
    assert len(found) == 8
    assert found == samples([PROJECT], TYPESCRIPT, 2), "of one language"
    texts = [file.text for file in PROJECT]
    for i, sample in enumerate(found):
        assert any(text.endswith(sample.text) for text in texts)
        assert list(sample.others) in ([], texts[: len(sample.others)])
        assert not (sample.others and i % 2 == 0)
    assert any(sample.others for sample in found)


def test_the_standard_library_is_learned_from_as_well():
    assert len(samples([], PYTHON, 2)) == 2


def test_a_model_that_knows_nothing_learns_to_trust_its_memory():
    tokenizer = Tokenizer.load(PRETRAINED / "tokenizer.json")
    torch.manual_seed(0)
    config = Mamba2Config(16, 1, tokenizer.vocab_size, d_state=8, headdim=8)
    text = "total = first_value + second_value\n" * 20
    model = Mamba2(config)
    torch.nn.init.normal_(model.backbone.embedding.weight, std=0.02)
    engine = Engine(TorchNetwork(model), tokenizer)
    rows = recalled_in(engine, LearningSample(text))
    trust = weighed(rows[:, 0], rows[:, 1], rows[:, 2].astype(np.int64))
    assert trust.weights.shape == mixing.SHAPE
    assert trust.weight(mixing.LONGEST_TOKENS, 0.0) > 0.9
    assert trust.weight(mixing.LONGEST_TOKENS, 1.0) == pytest.approx(0.3)  # was never so sure


def test_what_is_learned_from_is_what_the_engine_would_say():
    engine = tiny_engine()
    text, other = "def add(a, b):\n    return a + b\n", "def add(a, b, c):\n    return a + c\n"
    rows = recalled_in(engine, LearningSample(text, (other,)))
    ids = engine.tokenizer.encode(text)
    logits, _ = engine.network.advance_all([0, *ids[:-1]], engine.network.zero_state(), len(ids))
    told = []
    for i, (said, token) in enumerate(zip(logits, ids, strict=True)):
        past = history([0, *ids[:i]], engine.tokenizer.markers)
        if (remembered := recall(past, Archive([engine.tokenizer.encode(other)]))) is not None:
            p = probabilities(said)
            cell = mixing.cell(remembered.length, p.max())
            shares = dict(zip(remembered.tokens.tolist(), remembered.shares, strict=True))
            place = cell[0] * mixing.SHAPE[1] + cell[1]
            told.append((p[token], shares.get(token, 0), place))
    assert rows == pytest.approx(np.array(told))
