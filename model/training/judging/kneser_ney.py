"""Counting a corpus's n-grams and smoothing them: an interpolated modified Kneser-Ney model.

Owns the counts, the estimate and its file. Knows token ids, and nothing of text. Of the common
smoothings this one has the lowest perplexity at every corpus size (Chen & Goodman 1998), and
counting by sorting yields what it asks for: how many different tokens stand before an n-gram.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelFolderError

ORDER = 6

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


_KEPT = ("keys", "share", "left")  # the arrays of a Level, in order


@dataclass(frozen=True)
class Counts:
    """All n-grams of one length, sorted by their n-1 first tokens, then by the last."""

    keys: Ints  # (m,) index of the n-1 first tokens in the order below, times v, plus the last
    raw: Ints  # (m,) how often it was seen
    before: Ints  # (m,) how many different tokens stood before it


@dataclass(frozen=True)
class Level:
    """The n-grams of one length with their share of probability."""

    keys: Ints  # (m,) as in Counts
    share: NDArray[np.float32]  # (m,) of the last token after the others, discounted
    left: NDArray[np.float32]  # (m,) what shares after this whole n-gram leave to lower orders


def count(tokens: NDArray[np.uint16], vocabulary: int, order: int = ORDER) -> list[Counts]:
    """Counts of length 1 to `order`; 50 million tokens take 3 GB and some minutes.

    An n-gram is known by the index of its beginning and its last token, so keys are exact.
    """
    stream = tokens.astype(np.int64)
    ends = stream  # index of the n-gram that ends at each place, in its own order
    raw = np.bincount(stream, minlength=vocabulary)
    found = [Counts(np.arange(vocabulary), raw, np.zeros(vocabulary, np.int64))]
    for n in range(2, order + 1):
        keys = ends[:-1] * vocabulary + stream[n - 1 :]
        by_key = np.argsort(keys)
        keys = keys[by_key]
        new = np.concatenate([[True], keys[1:] != keys[:-1]])
        starts = np.flatnonzero(new)
        without_first = ends[1:][by_key[starts]]
        before = np.bincount(without_first, minlength=len(found[-1].keys))
        found[-1] = Counts(found[-1].keys, found[-1].raw, before)
        ends = np.empty(len(keys), np.int64)
        ends[by_key] = np.cumsum(new) - 1
        raw = np.diff(starts, append=len(keys))
        found.append(Counts(keys[starts], raw, np.zeros(0, np.int64)))
    return found


def estimate(counts: Sequence[Counts], vocabulary: int, at_least: int = 1) -> Ngram:
    """Kneser-Ney from counts; longer n-grams than one token stay if seen `at_least` so often."""
    everywhere = counts[0].before if len(counts) > 1 else counts[0].raw
    discounted = everywhere - _discounts(everywhere)[np.minimum(everywhere, 3)]
    share = discounted / everywhere.sum()
    share += (1 - share.sum()) / vocabulary
    levels = [Level(counts[0].keys, share.astype(np.float32), np.ones(vocabulary, np.float32))]
    index = np.arange(vocabulary)  # of each n-gram of the order below among those that stay
    for n, level in enumerate(counts[1:], 2):
        times = level.raw if n == len(counts) else level.before
        first, last = np.divmod(level.keys, vocabulary)
        totals = np.bincount(first, times, len(counts[n - 2].keys))
        shares = (times - _discounts(times)[np.minimum(times, 3)]) / np.maximum(totals, 1)[first]
        stay = level.raw >= at_least
        kept = index[first[stay]]
        below = levels[-1]
        left = 1 - np.bincount(kept, shares[stay], len(below.keys))
        levels[-1] = Level(below.keys, below.share, left.clip(0).astype(np.float32))
        keys = kept * vocabulary + last[stay]
        levels.append(Level(keys, shares[stay].astype(np.float32), np.ones(len(keys), np.float32)))
        index = np.cumsum(stay) - 1
    return Ngram(tuple(levels))


def _discounts(times: Ints) -> Doubles:
    """What to take from counts of 0, 1, 2 and more (Chen & Goodman 1998, equation 26)."""
    n1, n2, n3, n4 = (max(1, int((times == k).sum())) for k in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2)
    found = [0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    # Of few tokens the estimate can leave its range; lower orders must keep something.
    return np.array(found).clip([0, 0.05, 0.05, 0.05], [0, 0.95, 1.9, 2.85])


@dataclass(frozen=True)
class Ngram:
    """A smoothed model; probabilities of a context are those of all tokens, and sum to one."""

    levels: tuple[Level, ...]

    @property
    def vocabulary(self) -> int:
        return len(self.levels[0].keys)

    def ends(self, ids: Sequence[int]) -> Ints:
        """(l, order): for each place the index of each n-gram that ends there, -1 if unknown."""
        tokens = np.asarray(ids, np.int64)
        found = np.full((len(tokens), len(self.levels)), -1, np.int64)
        found[:, 0] = tokens
        for n, level in enumerate(self.levels[1:], 1):
            if len(tokens) <= n or not len(level.keys):
                break
            before = found[:-1, n - 1]
            keys = before * self.vocabulary + tokens[1:]
            at = np.searchsorted(level.keys, keys).clip(max=len(level.keys) - 1)
            found[1:, n] = np.where((before >= 0) & (level.keys[at] == keys), at, -1)
        return found

    def probabilities(self, ids: Sequence[int]) -> tuple[Doubles, Ints]:
        """(l-1,) of each token after the first given those before it; lengths of known contexts."""
        ends = self.ends(ids)
        p = self.levels[0].share[ends[1:, 0]].astype(np.float64)
        for n, level in enumerate(self.levels[1:], 1):
            if not len(level.keys):
                break
            context, whole = ends[:-1, n - 1], ends[1:, n]
            p *= np.where(context >= 0, self.levels[n - 1].left[context], 1)
            p += np.where(whole >= 0, level.share[whole], 0)
        return p, (ends[:-1, :-1] >= 0).sum(-1)

    def distribution(self, ids: Sequence[int]) -> tuple[Doubles, int]:
        """(v,) of what comes after `ids`, and how many of the last tokens are a known context."""
        p = self.levels[0].share.astype(np.float64)
        last = list(ids)[-(len(self.levels) - 1) :]
        contexts = self.ends(last)[-1] if last else np.empty(0, np.int64)
        for n, level in enumerate(self.levels[1:], 1):
            if len(contexts) < n or contexts[n - 1] < 0:
                break
            context = int(contexts[n - 1])
            bounds = np.array([context, context + 1]) * self.vocabulary
            first, end = np.searchsorted(level.keys, bounds)
            p *= self.levels[n - 1].left[context]
            p[level.keys[first:end] % self.vocabulary] += level.share[first:end]
        return p, int((contexts[: len(self.levels) - 1] >= 0).sum())

    def save(self, path: Path) -> None:
        arrays = {
            f"{k}{n}": getattr(level, k) for n, level in enumerate(self.levels) for k in _KEPT
        }
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Ngram:
        """Read what `save` wrote; ModelFolderError says in a sentence what is wrong with it."""
        try:
            with np.load(path, allow_pickle=False) as file:
                lengths = range(len(file.files) // len(_KEPT))
                return cls(tuple(Level(*(file[f"{k}{n}"] for k in _KEPT)) for n in lengths))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelFolderError(
                f"{path} is not an n-gram model ({error}); make one with `ngram build`."
            ) from error
