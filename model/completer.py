"""The seam between the language server and whatever writes completions.

Owns what a file is called (`FileId`), the question (`Context`, `Sampling`), the answer (`Piece`,
`Ended`, `Usage`), the `Completer` protocol and `Scripted`, its stand-in for tests. Plain data only:
no torch, no LSP.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event
from typing import Protocol

from .profile import Profile


@dataclass(frozen=True)
class FileId:
    """Which file it is, on any machine that has the workspace under this name.

    A completer compares these and keeps them. Where such a file lies, only its workspace knows.
    """

    workspace: str  # a name for the workspace folder; empty: the file stands in none
    path: str  # from there on, with slashes; in no workspace, whatever names the file


@dataclass(frozen=True)
class Neighbour:
    """Another file of the workspace, as it stands on the disk (line feeds only)."""

    name: str  # relative to its workspace folder, with slashes: the model reads it
    text: str = field(repr=False)
    file: FileId


@dataclass(frozen=True)
class WorkspaceBudget:
    """How much of the workspace helps a model, in tokens, and what a token is in characters."""

    read_tokens: int = 0  # into the state
    recalled_tokens: int = 0  # by the memory, those that are read included
    chars_per_token: float = 3.5


@dataclass(frozen=True)
class Surroundings:
    """What is known of a text beyond itself."""

    # Least recently touched first; the last ones stand nearest to the text.
    read: tuple[Neighbour, ...] = ()  # into the state, in this order
    recalled: tuple[Neighbour, ...] = ()  # by the memory alone
    file: FileId | None = None  # the text's own; None: it has none
    # Code points at the text's start that stand on the disk as well, in a file of which states may
    # be kept there; nothing after them is.
    saved_chars: int = 0

    @property
    def workspace(self) -> str:
        """The name of the workspace folder that the text's file stands in."""
        return self.file.workspace if self.file else ""


@dataclass(frozen=True)
class Context:
    """A text and the cursor in it; all that a completion may depend on."""

    text: str
    offset: int  # of the cursor, in code points
    uri: str  # names the text from request to request
    language: str = ""
    around: Surroundings = Surroundings()

    @property
    def prefix(self) -> str:
        return self.text[: self.offset]

    @property
    def suffix(self) -> str:
        return self.text[self.offset :]


@dataclass(frozen=True)
class View(Context):
    """A context of which nothing but the window around the cursor is left, and no secret.

    Its offset counts from the window's start, `Surroundings.saved_chars` from the whole text's.
    """

    start: int = 0  # code points of the whole text that stand before this one


@dataclass(frozen=True)
class Runtime:
    """What a model computes with."""

    device: str  # "cpu" or "cuda"
    kernels: str  # whose: "native", "torch"
    precision: str  # "float32"
    threads: int = 1
    detail: str = ""  # which device, or which instructions of it

    @property
    def arithmetic(self) -> str:
        """Numbers of another one differ in their last bits: stored states are kept apart by it."""
        return f"{self.kernels} {self.precision}"

    def __str__(self) -> str:
        device = self.detail if self.device == "cuda" else "CPU"
        instructions = f" ({self.detail})" if self.device == "cpu" and self.detail else ""
        plural = "s" if self.threads > 1 else ""
        kernels = f"{self.kernels} kernels{instructions}, {self.precision}"
        return f"{device}, {kernels}, {self.threads} thread{plural}"


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens. Temperature 0 is greedy."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 96
    seed: int = 0


@dataclass(frozen=True)
class Piece:
    """Some new text, in order."""

    text: str
    confidence: float  # the model's probability of this text given all before it, 0 to 1
    candidate: int = 0  # which of several suggestions it is a part of


@dataclass(frozen=True)
class Ended:
    """Nothing more comes of one candidate, though others may go on."""

    candidate: int
    tokens_generated: int  # 0: or it never began
    # Of the end of its text, which went round in circles: all of them stand there before.
    repeated_chars: int = 0


@dataclass(frozen=True)
class Usage:
    """What one request cost; the last thing a completion yields."""

    tokens_reused: int = 0  # held by the checkpoint that the reading went on from
    tokens_read: int = 0  # put through the model, the imposed tail included
    tokens_generated: int = 0
    tokens_above: int = 0  # that stand before the anchor, other files included
    tokens_left: int = 0  # after reading ahead, that are still to be read
    cold: bool = False  # answered from nearby text only, since too much was unread
    repeated_chars: int = 0  # as in `Ended`, where there was one candidate
    tokenise_ms: float = 0.0
    read_ms: float = 0.0
    write_ms: float = 0.0


class Writer(Protocol):
    """Sync on purpose: a generator is the streaming, closing it or `stop` is the cancelling."""

    def complete(
        self, context: Context, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """Pieces in order, then one Usage; once `stop` is set, at once the Usage."""
        ...

    def warm(self, context: Context, stop: Event) -> Usage:
        """Read some of what `complete` would read, so that it need not; may move the anchor.

        To be called again while `tokens_left` is not 0.
        """
        ...


class Completer(Writer, Protocol):
    """A writer that lives as long as a session, and keeps what it reads."""

    def choices(
        self, context: Context, sampling: Sampling, stops: Sequence[Event]
    ) -> Iterator[Piece | Ended | Usage]:
        """As `complete`, of as many candidates as there are `stops`: each stops its own.

        Candidate 0 is what `complete` writes. The others begin with other tokens, the likeliest of
        those that are worth it, and are greedy. The pieces of one are in order, and an `Ended`
        follows them; then one Usage of all. Once all stops are set, at once the Usage.
        """
        ...

    @property
    def workspace_budget(self) -> WorkspaceBudget:
        """How much of the workspace is worth giving it."""
        ...

    @property
    def profile(self) -> Profile:
        """Which languages it knows, and how sure of a line it has to be in each."""
        ...

    @property
    def runtime(self) -> Runtime:
        """What it computes with."""
        ...

    @property
    def advice(self) -> str:
        """A sentence for the user, should something be set badly for it; mostly empty."""
        ...

    def forget(self, files: Collection[FileId]) -> None:
        """Drop all that was read from these files, in memory and on the disk."""
        ...

    def stored_files(self, workspaces: Collection[str]) -> Collection[FileId]:
        """Those that it still knows from earlier sessions, of work in these workspaces.

        Whoever asks answers for them, and has those forgotten that may not be known any more. To be
        called on any thread.
        """
        ...

    def held(self) -> Mapping[str, Mapping[str, int]]:
        """States in memory by why they are held: how many, and their bytes."""
        ...


class Scripted:
    """A completer that says what a function tells it to; for tests, never shipped as a model.

    `others` says what the candidates after the first one write.
    """

    def __init__(
        self,
        script: Callable[[Context], Sequence[Piece]],
        others: Callable[[Context], Sequence[Sequence[Piece]]] = lambda context: (),
    ) -> None:
        self._script, self._others = script, others
        self.workspace_budget = WorkspaceBudget()
        self.profile = Profile()
        self.runtime = Runtime("cpu", "no", "no precision")
        self.advice = ""
        self.forgotten: list[FileId] = []
        self.asked: list[Context] = []
        self.warmed: list[Context] = []

    def complete(
        self, context: Context, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        self.asked.append(context)
        count = 0
        for piece in self._script(context):
            if stop.is_set():
                break
            count += 1
            yield piece
        yield Usage(tokens_read=1, tokens_generated=count)

    def choices(
        self, context: Context, sampling: Sampling, stops: Sequence[Event]
    ) -> Iterator[Piece | Ended | Usage]:
        """A piece of each candidate in turn."""
        self.asked.append(context)
        scripts = list(map(iter, (self._script(context), *self._others(context))))
        scripts += [iter(())] * (len(stops) - len(scripts))
        counts = [0] * len(stops)
        going = list(range(len(stops)))
        while going:
            for candidate in list(going):
                piece = next(scripts[candidate], None)
                if piece is None or stops[candidate].is_set():
                    going.remove(candidate)
                    yield Ended(candidate, counts[candidate])
                else:
                    counts[candidate] += 1
                    yield replace(piece, candidate=candidate)
        yield Usage(tokens_read=1, tokens_generated=sum(counts))

    def warm(self, context: Context, stop: Event) -> Usage:
        self.warmed.append(context)
        return Usage()

    def forget(self, files: Collection[FileId]) -> None:
        self.forgotten += files

    def stored_files(self, workspaces: Collection[str]) -> Collection[FileId]:
        return ()

    def held(self) -> Mapping[str, Mapping[str, int]]:
        return {}
