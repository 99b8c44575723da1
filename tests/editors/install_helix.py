"""Helix in a folder, unpacked from Debian's next release.

Owns which package, of which version, is taken.
"""

import sys
from pathlib import Path

from debian import unpack

APT = ["tmux"]  # what the tests need of the system
SUITE, PACKAGE = "forky", "hx=25.07*"


def helix(folder: Path) -> Path:
    """Where `install_helix` puts the program; HELIX_RUNTIME says where its files are."""
    return folder / "helix" / "usr" / "bin" / "hx"


def install_helix(folder: Path) -> None:
    """Unpack Helix into `folder`, or raise RuntimeError with a sentence why not."""
    if not helix(folder).exists():
        unpack(folder / "helix", SUITE, [PACKAGE])


if __name__ == "__main__":
    install_helix(Path(sys.argv[1]).resolve())
