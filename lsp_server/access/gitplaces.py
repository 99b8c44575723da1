"""Where git keeps rules outside of the tree that it judges.

Owns the finding of a repository's own excludes and of the user's, without running git. Knows
nothing of what such files say. Whatever cannot be read counts as not there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from .texts import FOLLOWING, plain_bytes

_MAX_CONFIG_BYTES = 1 << 20
_SECTION = re.compile(r"\s*\[\s*([^\]\s\"]+)\s*(\"[^\"]*\")?\s*\](.*)")
_EXCLUDES = re.compile(r"\s*excludesfile\s*=\s*(.*)", re.IGNORECASE)
_COMMENT = re.compile(r"\s+[#;].*")


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
    git = folder / ".git"
    if git.is_dir():
        return git / "info" / "exclude"
    if not git.is_file():
        return None
    # A worktree or a submodule: a file that says where the repository lies.
    real = folder / _text_of(git).removeprefix("gitdir:").strip()
    common = _text_of(real / "commondir").strip()
    return real / common / "info" / "exclude"


def _text_of(path: Path) -> str:
    try:
        data = plain_bytes(str(path), _MAX_CONFIG_BYTES, FOLLOWING)
    except (OSError, ValueError):
        return ""
    return data.decode("utf-8", "surrogateescape")
