"""JSON-RPC with one server process over its pipes, from the client's end.

Owns the process, the framing, the requests on their way and what the server sent of its own
accord. Calls are synchronous; one thread reads what arrives and stamps its time. Knows nothing
of LSP but its framing.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import IO, Any

ANSWER_DEADLINE_S = 60.0
_GRACE_S = 5.0  # for a process and its threads to end once they have every reason to
_STDERR_LINES = 50  # kept to say why a server ended
_LONGEST_QUOTED = 300


class ServerGoneError(Exception):
    """The server ended, or speaks something else; the message says how, in a sentence."""


class RefusedError(Exception):
    """The server answered a request with an error."""


@dataclass(frozen=True)
class Message:
    """What the server sent of its own accord, and when (seconds of `time.perf_counter`)."""

    method: str
    params: Any
    at_s: float


class Pending:
    """A request on its way."""

    def __init__(self, number: int, method: str) -> None:
        self.number = number
        self.method = method
        self.sent_s = time.perf_counter()
        self.answered_s: float | None = None
        self._future: Future[Any] = Future()

    @property
    def took_ms(self) -> float | None:
        """From sending to the answer's arrival; None before that."""
        return None if self.answered_s is None else (self.answered_s - self.sent_s) * 1000

    def result(self, deadline_s: float = ANSWER_DEADLINE_S) -> Any:
        """The answer; raises RefusedError, ServerGoneError, or TimeoutError after the deadline."""
        try:
            return self._future.result(max(deadline_s, 0.0))
        except TimeoutError:
            raise TimeoutError(
                f"The server did not answer {self.method} within {deadline_s:g} seconds."
            ) from None

    def settle(self, message: Mapping[str, Any]) -> None:
        """Take the answer in."""
        self.answered_s = time.perf_counter()
        if (error := message.get("error")) is not None:
            self._future.set_exception(RefusedError(f"{self.method}: {error.get('message')}"))
        else:
            self._future.set_result(message.get("result"))

    def fail(self, error: Exception) -> None:
        """No answer will come."""
        self._future.set_exception(error)


class Connection:
    """One server process and what it says."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start `command`; raises ServerGoneError if there is no such program."""
        self.received: list[Message] = []  # only ever grows
        self._waiting: dict[int, Pending] = {}
        self._requests = 0
        self._gone: ServerGoneError | None = None
        self._arrived = threading.Condition()
        self._writing = threading.Lock()
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        pipe = subprocess.PIPE
        try:
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise ServerGoneError(f"The server did not start: {error}.") from None
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._drainer.start()
        self._reader.start()

    def request(self, method: str, params: Any = None) -> Pending:
        """Ask; raises ServerGoneError if nobody is there."""
        with self._arrived:
            if self._gone is not None:
                raise self._gone
            self._requests += 1
            pending = self._waiting[self._requests] = Pending(self._requests, method)
        self._send({"id": pending.number, "method": method, "params": params})
        return pending

    def notify(self, method: str, params: Any = None) -> None:
        """Tell; raises ServerGoneError if nobody is there."""
        self._send({"method": method, "params": params})

    def wait_for(
        self,
        method: str,
        where: Callable[[Any], bool] = lambda _: True,
        *,
        deadline_s: float,
        after: int = 0,
    ) -> Message:
        """The first message of this method, from `received[after]` on, whose params fit.

        Raises TimeoutError after the deadline, and ServerGoneError if the server ends before.
        """
        end_s = time.perf_counter() + deadline_s
        with self._arrived:
            while True:
                for message in self.received[after:]:
                    if message.method == method and where(message.params):
                        return message
                after = max(after, len(self.received))
                if self._gone is not None:
                    raise self._gone
                if (left_s := end_s - time.perf_counter()) <= 0:
                    raise TimeoutError(f"No fitting {method} came within {deadline_s:g} seconds.")
                self._arrived.wait(left_s)

    def close(self, deadline_s: float = 0.0) -> int:
        """Wait so long for the server to end, then end it; its exit code."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(deadline_s)
        self.process.kill()  # does nothing to one that has ended
        code = self.process.wait()
        self._reader.join(_GRACE_S)
        self._drainer.join(_GRACE_S)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):  # what could not be written any more
                _pipe(stream).close()
        return code

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stdin = _pipe(self.process.stdin)
        try:
            with self._writing:
                stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                stdin.flush()
        except (OSError, ValueError):  # closed by the server, or by us
            raise self._gone or self._epitaph() from None

    def _read(self) -> None:
        """Everything the server says, until it says no more; runs on a thread of its own."""
        stdout = _pipe(self.process.stdout)
        error: ServerGoneError | None = None
        try:
            while (message := message_from(stdout)) is not None:
                self._take(message)
        except ValueError as nonsense:
            error = ServerGoneError(f"The server wrote what is no message: {nonsense}.")
        self._end(error or self._epitaph())

    def _take(self, message: Mapping[str, Any]) -> None:
        if "method" not in message:
            with self._arrived:
                pending = self._waiting.pop(message.get("id", 0), None)
            if pending is not None:
                pending.settle(message)
            return
        if "id" in message:  # null is a fit answer to all that a language server asks of us
            with contextlib.suppress(ServerGoneError):
                self._send({"id": message["id"], "result": None})
        with self._arrived:
            now_s = time.perf_counter()
            self.received.append(Message(message["method"], message.get("params"), now_s))
            self._arrived.notify_all()

    def _end(self, error: ServerGoneError) -> None:
        with self._arrived:
            self._gone = error
            waiting, self._waiting = self._waiting, {}
            self._arrived.notify_all()
        for pending in waiting.values():
            pending.fail(error)

    def _epitaph(self) -> ServerGoneError:
        try:
            code = self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return ServerGoneError("The server closed its end of the pipes, but still runs.")
        self._drainer.join(_GRACE_S)
        last = next((line.strip() for line in reversed(self._stderr) if line.strip()), "")
        said = f"; the last it said was: {last[:_LONGEST_QUOTED]}" if last else " without a word."
        return ServerGoneError(f"The server ended with exit code {code}{said}")

    def _drain(self) -> None:
        for line in _pipe(self.process.stderr):
            self._stderr.append(line.decode(errors="replace"))


def message_from(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next whole message; None if the stream ends first. Raises ValueError for nonsense."""
    length = 0
    while (line := stream.readline()).strip():
        name, colon, value = line.decode(errors="replace").partition(":")
        if not colon:
            raise ValueError(f"it has the header {line[:80]!r}")
        if name.strip().lower() == "content-length":
            length = int(value)
    if not line:
        return None
    if length <= 0:
        raise ValueError("it has no length")
    body = stream.read(length)
    if len(body) < length:
        return None
    message = json.loads(body)
    if not isinstance(message, dict):
        raise ValueError("it is not an object")
    return message


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # `__init__` asks for all three
    return stream
