"""The walk: finds what there is, goes where it may, and ends."""

import os
import threading

import pytest
from stateline.lsp_server.workspace.walk import Bounds, Index, siblings, walk

PYTHON = (".py", ".pyi")
posix = pytest.mark.skipif(os.name == "nt", reason="Windows needs rights for links")


def made(root, *files):
    for name in files:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    return [root]


def enters(folder):
    return folder.name not in (".git", "node_modules")


def names(index, root):
    found = (path for paths in index.modules.values() for path in paths)
    return sorted(os.path.relpath(path, root).replace(os.sep, "/") for path in found)


def test_files_are_found_by_their_suffix(tmp_path):
    roots = made(tmp_path, "a.py", "b/c.pyi", "b/d.txt", "b/e/f.py", "b/.py.swp")
    index = walk(roots, PYTHON, enters)
    assert names(index, tmp_path) == ["a.py", "b/c.pyi", "b/e/f.py"]
    assert (index.files, index.folders, index.complete) == (3, 3, True)


def test_where_packages_are_is_found_as_well(tmp_path):
    roots = made(tmp_path, "package.json", "b/package.json", "node_modules/a/package.json", "c.py")
    (tmp_path / "d" / "package.json").mkdir(parents=True)
    index = walk(roots, PYTHON, enters)
    assert index.packages == [str(tmp_path / "package.json"), str(tmp_path / "b" / "package.json")]
    assert len(walk(roots, PYTHON, enters, bounds=Bounds(packages=1)).packages) == 1


def test_refused_folders_are_not_entered(tmp_path):
    made(tmp_path, ".git/a.py", "b/node_modules/c/d.py", "b/e.py")
    assert names(walk([tmp_path], PYTHON, enters), tmp_path) == ["b/e.py"]


@posix
def test_links_are_neither_followed_nor_listed(tmp_path):
    made(tmp_path, "inside/a.py", "inside/deep/b.py", "outside/c.py")
    root = tmp_path / "inside"
    (root / "deep" / "loop").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "file.py").symlink_to(tmp_path / "outside" / "c.py")
    (root / "self").symlink_to("self")
    (root / "broken.py").symlink_to("nowhere")
    index = walk([root], PYTHON, enters)
    assert names(index, root) == ["a.py", "deep/b.py"]
    assert index.complete


@posix
def test_only_regular_files_are_listed(tmp_path):
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "folder.py").mkdir()
    made(tmp_path, "folder.py/a.py")
    # A folder whose name looks like a file's is none that a project keeps modules in.
    assert names(walk([tmp_path], PYTHON, enters), tmp_path) == []


def test_folders_that_cannot_be_read_are_left_out(tmp_path, monkeypatch):
    made(tmp_path, "a.py", "locked/b.py", "c/d.py")
    scandir = os.scandir

    def guarded(path):
        if os.path.basename(path) == "locked":
            raise PermissionError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    index = walk([tmp_path, tmp_path / "missing"], PYTHON, enters)
    assert names(index, tmp_path) == ["a.py", "c/d.py"]


@pytest.mark.parametrize(
    ("bounds", "files", "folders"),
    [
        (Bounds(files=5), 5, None),
        (Bounds(folders=3), None, 3),
        (Bounds(entries=4), None, None),
        (Bounds(seconds=0), None, None),
    ],
)
def test_a_walk_is_bounded_and_says_so(tmp_path, monkeypatch, bounds, files, folders):
    monkeypatch.setattr("stateline.lsp_server.workspace.walk._STINT_S", -1.0)
    roots = made(tmp_path, *(f"f{i}/{name}.py" for i in range(6) for name in "abc"))
    index = walk(roots, PYTHON, enters, bounds=bounds)
    assert not index.complete
    assert index.files < 18
    assert files in (None, index.files)
    assert folders in (None, index.folders)


def test_folders_near_the_root_come_first(tmp_path):
    roots = made(tmp_path, "a/b/c/deep.py", "z/near.py", "top.py")
    assert names(walk(roots, PYTHON, enters, bounds=Bounds(folders=3)), tmp_path) == [
        "top.py",
        "z/near.py",
    ]


def test_a_walk_pauses_and_can_be_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("stateline.lsp_server.workspace.walk._STINT_S", -1.0)
    roots = made(tmp_path, *(f"{name}.py" for name in "abcdef"))
    left = iter([True, True, False])
    index = walk(roots, PYTHON, enters, lambda: next(left))
    assert (index.files, index.complete) == (2, False)


def test_a_very_deep_tree_is_walked(tmp_path):
    deep, count = tmp_path, 0
    while len(str(deep)) < 3000 and os.name != "nt":
        deep, count = deep / "folder", count + 1
        deep.mkdir()
    assert walk([tmp_path], PYTHON, enters).folders == count + 1


def test_modules_are_found_by_the_tail_of_their_names(tmp_path):
    made(tmp_path, "a/b.py", "x/a/b.pyi", "c/__init__.py", "d/c.py", "ab/b.py")
    index = walk([tmp_path], PYTHON, enters)

    def found(*parts):
        return sorted(os.path.relpath(path, tmp_path) for path in index.with_tail(parts))

    assert found("a", "b") == [os.path.join("a", "b.py"), os.path.join("x", "a", "b.pyi")]
    assert found("c") == [os.path.join("c", "__init__.py"), os.path.join("d", "c.py")]
    assert found("d", "c") == [os.path.join("d", "c.py")]
    assert found("nothing") == found("__init__") == found() == []
    assert Index().with_tail(["a"]) == []


def test_siblings_are_the_other_files_of_the_folder(tmp_path):
    made(tmp_path, "b.py", "a.py", "c.pyi", "d.txt", "sub/e.py")
    file = str(tmp_path / "b.py")
    assert [os.path.basename(path) for path in siblings(file, PYTHON, 9)] == ["a.py", "c.pyi"]
    assert len(siblings(file, PYTHON, 1)) == 1
    assert siblings(str(tmp_path / "missing" / "a.py"), PYTHON, 9) == []


def test_the_folder_may_change_under_the_walk(tmp_path):
    roots = made(tmp_path, *(f"f{i}/a.py" for i in range(200)))
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            for i in range(200):
                os.rename(tmp_path / f"f{i}", tmp_path / f"g{i}")
                os.rename(tmp_path / f"g{i}", tmp_path / f"f{i}")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(5):
            assert walk(roots, PYTHON, enters).files <= 200
    finally:
        stop.set()
        thread.join()
