"""Which files may be read, completed in and remembered, and why not.

Owns the verdict on a path: git's rules (nested .gitignore files, a repository's and the user's own
excludes), .statelineignore files and settings, secret names, symbolic links. Reads rule files and
nothing else; knows no watches, no editor and no model. What a pattern means is in `gitignore`.

A verdict may be asked on several threads: what is cached is only ever added to, and replaced as a
whole by `reload`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from .git import is_top, repository_excludes, top_of, user_excludes
from .gitignore import PatternFile, parse
from .secret_names import is_secret_file, is_secret_folder
from .texts import FOLLOWING, plain_bytes

_log = logging.getLogger(__name__)

MAX_RULE_FILE_BYTES = 1 << 17  # takes seconds already, if every line is a pattern
GIT_RULES, OUR_RULES = ".gitignore", ".statelineignore"
_SETTINGS = "the setting `exclude`"
# Not worth a walk even where no rule says so: repositories' insides and installed packages.
_NEVER_ENTERED = frozenset(
    {".git", ".hg", ".svn", ".jj", "node_modules", "__pycache__", "site-packages", ".tox", ".nox"}
    | {".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints"}
)


class Verdict(IntEnum):
    """What may be done with a file; the greater, the stricter."""

    FREE = 0
    IGNORED = 1  # completed in, but never in the workspace part nor kept on disk
    SECRET = 2  # neither read nor completed in, because of its name
    EXCLUDED = 3  # neither read nor completed in, because the user said so


@dataclass(frozen=True)
class _Judgement:
    verdict: Verdict
    why: str


_FREE = _Judgement(Verdict.FREE, "no rule is against it")
_SECRET = _Judgement(Verdict.SECRET, "its name, or its folder's, says that it holds secrets")
_GITS_OWN = _Judgement(Verdict.IGNORED, "it is git's own")
_Stack = tuple[tuple[str, PatternFile], ...]  # each with its folder; the last one counts most


@dataclass(frozen=True)
class _Folder:
    """A folder that was judged, and the rules for what lies in it."""

    prefix: str  # what the paths of all that lies in it begin with
    judgement: _Judgement
    git: _Stack = ()
    ours: _Stack = ()
    settings: _Stack = ()  # each by itself, because no file of a workspace takes them back


class Rules:
    """The rules of some workspace folders. `exclude` holds patterns in the manner of .gitignore."""

    def __init__(self, roots: Sequence[Path], exclude: Sequence[str] = ()) -> None:
        self.roots, self._exclude = tuple(roots), tuple(exclude)
        self._judge = _Judge(self.roots, self._exclude)

    def verdict(self, path: Path) -> Verdict:
        """What may be done with a file; it need not exist. Tens of microseconds."""
        return self._judge.file(path).verdict

    def why(self, path: Path) -> str:
        """One sentence for a person: which rule decided."""
        judgement = self._judge.file(path)
        outcome = {
            Verdict.FREE: "may be read",
            Verdict.IGNORED: "is completed in but not remembered",
            Verdict.SECRET: "is not read",
            Verdict.EXCLUDED: "is not read",
        }[judgement.verdict]
        return f"{path.name} {outcome}: {judgement.why}."

    def enters(self, folder: Path) -> bool:
        """Whether a walk should go into a folder: it is free, no link, and of the user's making."""
        return (
            folder.name not in _NEVER_ENTERED
            and not folder.is_symlink()
            and not (folder / "pyvenv.cfg").exists()
            and self._judge.folder(folder).verdict is Verdict.FREE
        )

    def is_rule_file(self, path: Path) -> bool:
        """Whether a change of this file may change verdicts, so that `reload` is called for."""
        if path.name in (GIT_RULES, OUR_RULES) or path == self._judge.user_excludes:
            return True
        return path.parts[-2:] == ("info", "exclude") and ".git" in path.parts

    def reload(self) -> None:
        """Forget every rule file that was read."""
        self._judge = _Judge(self.roots, self._exclude)


class _Judge:
    """One reading of the rule files, folder by folder, as paths in them are asked about."""

    def __init__(self, roots: Sequence[Path], exclude: Sequence[str]) -> None:
        self._real_roots = {
            Path(os.path.abspath(root)): Path(os.path.realpath(root)) for root in roots
        }
        self._tops = {real: top_of(real) or real for real in self._real_roots.values()}
        self._settings = parse(_SETTINGS, "\n".join(exclude))
        self.user_excludes = user_excludes()
        self._folders: dict[Path, _Folder] = {}
        self._above: dict[str, _Folder] = {}  # the same, and those outside, by name
        self._places: dict[str, tuple[str, str]] = {}

    def file(self, path: Path) -> _Judgement:
        return self._both(path, "")

    def folder(self, path: Path) -> _Judgement:
        return self._both(path, "/")

    def _both(self, path: Path, end: str) -> _Judgement:
        """The stricter verdict: on the path as given, or on where a link leads from there."""
        folder, name = os.path.split(os.path.abspath(path))
        given, real = self._places.get(folder) or self._placed(folder)
        judgement = self._one(given, name, end)
        target = os.path.join(real, name)
        if os.path.islink(target):
            target = _real(target)
        elif real == given:
            return judgement
        linked = self._one(*os.path.split(target), end)
        return max(judgement, linked, key=lambda found: found.verdict)

    def _placed(self, folder: str) -> tuple[str, str]:
        """A folder with the links before and in its workspace followed: the former, and both."""
        given = next(
            (
                str(real / Path(folder).relative_to(root))
                for root, real in self._real_roots.items()
                if Path(folder).is_relative_to(root)
            ),
            folder,
        )
        placed = self._places[folder] = (given, _real(folder))
        return placed

    def _one(self, folder: str, name: str, end: str) -> _Judgement:
        if end and (path := Path(folder, name)) in self._tops.values():
            return self._folder(path, path).judgement
        above = self._above.get(folder)
        if above is None:
            above = self._above[folder] = self._found(Path(folder))
        return _judged(name, end, above)

    def _found(self, folder: Path) -> _Folder:
        inside = [root for root in self._tops if folder.is_relative_to(root)]
        if not inside:
            return self._outside(folder)
        top = self._tops[max(inside, key=lambda root: len(root.parts))]
        for path in reversed(folder.parents):  # from above, or a deep path would recurse as deep
            if path.is_relative_to(top):
                self._folder(path, top)
        return self._folder(folder, top)

    def _outside(self, folder: Path) -> _Folder:
        """Of what is in none of the workspace's folders only the names are known."""
        top = _prefix(Path(folder.anchor))
        why = _Judgement(Verdict.IGNORED, "it lies outside of the workspace")
        found = _Folder(top, why, settings=((top, self._settings),))
        for path in (*reversed(folder.parents[:-1]), folder):
            judgement = _judged(path.name, "/", found)
            found = replace(found, prefix=_prefix(path), judgement=judgement)
        return found

    def _folder(self, path: Path, top: Path) -> _Folder:
        found = self._folders.get(path)
        if found is None:
            if path == top:
                above = _Folder(_prefix(top), _FREE, self._fresh(top))
                judgement = _FREE
            else:
                above = self._folder(path.parent, top)
                judgement = _judged(path.name, "/", above)
            found = self._folders[path] = self._entered(path, above, judgement)
        return found

    def _fresh(self, folder: Path) -> _Stack:
        """The rules that a repository, or a folder in none, starts from."""
        outer = (self.user_excludes, repository_excludes(folder))
        read = (_read(path) for path in outer if path)
        return tuple((_prefix(folder), rules) for rules in read if rules)

    def _entered(self, path: Path, above: _Folder, judgement: _Judgement) -> _Folder:
        """The folder with the rules that it adds; in what is not free, nothing more is read."""
        if judgement.verdict is Verdict.EXCLUDED:
            return _Folder(_prefix(path), judgement)
        # A repository within another one has nothing but its own rules.
        git = self._fresh(path) if is_top(path) else above.git
        own, ours = _read(path / GIT_RULES), _read(path / OUR_RULES)
        settings = self._settings if path in self._tops else None
        return _Folder(
            _prefix(path),
            judgement,
            _with(git, path, own),
            _with(above.ours, path, ours),
            _with(above.settings, path, settings),
        )


def _judged(name: str, end: str, above: _Folder) -> _Judgement:
    """The verdict on what lies in a folder; nothing in it is freer than the folder."""
    if above.judgement.verdict is Verdict.EXCLUDED:
        return above.judgement
    path = above.prefix + name + end
    for stack in (above.ours, *((one,) for one in above.settings)):
        if by_us := _deciding(path, stack):
            return _Judgement(Verdict.EXCLUDED, by_us)
    if is_secret_folder(name) if end else is_secret_file(name):
        return _SECRET
    if above.judgement.verdict is not Verdict.FREE:
        return above.judgement
    if name == ".git":
        return _GITS_OWN
    by_git = _deciding(path, above.git)
    return _Judgement(Verdict.IGNORED, by_git) if by_git else _FREE


def _deciding(path: str, stack: _Stack) -> str:
    """The rule by which a path is ignored, in words, or nothing."""
    for prefix, rules in reversed(stack):
        pattern = rules.deciding(path[len(prefix) :])
        if pattern:
            place = f"{rules.source} says `{pattern.text}` in line {pattern.number}"
            return place if pattern.ignores else ""
    return ""


def _real(path: str) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):  # such as a name with a zero byte, which no file has
        return path


def _with(stack: _Stack, folder: Path, rules: PatternFile | None) -> _Stack:
    return (*stack, (_prefix(folder), rules)) if rules else stack


def _prefix(folder: Path) -> str:
    """What the paths of all that lies in a folder begin with."""
    return folder.as_posix().rstrip("/") + "/"


def _read(path: Path) -> PatternFile | None:
    try:
        data = plain_bytes(str(path), MAX_RULE_FILE_BYTES + 1, FOLLOWING)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        _log.warning(
            "Ignoring the rules in %s: it cannot be read (%s).", path, type(error).__name__
        )
        return None
    if len(data) > MAX_RULE_FILE_BYTES or b"\0" in data:
        _log.warning("Ignoring the rules in %s: it is too large or no text.", path)
        return None
    return parse(str(path), data.decode("utf-8", "surrogateescape")) if data.strip() else None
