"""What is kept between sessions, in the user's cache folder.

Owns where that is, and for each workspace a small file with the order in which its files were used
and read. The states themselves are `model.store`'s. Paths of saved files are all that stands there,
never a text. Losing any of it costs reading again, and nothing more.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import platformdirs

logger = logging.getLogger(__name__)

_MAX_BYTES = 1 << 20
_MAX_PATHS = 512


def cache_folder() -> Path:
    """Everything of ours is below it."""
    return platformdirs.user_cache_path("stateline", appauthor=False)


def states_folder() -> Path:
    """Where `model.store` keeps states."""
    return cache_folder() / "states"


@dataclass(frozen=True)
class Order:
    """How a workspace was left: absolute paths."""

    recent: tuple[str, ...] = ()  # used by the user, the last one last
    read: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by open file, in order


def load_order(roots: Sequence[Path]) -> Order:
    """The order that was saved for these workspace folders; an empty one if there is none."""
    path = _path(roots)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("too large")
        found = json.loads(path.read_bytes())
        read = {str(file): _paths(paths) for file, paths in found["read"].items()}
        return Order(_paths(found["recent"]), read)
    except FileNotFoundError:
        return Order()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        logger.warning("%s is ignored (%s).", path.name, type(error).__name__)
        return Order()


def save_order(roots: Sequence[Path], order: Order) -> None:
    """Remember it, for the user alone; a failure is logged."""
    path = _path(roots)
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps({"recent": order.recent, "read": order.read})
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
        ) as out:
            out.write(text)
        unfinished.replace(path)
    except OSError as error:
        logger.warning("%s could not be written: %s.", path.name, error.strerror)
        with suppress(OSError):
            unfinished.unlink()


def forget_order(folder: str) -> None:
    """Drop what was saved for a workspace folder; for all of them if it is empty."""
    where = cache_folder() / "workspaces"
    for path in [_path([Path(folder)])] if folder else where.glob("*.json"):
        with suppress(OSError):
            path.unlink()


def _path(roots: Sequence[Path]) -> Path:
    name = "\n".join(sorted(map(str, roots)))
    return (
        cache_folder() / "workspaces" / f"{blake2b(name.encode(), digest_size=16).hexdigest()}.json"
    )


def _paths(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("not a list of paths")
    return tuple(value[-_MAX_PATHS:])
