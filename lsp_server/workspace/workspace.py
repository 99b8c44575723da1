"""The files of the workspace folders: which of them go with an open one, and when they change.

Owns how its parts work together: `free_files` reads, `survey` and `recent` know what there is and
what was used, `candidates` and `selection` choose, `lookout` answers for what was given out. Knows
nothing of editors and models. Unsaved text never comes here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ...model.completer import Neighbour, WorkspaceBudget
from ..access.rules import Rules
from .candidates import candidates
from .families import family
from .free_files import FreeFiles
from .listeners import Listeners
from .lookout import Lookout
from .recent import Recent
from .selection import Selection, choose, in_order
from .survey import Survey
from .watch import Look, Matters, Watch


class Workspace:
    """Finds, reads and watches the files that matter to those that are open.

    `select`, `saved_text` and `recent` read the disk and belong on a worker thread; the other
    methods may be called on an event loop.
    """

    def __init__(
        self,
        rules: Rules,
        changed: Callable[[], None],
        gone: Callable[[frozenset[Path]], None],
        make_watch: Callable[[Look, Matters], Watch] = Watch,
    ) -> None:
        """Both listeners are called on a background thread, and must be quick.

        `changed`: a selection made anew may differ. `gone`: these files, of which text was given
        out or `held`, were deleted or may not be kept any more; every trace must leave.
        """
        self._listeners = Listeners(changed, gone)
        self._files = FreeFiles(rules)
        self._recent = Recent(self._files.folders)
        self._survey = Survey(self._files, self._listeners.changed)
        self._lookout = Lookout(self._files, self._survey, self._listeners, make_watch)

    def touch(self, path: Path) -> None:
        """The user opened, edited, saved or switched to this file."""
        self._survey.typing()
        self._recent.touch(os.path.abspath(path))

    def notify(self, paths: Iterable[Path]) -> None:
        """The editor says that these changed, came or went on the disk; folders too."""
        self._lookout.hint(map(os.path.abspath, paths))

    def held(self, paths: Iterable[Path]) -> None:
        """Answer for these as well: the caller holds text of them since an earlier session."""
        self._lookout.hold(map(os.path.abspath, paths))

    def select(
        self,
        path: Path,
        text: str,
        budget: WorkspaceBudget,
        before: Selection,
        order: Sequence[str] = (),
    ) -> Selection:
        """What goes with an open file, given the selection of before; nothing outside the roots.

        `order` stands for a selection of an earlier session, of which only the paths are known.
        """
        file = os.path.abspath(path)
        if not self._files.folders.owns(file) or not family(file):
            return Selection()
        relations, recent = self._survey.relations, self._recent.files()
        found = candidates(file, text, recent, relations, self._files.text)
        texts = self._texts([*found.wanted, *found.beside])
        wanted = self._neighbours(found.wanted, texts)
        beside = self._neighbours(found.beside, texts)
        before = before if before.read else in_order(wanted, budget, order)
        selection = choose(wanted, beside, budget, before)
        chosen = {each.file for each in (*selection.read, *selection.recalled)}
        self._lookout.select(file, {each: texts[each] for each in texts if each in chosen})
        return selection

    def saved_text(self, path: Path) -> str | None:
        """A file's text on the disk, line feeds only; None if it has none that may be kept."""
        file = os.path.abspath(path)
        if (text := self._files.text(file)) is not None:
            self._lookout.give({file: text})
        return text

    def root_of(self, path: Path) -> Path | None:
        """The innermost workspace folder that a file stands in."""
        root = self._files.folders.root(os.path.abspath(path))
        return None if root is None else Path(root)

    def recent(self) -> list[str]:
        """Files that the user touched and that may be kept, the last one last; for `restore`."""
        return [file for file in self._recent.files() if self._files.free(file)]

    def restore(self, recent: Sequence[str]) -> None:
        """Take an order over from an earlier session; what was touched since comes after it."""
        self._recent.restore([os.path.abspath(file) for file in recent])

    def close(self) -> None:
        """Stop all threads; no listener is called any more once this has returned."""
        self._listeners.close()
        self._survey.close()
        self._lookout.close()

    def _texts(self, files: Sequence[str]) -> dict[str, str]:
        found = {file: self._files.text(file) for file in files}
        self._lookout.missed(file for file, text in found.items() if text is None)
        return {file: text for file, text in found.items() if text is not None}

    def _neighbours(self, files: Sequence[str], texts: Mapping[str, str]) -> list[Neighbour]:
        name = self._files.folders.name
        return [Neighbour(name(each), texts[each], each) for each in files if each in texts]
