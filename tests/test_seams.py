"""The seams for what comes next, each with a small double of it in its place."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
import toy_hybrid
from canaries import FILES, KEY, OPEN, PEM, traces
from paced import close
from stateline.lsp_server.commands.doctor import examine
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.suggestions.engine_thread import EngineThread
from stateline.lsp_server.suggestions.session import Session
from stateline.lsp_server.workspace.folders import Folders
from stateline.lsp_server.workspace.project import Project
from stateline.model import open_completer, open_network
from stateline.model.completer import (
    Completer,
    Context,
    FileId,
    Neighbour,
    Runtime,
    Sampling,
    Scripted,
    Surroundings,
    Usage,
)
from stateline.model.errors import ModelFolderError
from stateline.model.folder import architectures
from stateline.model.folder.config import Mamba2Config
from stateline.model.masked import Masked
from stateline.model.networks.interface import Network
from stateline.model.states import store
from stateline.model.states.statefolder import entries
from stateline.model.tokens import layout
from tiny_model import tiny_folder
from workspace_project import write

PATIENCE_S = 30
TEXT = "value = 1\n" * 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(store, "REFRESH_S", 0)
    return


def opened(folder: Path, states: Path) -> Completer:
    return open_completer(folder, states=states)


def settled(completer: Completer, context: Context) -> int:
    """How many tokens were read until nothing was left."""
    read, left = 0, 1
    while left:
        usage = completer.warm(context, Event())
        read, left = read + usage.tokens_read, usage.tokens_left
    return read


def used(completer: Completer, context: Context) -> Usage:
    *_, usage = completer.complete(context, Sampling(max_tokens=2), Event())
    return usage


# Another machine, with the same workspace at another place.


def on_machine(root: str) -> tuple[Folders, Context]:
    """The folders there, and a saved text of the workspace that is called a project."""
    folders = Folders([Path(root)], {root: "a project"})
    around = Surroundings(file=folders.identity(f"{root}/src/a.py"), saved_chars=len(TEXT))
    return folders, Context(TEXT, len(TEXT), f"file://{root}/src/a.py", "python", around)


def test_a_state_is_of_use_wherever_its_workspace_lies(folder: Path, tmp_path: Path):
    (_, here), (folders, there) = on_machine("/tmp/x/a"), on_machine("/tmp/y/b")
    first = opened(folder, tmp_path)
    settled(first, here)
    kept = max(entry.tokens for entry in entries(tmp_path))
    second = opened(folder, tmp_path)
    usage = used(second, there)
    assert usage.tokens_reused == usage.tokens_above == kept  # of what is saved no token is read
    second.forget(folders.identities("/tmp/y/b/src/a.py"))
    assert entries(tmp_path) == []
    assert used(opened(folder, tmp_path), there).tokens_reused == 0


# A completer that keeps its states where nobody but it can look.


def test_what_a_completer_has_stored_is_asked_of_itself(tmp_path: Path):
    """Its workspace answers for it: what may not be known any more is forgotten."""
    root = tmp_path / "work"
    write(root, {"a.py": "x = 1\n", ".gitignore": "left.py\n", "left.py": "y = 2\n"})

    async def test() -> None:
        completer, gone = Scripted(lambda context: ()), asyncio.Event()
        files = [FileId(str(root), "a.py"), FileId(str(root), "left.py")]
        completer.stored_files = lambda workspaces: files if str(root) in workspaces else ()

        def forget(paths: frozenset[Path]) -> None:
            session.forget(paths).add_done_callback(lambda _: gone.set())

        project = Project([root], (), forget)
        engine = EngineThread(lambda: completer)
        session = Session(engine, Settings(), neighbourhood=project.neighbourhood)
        await engine.load()
        await session.answer_for_stored()
        await gone.wait()
        assert FileId(str(root), "left.py") in completer.forgotten
        assert FileId(str(root), "a.py") not in completer.forgotten
        close(session)
        await asyncio.to_thread(project.close)

    asyncio.run(asyncio.wait_for(test(), PATIENCE_S))


# A model on another machine.


class Remote(Scripted):
    """Writes down all that it is told."""

    def __init__(self) -> None:
        super().__init__(lambda context: ())

    @property
    def told(self) -> str:
        asked = [*self.asked, *self.warmed]
        around = [n for each in asked for n in (*each.around.read, *each.around.recalled)]
        return "\n".join(each.text for each in (*asked, *around))


@pytest.mark.parametrize("secret", [KEY, PEM])
def test_a_remote_model_is_told_a_window_and_no_secret(secret: str):
    """Nor a part of one, wherever the cursor stands."""
    remote = Remote()
    far = "visible = 1\n" * 3_000
    text, start = far + OPEN + "\n" + far, len(far) + OPEN.index(secret)
    neighbour = Neighbour("normal.py", FILES["normal.py"], FileId("w", "normal.py"))
    around = Surroundings(read=(neighbour,), recalled=(neighbour,))
    for offset in (0, start, *range(start + 10, start + len(secret), 15), len(text)):
        settled(Masked(remote), context := Context(text, offset, "a.py", "python", around))
        used(Masked(remote), context)
        list(Masked(remote).choices(context, Sampling(), [Event(), Event()]))
    assert "text_between_secrets" in remote.told
    assert "visible_text_of_normal" in remote.told
    assert traces(remote.told) == []
    windows = layout.WINDOW_CHARS + layout.SUFFIX_CHARS
    assert max(len(each.text) for each in (*remote.asked, *remote.warmed)) <= windows


# A hybrid model, whose state grows with each token it has read.


@pytest.fixture
def hybrid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder of another architecture, which is known while the test runs."""
    monkeypatch.setitem(architectures.ARCHITECTURES, toy_hybrid.MODEL_TYPE, toy_hybrid.parse)
    monkeypatch.setattr(open_network, "KERNELS", [*open_network.KERNELS, toy_hybrid.KERNEL])
    (folder := tmp_path / "hybrid").mkdir()
    return toy_hybrid.hybrid_folder(folder)


AROUND = Surroundings(file=FileId("w", "a.py"), saved_chars=len(TEXT))
SAVED = Context(TEXT, len(TEXT), "a.py", "python", AROUND)


def test_a_hybrid_is_opened_cached_and_bounded_by_what_its_states_have_grown_to(hybrid: Path):
    completer = open_completer(hybrid)
    settled(completer, SAVED)
    assert (usage := used(completer, SAVED)).tokens_generated
    assert usage.tokens_reused > 1000 > usage.tokens_read
    small = open_completer(hybrid, budget_bytes=400_000)
    settled(small, SAVED)
    checkpoints, network = small.inner.reader.checkpoints, small.inner.network
    lengths = {held.length for held in checkpoints.held()}
    assert len(lengths) > 2
    for held in checkpoints.held():
        assert held.state.nbytes == network.state_bytes(held.length)
    assert sum(map(network.state_bytes, lengths)) == checkpoints.nbytes <= 400_000


def test_what_a_hybrid_has_stored_is_revived_in_its_own_shape(hybrid: Path, tmp_path: Path):
    settled(opened(hybrid, tmp_path / "states"), SAVED)
    stored = max(entries(tmp_path / "states"), key=lambda entry: entry.tokens)
    again = opened(hybrid, tmp_path / "states")
    assert used(again, SAVED).tokens_reused == stored.tokens
    network = again.inner.network
    arrays = again.inner.reader.checkpoints.get(stored.key).state.arrays()
    assert network.revived(arrays, stored.tokens).nbytes < stored.nbytes
    assert network.revived(arrays, stored.tokens + 1) is None


def test_without_its_entries_a_hybrid_is_refused(hybrid: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    with pytest.raises(ModelFolderError, match="type 'toy-hybrid', but Stateline runs Mamba2"):
        open_completer(hybrid)
    monkeypatch.setitem(architectures.ARCHITECTURES, toy_hybrid.MODEL_TYPE, toy_hybrid.parse)
    with pytest.raises(ModelFolderError, match="nothing here computes"):
        open_completer(hybrid)


# Another kernel, on a device of its own.


class Abacus:
    """A network that computes as another one does, and says that it does not."""

    runtime = Runtime("cpu", "abacus", "float32")

    def __init__(self, network: Network) -> None:
        self._network = network

    def __getattr__(self, name: str) -> object:
        return getattr(self._network, name)


@pytest.fixture
def abacus(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Whether one is there."""
    there, (native, torch) = Event(), open_network.KERNELS
    kernel = open_network.Kernel(
        "abacus",
        Mamba2Config,
        lambda config, device: there.is_set(),
        lambda *asked: Abacus(torch.load(*asked)),
    )
    monkeypatch.setattr(open_network, "KERNELS", [kernel, native, torch])
    return there


def test_a_kernel_is_chosen_where_it_is_there_and_said_to_be(
    folder: Path, abacus: Event, capsys: pytest.CaptureFixture[str], caplog
):
    caplog.set_level("INFO", "stateline")
    for there in (False, True):
        if there:
            abacus.set()
        examine(folder)
        assert ("abacus kernels" in capsys.readouterr().out) == there
        assert ("computed by abacus kernels" in caplog.text) == there


def test_states_of_different_kernels_are_kept_apart(folder: Path, abacus: Event, tmp_path: Path):
    settled(opened(folder, tmp_path), SAVED)
    abacus.set()
    assert used(opened(folder, tmp_path), SAVED).tokens_reused == 0
    settled(opened(folder, tmp_path), SAVED)
    assert len({entry.fingerprint for entry in entries(tmp_path)}) == 2
    assert used(opened(folder, tmp_path), SAVED).tokens_reused > 0
