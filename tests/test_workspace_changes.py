"""The workspace, on real files: changes are told soon, by events and by the clock."""

import os

import pytest
from workspace_project import CLOCK, EVENTS, Project, selected, write


@pytest.fixture(params=[EVENTS, CLOCK], ids=["events", "clock"])
def project(tmp_path, request):
    made = Project(tmp_path, request.param)
    yield made
    made.workspace.close()


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


def test_an_edit_outside_the_editor_is_told_and_read_last(project):
    selected(project, "b.py", "c.py")
    before = project.select("a.py")
    assert [each.path for each in before.read] == ["b.py", "c.py"]
    (project.root / "b.py").write_text("# other\n")
    project.until(lambda: project.changes)
    now = project.select("a.py", before)
    assert [(each.path, each.text) for each in now.read] == [
        ("c.py", "# c.py\n"),
        ("b.py", "# other\n"),
    ]
    assert project.gone == set()


def test_a_deleted_file_is_gone(project):
    selected(project, "b.py", "sub/c.py")
    (project.root / "b.py").unlink()
    project.until(lambda: project.gone == {project.root / "b.py"} and project.changes)
    (project.root / "sub").rename(project.root / "elsewhere")
    project.until(lambda: len(project.gone) == 2)
    assert project.gone == {project.root / "b.py", project.root / "sub" / "c.py"}
    assert project.read("a.py") == []


def test_a_renamed_file_is_gone_under_its_old_name(project):
    selected(project, "b.py")
    (project.root / "b.py").rename(project.root / "n.py")
    project.until(lambda: project.gone == {project.root / "b.py"})


def test_a_file_that_became_binary_is_gone(project):
    selected(project, "b.py")
    (project.root / "b.py").write_bytes(b"\0")
    project.until(lambda: project.gone == {project.root / "b.py"})


def test_an_atomic_save_is_a_change_and_nothing_is_gone(project):
    selected(project, "b.py")
    write(project.root, {"b.tmp": "# other\n"})
    os.replace(project.root / "b.tmp", project.root / "b.py")
    project.until(lambda: project.changes)
    assert project.gone == set()


@pytest.mark.parametrize("how", [EVENTS, CLOCK], ids=["events", "clock"])
def test_a_file_that_became_ignored_is_gone(opened, how):
    project = opened(how=how)
    selected(project, "b.py", "sub/c.py")
    assert project.workspace.saved_text(project.root / "a.py") == "x = 1\n"
    write(project.root, {".gitignore": "sub\na.py\n"})
    project.until(lambda: len(project.gone) == 2)
    assert project.gone == {project.root / "a.py", project.root / "sub" / "c.py"}
    assert project.read("a.py") == ["b.py"]


def test_another_branch_makes_everything_be_looked_at(opened, tmp_path):
    write(tmp_path, {".git/HEAD": "ref: refs/heads/main\n", "unseen/old.py": "x = 1\n"})
    project = opened()
    selected(project, "b.py")
    index = project.workspace._survey.index
    write(tmp_path, {".git/HEAD.lock": "ref: refs/heads/other\n", "fresh/thing.py": "x = 1\n"})
    os.replace(tmp_path / ".git" / "HEAD.lock", tmp_path / ".git" / "HEAD")
    project.until(lambda: project.changes and project.workspace._survey.index is not index)
    assert project.workspace._survey.index.with_tail(["thing"])


def test_touching_head_without_a_change_is_nothing(opened, tmp_path):
    write(tmp_path, {".git/HEAD": "ref: refs/heads/main\n"})
    project = opened()
    assert not project.workspace._lookout._turns_all(frozenset([str(tmp_path / ".git" / "HEAD")]))


def test_a_new_file_is_told(opened):
    project = opened()
    selected(project, "b.py")
    write(project.root, {"n.py": "n = 1\n"})
    project.until(lambda: project.changes)
    write(project.root, {"a.py": "import n\n"})
    assert project.read("a.py") == ["n.py", "b.py"]


def test_files_held_since_before_are_answered_for(opened, tmp_path):
    project = opened({"b.py": "x = 1\n", "c.py": "x = 1\n", ".gitignore": "c.py"})
    outside = tmp_path.parent / "outside.py"
    files = [tmp_path / name for name in ("b.py", "c.py", "missing.py")]
    project.workspace.held([*files, outside])
    project.until(lambda: project.gone == {*files[1:], outside})
    files[0].unlink()
    project.workspace.notify([files[0]])
    project.until(lambda: files[0] in project.gone)


def test_files_that_nobody_was_given_are_never_gone(project):
    selected(project, "b.py")
    project.workspace.notify([project.root / "missing.py"])
    (project.root / "b.py").unlink()
    project.workspace.notify([project.root / "b.py"])
    project.until(lambda: project.gone)
    assert project.gone == {project.root / "b.py"}


def test_nobody_is_told_after_closing(opened):
    project = opened()
    selected(project, "b.py")
    project.workspace.close()
    project.workspace.close()
    (project.root / "b.py").unlink()
    project.workspace.notify([project.root / "b.py"])
    project.workspace._lookout._look(None)
    assert (project.changes, project.gone) == (0, set())
