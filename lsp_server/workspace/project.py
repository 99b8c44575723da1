"""The workspace folders of one session, and everything that is asked about files.

Owns the rules, the workspace and the neighbourhood, brings what they notice on their threads to
the event loop's, and remembers from session to session in which order files were used and read.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from ...model.states.statefolder import entries
from ..access.rules import Rules, Verdict
from ..edit.uris import file_of
from .cache import Order, load_order, save_order, states_folder
from .neighbourhood import Neighbourhood
from .workspace import Workspace

logger = logging.getLogger(__name__)


class Project:
    """Lives on the event loop's thread; what reads the disk runs on others."""

    def __init__(
        self,
        roots: Iterable[Path],
        exclude: Iterable[str],
        forget: Callable[[frozenset[Path]], None],
    ) -> None:
        """`forget` is called with files of which nothing may be known any more."""
        self._roots = tuple(roots)
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._rules = Rules(self._roots, tuple(exclude))
        self._workspace = Workspace(self._rules, self._on_changed, self._on_gone)
        order = load_order(self._roots)
        self._workspace.restore(order.recent)
        self.neighbourhood = Neighbourhood(
            self._workspace if self._roots else None, order.read, self._on_chosen
        )
        self._saved_order = order
        self._saving: asyncio.Future[None] | None = None
        self._loop.run_in_executor(None, self._answer_for_kept_states)

    def verdict(self, uri: str) -> Verdict:
        """Whether the document may be read; one that is no file is judged by its URI's path."""
        return self._rules.verdict(_judged_path(uri))

    def why(self, uri: str) -> str:
        """The verdict in a sentence."""
        return self._rules.why(_judged_path(uri))

    def touched(self, uri: str) -> None:
        """The user opened, edited or saved this document."""
        if file := file_of(uri):
            self._workspace.touch(Path(file))

    def changed(self, uris: Iterable[str]) -> None:
        """These are different on the disk, or gone, or new."""
        self._workspace.notify([Path(file) for uri in uris if (file := file_of(uri))])

    def saved(self, uri: str) -> None:
        """The document is on the disk as it is now."""
        self.touched(uri)
        self.changed([uri])
        self.neighbourhood.changed()

    def close(self) -> None:
        """Stop all threads. May wait a moment for the one that watches."""
        self._workspace.close()

    def _renew(self) -> None:
        self.neighbourhood.changed()

    def _on_chosen(self) -> None:
        """Another choice was made: remember it, unless that is being done."""
        if self._saving is None or self._saving.done():
            read = self.neighbourhood.order()
            self._saving = self._loop.run_in_executor(None, self._save, read)

    # Below this line, everything runs on other threads.

    def _save(self, read: dict[str, tuple[str, ...]]) -> None:
        order = Order(tuple(self._workspace.recent()), read)
        if self._roots and order != self._saved_order:
            self._saved_order = order
            save_order(self._roots, order)

    def _answer_for_kept_states(self) -> None:
        """States of earlier sessions may hold files that are excluded by now."""
        folders = set(map(str, self._roots))
        kept = [entry for entry in entries(states_folder()) if entry.workspace in folders]
        files = {Path(source.path) for entry in kept for source in entry.sources}
        if files:
            self._workspace.held(files)

    def _on_changed(self) -> None:
        self._tell(self._renew)  # which may be sooner than there is a neighbourhood

    def _on_gone(self, files: frozenset[Path]) -> None:
        self._tell(self._forget, files)

    def _tell(self, listener: Callable[..., None], *values: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(listener, *values)


def _judged_path(uri: str) -> Path:
    """Where a document would stand if it were a file, such as git's older version of one."""
    path = unquote(re.split(r"[?#]", uri.partition(":")[2])[0])
    return Path(file_of(uri) or os.path.join(os.sep, path.lstrip("/")))
