"""Whether what is written goes round in circles, as small models are prone to.

Owns when tokens count as a mere repetition. Knows tokens only as numbers, and nothing of what they
say: a text may well repeat its user, so only what was written itself is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

# Tokens that must come again before it is one. Rows of zeros, closing tags and three alike
# arguments are written by people; a dozen tokens that bring nothing new hardly ever are.
LEAST_TOKENS = 12


def repeated_tokens(tokens: Sequence[int]) -> int:
    """How many of the last tokens only repeat those before them; 0: too few to say so.

    They repeat a stretch of some length if each is the token of one such length before, and if
    they are a whole stretch at least. Of all lengths, the one that most tokens repeat.
    """
    most = 0
    for period in range(1, len(tokens) // 2 + 1):
        length = _repeated(tokens, period)
        if length >= max(period, LEAST_TOKENS):
            most = max(most, length)
    return most


def _repeated(tokens: Sequence[int], period: int) -> int:
    """How many of the last tokens are the same as those of one period before."""
    for length in range(len(tokens) - period):
        if tokens[-1 - length] != tokens[-1 - length - period]:
            return length
    return len(tokens) - period
