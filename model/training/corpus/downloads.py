"""Archives of sources, brought by the registries' own clients and checked against their pins.

Owns the cache of archives and how pip and npm are asked: many at once, some pins each, nothing of a
package ever run or unpacked. An archive is put into the cache only once its hash is the pinned one,
so a download that was broken off is simply made again. Which registry answers is for pip's and
npm's configuration to say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .sources import CorpusError, Distribution, Package, Release, matches

AT_ONCE = 12  # clients that run side by side
BATCH = 48  # pins that one of them is given: starting a client costs as much as ten of them
TIMEOUT_S = 900


def fetch(source: Release, cache: Path) -> Path:
    """The archive of a source, downloaded if the cache lacks it. Raises CorpusError."""
    ((_, found),) = fetch_all([source], cache)
    if isinstance(found, CorpusError):
        raise found
    return found


def fetch_all(
    sources: Iterable[Release], cache: Path
) -> Iterator[tuple[Release, Path | CorpusError]]:
    """Each source in order with its archive, or with the reason why there is none.

    What comes later is downloaded while the caller works on what came before.
    """
    wanted = list(sources)
    with ThreadPoolExecutor(AT_ONCE) as lines:
        coming: dict[Release, Future[dict[Release, Path | CorpusError]]] = {}
        for batch in _batches(wanted):
            coming.update(dict.fromkeys(batch, lines.submit(_batch, batch, cache)))
        try:
            for source in wanted:
                yield source, coming[source].result()[source]
        finally:
            for future in coming.values():
                future.cancel()


def _batches(sources: Sequence[Release]) -> list[list[Release]]:
    """What one run of a client can bring, by when its first is wanted."""
    batches: list[list[Release]] = []
    filling: dict[str, list[Release]] = {}
    for source in sources:
        batch = filling.get(_client(source))
        if batch is None or len(batch) == BATCH:
            batch = filling[_client(source)] = []
            batches.append(batch)
        batch.append(source)
    return batches


def _client(source: Release) -> str:
    return _python_version(source.file) if isinstance(source, Distribution) else "npm"


def _batch(batch: Sequence[Release], cache: Path) -> dict[Release, Path | CorpusError]:
    """All of them at once; then what did not come, one by one, to learn why."""
    missing = [source for source in batch if not _place(source, cache).is_file()]
    if len(missing) > 1:
        _bring(missing, cache)
    return {source: _had(source, cache) for source in batch}


def _had(source: Release, cache: Path) -> Path | CorpusError:
    archive, complaint = _place(source, cache), ""
    if not archive.is_file():
        complaint = _bring([source], cache)
    if not archive.is_file():
        pin = f"{source.name} {source.version}"
        return CorpusError(f"{pin} could not be downloaded: {complaint or 'nothing came'}")
    if not matches(source, archive):
        return CorpusError(
            f"{archive} is not the file that is pinned ({source.digest}); delete it and try again,"
            " and if that does not help, do not trust the file."
        )
    return archive


def _place(source: Release, cache: Path) -> Path:
    return cache / source.stem / source.file


def _bring(sources: Sequence[Release], cache: Path) -> str:
    """Run a client once and keep what has the pinned hash; what is wrong, if anything is."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".download-") as folder:
        try:
            complaint = _run(sources, Path(folder))
        except subprocess.TimeoutExpired:
            complaint = f"it took longer than {TIMEOUT_S} seconds; try again"
        for source in sources:
            archive = Path(folder, _brought_as(source))
            if archive.is_file() and matches(source, archive):
                _place(source, cache).parent.mkdir(parents=True, exist_ok=True)
                os.replace(archive, _place(source, cache))
            elif archive.is_file():
                complaint = "what came has another hash than the pinned one; do not trust it"
    return complaint


def _run(sources: Sequence[Release], folder: Path) -> str:
    wheels = [source for source in sources if isinstance(source, Distribution)]
    packages = [source for source in sources if isinstance(source, Package)]
    command = _pip(wheels, folder) if wheels else _npm(packages, folder)
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S
    )
    return "" if done.returncode == 0 else _reason(done.stderr)


def _reason(stderr: str) -> str:
    """The one line of a client's complaint that says most."""
    lines = [line.strip() for line in stderr.splitlines() if "error" in line.lower()]
    told = [line for line in lines if not line.startswith("npm error code")]
    return (told or lines or ["no reason was given"])[-1 if "ERROR:" in stderr else 0]


def _pip(wheels: Sequence[Distribution], folder: Path) -> list[str]:
    """Wheels only: a source archive would run its own code to describe itself."""
    pins = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}\n" for wheel in wheels]
    (folder / "pins.txt").write_text("".join(pins), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(folder)]
    return [*command, *_target(wheels), "--requirement", "pins.txt"]


def _target(wheels: Sequence[Distribution]) -> list[str]:
    """The machine that the wheels are for, whichever this one is: the pins name a file each."""
    tags = [wheel.file.removesuffix(".whl").split("-")[-2:] for wheel in wheels]
    abis = sorted({abi for tag in tags for abi in tag[0].split(".")} | {"none"})
    platforms = sorted({name for tag in tags for name in tag[1].split(".")} | {"any"})
    options = ["--ignore-requires-python", "--implementation", "cp"]
    options += ["--python-version", _python_version(wheels[0].file)]
    options += [option for abi in abis for option in ("--abi", abi)]
    return options + [option for name in platforms for option in ("--platform", name)]


def _python_version(file: str) -> str:
    """Of an interpreter that takes the wheel; some still say that they are for Python 2 alone."""
    interpreters = file.removesuffix(".whl").split("-")[-3].split(".")
    return "2.7" if interpreters == ["py2"] else "3.13"


def _npm(packages: Sequence[Package], folder: Path) -> list[str]:
    """`npm pack` of a name and version fetches the published tarball as it is."""
    npm = shutil.which("npm")
    if npm is None:
        raise CorpusError("npm packages are brought by npm, which is not here; install Node.js.")
    command = [npm, "pack", "--ignore-scripts", "--loglevel=error", "--cache", str(folder / "npm")]
    command += ["--pack-destination", str(folder)]
    return command + [f"{package.name}@{package.version}" for package in packages]


def _brought_as(source: Release) -> str:
    """The file's name as the client writes it: npm puts the scope before the name."""
    if isinstance(source, Distribution):
        return source.file
    return f"{source.name.removeprefix('@').replace('/', '-')}-{source.version}.tgz"
