"""The n-gram baseline: exact counts, probabilities that sum to one, the cache, completing."""

import gzip
import json
import math
from collections import Counter
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model import PRETRAINED
from stateline.model.completer import Context, Piece, Sampling, Usage
from stateline.model.errors import ModelFolderError
from stateline.model.tokens.tokenizer import Tokenizer
from stateline.model.training.judging import ngram
from stateline.model.training.judging.kneser_ney import Ngram, count, estimate
from stateline.model.training.judging.ngram import Cached, CacheModel, NgramCompleter, learn_trust
from typer.testing import CliRunner

VOCABULARY = 7
streams = st.lists(st.integers(0, VOCABULARY - 1), min_size=6, max_size=80)
TEXT = "def add(first, second):\n    return first + second\n\n\n" * 3


def model_of(stream: list[int], at_least: int = 1) -> Ngram:
    return estimate(count(np.array(stream, np.uint16), VOCABULARY), VOCABULARY, at_least)


@settings(deadline=None)
@given(streams)
def test_counts_are_those_of_a_counter(stream: list[int]):
    found = count(np.array(stream, np.uint16), VOCABULARY)
    known = [(t,) for t in range(VOCABULARY)]
    for n, level in enumerate(found, 1):
        if n > 1:
            known = [(*known[key // VOCABULARY], key % VOCABULARY) for key in level.keys.tolist()]
        grams = Counter(tuple(stream[i : i + n]) for i in range(len(stream) - n + 1))
        assert {g: c for g, c in zip(known, level.raw.tolist(), strict=True) if c} == grams
        if n < len(found):
            longer = {tuple(stream[i : i + n + 1]) for i in range(len(stream) - n)}
            before = Counter(gram[1:] for gram in longer)
            assert level.before.tolist() == [before[gram] for gram in known]


@settings(deadline=None)
@given(streams, streams, st.integers(1, 3))
def test_probabilities_are_of_one_distribution(trained: list[int], text: list[int], least: int):
    model = model_of(trained, least)
    one_by_one, known = model.probabilities(text)
    for i in range(1, len(text)):
        p, length = model.distribution(text[:i])
        assert p.sum() == pytest.approx(1, abs=1e-5)
        assert p.min() > 0
        assert p[text[i]] == pytest.approx(one_by_one[i - 1], abs=1e-6)
        assert length == known[i - 1]


def test_longer_contexts_are_believed():
    model = model_of([1, 2, 3, 4, 2, 5] * 20)
    assert model.distribution([1, 2])[0].argmax() == 3
    assert model.distribution([4, 2])[0].argmax() == 5
    assert model.distribution([6, 6])[1] == 0 or model.distribution([6, 6])[0].argmax() == 2


def test_pruning_leaves_out_what_was_rare():
    stream = [1, 2, 3] * 5 + [4, 5, 6]
    sizes = [[len(level.keys) for level in model_of(stream, n).levels] for n in (1, 2, 9)]
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[2] == [VOCABULARY, 0, 0, 0, 0, 0]
    assert model_of(stream, 9).distribution([1, 2])[0].sum() == pytest.approx(1, abs=1e-5)


def test_a_saved_model_says_the_same(tmp_path: Path):
    model = model_of([1, 2, 3, 4, 2, 5] * 20)
    model.save(tmp_path / "m.npz")
    loaded = Ngram.load(tmp_path / "m.npz")
    assert (loaded.distribution([1, 2])[0] == model.distribution([1, 2])[0]).all()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 no archive"])
def test_another_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "m.npz").write_bytes(content)
    with pytest.raises(ModelFolderError, match=r"m\.npz"):
        Ngram.load(tmp_path / "m.npz")


@settings(deadline=None)
@given(streams)
def test_the_cache_is_one_distribution(read: list[int]):
    cache = CacheModel(VOCABULARY)
    cache.read(read)
    p, known = cache.distribution()
    assert p.sum() == pytest.approx(1)
    assert [cache.probability(t) for t in range(VOCABULARY)] == [
        (pytest.approx(value), known) for value in p
    ]


def test_the_cache_learns_what_it_reads_and_parts_texts():
    cache = CacheModel(VOCABULARY)
    assert cache.distribution()[0] == pytest.approx(np.full(VOCABULARY, 1 / VOCABULARY))
    cache.read([1, 2, 3, 1])
    assert cache.distribution()[0].argmax() == 2
    cache.part()
    cache.read([5, 1, 2])
    assert cache.distribution()[0].argmax() == 3
    assert cache.probability(3)[1] == 2  # 3 1 | 5 was never read


def test_trust_goes_to_whoever_is_right():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, VOCABULARY, 500).tolist()
    repeated = rng.permutation(VOCABULARY).tolist() * 40
    for trained, text, right in [(noise, repeated, True), (repeated, repeated, False)]:
        learned = learn_trust(model_of(trained), [text])
        cache, model = (Cached(learned.ngram, np.full((6, 6), w)) for w in (0.99, 0.01))
        assert (cache.nats(text) < model.nats(text)) == right
        assert learned.nats(text) < min(cache.nats(text), model.nats(text)) * 1.1


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(PRETRAINED / "tokenizer.json")


@pytest.fixture(scope="module")
def completer(tokenizer: Tokenizer) -> NgramCompleter:
    stream = np.array([0, *tokenizer.encode(TEXT)], np.uint16)
    model = estimate(count(stream, tokenizer.vocab_size), tokenizer.vocab_size)
    return NgramCompleter(Cached(model, np.full((6, 6), 0.5)), tokenizer)


def complete(completer: NgramCompleter, text: str, max_tokens: int = 8) -> list[Piece | Usage]:
    before, _, after = text.partition("█")
    context = Context(before + after, len(before), "a.py")
    return list(completer.complete(context, Sampling(max_tokens=max_tokens), Event()))


def written(answer: list[Piece | Usage]) -> str:
    return "".join(piece.text for piece in answer if isinstance(piece, Piece))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def add(first, second):\n    ret█", "urn first + second"),
        ("def add(fir█", "st, second):"),
        ("alpha = beta_gamma\nalpha = be█\n", "ta_gamma"),  # known by what stands above
        ("alpha = be█\nalpha = beta_gamma\n", "ta_gamma"),  # and below
    ],
)
def test_it_writes_what_it_knows(completer: NgramCompleter, text: str, expected: str):
    assert written(complete(completer, text)).startswith(expected)


def test_pieces_then_a_usage(completer: NgramCompleter):
    *pieces, usage = complete(completer, "def add(█", max_tokens=5)
    assert isinstance(usage, Usage)
    assert usage.tokens_generated == 5
    assert all(isinstance(piece, Piece) and 0 < piece.confidence <= 1 for piece in pieces)


def test_stopping_ends_at_once(completer: NgramCompleter):
    stop, context = Event(), Context("def add(", 8, "a.py")
    answer = completer.complete(context, Sampling(), stop)
    assert isinstance(next(answer), Piece)
    stop.set()
    assert [type(left) for left in answer] == [Usage]


def test_bits_per_byte(completer: NgramCompleter, tokenizer: Tokenizer):
    nats = completer.model.nats([0, *tokenizer.encode(TEXT)])
    size = len(TEXT.encode())
    bits = ngram.bits_per_byte(completer.model, tokenizer, [TEXT, TEXT])
    assert bits == pytest.approx(nats / size / math.log(2))
    assert completer.model.nats([0]) == completer.model.nats([]) == 0
    assert ngram.bits_per_byte(completer.model, tokenizer, ["zürich §"]) > 3 * bits


def write_shard(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"path": "a.py", "text": text}).encode()))


def test_the_command_line_builds_and_evaluates(
    tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
):
    write_shard(tmp_path / "some.jsonl.gz", TEXT)
    write_shard(tmp_path / "heldout" / "other.jsonl.gz", TEXT)
    monkeypatch.setattr(ngram, "learning_texts", lambda words: [[0, *words.encode(TEXT)]])
    out, words = tmp_path / "out", PRETRAINED / "tokenizer.json"
    arguments = ["--corpus", tmp_path, "--tokenizer", words, "--out", out]
    built = CliRunner().invoke(ngram.app, ["build", *map(str, arguments)])
    assert built.exit_code == 0, built.output
    judged = CliRunner().invoke(ngram.app, ["evaluate", str(out), "--corpus", str(tmp_path)])
    report = json.loads(judged.output.splitlines()[-1])
    assert 0 < report["bits_per_byte"] < 0.5
    assert 0 < report["bits_per_byte_without_cache"] < 0.5
    (out / "trust.json").write_text("[1]")
    with pytest.raises(ModelFolderError, match=r"trust\.json"):
        ngram.open_completer(out)


def test_no_corpus_is_one_sentence(tmp_path: Path, tokenizer: Tokenizer):
    with pytest.raises(SystemExit, match="corpus build"):
        ngram.corpus_tokens(tmp_path, tokenizer)


def test_a_share_of_the_files_is_counted_the_same_each_time(tmp_path: Path, tokenizer: Tokenizer):
    for i in range(60):
        write_shard(tmp_path / f"{i}.jsonl.gz", TEXT)
    whole = ngram.corpus_tokens(tmp_path, tokenizer)
    some = ngram.corpus_tokens(tmp_path, tokenizer, 0.5)
    assert 0.3 < len(some) / len(whole) < 0.7
    assert (some == ngram.corpus_tokens(tmp_path, tokenizer, 0.5)).all()
