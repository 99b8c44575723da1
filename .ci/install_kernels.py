"""Puts mamba-ssm and Triton into build/kernels, for tests that run their kernels without a GPU.

They do not go into the environment itself: transformers would use them there, and fail without a
GPU. Of mamba-ssm nothing is compiled, and its own requirements are left out, for only its Triton
operations are used. Some 290 MB are fetched. Needs pip, and a torch in the environment.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "build" / "kernels"
REQUIREMENTS = ("triton==3.9.0", "einops==0.8.2", "mamba-ssm==2.3.2.post1")
STAMP = "installed.txt"
# Its set-up looks for CUDA and for a wheel that fits it, unless it is told not to.
PURE_PYTHON = {"MAMBA_FORCE_BUILD": "TRUE", "MAMBA_SKIP_CUDA_BUILD": "TRUE"}


def main() -> int:
    """Return 0 once everything is there, 1 when pip could not install it."""
    wanted = "\n".join(REQUIREMENTS)
    stamp = TARGET / STAMP
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        print(f"[kernels] {', '.join(REQUIREMENTS)} are in {TARGET}", flush=True)
        return 0
    shutil.rmtree(TARGET, ignore_errors=True)
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--no-compile")
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(TARGET)]
    done = subprocess.run([*command, *REQUIREMENTS], env=os.environ | PURE_PYTHON, check=False)
    if done.returncode == 0:
        stamp.write_text(wanted, encoding="utf-8")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
