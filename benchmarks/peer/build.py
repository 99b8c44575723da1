"""Builds llama-server and llama-bench from the llama.cpp in llama-cpp-python's source distribution.

`python -m benchmarks.peer.build [--jobs N]`. Owns the pinned version, how it is compiled, and where
it lies: `build/peer/`, which git ignores. Only the package registry is needed. What was done
already is not done again, so a build that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from . import PeerError

VERSION = "0.3.36"
BUILD = Path(__file__).parents[2] / "build" / "peer"
COMMANDS = BUILD / "commands"  # cmake and ninja, where the machine has none
SOURCE = BUILD / "source" / f"llama_cpp_python-{VERSION}" / "vendor" / "llama.cpp"
TREE = BUILD / "cmake"
_SUFFIX = ".exe" if sys.platform == "win32" else ""
SERVER = TREE / "bin" / f"llama-server{_SUFFIX}"
BENCH = TREE / "bin" / f"llama-bench{_SUFFIX}"
# For this machine's processor, in one file, without what asks the network for something.
OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "BUILD_SHARED_LIBS": "OFF",
    "GGML_NATIVE": "ON",
    "LLAMA_OPENSSL": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "CMAKE_PROJECT_llama.cpp_INCLUDE": str(Path(__file__).with_name("build.cmake")),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.peer.build", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="how many files to compile at a time")
    chosen = parser.parse_args(arguments)
    try:
        print(build(chosen.jobs))
    except PeerError as error:
        raise SystemExit(str(error)) from None
    return 0


def build(jobs: int) -> Path:
    """Fetch, unpack, configure and compile; the path of llama-server. Raises PeerError."""
    require_compiler()
    fetch()
    cmake, ninja = command("cmake"), command("ninja")
    options = [f"-D{name}={value}" for name, value in OPTIONS.items()]
    options.append(f"-DCMAKE_MAKE_PROGRAM={ninja}")
    run([cmake, "-S", str(SOURCE), "-B", str(TREE), "-G", "Ninja", *options])
    targets = ["llama-server", "llama-bench"]
    run([cmake, "--build", str(TREE), "--target", *targets, "--parallel", str(jobs)])
    return SERVER


def require_compiler() -> None:
    """Raises PeerError where CMake would end with a page about toolchains."""
    for names in (("cc", "gcc", "clang", "cl"), ("c++", "g++", "clang++", "cl")):
        if not any(map(shutil.which, names)):
            raise PeerError(
                f"No compiler found ({' or '.join(names)}); install one for C and C++, such as "
                "the package build-essential on Debian and Ubuntu."
            )


def fetch() -> None:
    """Have the sources in SOURCE; pip checks the download's hash against the registry's."""
    if (SOURCE / "CMakeLists.txt").exists():
        return
    folder = BUILD / "source"
    archive = folder / f"llama_cpp_python-{VERSION}.tar.gz"
    if not archive.exists():
        wanted = ["--no-deps", "--no-binary", "llama-cpp-python", f"llama-cpp-python=={VERSION}"]
        run([sys.executable, "-m", "pip", "download", "--dest", str(folder), *wanted])
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    if not (SOURCE / "CMakeLists.txt").exists():
        raise PeerError(f"{archive} holds no llama.cpp; delete {folder} and try again.")


def command(name: str) -> str:
    """The path of cmake or ninja: the machine's own, else one from the registry."""
    own = COMMANDS / ("Scripts" if sys.platform == "win32" else "bin")
    found = shutil.which(name) or shutil.which(name, path=str(own))
    if found is not None:
        return found
    if not own.exists():
        run([sys.executable, "-m", "venv", str(COMMANDS)])
    run([str(own / "python"), "-m", "pip", "install", name])
    found = shutil.which(name, path=str(own))
    if found is None:
        raise PeerError(f"No {name} found, and pip did not bring one; install it.")
    return found


def run(line: Sequence[str]) -> None:
    """Run a command, its output shown on stderr; raises PeerError if it fails."""
    try:
        subprocess.run(line, check=True, stdout=sys.stderr.fileno())
    except (OSError, subprocess.CalledProcessError) as error:
        raise PeerError(f"{Path(line[0]).name} failed ({error}); what it said is above.") from None


if __name__ == "__main__":
    sys.exit(main())
