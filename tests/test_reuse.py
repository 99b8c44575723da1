"""Whatever is edited, moved, switched, saved, cancelled, forgotten or started anew: what the engine
goes on from is what it would have computed from nothing."""

import gc
import os
import re
import tempfile
from pathlib import Path
from threading import Event

import edited_workspace as small
import pytest
from awkward_code import code
from edited_workspace import CLOSED, FOLDER, OPEN, STATE_BYTES, After, CheckedEngine, Workspace
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from stateline.model.completer import Context, FileId
from stateline.model.secrets.masking import masked
from stateline.model.states.statefolder import entries
from stateline.model.tokens import layout
from stateline.model.tokens.chain import Chain

EXAMPLES = int(os.environ.get("STATELINE_EXAMPLES", "10"))  # more of them in a soak
STEPS = 25

SECRETS = ("AKIAABCDEFGHIJKLMNOP", "AKIAABCDE", "FGHIJKLMNOP", 'password = "', 'hu8nter2xQ"\n')
TYPED = ("x", "é", "💡", " ", "\n", "\n    ", "(", ")", "name = ", "return", "q" * 40, *SECRETS)
typed = st.lists(st.sampled_from(TYPED), min_size=1, max_size=4).map("".join)
places = st.floats(0, 1)
files = st.lists(st.sampled_from([*OPEN, *CLOSED]), unique=True, max_size=4).map(tuple)
looks = st.one_of(st.none(), st.integers(0, 12))
budgets = st.sampled_from([0, 1, 2, 3, 5, 9, 70, 1000])  # states


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    for module, values in small.SMALL:
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)


class Editing(RuleBasedStateMachine):
    """One programmer at work."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.workspace = Workspace()
        self.engine = CheckedEngine(Path(self.folder.name))

    def teardown(self) -> None:
        self.folder.cleanup()

    def ask(self, max_tokens: int = 3, stop: Event | None = None):
        return self.engine.ask(self.workspace.context(), max_tokens, stop or Event())

    def at(self, place: float) -> int:
        return round(place * len(self.workspace.text.text))

    @rule(text=typed)
    def type(self, text: str) -> None:
        at = self.workspace.text.cursor
        self.workspace.text.replace(at, at, text)
        self.ask()

    @rule(chars=st.integers(1, 30))
    def take_back(self, chars: int) -> None:
        at = self.workspace.text.cursor
        self.workspace.text.replace(max(0, at - chars), at, "")
        self.ask()

    @rule(start=places, chars=st.integers(0, 60), text=typed)
    def replace(self, start: float, chars: int, text: str) -> None:
        """Anywhere, and the cursor stays there."""
        first = self.at(start)
        self.workspace.text.replace(first, first + chars, text)

    @rule(source=st.integers(0, len(code()) - 1), start=places, chars=st.integers(50, 400))
    def paste(self, source: int, start: float, chars: int) -> None:
        at, first = self.workspace.text.cursor, round(start * len(code()[source]))
        self.workspace.text.replace(at, at, code()[source][first : first + chars])

    @rule()
    def undo(self) -> None:
        text = self.workspace.text
        if text.undone:
            text.text, text.cursor = text.undone.pop()
            self.ask()

    @rule(place=places)
    def move(self, place: float) -> None:
        self.workspace.text.cursor = self.at(place)

    @rule(file=st.sampled_from(OPEN))
    def switch(self, file: str) -> None:
        self.workspace.here = file
        self.ask()

    @rule()
    def save(self) -> None:
        self.workspace.text.saved = self.workspace.text.text

    @rule(file=st.sampled_from(CLOSED), text=typed, start=places)
    def change_elsewhere(self, file: str, text: str, start: float) -> None:
        old = self.workspace.closed[file]
        at = round(start * len(old))
        self.workspace.closed[file] = old[:at] + text + old[at:]

    @rule(read=files, recalled=files)
    def surround(self, read: tuple[str, ...], recalled: tuple[str, ...]) -> None:
        self.workspace.read, self.workspace.recalled = read, recalled

    @rule(names=files)
    def forget(self, names: tuple[str, ...]) -> None:
        """As when they become ignored: they are no neighbours from now on, until they are again."""
        workspace = self.workspace
        workspace.read = tuple(file for file in workspace.read if file not in names)
        workspace.recalled = tuple(file for file in workspace.recalled if file not in names)
        self.engine.forget({FileId(FOLDER, name) for name in names})

    @rule(states=budgets)
    def restart(self, states: int) -> None:
        self.engine.start(states * STATE_BYTES)

    @rule(max_tokens=st.integers(1, 8), looks=looks)
    def complete(self, max_tokens: int, looks: int | None) -> None:
        self.ask(max_tokens, None if looks is None else After(looks))

    @rule(looks=looks)
    def read_ahead(self, looks: int | None) -> None:
        self.engine.warm(self.workspace.context(), Event() if looks is None else After(looks))

    @rule()
    def settle(self) -> None:
        """Once all is read, an answer is neither cold nor waits for more than the tail."""
        context = self.workspace.context()
        self.engine.settle(context)
        if self.engine.room:
            _, usage = self.ask()
            (prompt,) = self.engine.reader.prompts
            assert not usage.cold
            assert usage.tokens_read <= len(prompt.tail.encode())
            assert prompt.chain.files == (
                *(n.file for n in context.around.read),
                FileId(FOLDER, context.uri),
            )

    @rule(part=st.sampled_from([r"(?s).*", r"\s*\S*", r".*\n?"]))
    def accept(self, part: str) -> None:
        """What was written, its first word or its first line; the rest is not asked for again."""
        text = self.workspace.text
        written, before = self.ask(8)
        (old,) = self.engine.reader.prompts
        where, public = layout.window_start(text.text, text.cursor), masked(text.text) == text.text
        text.replace(text.cursor, text.cursor, re.match(part, written)[0])
        _, after = self.ask(8)
        (new,) = self.engine.reader.prompts
        moved = new.above != old.above or layout.window_start(text.text, text.cursor) != where
        public = public and masked(text.text) == text.text
        if moved or not public or not self.engine.room or before.cold or after.cold:
            return
        assert small.flat(new.chain)[: old.chain.length] == small.flat(old.chain)
        imposed = len(old.tail.encode()) + len(new.tail.encode())
        assert after.tokens_read <= 16 + imposed

    @invariant()
    def holds(self) -> None:
        self.engine.check()


def test_whatever_happens_states_are_those_computed_from_nothing():
    run_state_machine_as_test(
        Editing,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("states", [0, 1, 2, 4])
def test_reading_ahead_ends_however_few_states_are_kept(tmp_path: Path, states: int):
    workspace, engine = Workspace(), CheckedEngine(tmp_path)
    engine.settle(workspace.context())  # so that the disk has some of them
    engine.start(states * STATE_BYTES)
    for workspace.read in ((), ("e.py", "f.py")):
        engine.settle(workspace.context())
    assert bool(states) == bool(engine.reader.checkpoints.held())


def test_nothing_of_a_forgotten_file_is_left(tmp_path: Path):
    """A chain remembers what it was last gone on with, and others may go on from it."""
    workspace, engine = Workspace(), CheckedEngine(tmp_path)
    for workspace.here, workspace.read in (("b.py", ()), ("c.py", ("e.py",))):
        engine.settle(workspace.context())
        engine.ask(workspace.context(), 1, Event())
    gone = {FileId(FOLDER, "e.py"), FileId(FOLDER, "c.py")}
    assert gone <= {source for entry in entries(tmp_path) for source in entry.sources}
    engine.forget(gone)
    engine.check()
    engine.reader.prompts = []
    gc.collect()
    chains = [each for each in gc.get_objects() if type(each) is Chain]
    assert not [each for each in chains if not gone.isdisjoint(each.files)]


@pytest.mark.parametrize("text", ['key = "AKIAABCDE█FGHIJKLMNOP"\n', 'password = "█hu8nter2xQ"\n'])
def test_a_secret_that_the_cursor_parts_is_one(tmp_path: Path, text: str):
    """`check_prompt` compares what is read with the masked whole."""
    before, _, after = text.partition("█")
    assert masked(before) + masked(after) == before + after != masked(before + after)
    CheckedEngine(tmp_path).ask(Context(before + after, len(before), "a.py"), 1, Event())
