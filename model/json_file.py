"""A small JSON file of a model folder, which may come from anywhere.

Owns how such a file is read: whole, and no more than it may be large. Knows no file by its name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path, most_bytes: int) -> Any:
    """What it holds. Raises OSError, and ValueError where it is too large or no JSON."""
    if path.stat().st_size > most_bytes:
        raise ValueError("too large")
    try:
        return json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
