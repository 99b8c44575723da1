"""What suggestions were worth, day by day: numbers in a folder of the user's, sent nowhere.

Owns the files, one a month, a line for each while that a server ran. A line holds a day and counts;
no text, no path, no name. Knows nothing of what the counts mean, but that they add up.
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import platformdirs

from ...model.states.statefolder import make_folder

logger = logging.getLogger(__name__)

MONTHS = 13  # that are kept: a year, and the month that begins
MOST_BYTES = 4 << 20  # of a month, that are read or written
_STEP = 1.2  # from one class of durations to the next: a fifth is how exact a median is
_MONTH = re.compile(r"\d{4}-\d{2}\.jsonl")


@dataclass(frozen=True)
class Page:
    """What was counted on one day, or on several."""

    day: date
    counts: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)  # answers, by class of duration

    def __bool__(self) -> bool:
        return bool(self.counts or self.latency)


def folder() -> Path:
    """Where it is kept; not the cache, which may be cleared at any time."""
    return platformdirs.user_state_path("stateline", appauthor=False) / "statistics"


def duration_class(duration_ms: float) -> int:
    """A number for durations that are about the same."""
    return round(math.log(max(duration_ms, 1.0), _STEP))


def quantile_ms(latency: Mapping[int, int], share: float) -> float | None:
    """The duration that this share of the answers took at most; None without answers."""
    left = share * sum(latency.values())
    for each, count in sorted(latency.items()):
        left -= count
        if left <= 0:
            return float(_STEP**each)
    return None


def write(page: Page, place: Path | None = None) -> None:
    """Add a page; a failure is logged. Several servers may do so at once."""
    place = place or folder()
    line = {
        "day": page.day.isoformat(),
        "counts": {name: count for name, count in page.counts.items() if count},
        "latency": {str(each): count for each, count in page.latency.items()},
    }
    try:
        make_folder(place)
        _append(place / f"{page.day:%Y-%m}.jsonl", json.dumps(line).encode() + b"\n")
        for old in sorted(_months(place))[:-MONTHS]:
            old.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The statistics could not be written: %s.", error.strerror or error)


def read(place: Path | None = None) -> list[Page]:
    """All pages, by day. What is no page of ours is passed over."""
    pages: dict[date, Page] = {}
    for path in _months(place or folder()):
        for line in _lines(path):
            with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
                page = _page(json.loads(line))
                known = pages.setdefault(page.day, Page(page.day))
                known.counts.update(page.counts)
                known.latency.update(page.latency)
    return [pages[day] for day in sorted(pages)]


def total(pages: Iterable[Page]) -> Page:
    """All of them as one."""
    whole = Page(date.min)
    for page in pages:
        whole.counts.update(page.counts)
        whole.latency.update(page.latency)
    return whole


def forget(place: Path | None = None) -> int:
    """Erase all; how many files there were."""
    months = _months(place or folder())
    for path in months:
        path.unlink(missing_ok=True)
    return len(months)


def _months(place: Path) -> list[Path]:
    try:
        return sorted(path for path in place.iterdir() if _MONTH.fullmatch(path.name))
    except OSError:
        return []


def _append(path: Path, line: bytes) -> None:
    # One write to a file opened so: lines of several servers do not mix.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o600)
    try:
        if os.fstat(descriptor).st_size < MOST_BYTES:
            os.write(descriptor, line)
    finally:
        os.close(descriptor)


def _lines(path: Path) -> list[bytes]:
    try:
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 2 * MOST_BYTES:
            return path.read_bytes().splitlines()
    except OSError as error:
        logger.warning("%s could not be read: %s.", path.name, error.strerror or error)
    return []


def _page(line: Mapping[str, object]) -> Page:
    day = date.fromisoformat(str(line["day"]))
    counts, latency = line["counts"], line["latency"]
    if not isinstance(counts, dict) or not isinstance(latency, dict):
        raise TypeError("not a page")
    by_class = {int(each): count for each, count in latency.items()}
    numbers = [*counts.values(), *by_class.values()]
    if not all(type(each) is int and 0 <= each < 1 << 40 for each in numbers):
        raise ValueError("not counts")
    if not all(0 <= each < 200 for each in by_class):
        raise ValueError("no such duration")
    return Page(day, Counter(counts), Counter(by_class))
