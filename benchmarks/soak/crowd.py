"""A workspace of many files, with all that makes walking through one hard.

Owns how it is made, and how long a first request takes in it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from .workplace import OPEN_FILE, Workplace, loaded, write
from .workplace import make as make_plain

ASKED = 20  # requests


def make(folder: Path, files: int) -> Workplace:
    """So many files: half of them in node_modules, some of them no files at all."""
    place = make_plain(folder, 2, 30)
    for number in range(files):
        above = ("node_modules/pack", "src/deep")[number % 2]
        name = ("index.js", "module.py", "data.bin")[number % 3]
        file = place.root / f"{above}{number % 997}" / f"at{number // 997}" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\0\xff" * 50 if name == "data.bin" else b"value = 1\n")
    write(place.root / "bad.py", "\0binary")
    with contextlib.suppress(OSError, AttributeError, NotImplementedError):  # not on Windows
        (place.root / "src" / "loop").symlink_to(place.root, target_is_directory=True)
        (place.root / "self").symlink_to("self")
        os.mkfifo(place.root / "pipe.py")
        shut = place.root / "shut"
        shut.mkdir()
        write(shut / "in.py", "x = 1\n")
        shut.chmod(0)
    write(place.root / OPEN_FILE, "import pipe, bad, shut.in\n" + place.text)
    return place


def first_answers_ms(place: Workplace, options: Mapping[str, Any]) -> float:
    """The median time of the first requests after the model is there, while the walk goes on."""
    took = []
    with place.serving(options) as client:
        loaded(client)
        client.open(place.uri, "python", place.text)
        for _ in range(ASKED):
            end = len(client.text(place.uri))
            client.change(place.uri, end, end, "x")
            began_s = time.perf_counter()
            client.suggest(place.uri, end + 1).items()
            took.append((time.perf_counter() - began_s) * 1000)
        client.shutdown()
    return median(took)
