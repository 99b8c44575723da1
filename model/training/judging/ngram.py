"""The baseline to beat: a 6-gram model of the corpus with a cache of what was just read.

Owns the cache, and a `Writer` of it and `kneser_ney`, so that the measures that judge the
engine judge this as well. Knows the tokenizer and no network.

The cache has the same orders, counted over the open file and smoothed by Witten-Bell, as
discounts cannot be estimated from a page. How far it is trusted is a table by the longest
contexts that the cache and the model know, learned on the standard library, which is
neither trained on nor judged by.

    python -m stateline.model.training.judging.ngram build --corpus DIR --tokenizer FILE --out DIR
    python -m stateline.model.training.judging.ngram evaluate OUT --corpus DIR
"""

from __future__ import annotations

import json
import math
import random
import shutil
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from ...completer import Context, Piece, Sampling, Usage
from ...errors import ModelFolderError
from ...tokens.tokenizer import TokenizedText, Tokenizer
from ...writing.sampling import Vocabulary
from ..corpus.corpus import HELDOUT, read, shards
from .kneser_ney import ORDER, Doubles, Ints, Ngram, count, estimate
from .trust import PRIOR, learning_texts, likeliest

_TRUST = "trust.json"


class CacheModel:
    """Counts over what was just read, Witten-Bell smoothed; it grows token by token."""

    def __init__(self, vocabulary: int, order: int = ORDER) -> None:
        self._vocabulary = vocabulary
        # By length of the context: what came after it and how often; under -1 how often in all.
        self._after: list[dict[tuple[int, ...], dict[int, int]]] = [{} for _ in range(order)]
        self._recent: tuple[int, ...] = ()

    def read(self, ids: Iterable[int]) -> None:
        for token in ids:
            for context, after in zip(self._contexts(), self._after, strict=False):
                seen = after.setdefault(context, {-1: 0})
                seen[-1] += 1
                seen[token] = seen.get(token, 0) + 1
            self._recent = (*self._recent, token)[-len(self._after) + 1 :]

    def part(self) -> None:
        """What is read next does not follow what was read last."""
        self._recent = ()

    def _contexts(self) -> list[tuple[int, ...]]:
        recent = self._recent
        return [recent[len(recent) - n :] for n in range(len(recent) + 1)]

    def _known(self) -> list[dict[int, int]]:
        """What came after each known context, the shortest first."""
        found = (s.get(c) for c, s in zip(self._contexts(), self._after, strict=False))
        return [seen for seen in found if seen is not None]

    def probability(self, token: int) -> tuple[float, int]:
        """Of `token` coming next; and how many of the last tokens are a known context."""
        p, known = 1 / self._vocabulary, self._known()
        for seen in known:
            kinds = len(seen) - 1
            p = (seen.get(token, 0) + kinds * p) / (seen[-1] + kinds)
        return p, max(0, len(known) - 1)

    def distribution(self) -> tuple[Doubles, int]:
        """(v,) as `probability`, of all tokens."""
        p, known = np.full(self._vocabulary, 1 / self._vocabulary), self._known()
        for seen in known:
            kinds = len(seen) - 1
            tokens, times = np.array([*seen]), np.array([*seen.values()])
            p *= kinds
            p[tokens[1:]] += times[1:]
            p /= seen[-1] + kinds
        return p, max(0, len(known) - 1)


@dataclass(frozen=True)
class Cached:
    """An n-gram model with a cache, mixed as the table `trust` says."""

    ngram: Ngram
    trust: Doubles  # (order, order) the cache's weight, by the contexts that it and the model know

    def nats(self, ids: Sequence[int]) -> float:
        """Of `ids` after the first, read left to right from an empty cache."""
        mine, caches, cells = _both(self.ngram, ids)
        weight = self.trust.flatten()[cells]
        return float(-np.log(mine + weight * (caches - mine)).sum())

    def distribution(self, ids: Sequence[int], cache: CacheModel) -> Doubles:
        """(v,) of what comes after `ids`, which `cache` has read last."""
        (mine, known), (caches, cached) = self.ngram.distribution(ids), cache.distribution()
        return mine + float(self.trust[cached, known]) * (caches - mine)


def _both(ngram: Ngram, ids: Sequence[int]) -> tuple[Doubles, Doubles, Ints]:
    """Of each token after the first: probabilities by model and cache, and the cell in `trust`."""
    mine, known = ngram.probabilities(ids)
    cache = CacheModel(ngram.vocabulary, len(ngram.levels))
    found = np.empty((len(mine), 2))
    for i, token in enumerate(ids[1:]):
        found[i] = cache.probability(token)
        cache.read([token])
    return mine, found[:, 0], found[:, 1].astype(np.int64) * len(ngram.levels) + known


def learn_trust(ngram: Ngram, texts: Iterable[Sequence[int]]) -> Cached:
    """With the weights under which `texts` are likeliest."""
    columns = zip(*(_both(ngram, ids) for ids in texts), strict=True)
    mine, caches, cells = (np.concatenate(column) for column in columns)
    order = len(ngram.levels)
    weights = likeliest(mine, caches, cells, np.full(order * order, PRIOR))
    return Cached(ngram, weights.reshape(order, order))


class NgramCompleter:
    """A `Writer`; the cache holds the file's text on both sides of the cursor."""

    def __init__(self, model: Cached, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._vocabulary = Vocabulary(tokenizer.token_bytes, tokenizer.special_ids, None)

    def warm(self, context: Context, stop: Event) -> Usage:
        """See `Writer`; there is nothing that could be read ahead."""
        return Usage()

    def complete(
        self, context: Context, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """See `Writer`; always greedy. It knows no end, so it writes `max_tokens`."""
        prefix = TokenizedText(self.tokenizer)
        prefix.update(context.prefix)
        ids = [self.tokenizer.markers.bos or 0, *prefix.ids[: prefix.settled]]
        cache = CacheModel(self.model.ngram.vocabulary, len(self.model.ngram.levels))
        cache.read(self.tokenizer.encode(context.suffix))
        cache.part()
        cache.read(ids)
        left, decoder = prefix.tail.encode(), getincrementaldecoder("utf-8")("replace")
        generated = 0
        while generated < sampling.max_tokens and not stop.is_set():
            allowed = self._vocabulary.allowed(left)
            if not len(allowed):
                break
            p = self.model.distribution(ids, cache)[allowed]
            best = int(p.argmax())
            ids.append(int(allowed[best]))
            cache.read(ids[-1:])
            text = self._vocabulary.token_bytes[ids[-1]]
            generated += not left
            new, left = text[len(left) :], left[len(text) :]
            if new:
                yield Piece(decoder.decode(new), float(p[best] / p.sum()))
        yield Usage(tokens_read=len(ids), tokens_generated=generated)


def bits_per_byte(model: Cached, tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Of `texts` read left to right, each from an empty cache; as the trainer's for a network."""
    bos = tokenizer.markers.bos or 0
    nats = sum(model.nats([bos, *tokenizer.encode(text)]) for text in texts)
    return nats / sum(len(text.encode()) for text in texts) / math.log(2)


def corpus_tokens(corpus: Path, tokenizer: Tokenizer, share: float = 1.0) -> NDArray[np.uint16]:
    """Training text in one row, [bos] before each file: of a share of the files, at random.

    SystemExit if there is none.
    """
    bos = tokenizer.markers.bos or 0
    if tokenizer.vocab_size > 1 << 16:
        raise SystemExit("The n-gram model holds tokens in 16 bits; use a smaller vocabulary.")
    rng = random.Random(0)
    files = (
        np.array([bos, *tokenizer.encode(file.text)], np.uint16)
        for shard in shards(corpus)
        for file in read(shard)
        if rng.random() < share
    )
    rows = list(files)
    if not rows:
        raise SystemExit(f"No shards in {corpus}: run `stateline corpus build` first.")
    return np.concatenate(rows)


def open_completer(folder: Path) -> NgramCompleter:
    """What `build` wrote; ModelFolderError says in a sentence what is wrong with it."""
    ngram = Ngram.load(folder / "ngram.npz")
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    try:
        trust = np.array(json.loads((folder / _TRUST).read_bytes()), np.float64)
        if trust.shape != (len(ngram.levels),) * 2 or not ((trust >= 0) & (trust <= 1)).all():
            raise ValueError("a table of other sizes or numbers")
    except (OSError, ValueError, TypeError) as error:
        raise ModelFolderError(
            f"{folder / _TRUST} is not the table of this n-gram model ({error}); build it again."
        ) from error
    return NgramCompleter(Cached(ngram, trust), tokenizer)


app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command("build")
def build_command(
    corpus: Annotated[Path, typer.Option(help="Where `stateline corpus build` put its shards.")],
    tokenizer: Annotated[Path, typer.Option(help="The tokenizer.json to count tokens of.")],
    out: Annotated[Path, typer.Option(help="Folder for the model, of a gigabyte and more.")],
    at_least: Annotated[int, typer.Option(help="Leave out what was seen less often.")] = 1,
    share: Annotated[
        float, typer.Option(help="Of the files, evenly; 50 million tokens take minutes and 3 GB.")
    ] = 1.0,
) -> None:
    """Count the corpus, learn how far to trust the cache, and save both."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(tokenizer, out / "tokenizer.json")
    words = Tokenizer.load(tokenizer)
    counts = count(corpus_tokens(corpus, words, share), words.vocab_size)
    ngram = estimate(counts, words.vocab_size, at_least)
    ngram.save(out / "ngram.npz")
    trust = learn_trust(ngram, learning_texts(words)).trust
    (out / _TRUST).write_text(json.dumps(trust.tolist()))


@app.command("evaluate")
def evaluate_command(
    model: Annotated[Path, typer.Argument(help="What `build` wrote.")],
    corpus: Annotated[Path, typer.Option(help="Where `stateline corpus build` put its shards.")],
) -> None:
    """Bits per byte on the texts that `evaluate` takes; one JSON line last."""
    files = [file for shard in shards(corpus / HELDOUT) for file in read(shard)]
    texts = [f.text[:3000] for f in random.Random(0).sample(files, min(60, len(files)))]
    completer = open_completer(model)
    alone = Cached(completer.model.ngram, np.zeros_like(completer.model.trust))
    found: dict[str, Any] = {
        "bits_per_byte": bits_per_byte(completer.model, completer.tokenizer, texts),
        "bits_per_byte_without_cache": bits_per_byte(alone, completer.tokenizer, texts),
    }
    typer.echo(json.dumps(found))


if __name__ == "__main__":
    app()
