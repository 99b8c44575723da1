"""Asks llama-server: token ids in, token ids out, with what it read and how long it took.

Owns the server's process, its flags and its HTTP interface. The prompt is sent as exactly the ids
given; what of it is read anew is the server's own affair. Knows no model folder and no layout.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.replay.player import cpu_seconds

from . import PeerError
from .build import SERVER

START_S, ANSWER_S, LOOK_S = 120.0, 600.0, 0.05

# What `trial` found to read fewest tokens in jumps, and no more than others otherwise.
BEST_FLAGS = (
    *("--parallel", "8"),  # slots, each with a state
    *("--slot-prompt-similarity", "0.9"),  # a jump takes another slot, and does not spoil this one
    *("--ctx-checkpoints", "512", "--checkpoint-min-step", "0"),
    *("--cache-ram", "4096"),  # MiB; prompts that lost their slot
)


@dataclass(frozen=True)
class LlamaAnswer:
    """What was written, how many tokens of the prompt were read for it, and what both took."""

    tokens: tuple[int, ...]
    read: int
    prompt_ms: float
    predicted_ms: float


@contextmanager
def started(
    model: Path,
    flags: Sequence[str] = BEST_FLAGS,
    threads: int = 1,
    command: Sequence[str] = (str(SERVER),),
) -> Iterator[Llama]:
    """A llama-server with the model of a GGUF file, for as long as the context lasts.

    Raises PeerError if it does not come to answer.
    """
    if not Path(command[0]).exists():
        raise PeerError("There is no llama-server; 'python -m benchmarks.peer.build' makes one.")
    port = _free_port()
    place = ("--host", "127.0.0.1", "--port", str(port), "--offline", "--no-ui")
    work = ("--threads", str(threads), "--threads-batch", str(threads), "--ctx-size", "0")
    line = [*command, "--model", str(model), *place, *work, *flags]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=said, stderr=said) as process,
    ):
        try:
            llama = Llama(port, process.pid)
            _wait(llama, process, said)
            yield llama
        finally:
            process.kill()


class Llama:
    """What a running llama-server is asked over HTTP; one request at a time."""

    def __init__(self, port: int, pid: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        self._pid = pid

    def complete(
        self, tokens: Sequence[int], max_tokens: int, stop: Sequence[str] = ()
    ) -> LlamaAnswer:
        """Write up to `max_tokens` tokens after `tokens`, the likeliest each; 0 only reads.

        It ends early where it has written one of the texts in `stop`.
        """
        said = self._completion(tokens, max_tokens, stop=list(stop))
        times = said["timings"]
        written = tuple(said["tokens"])[:max_tokens]
        return LlamaAnswer(written, times["prompt_n"], times["prompt_ms"], times["predicted_ms"])

    def read(self, tokens: Sequence[int], step: int) -> int:
        """Read `tokens` in requests of `step` more each; how many it read.

        The server keeps a state near the end of every prompt and nowhere else, so this leaves one
        every `step` tokens, if its flags let a longer prompt have the slot of a much shorter one.
        No client of today does it.
        """
        ends = range(step, len(tokens), step)
        return sum(self.complete(tokens[:end], 0).read for end in ends)

    def log_probabilities(self, tokens: Sequence[int], count: int) -> dict[int, float]:
        """Natural logarithms for the `count` likeliest tokens after `tokens`."""
        said = self._completion(tokens, 1, n_probs=count)
        likeliest = said["completion_probabilities"][0]["top_logprobs"]
        return {entry["id"]: entry["logprob"] for entry in likeliest}

    def cpu_seconds(self) -> float | None:
        """What the server has used since it started; None where /proc does not tell."""
        return cpu_seconds(self._pid)

    def _completion(self, tokens: Sequence[int], max_tokens: int, **more: Any) -> Any:
        return self.ask(
            "POST",
            "/completion",
            {
                "prompt": list(tokens),
                "n_predict": max_tokens,
                "cache_prompt": True,
                "return_tokens": True,
                "samplers": ["top_k"],
                "top_k": 1,
                **more,
            },
        )

    def ask(self, method: str, path: str, content: object = None) -> Any:
        """The server's answer to a request in JSON; raises PeerError if there is none."""
        body = None if content is None else json.dumps(content)
        try:
            self._http.request(method, path, body, {"Content-Type": "application/json"})
            answer = self._http.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise PeerError(f"llama-server does not answer ({error}).") from None
        if answer.status != http.client.OK:
            raise PeerError(f"llama-server refused {path}: {said[:500].decode(errors='replace')}")
        return json.loads(said)


def _wait(llama: Llama, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """Return once the model is loaded; raises PeerError if that fails, with its last line."""
    end_s = time.monotonic() + START_S
    while True:
        with suppress(PeerError):
            llama.ask("GET", "/health")
            return
        if process.poll() is not None or time.monotonic() > end_s:
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines() or [""]
            raise PeerError(f"llama-server did not start; it said last: {lines[-1]}")
        time.sleep(LOOK_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
