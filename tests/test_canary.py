"""What may not be read is not read: a canary in it reaches neither the model nor the disk.

Audited at the engine's door: whatever its network and `Mamba2.hidden` are given and whatever the
memory recalls is written down and made text again.
"""

import asyncio
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from canaries import CANARIES, FILES, KEY, LEAVING, OPEN, PEM, VISIBLE, traces
from door import Door
from paced import answer
from stateline.lsp_server.access.rules import Verdict
from stateline.lsp_server.edit.documents import Snapshot
from stateline.lsp_server.edit.requests import CompletionRequest, Trigger
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.suggestions import session as session_module
from stateline.lsp_server.suggestions.engine_thread import EngineThread
from stateline.lsp_server.suggestions.session import Session
from stateline.lsp_server.workspace import neighbourhood
from stateline.lsp_server.workspace.cache import cache_folder, states_folder
from stateline.lsp_server.workspace.project import Project
from stateline.model import PRETRAINED
from stateline.model.engine import Engine
from stateline.model.memory import mixing
from stateline.model.states.statefolder import entries
from tiny_model import tiny_folder
from workspace_project import write

PATIENCE_S = 60


class Editor:
    """One open file in a workspace, and the model that reads it; without a server between."""

    def __init__(self, root, engine, exclude=()):
        self.root, self.engine = root, engine
        self.left = asyncio.Event()
        self.gone = set()
        self.project = Project([root], exclude, self._forget)
        around = self.project.neighbourhood
        thread = EngineThread(lambda: engine)
        self.session = Session(thread, Settings(), neighbourhood=around)

    def _forget(self, files):
        async def forget():
            await self.session.forget(files)
            self.gone |= {file.name for file in files}
            self.left.set()

        self.leaving = asyncio.ensure_future(forget())

    def request(self, offset=None, file="main.py"):
        text = (self.root / file).read_text()
        snapshot = Snapshot((self.root / file).as_uri(), 1, "python", text)
        offset = len(text) if offset is None else offset
        return CompletionRequest(snapshot, offset, Trigger.INVOKED)

    async def reads(self):
        """All that it wants to read around the open file."""
        await self.session.engine.held()  # whatever the model was asked before has ended
        self.session.read_ahead(self.request())
        await asyncio.wait_for(self.session._idle._task, PATIENCE_S)

    async def asks(self, *offsets):
        for offset in offsets:
            await answer(self.session, self.request(offset))

    async def leaves(self, name):
        while name not in self.gone:
            self.left.clear()
            await asyncio.wait_for(self.left.wait(), PATIENCE_S)


@asynccontextmanager
async def edited(root, folder, exclude=("excluded.py",)):
    engine = Engine.open(folder, states=states_folder())
    editor = Editor(root, engine, exclude)
    await editor.session.engine.load()
    try:
        for file in FILES:
            editor.project.touched((root / file).as_uri())
        yield editor
    finally:
        editor.session.close()
        editor.session.engine.close()
        await asyncio.to_thread(editor.project.close)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A model's folder and a workspace's, with a cache folder that is the test's own."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(
        "stateline.lsp_server.workspace.cache.cache_folder", lambda: tmp_path / "cache"
    )
    monkeypatch.setattr(session_module, "IDLE_S", 0.0)
    monkeypatch.setattr(neighbourhood, "SETTLED_S", 0.0)
    folder = tiny_folder(tmp_path / "model")
    shutil.copy(PRETRAINED / mixing.FILE, folder)
    write(tmp_path / "work", FILES)
    return tmp_path / "work", folder


def run(coroutine):
    asyncio.run(asyncio.wait_for(coroutine, 2 * PATIENCE_S))


def on_disk(folder: Path) -> str:
    return "".join(
        path.name + path.read_bytes().decode("latin-1")
        for path in folder.rglob("*")
        if path.is_file()
    )


def test_no_canary_reaches_the_model_or_the_disk(place, monkeypatch):
    root, folder = place
    door = Door(monkeypatch)

    async def test():
        async with edited(root, folder) as editor:
            await editor.reads()
            await editor.asks(len(OPEN), len(OPEN) // 2, 0)

    run(test())
    heard = door.text()
    for each in VISIBLE:  # or else nothing was read, and this test could not fail
        assert each in heard
        assert each in door.read()
    assert "****" in door.read()
    assert traces(heard) == []
    assert len(entries(states_folder())) > 2
    assert traces(on_disk(cache_folder())) == []


@pytest.mark.parametrize("secret", [KEY, PEM])
def test_a_cursor_in_the_middle_of_a_secret_parts_nothing_of_it(place, monkeypatch, secret):
    """Neither half has the shape of a secret; typing it is when the cursor stands there."""
    root, folder = place
    door = Door(monkeypatch)

    async def test():
        async with edited(root, folder) as editor:
            start = OPEN.index(secret)
            await editor.asks(*range(start + 10, start + len(secret), 15))

    run(test())
    assert "text_between_secrets" in door.text()
    assert traces(door.text()) == []


def test_a_secret_that_is_being_typed_is_not_kept(place, monkeypatch):
    """Its beginning may be read, since nobody can know; from some length on it is masked."""
    root, folder = place
    door = Door(monkeypatch)
    opening = 'aws_secret_access_key = "'

    async def test():
        async with edited(root, folder) as editor:
            for end in range(len(KEY) + 1):
                write(root, {"main.py": opening + KEY[:end]})
                await editor.asks(None)
                await editor.reads()

    run(test())
    assert traces(door.text(), reach=20) == []
    assert traces(on_disk(cache_folder())) == []


def ignored(root):
    write(root, {".gitignore": "ignored.py\nleaving.py\n"})


def excluded(root):
    write(root, {".statelineignore": "stateless.py\nleaving.py\n"})


def deleted(root):
    (root / "leaving.py").unlink()


@pytest.mark.parametrize("how", [ignored, excluded, deleted])
def test_what_becomes_excluded_leaves_memory_and_disk(place, monkeypatch, how):
    root, folder = place
    door, name = Door(monkeypatch), str(root / "leaving.py")

    def held(engine):
        return [each for each in engine.reader.checkpoints.held() if name in each.files]

    def kept():
        return [
            each for each in entries(states_folder()) if any(s.path == name for s in each.sources)
        ]

    async def test():
        async with edited(root, folder) as editor:
            await editor.reads()
            assert LEAVING in door.text()
            assert held(editor.engine)
            assert kept()
            how(root)
            await editor.leaves("leaving.py")
            assert held(editor.engine) == []
            assert kept() == []
            door.forget()
            await editor.asks(len(OPEN), 0)
            await editor.reads()
            assert "visible_text" in door.text()
            assert LEAVING not in door.text()
            assert held(editor.engine) == []
            assert kept() == []

    run(test())


def test_the_order_of_files_forgets_what_left(place):
    root, folder = place

    async def test():
        async with edited(root, folder) as editor:
            await editor.reads()
            assert "leaving.py" in str(editor.project.neighbourhood.order())
            ignored(root)
            await editor.leaves("leaving.py")
            assert "leaving.py" not in str(editor.project.neighbourhood.order())

    run(test())


def test_what_was_excluded_between_sessions_leaves_too(place):
    root, folder = place

    async def test():
        async with edited(root, folder) as editor:
            await editor.reads()
        assert "leaving.py" in on_disk(states_folder())
        ignored(root)
        async with edited(root, folder) as editor:
            await editor.leaves("leaving.py")
        assert "leaving.py" not in on_disk(states_folder())

    run(test())


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        (".env", Verdict.SECRET),
        ("id_rsa", Verdict.SECRET),
        ("credentials.json", Verdict.SECRET),
        ("stateless.py", Verdict.EXCLUDED),
        ("main.py", Verdict.FREE),
    ],
)
def test_a_document_is_judged_wherever_it_comes_from(place, name, verdict):
    root, _ = place

    async def test():
        project = Project([root], (), lambda files: None)
        try:
            uri = (root / name).as_uri()
            for each in (uri, "FILE" + uri[4:], "git" + uri[4:].replace("///", "/") + "?{}"):
                assert project.verdict(each) is verdict
                assert name in project.why(each)
        finally:
            await asyncio.to_thread(project.close)

    run(test())
    assert CANARIES
