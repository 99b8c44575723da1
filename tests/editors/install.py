"""Installs the editors that `make test-editors` runs: into a folder, and into nothing else.

Owns where that is, and what becomes of system packages: they are installed only where CI=true,
and named elsewhere. What cannot be had is said in a sentence; its tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import install_emacs
import install_helix
import install_jetbrains
import install_neovim
import install_vscode

FOLDER = Path(__file__).parents[2] / "build" / "editors"
EDITORS = {
    "VS Code": (install_vscode.install_vscode, install_vscode.APT),
    "Neovim 0.12": (install_neovim.install_neovim, install_neovim.APT),
    "LSP4J": (install_jetbrains.install_jetbrains, install_jetbrains.APT),
    "Emacs": (install_emacs.install_emacs, install_emacs.APT),
    "Helix": (install_helix.install_helix, install_helix.APT),
}
APT_DEADLINE_S = 240


def folder() -> Path:
    """Where editors are, and are put."""
    return Path(os.environ.get("STATELINE_EDITORS") or FOLDER).resolve()


def main() -> None:
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    _system_packages()
    for name, (install, _) in EDITORS.items():
        try:
            install(place)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            print(f"{name} is not installed, and not tested: {error}", file=sys.stderr)


def _system_packages() -> None:
    wanted = {package for _, packages in EDITORS.values() for package in packages}
    missing = sorted(package for package in wanted if not _installed(package))
    if shutil.which("npm") is None:
        missing.append("npm")
    if not missing:
        return
    if os.environ.get("CI") != "true" or shutil.which("apt-get") is None:
        print(f"Not here, and some tests are skipped without: {' '.join(missing)}", file=sys.stderr)
        return
    install = ["apt-get", "install", "-qqy", "--no-install-recommends"]
    root = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["apt-get", "update", "-qq"], [*install, *missing]):
        argv = [*root, "timeout", str(APT_DEADLINE_S), *argv]
        if subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL).returncode:
            print(f"{' '.join(missing)} could not be installed.", file=sys.stderr)
            return


def _installed(package: str) -> bool:
    if shutil.which("dpkg-query") is None:
        return False
    argv = ["dpkg-query", "-W", "-f", "${Status}", package]
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.stdout == "install ok installed"


if __name__ == "__main__":
    main()
