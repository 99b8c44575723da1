"""The files of the workspace folders: which of them go with an open one, and when they change.

Owns what the user touched, which texts were given out, and who is told when those must be read
again or must leave. What is wanted most is `selection`'s to say, what may be read at all the
rules'. Knows nothing of editors and models. Unsaved text never comes here.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from watchdog.observers import Observer

from ...model.completer import Neighbour, WorkspaceBudget
from ..access.git import read_line, repository_of
from ..access.rules import Verdict
from ..access.texts import Texts
from .families import SUFFIXES, family
from .folders import Folders, is_among
from .relations import Relations
from .script_project import CONFIGURATIONS
from .selection import Selection, choose, in_order, wanted
from .walk import PACKAGE, Index, siblings, walk
from .watch import PACE, Pace, Subjects, Watch, Watcher

logger = logging.getLogger(__name__)

__all__ = ["Rules", "Selection", "Workspace"]

MAX_RECENT = 64  # files
MAX_OPEN = 8  # selections whose files are watched
MAX_BESIDE = 16  # files of the same folder
# The walk's pauses. While the user types it hardly works: an answer needs Python's one lock some
# hundred times, and in a workspace of 100,000 files took a fifth longer.
PAUSE_S, LONG_PAUSE_S = 0.004, 0.05
TYPING_S = 0.2  # after an edit
_FOLLOWED_IMPORTS = 4  # recent files whose imports are looked at
_PROJECT_FILES = frozenset({PACKAGE, *CONFIGURATIONS})  # that say where imports lead


class Rules(Protocol):
    """What may be read; see `rules.Rules`."""

    def verdict(self, path: Path) -> Verdict: ...
    def enters(self, folder: Path) -> bool: ...
    def is_rule_file(self, path: Path) -> bool: ...
    def reload(self) -> None: ...


class Workspace:
    """Finds, reads and watches the files that matter to those that are open.

    `touch`, `notify` and `close` may be called on an event loop; the other methods read the disk
    and belong on a worker thread.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        rules: Rules,
        changed: Callable[[], None],
        gone: Callable[[frozenset[Path]], None],
        pace: Pace = PACE,
        watcher: Callable[[], Watcher] = Observer,
    ) -> None:
        """Both listeners are called on a background thread.

        `changed`: a selection made anew may differ. `gone`: these files, of which text was given
        out or `held`, were deleted or may not be kept any more; every trace must leave.
        """
        self._folders = Folders(roots)
        repositories = [found for each in self._folders.roots if (found := repository_of(each))]
        self._git_folders = [folder for each in repositories for folder in each.folders]
        self._branches = {each.head: read_line(each.head) for each in repositories}
        self._rules = rules
        self._changed, self._gone = changed, gone
        self._texts = Texts()
        self._index = Index()
        self._relations = self._new_relations()
        self._lock = threading.Lock()  # for what follows; never held while the disk is read
        self._recent: OrderedDict[str, None] = OrderedDict()  # the last one was used last
        self._given: dict[str, int | None] = {}  # the text's hash, by path
        self._selected: OrderedDict[str, tuple[str, ...]] = OrderedDict()  # paths, by open file
        self._closed = False
        self._touched_s = -math.inf
        self._walk_due = threading.Event()
        self._watch = Watch(self._look, self._matters, pace, watcher)
        if self._folders.roots:
            self._walk_due.set()
            threading.Thread(target=self._walk, name="walk", daemon=True).start()

    def touch(self, path: Path) -> None:
        """The user opened, edited, saved or switched to this file."""
        self._touched_s = time.monotonic()
        file = os.path.abspath(path)
        if not self._folders.owns(file) or not file.endswith(SUFFIXES):
            return
        with self._lock:
            self._recent[file] = None
            self._recent.move_to_end(file)
            while len(self._recent) > MAX_RECENT:
                self._recent.popitem(last=False)

    def notify(self, paths: Iterable[Path]) -> None:
        """The editor says that these changed, came or went on the disk; folders too."""
        self._watch.hint(os.path.abspath(path) for path in paths)

    def held(self, paths: Iterable[Path]) -> None:
        """Answer for these as well: the caller holds text of them since an earlier session."""
        files = [os.path.abspath(path) for path in paths]
        with self._lock:
            for file in files:
                self._given.setdefault(file, None)
        self._follow()
        self._watch.hint(files)

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
        file, suffixes = os.path.abspath(path), family(str(path))
        if not self._folders.owns(file) or not suffixes:
            return Selection()
        with self._lock:
            used = [each for each in reversed(self._recent) if each != file]
        recent = [each for each in used if each.endswith(suffixes)]
        relations = self._relations
        imports, tests = relations.imports(file, text), relations.tests(file)
        files = wanted(file, recent, [*imports, *tests], self._further(recent, relations))
        beside = [
            each for each in siblings(file, suffixes, MAX_BESIDE + len(files)) if each not in files
        ][:MAX_BESIDE]
        texts = self._readable([*files, *beside])
        pieces = self._neighbours(files, texts)
        before = (
            before
            if before.read
            else in_order(pieces, budget, [*map(self._folders.identity, order)])
        )
        selection = choose(pieces, self._neighbours(beside, texts), budget, before)
        chosen = {each.file for each in (*selection.read, *selection.recalled)}
        named = {each: self._folders.identity(each) for each in texts}
        self._give(file, {each: texts[each] for each in texts if named[each] in chosen})
        return selection

    def saved_text(self, path: Path) -> str | None:
        """A file's text on the disk, line feeds only; None if it has none that may be kept."""
        file = os.path.abspath(path)
        if (text := self._text(file)) is not None:
            with self._lock:
                self._given[file] = hash(text)
            self._follow()
        return text

    @property
    def folders(self) -> Folders:
        """Which say what files are called."""
        return self._folders

    def recent(self) -> list[str]:
        """Files that the user touched and that may be kept, the last one last; for `restore`."""
        with self._lock:
            recent = list(self._recent)
        return [each for each in recent if self._free(each)]

    def restore(self, recent: Sequence[str]) -> None:
        """Take an order over from an earlier session; what was touched since comes after it."""
        with self._lock:
            since = list(self._recent)
            self._recent.clear()
        for file in [*recent[-MAX_RECENT:], *since]:
            self.touch(Path(file))

    def close(self) -> None:
        """Stop all threads; no listener is called any more once this has returned."""
        self._closed = True
        self._walk_due.set()
        self._watch.close()

    def _free(self, file: str) -> bool:
        if self._folders.root(file) is None:
            return False
        return self._rules.verdict(Path(file)) is Verdict.FREE

    def _text(self, file: str) -> str | None:
        return self._texts.get(file) if self._free(file) else None

    def _readable(self, files: Iterable[str]) -> dict[str, str]:
        texts, missing = {}, []
        for file in files:
            if (text := self._text(file)) is not None:
                texts[file] = text
            elif file in self._given:
                missing.append(file)
        self._watch.hint(missing)  # Perhaps it is just being saved: whether it is gone, shows soon.
        return texts

    def _neighbours(self, files: Iterable[str], texts: dict[str, str]) -> list[Neighbour]:
        return [
            Neighbour(self._folders.name(each), texts[each], self._folders.identity(each))
            for each in files
            if each in texts
        ]

    def _new_relations(self) -> Relations:
        return Relations(self._folders.roots, self._index, self._text)

    def _further(self, recent: Sequence[str], relations: Relations) -> Iterator[str]:
        for file in recent[:_FOLLOWED_IMPORTS]:
            if (text := self._text(file)) is not None:
                yield from relations.imports(file, text)

    def _give(self, file: str, texts: dict[str, str]) -> None:
        with self._lock:
            self._given |= {each: hash(text) for each, text in texts.items()}
            self._selected[file] = tuple(texts)
            self._selected.move_to_end(file)
            while len(self._selected) > MAX_OPEN:
                self._selected.popitem(last=False)
        self._follow()

    def _follow(self) -> None:
        with self._lock:
            chosen = [file for files in reversed(self._selected.values()) for file in files]
            homes = [os.path.dirname(file) for file in (*reversed(self._selected), *chosen)]
            given = frozenset(self._given)
        used = given.intersection(chosen)
        files = used | self._branches.keys()
        folders = self._folders.with_above([*self._git_folders, *homes])
        self._watch.follow(Subjects(files, folders, given - used))

    def _matters(self, path: str) -> bool:
        if path.endswith(SUFFIXES) or path in self._given or path in self._branches:
            return True
        return os.path.basename(path) in _PROJECT_FILES or self._rules.is_rule_file(Path(path))

    # Below this line, everything runs on a background thread.

    def _walk(self) -> None:
        while self._walk_due.wait() and not self._closed:
            self._walk_due.clear()
            roots = [Path(root) for root in self._folders.roots]
            try:
                self._index = walk(roots, SUFFIXES, self._rules.enters, self._pause)
            except Exception as error:
                logger.error("The walk failed: %s", type(error).__name__, exc_info=error)
            self._relations = self._new_relations()
            if not self._closed:
                self._changed()

    def _pause(self) -> bool:
        """Let other threads work; once a new walk is due, this one is of no use."""
        typing = time.monotonic() - self._touched_s < TYPING_S
        return not self._walk_due.wait(LONG_PAUSE_S if typing else PAUSE_S)

    def _look(self, paths: frozenset[str] | None) -> None:
        """Find out what became of these files, or of all, and tell."""
        self._relations = self._new_relations()
        if paths is None or self._turns_all(paths):
            self._rules.reload()
            self._walk_due.set()
            paths = None
        elif any(map(os.path.isdir, paths)):  # Rules in it may be others than those that were read.
            self._rules.reload()
        with self._lock:
            given = dict(self._given)
        concerned = [each for each in given if paths is None or is_among(each, paths)]
        texts = {each: self._text(each) for each in concerned}
        gone = {each for each, text in texts.items() if text is None}
        now = {each: hash(text) for each, text in texts.items() if text is not None}
        changed = {each for each, text in now.items() if given[each] not in (None, text)}
        new = {each for each in paths or () if each not in given and self._is_new(each)}
        self._settle(gone, now)
        if gone and not self._closed:
            self._gone(frozenset(Path(each) for each in gone))
        if (gone or changed or new or paths is None) and not self._closed:
            self._changed()

    def _turns_all(self, paths: frozenset[str]) -> bool:
        """Whether another branch, rules or modules may have put everything in another light."""
        before = self._branches
        self._branches = {head: read_line(head) for head in before}
        if self._branches != before:
            return True
        return any(
            os.path.basename(path) in _PROJECT_FILES or self._rules.is_rule_file(Path(path))
            for path in paths
        )

    def _is_new(self, path: str) -> bool:
        return path.endswith(SUFFIXES) and os.path.isfile(path) and self._free(path)

    def _settle(self, gone: Iterable[str], now: dict[str, int]) -> None:
        with self._lock:
            self._given |= now
            for each in gone:
                self._given.pop(each, None)
        self._follow()
