"""Emacs and eglot come from the system: both are small there, and nothing is put into a folder.

Owns their names. Emacs 29 and later have eglot built in.
"""

from pathlib import Path

APT = ["emacs-nox", "elpa-eglot"]


def install_emacs(folder: Path) -> None:
    """Nothing to put into `folder`."""
