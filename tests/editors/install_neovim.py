"""Neovim 0.12 in a folder, unpacked from Debian's next release.

Owns which package, of which version, is taken. Neovim 0.11 comes with the development packages.
"""

import sys
from pathlib import Path

from debian import unpack

APT = ["tmux"]  # what the tests need of the system
SUITE, PACKAGE = "forky", "neovim=0.12.*"


def neovim_012(folder: Path) -> Path:
    """Where `install_neovim` puts the program; VIMRUNTIME has to say where its files are."""
    return folder / "neovim-0.12" / "usr" / "bin" / "nvim"


def install_neovim(folder: Path) -> None:
    """Unpack Neovim 0.12 into `folder`, or raise RuntimeError with a sentence why not."""
    if not neovim_012(folder).exists():
        unpack(folder / "neovim-0.12", SUITE, [PACKAGE])


if __name__ == "__main__":
    install_neovim(Path(sys.argv[1]).resolve())
