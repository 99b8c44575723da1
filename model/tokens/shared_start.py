"""What two texts share at their start.

Owns one function, apart so that the server can use it without loading a tokenizer.
"""

from __future__ import annotations


def common_prefix_length(a: str, b: str) -> int:
    """Code points that two texts share at their start; comparing slices, not characters."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
