"""The files of the workspace that are free, and their texts.

Owns that a text comes from nowhere but a file in a workspace folder that the rules leave free.
Knows nothing of what a text is wanted for, and of what became of those that were given.
"""

from __future__ import annotations

from pathlib import Path

from ..access.rules import Rules, Verdict
from ..access.texts import Texts
from .folders import Folders


class FreeFiles:
    """Reads the disk; belongs on worker threads, on any number of them."""

    def __init__(self, rules: Rules) -> None:
        self.rules, self.folders = rules, Folders(rules.roots)
        self._texts = Texts()

    def free(self, file: str) -> bool:
        """Whether a file may be read and remembered; it need not exist."""
        if self.folders.root(file) is None:
            return False
        return self.rules.verdict(Path(file)) is Verdict.FREE

    def text(self, file: str) -> str | None:
        """A file's text, line feeds only; None if it has none that may be kept."""
        return self._texts.get(file) if self.free(file) else None
