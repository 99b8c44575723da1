"""A memory for what was just seen: what followed the last tokens where they stood before.

Owns a prompt's tokens in reading order, and how what followed a `match` is mixed with the model's
own prediction. Pure functions of token ids and logits; knows no text and no model. A recurrent
state recalls far identifiers badly, and this recalls them exactly.

The weight of the memory is a table, `memory.json` in the model's folder, learned by
`training.judging.trust`. Without that file there is no memory.
"""

from __future__ import annotations

import json
import math
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFolderError
from ..json_file import read_json
from ..tokens.tokenizer import Markers
from .archive import GAP, LONGEST_TOKENS, Ids
from .match import Match

FILE = "memory.json"
# Cells of the table: by the tokens that match, and by the model's own highest probability. A bound
# belongs to the cell above it. Whether the places agree need not count, for their shares say it;
# how much there is to recall from, and in which language, were measured and hardly count.
LENGTHS = (2, 3, 4, 5, 7, 10, 16)
CONFIDENCES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.97)
SHAPE = (len(LENGTHS) + 1, len(CONFIDENCES) + 1)
MOST_WEIGHT = 0.98  # the model always keeps a say
_MAX_JSON_BYTES = 1 << 20

NOTHING: Ids = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Recalled:
    """What followed the last tokens at the earlier places where most of them stood."""

    tokens: Ids  # (m,) different ones, ascending
    shares: NDArray[np.float64]  # (m,) of those places; they sum to one
    length: int  # tokens that match, at most LONGEST_TOKENS


@dataclass(frozen=True)
class Trust:
    """The memory's weight by cell, a table of SHAPE with values from 0 to MOST_WEIGHT."""

    weights: NDArray[np.float64]

    def weight(self, length: int, confidence: float) -> float:
        """The memory's part of the prediction; `confidence` is the model's highest probability."""
        return float(self.weights[cell(length, confidence)])


def cell(length: int, confidence: float) -> tuple[int, int]:
    """The place in the table."""
    return bisect(LENGTHS, length), bisect(CONFIDENCES, confidence)


def history(tokens: Sequence[int], markers: Markers) -> Ids:
    """A prompt's text in reading order: what follows the cursor, then what precedes it.

    What the anchor parted is joined again, and every marker becomes a gap.
    """
    gap = np.full(LONGEST_TOKENS, GAP, np.int32)  # so that no look back falls out
    return np.concatenate([gap, _in_order(np.array(tokens, np.int32), markers)])


def _in_order(ids: Ids, markers: Markers) -> Ids:
    places = [np.flatnonzero(ids == m) for m in (markers.pre, markers.suf, markers.mid)]
    if all(map(len, places)):  # without all three the order is that of the text
        pre, suf, mid = (int(found[-1]) for found in places)
        above, below, near = ids[pre + 1 : suf], ids[suf:mid], ids[mid + 1 :]
        ids = np.concatenate([ids[:pre], below, ids[pre : pre + 1], above, near])
    ids[np.isin(ids, _special(markers))] = GAP
    return ids


def _special(markers: Markers) -> list[int]:
    every = (markers.bos, markers.pre, markers.suf, markers.mid, markers.eom, markers.file)
    return [marker for marker in every if marker is not None]


def recalled(match: Match) -> Recalled | None:
    """What followed the longest match, in the text or in other files; None if there is none."""
    if match.length == 0:
        return None
    followers = match.followers()
    if len(followers) == 1:  # the usual case, without the sorting
        return Recalled(followers, np.ones(1), match.length)
    tokens, times = np.unique(followers, return_counts=True)
    return Recalled(tokens, times / len(followers), match.length)


def mixed(
    logits: NDArray[Any], recalled: Recalled | None, trust: Trust, eom: int | None
) -> NDArray[Any]:
    """Logits (v,) of the model and its memory together; the end marker keeps its probability.

    The memory cannot know where a middle ends, so it shares in all of the rest only.
    """
    if recalled is None:
        return logits
    log_p = _log_softmax(logits.astype(np.float32, copy=False))
    weight = trust.weight(recalled.length, math.exp(log_p.max()))
    if weight <= 0:
        return logits
    end = None if eom is None else log_p[eom]
    rest = 1.0 if end is None else -math.expm1(min(end, 0.0))
    log_p += math.log1p(-weight)
    if rest > 0:
        # Not by way of exp, which can leave no allowed token with a probability above zero.
        theirs = np.log(recalled.shares * (weight * rest))
        log_p[recalled.tokens] = np.logaddexp(log_p[recalled.tokens], theirs)
    if end is not None:
        log_p[eom] = end
    return log_p


def _log_softmax(x: NDArray[np.float32]) -> NDArray[np.float32]:
    x = x - x.max()  # a copy, so that the caller's numbers stay
    x -= math.log(float(np.exp(x).sum()))
    return x


def read_trust(folder: Path) -> Trust | None:
    """The table of a model folder; None without one. Raises ModelFolderError."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        weights = np.array(read_json(path, _MAX_JSON_BYTES), np.float64)
        if weights.shape[1:] == SHAPE:  # learned when sizes of what is recalled were told apart
            weights = weights.mean(0)
    except (OSError, ValueError, TypeError) as error:
        raise ModelFolderError(
            f"{path} is not a table of the memory's weights ({error}); delete it to do without."
        ) from error
    if weights.shape != SHAPE or not ((weights >= 0) & (weights <= MOST_WEIGHT)).all():
        raise ModelFolderError(
            f"{path} is no table of {' x '.join(map(str, SHAPE))} weights from 0 to "
            f"{MOST_WEIGHT}; delete it to do without a memory, or learn it again."
        )
    return Trust(weights)


def write_trust(trust: Trust, folder: Path) -> None:
    """Put the table into a model folder, rounded to what can be learned."""
    (folder / FILE).write_text(json.dumps(np.round(trust.weights, 3).tolist()) + "\n")
