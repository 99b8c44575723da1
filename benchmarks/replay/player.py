"""Plays a trace to a server process over its pipes, as fast as it answers.

Owns the temporary tree, the conversation and what was seen of it. What the server put through the
model is only noted here, and counted by `report`. Knows no model.

A pause of the trace lasts until the server reports, after its last answer, a reading ahead that
left nothing to read. From a server that does not say how much is left, any report is taken for it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from stateline.lsp_server.client.client import DRAWS_GHOST_TEXT, Client
from stateline.lsp_server.client.connection import Connection
from stateline.lsp_server.commands.demo import STATUS, USAGE

from .acceptance import Typist
from .actions import Action, ActionKind, TextEdit
from .releases import language_id

LOAD_DEADLINE_S, RUN_DEADLINE_S, PAUSE_DEADLINE_S = 300.0, 20.0, 120.0
CACHE_VARIABLE = "XDG_CACHE_HOME"


class PlayError(Exception):
    """The server cannot be measured; the message says why, in a sentence."""


@dataclass(frozen=True)
class Step:
    """One action as it was played. `mark` counts what the server had said of its own accord."""

    kind: ActionKind
    mark: int
    asked: bool = False
    answer_ms: float = 0.0  # from before the edit is sent; of those that asked
    over: bool = True  # of a pause: whether the server said that its reading was over
    request: int | None = None  # the question's number
    offered: TextEdit | None = None


@dataclass(frozen=True)
class UsageMessage:
    """A `stateline/usage`: the `index` of its message, and what of it is counted."""

    index: int
    source: str
    tokens_read: int
    cold: bool
    request: int | None = None  # of the question that caused it; None: of none, or not told
    left: int | None = None  # tokens still unread after it; None: not told
    above: int = 0  # tokens before the anchor, other files included
    tokenise_ms: float = 0.0
    read_ms: float = 0.0
    write_ms: float = 0.0  # of all that was written, some of it maybe after the answer


@dataclass(frozen=True)
class Played:
    """What came of one trace; what is not known on this system is None."""

    actions: tuple[Action, ...]  # as they were done, with what was accepted
    steps: tuple[Step, ...]
    usages: tuple[UsageMessage, ...]
    cpu_s: float | None  # of the server after loading
    resident_bytes: int | None = None  # of the server at the end


def play(
    command: Sequence[str],
    options: Mapping[str, Any],
    texts: Mapping[str, str],
    actions: Iterable[Action],
    chance: Random,
) -> Played:
    """Run the server on a copy of `texts` and do the actions, accepting some of what it offers.

    Raises PlayError, and what the client raises if the server fails.
    """
    with serving(command, {"reportUsage": True, **options}, texts) as (client, root):
        began_s = cpu_seconds(client.connection.process.pid)
        player = Player(client, root, texts)
        done = tuple(_done(player, Typist(actions, texts, chance)))
        player.step(Action(ActionKind.PAUSE, "", 0))  # what the last action caused counts as well
        ended_s = cpu_seconds(client.connection.process.pid)
        resident = resident_bytes(client.connection.process.pid)
    cpu_s = None if began_s is None or ended_s is None else ended_s - began_s
    did, steps = tuple(action for action, _ in done), tuple(step for _, step in done)
    return Played(did, steps, usages(client.connection), cpu_s, resident)


@contextlib.contextmanager
def serving(
    command: Sequence[str], options: Mapping[str, Any], texts: Mapping[str, str]
) -> Iterator[tuple[Client, Path]]:
    """A server whose model is loaded, with `texts` as its workspace, in a folder of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root, cache = Path(folder, "project").resolve(), Path(folder, "cache")
        for path, text in texts.items():
            _write(root / path, text)
        with _environment(CACHE_VARIABLE, str(cache)):
            client = Client(Connection(command))
        with client:
            _initialize(client, root, options)
            yield client, root
            client.shutdown()


def _done(player: Player, typist: Typist) -> Iterator[tuple[Action, Step]]:
    offered = None
    while (action := typist.next(offered)) is not None:
        step = player.step(action)
        offered = step.offered
        yield action, step


class Player:
    """One conversation: the documents' URIs, and the questions whose cost is not reported yet."""

    def __init__(self, client: Client, root: Path, texts: Mapping[str, str]) -> None:
        self._client = client
        self._root = root
        self._texts = texts
        self._asked_at = 0  # the mark of the last question
        self._owed = 0  # runs of the model that were not seen reported yet
        self._seen = 0  # the messages among which they were looked for

    def step(self, action: Action) -> Step:
        """Do it, and wait for the answer or, in a pause, for the reading to be over."""
        mark, began_s = len(self._client.connection.received), time.perf_counter()
        if action.kind is ActionKind.PAUSE:
            return Step(action.kind, mark, over=self._paused())
        uri = (self._root / action.path).as_uri()
        self._told(action, uri)
        if not action.asks:
            return Step(action.kind, mark)
        asked = self._client.suggest(uri, action.cursor)
        offered = [TextEdit(item.start, item.end, item.text) for item in asked.items()]
        assert asked.pending.answered_s is not None  # `items` has returned
        later = usages(self._client.connection, mark)
        self._asked_at = mark
        # This is reported before the answer, unlike what a run of the model costs.
        self._owed += not any(usage.source == "typed" for usage in later)
        return Step(
            action.kind,
            mark,
            True,
            (asked.pending.answered_s - began_s) * 1000,
            request=asked.pending.number,
            offered=offered[0] if offered else None,
        )

    def _told(self, action: Action, uri: str) -> None:
        """Everything but the question."""
        client, named = self._client, {"textDocument": {"uri": uri}}
        if action.kind is ActionKind.OPEN:
            client.open(uri, language_id(action.path), self._texts[action.path])
        elif action.kind is ActionKind.SAVE:
            _write(self._root / action.path, client.text(uri))
            client.connection.notify("textDocument/didSave", named)
        elif action.kind is ActionKind.CLOSE:
            client.connection.notify("textDocument/didClose", named)
        elif action.edit is not None:
            client.change(uri, action.edit.start, action.edit.end, action.edit.new)

    def _paused(self) -> bool:
        """Wait for what the last run cost, and for a reading ahead that was reported later."""
        try:
            while self._owed:
                self._seen = self._reported("model", self._seen, RUN_DEADLINE_S)
                self._owed -= 1
            self._reported("background", max(self._seen, self._asked_at), PAUSE_DEADLINE_S)
        except TimeoutError:
            self._owed = 0  # a run that failed is never reported
            return False
        return True

    def _reported(self, source: str, after: int, deadline_s: float) -> int:
        """Wait for a cost of this source from `received[after]` on; the index behind it."""
        connection = self._client.connection
        message = connection.wait_for(
            USAGE,
            lambda params: params["source"] == source and not params.get("tokensLeft"),
            deadline_s=deadline_s,
            after=after,
        )
        return connection.received.index(message, after) + 1


def usages(connection: Connection, after: int = 0) -> tuple[UsageMessage, ...]:
    """The costs that were reported, from `received[after]` on."""
    return tuple(
        _usage(index, m.params)
        for index, m in enumerate(connection.received[after:], start=after)
        if m.method == USAGE
    )


def _usage(index: int, params: Mapping[str, Any]) -> UsageMessage:
    return UsageMessage(
        index,
        params["source"],
        params["tokensRead"],
        params["cold"],
        params.get("request"),
        params.get("tokensLeft"),
        params.get("tokensAbove", 0),
        *(params.get(name, 0.0) for name in ("tokeniseMs", "readMs", "writeMs")),
    )


def cpu_seconds(pid: int) -> float | None:
    """What a running process has used so far, by /proc; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError):
        return None


def resident_bytes(pid: int) -> int | None:
    """Of a running process, by /proc; None where there is none."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def _initialize(client: Client, root: Path, options: Mapping[str, Any]) -> None:
    """As `Client.initialize`, with a workspace; returns once the model is loaded."""
    uri = root.as_uri()
    params = {
        "processId": os.getpid(),
        "rootUri": uri,
        "workspaceFolders": [{"uri": uri, "name": root.name}],
        "capabilities": DRAWS_GHOST_TEXT,
        "initializationOptions": options,
    }
    answer = client.connection.request("initialize", params).result()
    client.encoding = answer["capabilities"].get("positionEncoding", "utf-16")
    client.connection.notify("initialized", {})
    ready = client.connection.wait_for(
        STATUS, lambda status: not status["busy"], deadline_s=LOAD_DEADLINE_S
    )
    if ready.params["kind"] == "Error":
        raise PlayError(f"The server says: {ready.params['message']}")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """So that the server starts without what it kept of an earlier run."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
