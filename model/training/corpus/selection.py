"""Which of a project's clean files are kept: no copies, tests a minor part, none too large.

Owns these choices and the work that one project is before them, which may be done in any process.
`cleaning` says what one file must be; `corpus` says which projects there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import javascript
from .archives import source_members
from .cleaning import Drop, SourceFile, clean, is_test
from .copies import Lines, SeenLines, telling_lines
from .ordering import import_order

MAX_TEST_SHARE = 0.25  # of a project's text
MAX_SEEN_SHARE = 0.8  # of a file's telling lines, in text that is kept already
MAX_OTHER_SHARE = 0.4  # of them, where training text and judging text would share them


@dataclass(frozen=True)
class Candidate:
    """A clean file, and its telling lines."""

    file: SourceFile
    lines: Lines

    @property
    def size_bytes(self) -> int:
        return len(self.file.text.encode())


@dataclass
class Seen:
    """What a file is compared with."""

    kept: SeenLines  # grows with each file that is kept
    other: SeenLines  # the text of the other side, be that training or judging


def candidates(archive: Path) -> tuple[list[Candidate], Counter[Drop]]:
    """The clean files of an archive in import order, and what was dropped. Raises CorpusError."""
    dropped: Counter[Drop] = Counter()
    files: dict[str, SourceFile] = {}
    for path, data in source_members(archive):
        result = clean(path, data)
        if isinstance(result, SourceFile):
            files[path] = result
        else:
            dropped[result] += 1
    for path in javascript.compiled_beside_source(files):
        del files[path]
        dropped[Drop.BESIDE_SOURCE] += 1
    ordered = import_order({path: file.text for path, file in files.items()})
    return [Candidate(files[path], telling_lines(files[path].text)) for path in ordered], dropped


def select(
    found: Sequence[Candidate], seen: Seen, cap_bytes: int, dropped: Counter[Drop]
) -> list[SourceFile]:
    """The files to keep, in the order given.

    Adds the kept ones to `seen` and counts the others in `dropped`.
    """
    code = [each for each in found if not is_test(each.file.path)]
    kept = _take(code, seen, cap_bytes, Drop.CAP, dropped)
    code_bytes = sum(each.size_bytes for each in kept)
    test_bytes = int(code_bytes * MAX_TEST_SHARE / (1 - MAX_TEST_SHARE))
    over = Drop.TESTS if test_bytes < cap_bytes - code_bytes else Drop.CAP
    tests = [each for each in found if is_test(each.file.path)]
    kept += _take(tests, seen, min(test_bytes, cap_bytes - code_bytes), over, dropped)
    return [each.file for each in kept]


def _take(
    found: Iterable[Candidate], seen: Seen, left_bytes: int, over: Drop, dropped: Counter[Drop]
) -> list[Candidate]:
    kept: list[Candidate] = []
    for each in found:
        size_bytes = each.size_bytes
        if size_bytes > left_bytes:
            dropped[over] += 1
        elif reason := _copied(each.lines, seen):
            dropped[reason] += 1
        else:
            seen.kept.add(each.lines)
            kept.append(each)
            left_bytes -= size_bytes
    return kept


def _copied(lines: Lines, seen: Seen) -> Drop | None:
    if seen.kept.share(lines) >= MAX_SEEN_SHARE:
        return Drop.DUPLICATE
    # A file without telling lines says nothing about copying, and was dropped above.
    return Drop.OTHER_SIDE if seen.other.share(lines) > MAX_OTHER_SHARE else None
