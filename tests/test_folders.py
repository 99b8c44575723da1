"""Workspace folders: whose a file is, and what it is called."""

import os
from pathlib import Path

import pytest
from stateline.lsp_server.workspace.folders import Folders
from stateline.lsp_server.workspace.paths import is_among, steps
from stateline.model.completer import FileId

TOP = Path(os.path.abspath(os.sep)) / "work"


def at(*names):
    return tuple(str(TOP.joinpath(*name.split("/"))) for name in names)


@pytest.mark.parametrize(
    ("roots", "file", "root", "name"),
    [
        (["a"], "a/b/c.py", "a", "b/c.py"),
        (["a"], "ab/c.py", None, None),
        (["a", "a/b"], "a/b/c.py", "a/b", "b/c.py"),
        (["a/b", "a", "a"], "a/c.py", "a", "a/c.py"),
        (["a"], "a", None, None),
        ([], "a/c.py", None, None),
    ],
)
def test_a_file_belongs_to_the_innermost_folder(roots, file, root, name):
    folders = Folders([Path(each) for each in at(*roots)])
    assert folders.root(*at(file)) == (root and at(root)[0])
    assert folders.name(*at(file)) == (name or Path(*at(file)).as_posix())


def test_the_file_systems_root_may_be_the_folder():
    folders = Folders([TOP.parent])
    assert folders.root(*at("a.py")) == str(TOP.parent)
    assert folders.name(*at("a.py")) == "work/a.py"


def test_the_folders_around_come_after_the_folders():
    folders = Folders([TOP / "a"])
    assert folders.with_above(at("a/b/c", "a/d", "x/y")) == at("a/b/c", "a/d", "x/y", "a/b", "a")


@pytest.mark.parametrize(
    ("path", "hints", "among"),
    [
        ("a/b.py", ["a/b.py"], True),
        ("a/b/c.py", ["a"], True),
        ("ab/c.py", ["a"], False),
        ("a/b.py", [], False),
    ],
)
def test_a_folder_stands_for_what_is_in_it(path, hints, among):
    assert is_among(*at(path), frozenset(at(*hints))) is among


@pytest.mark.parametrize(
    ("root", "file", "owns"),
    [
        ("a", "a/b.py", True),
        ("a", "b.py", False),
        ("a", "a/node_modules/b/c.ts", False),
        ("a", "a/env/lib/site-packages/b.py", False),
        ("a", "a/node_modules.ts", True),
        ("a/node_modules/b", "a/node_modules/b/c.ts", True),  # whoever opens it works on it
    ],
)
def test_installed_packages_are_nobodys_own(root, file, owns):
    assert Folders([Path(*at(root))]).owns(*at(file)) is owns


def test_steps_go_up_and_down():
    [file, *others] = at("a/b/c.py", "a/b/d.py", "a/c.py", "a/d/e.py", "e.py")
    assert [steps(file, other) for other in others] == [0, 1, 2, 2]


def test_a_file_is_known_by_its_workspace_and_its_path_there():
    folders = Folders([TOP / "a", TOP / "a" / "b"])
    [inner, outer, outside] = at("a/b/c.py", "a/d/e.py", "x/f.py")
    assert folders.identity(inner) == FileId(str(TOP / "a" / "b"), "c.py")
    assert folders.identity(outer) == FileId(str(TOP / "a"), "d/e.py")
    assert folders.identity(outside) == FileId("", outside)
    for file in (inner, outer, outside):
        assert folders.place(folders.identity(file)) == file
        assert folders.identity(file) in folders.identities(file)


def test_a_folder_with_a_name_is_known_by_it_and_was_perhaps_by_its_path():
    folders = Folders([TOP / "a"], {str(TOP / "a"): "project"})
    [file] = at("a/b/c.py")
    assert folders.identity(file) == FileId("project", "b/c.py")
    assert folders.place(FileId("project", "b/c.py")) == file
    known = {FileId("project", "b/c.py"), FileId(str(TOP / "a"), "b/c.py"), FileId("", file)}
    assert known <= folders.identities(file)


def test_whichever_folder_was_open_a_file_is_the_same():
    """Nothing of it may stay, should a session have opened a folder further in or out."""
    [file] = at("a/b/c.py")
    for opened in ([], [TOP], [TOP / "a"], [TOP / "a" / "b"]):
        assert Folders(opened).identity(file) in Folders([TOP / "a"]).identities(file)
