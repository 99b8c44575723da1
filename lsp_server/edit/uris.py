"""The file that a document's URI names.

Owns that step alone, on any system. Knows no file: whether there is one is not asked.
"""

from __future__ import annotations

import os

from pygls.uris import to_fs_path


def file_of(uri: str) -> str:
    """The absolute path that a URI names; empty for what is no file, or none of this system."""
    try:
        scheme, colon, rest = uri.partition(":")
        path = (to_fs_path(f"{scheme.lower()}{colon}{rest}") if colon else "") or ""
    except ValueError:  # half of an IPv6 address
        return ""
    return path if os.path.isabs(path) else ""
