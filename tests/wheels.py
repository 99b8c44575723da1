"""Wheels, npm tarballs, manifest rows and unique text, for the tests of the corpus."""

import base64
import hashlib
import io
import random
import tarfile
import zipfile
from pathlib import Path

from stateline.model.training.corpus.sources import Distribution, Package


def words(seed: int, lines: int = 30) -> str:
    """Python text that repeats nothing, and nothing of another seed."""
    return "".join(
        f"def {name}(left):\n    return left.{name[::-1]}(left)\n" for name in _names(seed, lines)
    )


def scripts(seed: int, lines: int = 30) -> str:
    """JavaScript text of that kind, which is TypeScript too."""
    return "".join(
        f"export const {name} = (left) => {{\n  return left.{name[::-1]}(left);\n}};\n"
        for name in _names(seed, lines)
    )


def _names(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return ["".join(rng.choices("abcdefghijklmnopqrst", k=9)) for _ in range(count)]


def row(side: str = "train", name: str = "rich", **changes: str) -> str:
    """A wheel's line of the manifest."""
    fields = {
        "version": "1.0",
        "licence": "MIT",
        "file": f"{name}-1.0-py3-none-any.whl",
        "digest": "0" * 64,
    }
    return "\t".join([side, name, *{**fields, **changes}.values()]) + "\n"


def npm_row(side: str = "train", name: str = "mitt", **changes: str) -> str:
    """An npm package's line of the manifest."""
    fields = {
        "version": "1.0.0",
        "licence": "MIT",
        "file": f"{name.rpartition('/')[2]}-1.0.0.tgz",
        "digest": f"sha512-{'A' * 86}==",
    }
    return "\t".join([side, name, *{**fields, **changes}.values()]) + "\n"


def make_wheel(path: Path, files: dict[str, str | bytes]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def make_tarball(path: Path, files: dict[str, str | bytes]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def distribution(cache: Path, name: str, files: dict[str, str | bytes]) -> Distribution:
    file, about = f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    files = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **files,
    }
    return Distribution(name, "1.0", "MIT", file, make_wheel(cache / name / file, files))


def package(cache: Path, name: str, files: dict[str, str | bytes]) -> Package:
    file = f"{name.rpartition('/')[2]}-1.0.0.tgz"
    stem = name.replace("/", "__") + ".npm"
    return Package(name, "1.0.0", "MIT", file, make_tarball(cache / stem / file, files))
