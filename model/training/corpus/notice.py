"""NOTICE, written from the manifest: whose text the embedded model has read.

Owns the wording. Run `python -m stateline.model.training.corpus.notice` after the manifest has
changed; a test keeps both equal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from .manifest import MANIFEST, Manifest, load_manifest
from .sources import Distribution, Package, Release

NOTICE = Path(__file__).resolve().parents[3] / "NOTICE"

_HEAD = """\
Stateline
Copyright 2026 The Stateline authors

Stateline itself is licensed under the Apache License, Version 2.0; see LICENSE.

The weights of the embedded model were trained on the sources of the following releases, each
under its own licence, cleaned and in part left out as described in model/training. Their text is
not part of Stateline.
"""


def notice_text(manifest: Manifest) -> str:
    """All of NOTICE: every source that the model was trained on, with its version and licence."""
    wheels = (source for source in manifest.train if isinstance(source, Distribution))
    packages = (source for source in manifest.train if isinstance(source, Package))
    lines = [_HEAD, "Python distributions", "", *_listed(wheels)]
    return "\n".join([*lines, "", "npm packages", "", *_listed(packages), ""])


def _listed(sources: Iterable[Release]) -> Iterator[str]:
    return (f"  {each.name} {each.version} ({each.licence.strip('()')})" for each in sources)


if __name__ == "__main__":
    NOTICE.write_text(notice_text(load_manifest(MANIFEST)), encoding="utf-8", newline="\n")
    sys.stdout.write(f"{NOTICE} is written.\n")
