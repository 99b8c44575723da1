"""Noticing copies: the lines of a text as numbers, and which of them were seen before.

A telling line is one that is long enough to say something once its white space is gone. Knows no
files, no projects and no languages.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xxhash

Lines = npt.NDArray[np.uint32]  # (n,) one number for each distinct telling line

MIN_LINE_BYTES = 8  # shorter lines ("else:", "pass") say nothing about copying
_BITS = 30  # of a number: fifteen million lines fill one part in seventy of that room


def telling_lines(text: str) -> Lines:
    """The distinct telling lines of a text."""
    lines = set(text.encode().translate(None, b" \t\r\f\v").split(b"\n"))
    digest = xxhash.xxh3_64_intdigest
    numbers = {digest(line) >> (64 - _BITS) for line in lines if len(line) >= MIN_LINE_BYTES}
    return np.fromiter(numbers, np.uint32, len(numbers))


class SeenLines:
    """Telling lines that were added, as bits; one in a hundred may be taken for another."""

    def __init__(self) -> None:
        self._bits = np.zeros(1 << (_BITS - 3), np.uint8)  # memory is only used where lines fall

    def add(self, lines: Lines) -> None:
        np.bitwise_or.at(self._bits, lines >> 3, _bit(lines))

    def share(self, lines: Lines) -> float:
        """Of the lines, how many were seen: 0 to 1, and 1 for a text that has none."""
        if not len(lines):
            return 1.0
        return float(np.count_nonzero(self._bits[lines >> 3] & _bit(lines)) / len(lines))


def _bit(lines: Lines) -> npt.NDArray[np.uint8]:
    return (np.uint8(1) << (lines & 7).astype(np.uint8)).astype(np.uint8)
