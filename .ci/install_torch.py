"""Puts torch into the environment whose Python runs this, and prefers a CPU build.

On Linux the registry's ordinary torch brings several gigabytes of CUDA libraries, which are of no
use without an NVIDIA GPU. The version is therefore asked for with its `+cpu` label: only a CPU
build carries that label, so nothing large can come by mistake. It is looked for first where pip is
set up to look (a local wheel, a mirror), then in PyTorch's public CPU index. Needs nothing but pip
and the standard library; knows nothing of the rest of the set-up, which the Makefile does.
"""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

TORCH_VERSION = "2.13.0"  # The version that the project is developed and tested with.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# An index that cannot be reached should cost seconds, not the minutes of a patient mirror.
IMPATIENT = ("--timeout", "20", "--retries", "2")


def main() -> int:
    """Return 0 once a good torch is there, 1 when pip could not install one."""
    requirement = project_requirement()
    present = installed_version()
    if present is not None and satisfies(present, requirement):
        say(f"torch {present} is installed and stays")
        return 0
    return 0 if install(requirement) else 1


def install(requirement: str) -> bool:
    pinned = f"torch=={TORCH_VERSION}"
    if gpu_is_visible():
        say("an NVIDIA GPU is visible: installing the ordinary torch, which is large")
        return pip(pinned) or pip(requirement)
    if not sys.platform.startswith("linux"):
        return pip(pinned) or pip(requirement)  # Elsewhere the ordinary build is a CPU build.
    say(f"looking for a CPU build of torch {TORCH_VERSION}")
    if pip(f"{pinned}+cpu"):
        return True
    say("none where pip looks by itself; trying PyTorch's CPU index")
    if pip(f"{pinned}+cpu", "--extra-index-url", CPU_INDEX, *IMPATIENT):
        return True
    say("no CPU build found; the ordinary torch may bring several gigabytes of CUDA libraries")
    return pip(pinned) or pip(requirement)


def pip(requirement: str, *options: str) -> bool:
    """Install one requirement; say why it failed, in one line where nothing was simply found."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, *options, requirement], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0 and "No matching distribution" in done.stderr:
        say(f"pip reaches no {requirement} for this Python and platform")
    elif done.returncode != 0:
        print(done.stderr, file=sys.stderr)
    return done.returncode == 0


def project_requirement() -> str:
    """The project's own requirement, such as `torch>=2.6`, from pyproject.toml."""
    text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    (requirement,) = tomllib.loads(text)["project"]["optional-dependencies"]["torch"]
    return str(requirement)


def installed_version() -> str | None:
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return None


def satisfies(version: str, requirement: str) -> bool:
    """Whether the version's first two numbers reach the requirement's lower bound."""
    first_two = [re.search(r"(\d+)\.(\d+)", text) for text in (version, requirement)]
    have, need = (tuple(map(int, found.groups())) if found else () for found in first_two)
    return have >= need


def gpu_is_visible() -> bool:
    try:
        probe = subprocess.run(["nvidia-smi", "-L"], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0 and b"GPU" in probe.stdout


def say(text: str) -> None:
    print(f"[torch] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
