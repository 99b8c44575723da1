"""A tensor's numbers as the native library wants them.

Owns their type, and the order of a matrix in blocks. Knows no model and no library.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...folder.weights import Stored
from .native_library import ROWS

Floats = NDArray[np.float32]
LARGEST = float(np.finfo(np.float32).max)


def by_rows(numbers: NDArray[Any], together: int = 1) -> NDArray[Any]:
    """(rows, columns) as the library wants them: (rows / 16, columns / together, 16, together).

    The last rows are padded.
    """
    padded = np.pad(numbers, ((0, -len(numbers) % ROWS), (0, 0)))
    grouped = padded.reshape(len(padded) // ROWS, ROWS, -1, together).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(grouped)


def floats(stored: Stored) -> Floats:
    """A tensor's numbers, whatever they are stored as; no matrix in blocks."""
    if stored.dtype == "BF16":
        return (stored.array.astype(np.uint32) << 16).view(np.float32)
    return stored.array.astype(np.float32)
