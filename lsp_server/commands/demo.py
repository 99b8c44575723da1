"""`stateline demo`: types into a real file through the real server, and shows what it suggests.

Owns the run: the folder with the file, the server's process, the pace of the typing.
Nothing is scripted: a suggestion is only what the server answered. What is typed says `sample`, how
a key is chosen `typist`, what is counted `tally`, and how it looks `picture`.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..client.client import Client, Item, PendingItems
from ..client.connection import ANSWER_DEADLINE_S, Connection, RefusedError, ServerGoneError
from ..client.tally import Keystroke, ReportedCost, Tally
from ..client.typist import Draft, Judgement, Key, accepting, judge, next_key, pressed
from .picture import LATEST_KEYS, Scene, line, save, summary
from .sample import Sample, SampleError, sample_of

# -P: or else a module in the current folder would be taken for one of the server's.
SERVER = (sys.executable, "-P", "-m", "stateline.lsp_server.cli", "lsp")
STATUS, USAGE = "stateline/didChangeStatus", "stateline/usage"
LOAD_DEADLINE_S = 300.0
LAST_WORD_S = 2.0  # for the cost of the last request to be reported
KEY_S = (0.12, 0.18)  # between two keys, at random
LOOK_S = 0.5  # at a suggestion, before accepting it
FIRST_LOOK_S = 1.0  # at the file, before typing; meanwhile the server reads what goes with it
SEED = 0


class DemoError(Exception):
    """The demo cannot go on; the message says why, in a sentence for the user."""


@dataclass(frozen=True)
class TypingPace:
    """How fast keys are pressed: `speed` times a person's, or, at 0, as answers come."""

    speed: float
    chance: random.Random

    def wait_s(self) -> float:
        """Until the next key."""
        seconds = self.chance.uniform(*KEY_S)
        return seconds / self.speed if self.speed else 0.0

    def first_look_s(self) -> float:
        """Before the first key."""
        return FIRST_LOOK_S / self.speed if self.speed else 0.0

    def look_s(self) -> float:
        """Before a suggestion is accepted."""
        return LOOK_S / self.speed if self.speed else 0.0

    def patience_s(self, due_s: float) -> float:
        """For an answer, when the next key is due at `due_s`."""
        return due_s - time.perf_counter() if self.speed else ANSWER_DEADLINE_S


def run(
    *,
    file: Path | None = None,
    language: str = "python",
    model: Path | None = None,
    speed: float = 1.0,
    keys: int = 0,
    svg: Path | None = None,
    plain: bool = False,
    console: Console | None = None,
    command: Sequence[str] = SERVER,
) -> int:
    """Show it; 0 if there were suggestions, 1 if none or on an error, which is printed.

    `keys` of 0 types all; `speed` of 0 waits for each answer and for nothing else. `plain` prints
    a line for each key in place of a moving picture, as is done where there is no terminal.
    """
    console = console or Console()
    show = _show_lines if plain or not console.is_terminal else _show_live
    try:
        if not 0 <= speed < float("inf"):
            raise DemoError(f"--speed must be a number from 0 up, not {speed:g}.")
        sample = sample_of(file, language)
        # Whatever the model knows: what is typed here is to be completed.
        options = {"reportUsage": True, "languages": ["*"]}
        options |= {"model": str(model.resolve())} if model else {}
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            Client(Connection(command)) as client,
        ):
            uri = _opened(client, Path(folder).resolve(), sample, options)
            _wait_until_ready(client, console)
            pace = TypingPace(speed, random.Random(SEED))
            scene = Scene(sample.title, sample.draft, "", Tally(), sample.language)
            best, last = _watched(show(console, type_out(client, uri, scene, pace, keys)))
            client.shutdown()
        return _concluded(console, best, last, svg)
    except (DemoError, SampleError, ServerGoneError, RefusedError, TimeoutError) as error:
        console.print(f"stateline demo: {error}", style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        return 130


def _opened(client: Client, folder: Path, sample: Sample, options: dict[str, Any]) -> str:
    """The URI of the open document: a copy without the lines to type, so that none can leak."""
    text = sample.draft.before + sample.draft.below
    for name, content in {**sample.beside, sample.name: text}.items():
        (folder / name).write_text(content, encoding="utf-8")
    client.initialize(options, root=folder.as_uri())
    uri = (folder / sample.name).as_uri()
    client.open(uri, sample.language, text)
    return uri


def _wait_until_ready(client: Client, console: Console) -> None:
    """Until the model is loaded; raises DemoError with the server's own words if it fails."""
    connection, seen = client.connection, 0
    with console.status("Starting the server") as spinner:
        while True:
            message = connection.wait_for(STATUS, deadline_s=LOAD_DEADLINE_S, after=seen)
            seen = connection.received.index(message) + 1
            status = message.params
            if status["kind"] in ("Error", "Inactive"):
                raise DemoError(status["message"])
            if not status["busy"]:
                return
            spinner.update(Text(status["message"]))


def type_out(
    client: Client, uri: str, scene: Scene, pace: TypingPace, keys: int
) -> Iterator[Scene]:
    """Type what is left of the scene's draft; a scene after each key and after each answer."""
    asked_at, part = 0, ""
    yield scene
    time.sleep(pace.first_look_s())
    while not keys or len(scene.tally.keystrokes) < keys:
        key = accepting(part) if part else next_key(scene.draft)
        if key is None:
            break
        began_s = time.perf_counter()
        due_s = began_s + pace.wait_s()
        asked_at = len(client.connection.received)
        scene, asked = _press(client, uri, scene, key)
        yield scene
        item = _answer(client, asked, pace.patience_s(due_s))
        stroke = _keystroke(key, began_s, asked, item, scene.draft)
        kept = scene.ghost if stroke.answer_ms is None else stroke.ghost
        strokes = (*scene.tally.keystrokes, stroke)
        scene = replace(scene, ghost=kept, tally=Tally(strokes, _costs(client)))
        yield scene
        part = stroke.judgement.part
        _sleep_until(max(due_s, time.perf_counter() + pace.look_s()) if part else due_s)
    with contextlib.suppress(TimeoutError):  # the last request may have been given up
        _wait_for_cost(client, asked_at)
    yield replace(scene, tally=replace(scene.tally, costs=_costs(client)))


def _press(client: Client, uri: str, scene: Scene, key: Key) -> tuple[Scene, PendingItems]:
    """Change the document and ask; a suggestion that the key agrees with stays while waiting."""
    offset = len(scene.draft.before)
    client.change(uri, offset - key.deletes, offset, key.inserts)
    draft = pressed(scene.draft, key)
    agrees = not key.deletes and scene.ghost.startswith(key.inserts)
    ghost = scene.ghost[len(key.inserts) :] if agrees else ""
    return replace(scene, draft=draft, ghost=ghost), client.suggest(uri, len(draft.before))


def _answer(client: Client, asked: PendingItems, patience_s: float) -> Item | None:
    """The first suggestion; None if there is none, or if the answer did not come in time."""
    try:
        return next(iter(asked.items(patience_s)), None)
    except TimeoutError:
        client.cancel(asked)
        return None


def _keystroke(
    key: Key, began_s: float, asked: PendingItems, item: Item | None, draft: Draft
) -> Keystroke:
    answered_s = asked.pending.answered_s
    answer_ms = None if answered_s is None else (answered_s - began_s) * 1000
    if item is None:
        return Keystroke(key, began_s, answer_ms, "", Judgement(False, False, ""))
    # The suggestion may repeat what stands before the cursor, but has to agree with it.
    repeated = draft.before[item.start :]
    ghost = item.text.removeprefix(repeated) if item.text.startswith(repeated) else ""
    verdict = judge(ghost, draft)
    if item.end != asked.offset:  # it would replace what is to stay
        verdict = replace(verdict, part="")
    return Keystroke(key, began_s, answer_ms, ghost, verdict)


def _costs(client: Client) -> tuple[ReportedCost, ...]:
    messages = list(client.connection.received)
    return tuple(ReportedCost.of(m.params, m.at_s) for m in messages if m.method == USAGE)


def _wait_for_cost(client: Client, after: int) -> None:
    client.connection.wait_for(
        USAGE, lambda p: p["source"] != "background", deadline_s=LAST_WORD_S, after=after
    )


def _sleep_until(due_s: float) -> None:
    time.sleep(max(due_s - time.perf_counter(), 0.0))


def _show_live(console: Console, scenes: Iterator[Scene]) -> Iterator[Scene]:
    with Live(console=console, auto_refresh=False) as live:
        for scene in scenes:
            live.update(scene, refresh=True)
            yield scene


def _show_lines(console: Console, scenes: Iterator[Scene]) -> Iterator[Scene]:
    """Each keystroke as a line, one late, when its cost is known."""
    scene, printed = None, 0
    for scene in scenes:
        for index in range(printed, len(scene.tally.keystrokes) - 1):
            console.print(line(scene.tally, index), soft_wrap=True)
            printed += 1
        yield scene
    if scene is not None and printed < len(scene.tally.keystrokes):
        console.print(line(scene.tally, printed), soft_wrap=True)


def _watched(scenes: Iterator[Scene]) -> tuple[Scene, Scene]:
    """The one to keep a picture of, and the last."""
    best = last = next(scenes)
    for last in scenes:
        if _worth(last) >= _worth(best):
            best = last
    return best, last


def _worth(scene: Scene) -> tuple[int, int]:
    """How well a scene does for a picture: with some keys, and a long suggestion that is right."""
    strokes = scene.tally.keystrokes
    if not strokes or scene.ghost != strokes[-1].ghost:
        return 0, 0
    part = len(strokes[-1].judgement.part)
    return (min(len(strokes), LATEST_KEYS), part) if part else (0, 0)


def _concluded(console: Console, best: Scene, last: Scene, svg: Path | None) -> int:
    console.print(summary(last.tally))
    if svg is not None:
        try:
            save(svg, best, summary(last.tally))
        except OSError as error:
            raise DemoError(f"{svg} cannot be written ({error.strerror}).") from None
    if not last.tally.shown:
        raise DemoError("No suggestion came; `stateline doctor` says whether the model is sound.")
    return 0
