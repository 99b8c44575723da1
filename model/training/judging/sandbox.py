"""Running text that a model wrote, without trusting it: does a program pass some tests?

Owns the limits, the process and the verdict; `sandboxed` is what runs inside. A program passes
only if a random token comes back, which the process that holds the program never sees. Linux
and macOS; where the system permits, the program has no network, no other processes in sight and
no user's rights. It may still read files that everyone may read. Knows no tasks and no models.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..corpus.corpus import CorpusError

_INSIDE = Path(__file__).with_name("sandboxed.py")


@dataclass(frozen=True)
class Limits:
    """What a program may use."""

    cpu_s: int = 5
    wall_s: float = 20.0  # more than the processor time, for machines with other work
    memory_bytes: int = 512 << 20
    file_bytes: int = 1 << 20
    open_files: int = 128
    processes: int = 0  # beyond itself

    def by_resource(self) -> dict[str, int]:
        """Under the names of the `resource` module."""
        return {
            "RLIMIT_CPU": self.cpu_s,
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NOFILE": self.open_files,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_CORE": 0,
        }


DEFAULT_LIMITS = Limits()


def passes(
    program: str, entry: str, tests: str, trusted: str = "", limits: Limits = DEFAULT_LIMITS
) -> bool:
    """Whether `check` of `tests` accepts the function `entry` of the untrusted `program`.

    `trusted` is code that the tests lean on; it and `tests` run apart from the program. Arguments
    and results are plain data. Raises CorpusError where there are no such limits (Windows).
    """
    if os.name != "posix":
        raise CorpusError("Model text can be run within limits on Linux and macOS only; use one.")
    job = {"program": program, "entry": entry, "tests": tests, "trusted": trusted}
    data = json.dumps(job | {"limits": limits.by_resource()}).encode()
    token = secrets.token_hex(16)
    message = b"%d\n%s%s\n" % (len(data), data, token.encode())
    with tempfile.TemporaryDirectory(prefix="stateline-sandbox-") as folder:
        return _answer(message, folder, limits.wall_s) == token.encode()


def _answer(message: bytes, folder: str, wall_s: float) -> bytes:
    """What the judge prints; nothing if it is late."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(_INSIDE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={},
        start_new_session=True,
    )
    try:
        return process.communicate(message, timeout=wall_s)[0]
    except (subprocess.TimeoutExpired, BrokenPipeError):
        return b""
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
