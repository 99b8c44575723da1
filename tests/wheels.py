"""Wheels, manifest rows and unique Python text, for the tests of the corpus."""

import hashlib
import json
import random
import zipfile
from pathlib import Path

from stateline.model.training.sources import (
    Distribution,
)


def words(seed: int, lines: int = 30) -> str:
    """Python text that repeats nothing, and nothing of another seed."""
    rng = random.Random(seed)
    names = ["".join(rng.choices("abcdefghijklmnopqrst", k=9)) for _ in range(lines)]
    return "".join(f"def {name}(left):\n    return left.{name[::-1]}(left)\n" for name in names)


def row(name: str = "rich", **changes: str) -> str:
    fields = {
        "name": name,
        "version": "1.0",
        "licence": "MIT",
        "file": f"{name}-1.0-py3-none-any.whl",
        "sha256": "0" * 64,
    }
    lines = (f"{key} = {json.dumps(value)}" for key, value in {**fields, **changes}.items())
    return "\n".join(lines) + "\n"


def make_wheel(path: Path, files: dict[str, str | bytes]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def distribution(cache: Path, name: str, files: dict[str, str | bytes]) -> Distribution:
    file = f"{name}-1.0-py3-none-any.whl"
    return Distribution(name, "1.0", "MIT", file, make_wheel(cache / name / file, files))
