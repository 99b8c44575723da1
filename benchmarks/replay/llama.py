"""llama-server as a peer: a line at a time, from the model that the server has too.

Owns what is asked of it. The process and its flags are `benchmarks.peer`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stateline.model.tokens.tokenizer import Tokenizer

from benchmarks.peer.gguf import FileType, export
from benchmarks.peer.llama import Llama, started

from .peers import Written
from .projects import CACHE


class LlamaPeer:
    """A running llama-server behind the face of a `Peer`."""

    def __init__(self, server: Llama, tokenizer: Tokenizer) -> None:
        self._server = server
        self._tokenizer = tokenizer

    def complete(self, tokens: Sequence[int], max_tokens: int) -> Written:
        """See `Peer`."""
        answer = self._server.complete(tokens, max_tokens, stop=("\n",))
        line = self._tokenizer.decode(answer.tokens).partition("\n")[0]
        return Written(line, answer.read)

    def cpu_s(self) -> float | None:
        """See `Peer`."""
        return self._server.cpu_seconds()


def exported(model: Path) -> Path:
    """The model of a folder, as llama-server reads it; in the blocks that are the faster ones."""
    return export(model, CACHE / "peer.gguf", FileType.Q8_0)


@contextmanager
def opened(model: Path, tokenizer: Tokenizer) -> Iterator[LlamaPeer]:
    """A server that has just started."""
    with started(model) as server:
        yield LlamaPeer(server, tokenizer)
