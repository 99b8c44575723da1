"""The inside of the sandbox: a judge that asks an untrusted program for the value of calls.

Owns the script that `sandbox` starts; standard library only, run by path, never imported by it.
Two processes. The candidate runs the untrusted program and answers calls with plain data. The
judge runs the trusted tests, for which every call of the candidate is a message. So the program
cannot report success: it has no token, none of the judge's files and no place in its memory, and
objects that claim to equal everything do not travel. Knows no tasks and no models.

Standard input: a line with the length of the job in bytes, the job as a JSON object, then the
token, which the judge reads once the candidate is on its own. A passed job prints the token.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_NEW_IPC, _NEW_USER, _NEW_PID, _NEW_NET = 0x08000000, 0x10000000, 0x20000000, 0x40000000
_NOBODY = 65534
_MAX_MESSAGE_BYTES = 1 << 20
_LIKELY = (
    *("bisect", "collections", "copy", "datetime", "decimal", "fractions", "functools", "hashlib"),
    *("heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string"),
    *("sys", "time", "typing"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FORBIDDEN = (
    *("os.fork", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.kill", "os.killpg"),
    *("os.remove", "os.rename", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink"),
    *(
        "os.truncate",
        "os.mkdir",
        "os.putenv",
        "subprocess.",
        "socket.",
        "ctypes.",
        "pty.",
        "shutil.",
    ),
    *("signal.", "_thread.start_new_thread", "resource."),
)


def encode(value: Any) -> Any:
    """Plain data as JSON that keeps tuples, sets and floats apart; TypeError for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        kind = next(k for k in (list, tuple, set, frozenset) if isinstance(value, k)).__name__
        return [kind, [encode(each) for each in value]]
    if isinstance(value, dict):
        return ["dict", [[encode(key), encode(each)] for key, each in value.items()]]
    if isinstance(value, bytes | complex):
        return [type(value).__name__, repr(value)]
    raise TypeError(f"a {type(value).__name__} is no plain data")


def decode(data: Any) -> Any:
    """The value that `encode` made `data` of. Bytes and complex numbers stay what they spell."""
    if not isinstance(data, list):
        return data
    kind, held = data
    if kind == "dict":
        return {decode(key): decode(each) for key, each in held}
    if kind in ("bytes", "complex"):
        return (kind, str(held))
    make: Callable[[Any], Any] = {
        "list": list, "tuple": tuple, "set": set, "frozenset": frozenset
    }[kind]  # fmt: skip
    return make([decode(each) for each in held])


def send(pipe: BinaryIO, message: Any) -> None:
    data = json.dumps(message).encode()
    if len(data) >= _MAX_MESSAGE_BYTES:
        raise ValueError("too long a message")
    pipe.write(data + b"\n")
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """The next message; EOFError when there is none, or one that is too long."""
    line = pipe.readline(_MAX_MESSAGE_BYTES)
    if not line.endswith(b"\n"):
        raise EOFError("the other side is gone")
    return json.loads(line)


def main() -> int:
    job = json.loads(_read_exactly(int(_read_line())))
    _separate()
    asked, answered = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        _become_candidate(job, asked[0], answered[1])
    os.close(asked[0])
    os.close(answered[1])
    token = _read_line()  # only now: the candidate's memory must not hold it
    calls, replies = os.fdopen(asked[1], "wb"), os.fdopen(answered[0], "rb")

    def candidate(*arguments: Any) -> Any:
        send(calls, encode(arguments))
        return decode(receive(replies))

    names: dict[str, Any] = {"__name__": "judge"}
    try:
        exec(job["trusted"], names)
        names[job["entry"]] = candidate  # a test of HumanEval/33 calls it by its name
        exec(job["tests"], names)
        names["check"](candidate)
    except BaseException:
        return 1
    finally:
        os.kill(child, signal.SIGKILL)
    os.write(1, token.encode())
    return 0


def _become_candidate(job: dict[str, Any], calls: int, replies: int) -> NoReturn:
    """Run the program with nothing but two pipes, then answer calls until there are none."""
    try:
        calls, replies = _only_these(calls, replies)
        questions, answers = os.fdopen(calls, "rb"), os.fdopen(replies, "wb")
        _limit(job["limits"])
        sys.addaudithook(_forbid)
        for name in ("socket", "_socket", "subprocess", "ctypes", "_ctypes"):
            sys.modules[name] = None  # type: ignore[assignment]  # so that importing it fails
        names: dict[str, Any] = {"__name__": "candidate"}
        exec(job["program"], names)
        answer = names[job["entry"]]
        while True:
            arguments = decode(receive(questions))
            send(answers, encode(answer(*arguments)))
    except BaseException:
        os._exit(1)


def _only_these(calls: int, replies: int) -> tuple[int, int]:
    """The two pipes under new numbers; standard streams lead nowhere, all else is closed."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    moved = os.dup2(calls, 98, False), os.dup2(replies, 99, False)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.closerange(3, 98)
    os.closerange(100, 1 << 12)
    return moved


def _limit(limits: dict[str, int]) -> None:
    if os.getuid() == 0:
        _become_nobody()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user would forget it
    for name, value in limits.items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (value, value))


def _become_nobody() -> None:
    """Root may fork beyond any limit, and read and write everything."""
    if not _readable_by_anyone(os.__file__):
        for name in _LIKELY:  # no import will work later
            importlib.import_module(name)
    try:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    except OSError:
        pass  # in a user namespace of our own, where there is nobody else


def _readable_by_anyone(path: str) -> bool:
    """Whether a user without rights can import from where `path` lies."""
    while True:
        if not os.stat(path).st_mode & 0o005:
            return False
        if path == os.path.dirname(path):
            return True
        path = os.path.dirname(path)


def _separate() -> None:
    """No network, no sight of other processes, no reading of the judge; as far as permitted."""
    _prctl(_PR_SET_DUMPABLE, 0)
    apart = _NEW_NET | _NEW_PID | _NEW_IPC
    for flags in (apart, apart | _NEW_USER, _NEW_NET | _NEW_USER):
        if _libc("unshare", flags):
            return


def _prctl(option: int, value: int) -> None:
    _libc("prctl", option, value, 0, 0, 0)


def _libc(name: str, *arguments: int) -> bool:
    """Call a function of the C library; False where it failed or there is none (not Linux)."""
    try:
        return bool(getattr(ctypes.CDLL(None), name)(*arguments) == 0)
    except (OSError, AttributeError, TypeError):
        return False


def _forbid(event: str, arguments: tuple[Any, ...]) -> None:
    writes = event == "open" and bool(arguments[2] & _WRITING)
    if writes or event.startswith(_FORBIDDEN):
        raise PermissionError(f"{event} is not for candidates")


def _read_line() -> str:
    """A line of standard input, not a byte more."""
    line = b""
    while not line.endswith(b"\n"):
        line += _read_exactly(1)
    return line.decode().strip()


def _read_exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            raise EOFError("standard input ended early")
        data += more
    return data


if __name__ == "__main__":
    sys.exit(main())
