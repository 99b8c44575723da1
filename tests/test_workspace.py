"""The workspace, on real files: what goes with an open one."""

import os
import threading

import pytest
from stateline.lsp_server.access.rules import Rules, Verdict
from stateline.lsp_server.workspace.recent import MAX_RECENT
from stateline.lsp_server.workspace.survey import LONG_PAUSE_S, PAUSE_S, TYPING_S
from stateline.lsp_server.workspace.workspace import Workspace
from workspace_project import EVENTS, HUNGER, NOTHING, Project, write


@pytest.fixture
def opened(tmp_path):
    """A project that is opened once its files are there."""
    projects = []

    def open_project(files=(), how=EVENTS, root=tmp_path):
        write(root, files)
        projects.append(Project(root, how))
        return projects[-1].walked()

    yield open_project
    for each in projects:
        each.workspace.close()


def test_imports_and_recent_files_are_read_and_siblings_recalled(opened):
    project = opened(
        {
            "app/main.py": "from . import views\nimport tools.deep\n",
            "app/views.py": "import models\n",
            "app/aside.py": "x = 1\n",
            "tools/deep.py": "y = 1\n",
            "tools/models.py": "z = 1\n",
            "used/last.py": "w = 1\n",
            "used/far.py": "v = 1\n",
        }
    )
    project.workspace.touch(project.root / "app" / "views.py")
    project.workspace.touch(project.root / "used" / "last.py")
    project.workspace.touch(project.root / "app" / "main.py")
    selection = project.select("app/main.py")
    assert [each.path for each in selection.read] == [
        "tools/models.py",  # imported by a recent one, found by its name's tail
        "tools/deep.py",
        "app/views.py",
        "used/last.py",
    ]
    assert [each.path for each in selection.recalled] == ["app/aside.py"]
    assert selection.read[-1].text == "w = 1\n"
    assert selection.read[-1].file == str(project.root / "used" / "last.py")
    assert project.select("app/main.py", selection) == selection


def test_only_what_the_rules_leave_free_is_ever_selected(opened):
    project = opened({name: f"import b, c  # {name}\n" for name in ("a.py", "b.py", "c.py")})
    write(project.root, {".gitignore": "b.py"})
    project.workspace.notify([project.root / ".gitignore"])
    project.until(lambda: project.rules.verdict(project.root / "b.py") is Verdict.IGNORED)
    project.workspace.touch(project.root / "b.py")
    selection = project.select("a.py")
    assert [each.path for each in (*selection.read, *selection.recalled)] == ["c.py"]
    assert project.workspace.saved_text(project.root / "b.py") is None
    assert project.workspace.recent() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows needs rights for links")
def test_nothing_behind_a_link_out_of_the_free_is_selected(opened, tmp_path):
    write(tmp_path, {"outside/c.py": "secret = 1\n", "w/.gitignore": "private\n"})
    root = tmp_path / "w"
    write(root, {"a.py": "import way.c, here.d, file\n", "private/d.py": "secret = 1\n"})
    (root / "way").symlink_to(tmp_path / "outside")
    (root / "here").symlink_to(root / "private")
    (root / "file.py").symlink_to(root / "private" / "d.py")
    project = opened(root=root)
    assert project.select("a.py") == NOTHING
    assert project.workspace.saved_text(root / "here" / "d.py") is None


def test_outside_the_workspace_there_is_nothing(opened, tmp_path):
    write(tmp_path, {"w/a.py": "x = 1\n", "b.py": "import a\n"})
    project = opened(root=tmp_path / "w")
    project.workspace.touch(tmp_path / "b.py")
    assert project.select("../b.py") == NOTHING
    assert project.read("a.py") == []
    assert project.workspace.saved_text(tmp_path / "b.py") is None
    assert project.workspace.root_of(tmp_path / "b.py") is None
    assert project.workspace.root_of(tmp_path / "w" / "a.py") == tmp_path / "w"


def test_the_order_survives_a_restart(opened):
    files = [f"{name}.py" for name in "abcd"]
    first = opened(dict.fromkeys(files, "x = 1\n"))
    for file in ("b.py", "c.py", "b.py"):
        first.workspace.touch(first.root / file)
    kept = first.workspace.recent()
    assert [os.path.basename(each) for each in kept] == ["c.py", "b.py"]
    second = opened()
    second.workspace.touch(second.root / "d.py")
    second.workspace.restore([*kept, "", "relative.py", "/nowhere/x.py", "a\0.py"])
    assert second.read("a.py") == ["c.py", "b.py", "d.py"]


def test_only_so_many_files_are_recent(opened):
    project = opened()
    for number in range(2 * MAX_RECENT):
        project.workspace.touch(project.root / f"{number}.py")
    project.workspace.touch(project.root / "notes.txt")
    assert len(project.workspace.recent()) == MAX_RECENT
    assert project.workspace.recent()[-1].endswith(f"{2 * MAX_RECENT - 1}.py")


def test_the_walk_rests_while_somebody_types(tmp_path, monkeypatch):
    workspace = Workspace(Rules([]), lambda: None, lambda gone: None)
    survey, rests = workspace._survey, []
    monkeypatch.setattr(survey._due, "wait", lambda rest: rests.append(rest))
    monkeypatch.setattr("stateline.lsp_server.workspace.survey.time.monotonic", lambda: now)
    now = 100.0
    assert survey._pause()
    workspace.touch(tmp_path / "a.py")
    assert survey._pause()
    now += TYPING_S
    assert survey._pause()
    assert rests == [PAUSE_S, LONG_PAUSE_S, PAUSE_S]
    workspace.close()


def test_a_workspace_without_folders_is_empty_and_starts_nothing(tmp_path):
    before = threading.active_count()
    workspace = Workspace(Rules([]), lambda: None, lambda gone: None)
    assert workspace.select(tmp_path / "a.py", "import b\n", HUNGER, NOTHING) == NOTHING
    assert threading.active_count() <= before + 1
    workspace.close()
