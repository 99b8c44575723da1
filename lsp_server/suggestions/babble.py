"""Whether a text goes round in circles, as small models are prone to.

Owns the thresholds. Knows nothing of cursors and languages.
"""

from __future__ import annotations

import re

# The thresholds follow Tabby (six times the same few characters) and leave out what is legitimate:
# rulers such as `# -----`, rows of zeros, and long numbers such as 1000000 and 0xFFFFFFFF.
_REPEATED = re.compile(r"(\S.{0,11}?)\1{5,}", re.DOTALL)
_RULERS, _MOST_IN_A_RULER = frozenset("-=#*_~.+/"), 100
_PADDING, _MOST_WITHOUT_LETTERS, _MOST_WITH_LETTERS = frozenset("fFxX"), 16, 5
_LONGEST_PERIOD = 4  # lines


def babbles(line: str, text: str) -> bool:
    """Whether a few characters or lines come again and again in what `text` adds to `line`."""
    loops = (m for m in _REPEATED.finditer(line + text) if m.end() > len(line))
    if any(_too_often(*loop.group(1, 0)) for loop in loops):
        return True
    rows = [row.rstrip() for row in (line + text).split("\n") if row.strip()]
    return any(
        rows[i : i + n] == rows[i + n : i + 2 * n] == rows[i + 2 * n : i + 3 * n]
        for n in range(1, _LONGEST_PERIOD + 1)
        for i in range(len(rows) - 3 * n + 1)
    )


def _too_often(unit: str, whole: str) -> bool:
    if unit in _RULERS:
        return len(whole) > _MOST_IN_A_RULER
    letters = unit not in _PADDING and any(c.isalpha() for c in unit)
    return len(whole) // len(unit) > (_MOST_WITH_LETTERS if letters else _MOST_WITHOUT_LETTERS)
