"""Long reading ahead, as the client is shown it.

Owns when it is worth a word and how far it is. Knows nothing of what is read.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from .progress import Progress

WORTH_TELLING_TOKENS = 4096  # left to be read: some seconds


class Warming:
    """Follows what is left from report to report."""

    def __init__(
        self,
        new: Callable[[], Progress],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        told: Callable[[bool], None] = lambda busy: None,
    ) -> None:
        """`told` is told when it begins to be worth a word, and when it is over."""
        self._new, self._spawn, self._told = new, spawn, told
        self._progress: Progress | None = None
        self._most_tokens = 0
        self._percentage = 0

    def left(self, tokens: int) -> None:
        """So many tokens are still to be read."""
        if self._progress is None and tokens >= WORTH_TELLING_TOKENS:
            self._most_tokens, self._percentage, self._progress = tokens, 0, self._new()
            self._spawn(self._progress.begin())
            self._told(True)
        elif self._progress is not None and tokens:
            self._most_tokens = max(self._most_tokens, tokens)
            done = 100 * (self._most_tokens - tokens) // self._most_tokens
            self._percentage = max(self._percentage, done)  # more may come to be read meanwhile
            self._progress.report(self._percentage)
        elif self._progress is not None:
            self._progress.end()
            self._progress = None
            self._told(False)
