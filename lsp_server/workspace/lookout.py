"""Answers for the texts that were given out: notices what becomes of their files, and has it told.

Owns what is watched for that, what is worth a look, and what a change means: that a text must be
read again, must leave, or that everything is to be seen in another light. Which files are chosen,
and why, it does not know.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .branches import Branches
from .families import SUFFIXES
from .folders import is_among
from .free_files import FreeFiles
from .given_texts import GivenTexts
from .listeners import Listeners
from .script_project import CONFIGURATIONS
from .walk import PACKAGE
from .watch import Look, Matters, Watch

if TYPE_CHECKING:
    from .survey import Survey

_PROJECT_FILES = frozenset({PACKAGE, *CONFIGURATIONS})  # that say where imports lead


class Lookout:
    """Any thread may call its methods, which return at once but for `close`.

    It looks on the watch's thread.
    """

    def __init__(
        self,
        files: FreeFiles,
        survey: Survey,
        listeners: Listeners,
        make_watch: Callable[[Look, Matters], Watch] = Watch,
    ) -> None:
        self._files, self._survey, self._listeners = files, survey, listeners
        self._given = GivenTexts()
        self._branches = Branches(files.folders.roots)
        self._watch = make_watch(self._look, self.matters)

    def give(self, texts: Mapping[str, str]) -> None:
        """Answer for these, by file, from now on."""
        self._given.add(texts)
        self._follow()

    def select(self, file: str, texts: Mapping[str, str]) -> None:
        """Answer for these, which go with an open file in place of those of before."""
        self._given.select(file, texts)
        self._follow()

    def hold(self, files: Iterable[str]) -> None:
        """Answer for these, whose texts were given out in an earlier session."""
        held = tuple(files)
        self._given.hold(held)
        self._follow()
        self._watch.hint(held)

    def hint(self, files: Iterable[str]) -> None:
        """These may be different; folders too."""
        self._watch.hint(files)

    def missed(self, files: Iterable[str]) -> None:
        """There is no text of these; whether one that was given out is gone, shows soon."""
        # It is not gone yet: perhaps it is just being saved.
        self._watch.hint(each for each in files if each in self._given)

    def matters(self, path: str) -> bool:
        """Whether an event at a file is worth a look at it; quick."""
        if path.endswith(SUFFIXES) or path in self._given or path in self._branches.heads:
            return True
        return self._decides(path)

    def close(self) -> None:
        """Stop; waits for a look in progress, unless called from within it."""
        self._watch.close()

    def _follow(self) -> None:
        given = self._given.subjects()
        folders = self._files.folders.with_above([*self._branches.folders, *given.folders])
        files = given.files | self._branches.heads
        self._watch.follow(replace(given, files=files, folders=folders))

    def _decides(self, path: str) -> bool:
        """Whether it says what may be read, or where imports lead."""
        if os.path.basename(path) in _PROJECT_FILES:
            return True
        return self._files.rules.is_rule_file(Path(path))

    # Below this line, everything runs on the watch's thread.

    def _look(self, paths: frozenset[str] | None) -> None:
        """Find out what became of these files, or of all, and tell."""
        self._survey.renew()
        paths = self._scope(paths)
        given = self._given.hashes()
        concerned = [each for each in given if paths is None or is_among(each, paths)]
        texts = {each: self._files.text(each) for each in concerned}
        gone = [each for each, text in texts.items() if text is None]
        differ = any(given[each] not in (None, hash(text)) for each, text in texts.items())
        new = any(each not in given and self._is_new(each) for each in paths or ())
        self._given.settle(texts)
        self._follow()
        if gone:
            self._listeners.gone(gone)
        if gone or differ or new or paths is None:
            self._listeners.changed()

    def _scope(self, paths: frozenset[str] | None) -> frozenset[str] | None:
        """What to look at, under the rules of now; None for everything."""
        if paths is None or self._turns_all(paths):
            self._files.rules.reload()
            self._survey.walk_again()
            return None
        if any(map(os.path.isdir, paths)):  # Rules in it may be others than those that were read.
            self._files.rules.reload()
        return paths

    def _turns_all(self, paths: frozenset[str]) -> bool:
        """Whether another branch, rules or modules may have put everything in another light."""
        return self._branches.switched() or any(map(self._decides, paths))

    def _is_new(self, path: str) -> bool:
        return path.endswith(SUFFIXES) and os.path.isfile(path) and self._files.free(path)
