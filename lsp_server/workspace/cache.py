"""What is kept between sessions, in the user's cache folder.

Owns where that is, and for each workspace a small file with the order in which its files were used
and read. The states themselves are `model.states.store`'s. Paths of saved files are all that stands
there, never a text. Losing any of it costs reading again, and nothing more.
"""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import platformdirs

from ...model.states.statefolder import make_folder, write_whole

logger = logging.getLogger(__name__)

_MAX_BYTES = 1 << 20
_MAX_PATHS = 512


def cache_folder() -> Path:
    """Everything of ours is below it."""
    return platformdirs.user_cache_path("stateline", appauthor=False)


def states_folder() -> Path:
    """Where `model.states.store` keeps states."""
    return cache_folder() / "states"


@dataclass(frozen=True)
class Order:
    """How a workspace was left: absolute paths."""

    recent: tuple[str, ...] = ()  # used by the user, the last one last
    read: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by open file, in order


def load_order(roots: Sequence[Path]) -> Order:
    """The order that was saved for these workspace folders; an empty one if there is none."""
    return _loaded(_path(roots)) or Order()


def save_order(roots: Sequence[Path], order: Order) -> None:
    """Remember it, for the user alone; a failure is logged."""
    path = _path(roots)
    text = json.dumps({"recent": order.recent, "read": order.read})
    try:
        make_folder(path.parent)
        write_whole(path, [text.encode()])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        logger.warning("%s could not be written: %s.", path.name, reason)


def forget_orders(concerned: Callable[[str], bool]) -> None:
    """Drop every order with a path that `concerned` holds for, and those that cannot be read."""
    # Unfinished ones too, left by a process that died.
    for path in (cache_folder() / "workspaces").glob("*.json*"):
        order = _loaded(path)
        if order is None or any(map(concerned, _all_paths(order))):
            with suppress(OSError):
                path.unlink()


def _path(roots: Sequence[Path]) -> Path:
    # A folder's name may be no Unicode.
    name = "\n".join(sorted(map(str, roots))).encode(errors="surrogatepass")
    return cache_folder() / "workspaces" / f"{blake2b(name, digest_size=16).hexdigest()}.json"


def _loaded(path: Path) -> Order | None:
    """An empty one if there is no file; None, and a line in the log, if it is not one of ours."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):  # whoever opens a pipe may wait for ever
            raise ValueError("not a plain file")
        if found.st_size > _MAX_BYTES:
            raise ValueError("too large")
        saved = json.loads(path.read_bytes())
        read = {_paths([file])[0]: _paths(paths) for file, paths in saved["read"].items()}
        return Order(_paths(saved["recent"]), read)
    except FileNotFoundError:
        return Order()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        logger.warning("%s is ignored (%s).", path.name, type(error).__name__)
        return None


def _paths(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(map(_is_path, value)):
        raise ValueError("not a list of paths")
    return tuple(value[-_MAX_PATHS:])


def _is_path(value: object) -> bool:
    """Whether the system can be asked about it; raises ValueError where nothing could spell it."""
    return isinstance(value, str) and os.path.isabs(value) and b"\0" not in os.fsencode(value)


def _all_paths(order: Order) -> set[str]:
    return {*order.recent, *order.read, *(file for files in order.read.values() for file in files)}
