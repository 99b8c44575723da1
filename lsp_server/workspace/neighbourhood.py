"""The surroundings of each open text: which other files are given to the model with it, since when.

Owns what was chosen last for each document, and when that is to be looked at again. Lives on the
event loop's thread; files are looked at on others. Which files matter is `workspace`'s to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...model.completer import Context, FileId, Surroundings, WorkspaceBudget
from ...model.tokens.shared_start import common_prefix_length
from ..edit.uris import file_of
from .folders import Folders
from .selection import Selection
from .workspace import Workspace

SETTLED_S = 3.0  # of no request, before the order of what is read may change
# So old may a choice become, by a change that it does not know, before it is renewed all the same.
STALE_S = 15.0
MOST_ORDERS = 16  # files whose neighbours' order is kept for the next session


@dataclass(frozen=True)
class _Chosen:
    """What was chosen for one document, and what it was made from."""

    around: Surroundings
    selection: Selection
    saved: str  # the text on the disk; empty if states of it may not be kept there
    version: int


class Neighbourhood:
    """Asks a workspace at the right moments; without one there are no neighbours."""

    def __init__(
        self,
        workspace: Workspace | None,
        order: Mapping[str, Sequence[str]] | None = None,
        chose: Callable[[], None] = lambda: None,
    ) -> None:
        """`order` is that of an earlier session; `chose` is called when that changed."""
        self._workspace = workspace
        self._folders = workspace.folders if workspace else Folders(())
        self._order = dict(order or {})
        self._chose = chose
        self.listener: Callable[[], None] = lambda: None  # told of each change
        self._chosen: dict[str, _Chosen] = {}
        self._version = 0  # of everything that a choice depends on
        self._changed_s = 0.0  # when the version became what it is, on the loop's clock
        self._drops = 0

    def around(self, uri: str) -> Surroundings:
        """The surroundings of a document, for a request: at once, by what is known."""
        chosen = self._chosen.get(uri)
        return chosen.around if chosen else self._alone(file_of(uri))

    def around_reading(self, context: Context) -> Surroundings:
        """As `around`, with how much of the text stands on the disk too."""
        chosen = self._chosen.get(context.uri)
        if chosen is None:
            return self.around(context.uri)
        saved_chars = common_prefix_length(chosen.saved, context.text)
        return replace(chosen.around, saved_chars=saved_chars)

    def changed(self) -> None:
        """Something that a choice depends on has changed."""
        self._version += 1
        if self._version == 1 or not self._stale():
            self._changed_s = asyncio.get_running_loop().time()
        self.listener()

    def due_in(self, uri: str, idle_s: float) -> float | None:
        """Seconds until the document's neighbours should be chosen anew; None: they are right.

        `idle_s` ago was the last request.
        """
        if self._workspace is None or not file_of(uri):
            return None
        chosen = self._chosen.get(uri)
        if chosen is None:
            return 0.0
        if chosen.version == self._version:
            return None
        age_s = asyncio.get_running_loop().time() - self._changed_s
        return max(0.0, min(SETTLED_S - idle_s, STALE_S - age_s))

    async def renew(self, uri: str, text: str, budget: WorkspaceBudget) -> None:
        """Choose anew, on another thread."""
        workspace, file = self._workspace, file_of(uri)
        if workspace is None or not file:
            return
        version, drops, before = self._version, self._drops, self._chosen.get(uri)
        selection = before.selection if before else Selection()
        select, path, order = workspace.select, Path(file), self._order.get(file, ())
        selection = await asyncio.to_thread(select, path, text, budget, selection, order)
        saved = await asyncio.to_thread(workspace.saved_text, path)
        if drops != self._drops:
            return  # What was chosen may hold what has left meanwhile; it is due again.
        alone = self._alone(file)
        around = replace(alone, read=selection.read, recalled=selection.recalled)
        if before and before.around == around:
            around = before.around  # the same object, so that nobody need compare it again
        self._chosen[uri] = _Chosen(around, selection, saved or "", version)
        self._order.pop(file, None)
        self._order[file] = tuple(self._folders.place(each.file) for each in selection.read)
        self._chose()

    def order(self) -> dict[str, tuple[str, ...]]:
        """What is read before the files worked on last, for the next session."""
        return {file: tuple(files) for file, files in list(self._order.items())[-MOST_ORDERS:]}

    def drop(self, files: Collection[Path]) -> frozenset[FileId]:
        """These files may no longer be known; all that a model knows them by."""
        names = set(map(str, files))
        self._drops += 1
        self._order = {
            file: tuple(each for each in read if each not in names)
            for file, read in self._order.items()
            if file not in names
        }
        gone = frozenset[FileId]().union(*map(self._folders.identities, names))
        for uri, chosen in list(self._chosen.items()):
            seen = {each.file for each in (*chosen.around.read, *chosen.around.recalled)}
            if chosen.around.file in gone or not seen.isdisjoint(gone):
                del self._chosen[uri]
        self._chose()
        return gone

    def answer_for(self, stored_files: Callable[[Collection[str]], Collection[FileId]]) -> None:
        """What a model kept of earlier sessions may be excluded by now; runs on another thread.

        `stored_files` is `Completer`'s.
        """
        if self._workspace is not None and (files := stored_files(self._folders.names)):
            self._workspace.held(Path(self._folders.place(each)) for each in files)

    def close(self, uri: str) -> None:
        """Forget what was chosen for a document."""
        self._chosen.pop(uri, None)

    def _alone(self, file: str) -> Surroundings:
        """Of a file whose neighbours are not known; the model is told its path from the first."""
        return Surroundings(file=self._folders.identity(file) if file else None)

    def _stale(self) -> bool:
        return any(chosen.version < self._version - 1 for chosen in self._chosen.values())
