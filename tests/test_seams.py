"""The seams for what comes next, each with a small double of it in its place."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from stateline.lsp_server.workspace.folders import Folders
from stateline.model.completer import Context, Sampling, Surroundings, Usage
from stateline.model.engine import Engine
from stateline.model.states import store
from stateline.model.states.statefolder import entries
from tiny_model import tiny_folder

TEXT = "value = 1\n" * 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(store, "REFRESH_S", 0)
    return


def settled(completer, context: Context) -> int:
    """How many tokens were read until nothing was left."""
    read, left = 0, 1
    while left:
        usage = completer.warm(context, Event())
        read, left = read + usage.tokens_read, usage.tokens_left
    return read


def used(completer, context: Context) -> Usage:
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
    first = Engine.open(folder, states=tmp_path)
    settled(first, here)
    kept = max(entry.tokens for entry in entries(tmp_path))
    second = Engine.open(folder, states=tmp_path)
    usage = used(second, there)
    assert usage.tokens_reused == usage.tokens_above == kept  # of what is saved no token is read
    second.forget(folders.identities("/tmp/y/b/src/a.py"))
    assert entries(tmp_path) == []
    assert used(Engine.open(folder, states=tmp_path), there).tokens_reused == 0
