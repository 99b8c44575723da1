"""The seams for what comes next, each with a small double of it in its place."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from canaries import FILES, KEY, OPEN, PEM, traces
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.suggestions.session import Session
from stateline.lsp_server.workspace.folders import Folders
from stateline.lsp_server.workspace.project import Project
from stateline.model import open_completer
from stateline.model.completer import (
    Completer,
    Context,
    FileId,
    Neighbour,
    Sampling,
    Scripted,
    Surroundings,
    Usage,
)
from stateline.model.masked import Masked
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
        session = Session(lambda: completer, Settings(), neighbourhood=project.neighbourhood)
        await session.load()
        await gone.wait()
        assert FileId(str(root), "left.py") in completer.forgotten
        assert FileId(str(root), "a.py") not in completer.forgotten
        session.close()
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
