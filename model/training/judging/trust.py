"""How far a memory is trusted: weights learned on text that neither trains nor judges.

Owns the learning samples, the one formula for weights, and the learning of a model's `memory.json`
from what its network predicts and what its memory recalls. How what is recalled is weighed while
writing is `mixing`'s.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...engine import Engine
from ...languages import PYTHON, Language
from ...memory.archive import Archive
from ...memory.match import Match
from ...memory.mixing import MOST_WEIGHT, SHAPE, Trust, cell, history, recalled
from ...networks.interface import Network
from ...tokens.tokenizer import Tokenizer
from ..corpus.corpus import SourceFile
from ..corpus.sources import STANDARD_LIBRARY, unseen_texts
from .cases import in_language
from .cursors import in_turns
from .kneser_ney import Doubles

LEARNING_TEXTS = 60  # of the standard library, for the n-gram baseline
LEARNING_CHARS = 12_000  # of each: a window of the engine
CHUNK_TOKENS = 64
EXCERPT_CHARS = 1_500  # of a file that has just been begun
EXCERPTS_PER_WINDOW = 3
OTHER_CHARS = 60_000  # of other files that the memory recalls beside a sample
PRIOR = 0.3  # of a cell that nothing is known of
PRIOR_TOKENS = 1.0  # that it is worth

_NOT_INDENTED = re.compile(r"^[^\s#/*)\]}]", re.MULTILINE)


@dataclass(frozen=True)
class LearningSample:
    """A text as if it were an open file's, and the files beside it that the memory recalls."""

    text: str
    others: tuple[str, ...] = ()


def learning_texts(tokenizer: Tokenizer, count: int = LEARNING_TEXTS) -> Iterator[list[int]]:
    """Tokens of some of the standard library, [bos] first; the same for one Python version."""
    texts = [text for text in unseen_texts(STANDARD_LIBRARY) if text]
    for text in random.Random(0).sample(texts, min(count, len(texts))):
        yield [tokenizer.markers.bos or 0, *tokenizer.encode(text[:LEARNING_CHARS])]


def samples(
    projects: Sequence[Sequence[SourceFile]], language: Language, windows: int
) -> list[LearningSample]:
    """So many whole windows of a language, and some files just begun for each of them.

    Every second one has other files of its project beside it, those before it in the shard. The
    standard library is a project of Python's, so that it has its turn among the others.
    """
    rng = random.Random(f"samples {language.name}")
    held = in_language(projects, language)
    if language is PYTHON:
        library = [SourceFile("library.py", text) for text in unseen_texts(STANDARD_LIBRARY)]
        held += [[file] for file in rng.sample(library, min(len(library), windows))]
    every = [
        [
            LearningSample(file.text, _before(files, i))
            for i, file in enumerate(files)
            if file.text.strip()
        ]
        for files in held
    ]
    rng.shuffle(every)
    waiting = in_turns([rng.sample(each, len(each)) for each in every])
    begun = waiting[windows : (1 + EXCERPTS_PER_WINDOW) * windows]
    parts = [LearningSample(each.text[:LEARNING_CHARS], each.others) for each in waiting[:windows]]
    parts += [LearningSample(_excerpt(each.text, rng), each.others) for each in begun]
    return [LearningSample(each.text, each.others if i % 2 else ()) for i, each in enumerate(parts)]


def _before(files: Sequence[SourceFile], end: int) -> tuple[str, ...]:
    """The texts of the files before one, as many as the memory is given."""
    taken: list[str] = []
    while end and sum(map(len, taken)) < OTHER_CHARS:
        end -= 1
        taken.insert(0, files[end].text[:OTHER_CHARS])
    return tuple(taken)


def _excerpt(text: str, rng: random.Random) -> str:
    """From a line that is not indented on, as if what stands before it were not there."""
    starts = [match.start() for match in _NOT_INDENTED.finditer(text)] or [0]
    start = rng.choice(starts)
    return text[start : start + EXCERPT_CHARS]


def likeliest(
    mine: Doubles,
    theirs: Doubles,
    cells: NDArray[np.int64],
    prior: Doubles,
    prior_tokens: float = PRIOR_TOKENS,
    rounds: int = 60,
) -> Doubles:
    """(c,) weights of `theirs` under which the tokens are likeliest, by cell.

    `mine` and `theirs` (l,) are two probabilities of each token, `prior` (c,) are weights that
    each cell starts with, as if seen in so many tokens. By expectation maximisation, which for a
    mixture of two finds the only maximum.
    """
    weights = prior
    seen = np.bincount(cells, minlength=len(prior)) + prior_tokens
    for _ in range(rounds):
        part = weights[cells] * theirs
        by_them = np.bincount(cells, part / (part + (1 - weights[cells]) * mine), len(prior))
        weights = (by_them + prior * prior_tokens) / seen
    return weights


def weighed(mine: Doubles, theirs: Doubles, cells: NDArray[np.int64]) -> Trust:
    """The table under which tokens are likeliest; `cells` are places in it, flattened."""
    prior = np.full(int(np.prod(SHAPE)), PRIOR)
    return Trust(likeliest(mine, theirs, cells, prior).reshape(SHAPE).clip(max=MOST_WEIGHT))


def recalled_in(engine: Engine, sample: LearningSample) -> Doubles:
    """(l, 3) of each token where something is recalled: the probability that the model gives
    it and that the memory gives it, and its cell in the table, flattened.

    The text is read left to right.
    """
    tokenizer, bos = engine.tokenizer, engine.tokenizer.markers.bos or 0
    ids = tokenizer.encode(sample.text)
    match = Match.of(
        history([bos], tokenizer.markers), Archive(map(tokenizer.encode, sample.others))
    )
    rows = []
    for token, (p, sure) in zip(ids, _predicted(engine.network, [bos, *ids]), strict=True):
        found = recalled(match)
        if found is not None:
            theirs = float(found.shares[found.tokens == token].sum())
            place = np.ravel_multi_index(cell(found.length, sure), SHAPE)
            rows.append((p, theirs, float(place)))
        match = match.then(token)
    return np.array(rows, np.float64).reshape(-1, 3)


def _predicted(network: Network, ids: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Of each token after the first: its probability, and the highest of any."""
    state: Any = network.zero_state()
    for start in range(0, len(ids) - 1, CHUNK_TOKENS):
        chunk = ids[start : min(start + CHUNK_TOKENS, len(ids) - 1)]
        logits, state = network.advance_all(chunk, state, len(chunk))
        top = logits.max(-1)
        sure = 1 / np.exp(logits - top[:, None]).sum(-1)
        after = ids[start + 1 : start + 1 + len(chunk)]
        mine = np.exp(logits[np.arange(len(chunk)), after] - top) * sure
        yield from zip(mine.tolist(), sure.tolist(), strict=True)
