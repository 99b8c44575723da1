"""What git keeps outside of the tree: rules, and which branch is checked out.

Owns the finding of `.git`, as a folder or as the file that worktrees and submodules have, of a
repository's own excludes and of the user's. Never runs git, writes nothing, and knows nothing of
what rules say. Whatever cannot be read counts as not there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .texts import FOLLOWING, plain_bytes

_MAX_CONFIG_BYTES = 1 << 20
_LARGEST_LINE_BYTES = 4096
_SECTION = re.compile(r"\s*\[\s*([^\]\s\"]+)\s*(\"[^\"]*\")?\s*\](.*)")
_EXCLUDES = re.compile(r"\s*excludesfile\s*=\s*(.*)", re.IGNORECASE)
_COMMENT = re.compile(r"\s+[#;].*")


@dataclass(frozen=True)
class Repository:
    """Absolute paths of what is worth watching for a workspace folder."""

    head: str  # the file that names the branch
    folders: tuple[str, ...]  # git's own, and those from the workspace folder up to the top one


def user_excludes() -> Path | None:
    """The file of the user's own patterns: git's core.excludesFile, or where git looks without."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    xdg = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    override = os.environ.get("GIT_CONFIG_GLOBAL")
    configs = [Path(override)] if override else [home / ".gitconfig", xdg / "git" / "config"]
    for config in configs:
        if (named := _excludes_file(_text_of(config))) is not None:
            return _expanded(named, home) if named else None
    return xdg / "git" / "ignore"


def _expanded(named: str, home: Path) -> Path:
    return home / named[2:] if named.startswith("~/") else Path(named)


def _excludes_file(config: str) -> str | None:
    """The last value of core.excludesFile; empty switches the file off, None says nothing."""
    section, found = "", None
    for line in config.splitlines():
        if header := _SECTION.match(line):
            section = "" if header[2] else header[1].lower()
            line = header[3]
        if section == "core" and (setting := _EXCLUDES.match(line)):
            value = setting[1].strip()
            quoted = re.match(r'"((?:[^"\\]|\\.)*)"', value)
            bare = _COMMENT.sub("", value)
            found = re.sub(r"\\(.)", r"\1", quoted[1] if quoted else bare)
    return found


def repository_excludes(folder: Path) -> Path | None:
    """A repository's info/exclude, given its top folder; None if the folder is no such thing."""
    own = _own(folder)
    if own is None:
        return None
    # A worktree shares these with the repository that it is one of.
    common = read_line(os.path.join(own, "commondir"))
    return Path(own, common, "info", "exclude")


def is_top(folder: Path) -> bool:
    """Whether a repository begins here, even one that cannot be read."""
    return os.path.exists(folder / ".git")


def top_of(folder: Path) -> Path | None:
    """The top folder of the repository that a folder stands in; None if it stands in none."""
    return next((each for each in (folder, *folder.parents) if is_top(each)), None)


def repository_of(root: Path) -> Repository | None:
    """The repository that a folder stands in, as far as it can be read."""
    top = top_of(root)
    if top is None or (own := _own(top)) is None:
        return None
    head = os.path.join(own, "HEAD")
    if not os.path.isfile(head):
        return None
    inside = [str(each) for each in (root, *root.parents) if each.is_relative_to(top)]
    return Repository(head, (own, os.path.join(own, "info"), *inside))


def _own(top: Path) -> str | None:
    """Git's own folder of a repository, given its top folder; None if that is no such thing."""
    if not is_top(top):
        return None
    own = os.path.join(top, ".git")
    if os.path.isfile(own):  # of a worktree or a submodule: it says where the folder is
        named = read_line(own).removeprefix("gitdir:").strip()
        return os.path.normpath(os.path.join(top, named)) if named else own
    return own


def read_line(path: str) -> str:
    """The first line of a small file; empty if there is none."""
    try:
        data = plain_bytes(path, _LARGEST_LINE_BYTES, FOLLOWING)
    except (OSError, ValueError):
        return ""
    return data.decode("utf-8", "surrogateescape").partition("\n")[0].strip()


def _text_of(path: Path) -> str:
    try:
        data = plain_bytes(str(path), _MAX_CONFIG_BYTES, FOLLOWING)
    except (OSError, ValueError):
        return ""
    return data.decode("utf-8", "surrogateescape")
