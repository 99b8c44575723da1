"""Runs mypy on the packages under their installed names, and reports their real paths.

The folders `model/` and `lsp_server/` are installed as `stateline.model` and
`stateline.lsp_server`, a mapping that mypy does not see. This builds `build/typecheck/stateline/`
with a link to each (a copy where links are not allowed, as on some Windows machines), checks the
`stateline` package found there with the settings in pyproject.toml, and prints `model/x.py:3`
where mypy says `build/typecheck/stateline/model/x.py:3`. Further arguments go to mypy.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
TREE = ROOT / "build" / "typecheck"
PACKAGES = ("model", "lsp_server")


def main(arguments: list[str]) -> int:
    build_tree()
    command = [sys.executable, "-m", "mypy", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", errors="replace", check=False
    )
    print(real_paths(done.stdout), end="")
    return done.returncode


def build_tree() -> None:
    namespace = TREE / "stateline"
    namespace.mkdir(parents=True, exist_ok=True)
    for package in PACKAGES:
        source, shown = ROOT / package, namespace / package
        if shown.is_symlink() and shown.resolve() == source.resolve():
            continue
        remove(shown)  # A copy left by an earlier run would be checked instead of the source.
        try:
            shown.symlink_to(source, target_is_directory=True)
        except OSError:
            shutil.copytree(source, shown)


def remove(path: Path) -> None:
    """Remove a link or a copy; what a link points to stays."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def real_paths(report: str) -> str:
    inside = os.path.join("build", "typecheck", "stateline", "")
    return report.replace(inside, "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
