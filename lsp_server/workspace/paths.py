"""What lies in what, and how far apart, by absolute paths as strings.

Owns these few questions. Knows no workspace, and never looks at the disk.
"""

from __future__ import annotations

import os
from itertools import takewhile

# Of installed packages: what lies in them is nobody's own.
_INSTALLED = frozenset({"node_modules", "site-packages"})


def is_among(path: str, hints: frozenset[str]) -> bool:
    """Whether a path, or a folder around it, is one of these."""
    while path not in hints:
        if (above := os.path.dirname(path)) == path:
            return False
        path = above
    return True


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder, or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def is_installed(path: str, root: str) -> bool:
    """Whether a path in a workspace folder belongs to a package that was installed there."""
    return not _INSTALLED.isdisjoint(path[len(root) :].split(os.sep))


def steps(file: str, target: str) -> int:
    """How many folders one goes up and down from one file to another."""
    ours, theirs = file.split(os.sep)[:-1], target.split(os.sep)[:-1]
    pairs = zip(ours, theirs, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return len(ours) + len(theirs) - 2 * shared
