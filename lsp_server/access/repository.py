"""Where a workspace folder's git repository says which branch is checked out.

Owns the finding of `.git`, as a folder or as the file that worktrees and submodules have. Never
runs git, and writes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from .texts import FOLLOWING, plain_bytes

_LARGEST_BYTES = 4096


@dataclass(frozen=True)
class Repository:
    """Absolute paths of what is worth watching for a workspace folder."""

    head: str  # the file that names the branch
    folders: tuple[str, ...]  # git's own, and those from the workspace folder up to the top one


def repository_of(root: str) -> Repository | None:
    """The repository that a folder stands in, as far as it can be read."""
    folders = [root]
    while True:
        top = folders[-1]
        own = os.path.join(top, ".git")
        if os.path.isfile(own):
            named = read_line(own).removeprefix("gitdir:").strip()
            own = os.path.normpath(os.path.join(top, named)) if named else own
        if os.path.isfile(head := os.path.join(own, "HEAD")):
            return Repository(head, (own, os.path.join(own, "info"), *folders))
        if os.path.exists(own) or (above := os.path.dirname(top)) == top:
            return None
        folders.append(above)


def read_line(path: str) -> str:
    """The first line of a small file; empty if there is none."""
    try:
        data = plain_bytes(path, _LARGEST_BYTES, FOLLOWING)
    except (OSError, ValueError):
        return ""
    return data.decode("utf-8", "replace").partition("\n")[0].strip()
