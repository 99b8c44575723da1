"""Which documents and folders the language server is told of, by a real Neovim.

Owns buffers that are renamed, that have no name, and that belong to several projects. The server
is a scripted one.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "neovim"))

pytest_plugins = ["driven_editor"]  # it lies beside its server


def documents(editor):
    """What was opened and closed, by the last part of its name."""
    methods = {"textDocument/didOpen": "open", "textDocument/didClose": "close"}
    records = [r for r in editor.received() if r.get("method") in methods]
    uris = [r["params"]["textDocument"]["uri"] for r in records]
    verbs = [methods[r["method"]] for r in records]
    return [f"{verb} {uri.rsplit('/', 1)[1]}" for verb, uri in zip(verbs, uris, strict=True)]


@pytest.mark.parametrize("command", ["file other.py", "saveas! other.py"])
def test_a_rename_while_a_request_runs(start_nvim, monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    editor = start_nvim()
    editor.script(
        {"before": "x", "insertText": " late", "hold": True}, {"before": "xy", "insertText": " = 2"}
    )
    editor.keys("i")
    editor.type("x")
    editor.wait_asked("x")
    editor.keys(f"<Cmd>{command}<CR>")
    editor.type("y")
    editor.wait_ghost(" = 2")
    assert documents(editor) == ["open sample.py", "close sample.py", "open other.py"]
    editor.wait_released()
    assert editor.ghost() == " = 2"
    editor.nvim.command("write!")
    editor.keys("<BS>")
    editor.wait(lambda: len(editor.asked()) >= 3, "the next request")
    assert documents(editor)[-1] == "open other.py"


def test_buffers_without_a_name_are_kept_apart(start_nvim):
    editor = start_nvim(before_setup="set hidden")
    editor.keys("<Cmd>enew | setfiletype python<CR>")
    editor.wait_attached(times=2)
    editor.keys("i")
    editor.type("first")
    editor.keys("<Esc><Cmd>enew | setfiletype python<CR>")
    editor.wait_attached(times=3)
    editor.keys("i")
    editor.type("second")
    editor.wait_asked("second")
    editor.script({"before": "first!", "insertText": " = 1"})
    editor.keys("<Esc><Cmd>bprevious<CR>A!")
    editor.wait_ghost(" = 1")


def test_one_server_serves_all_projects(start_nvim, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pyproject.toml").touch()
    editor = start_nvim()
    for time, name in enumerate(("one", "two", "one"), start=2):
        editor.nvim.command(f"edit {tmp_path / name}/{time}.py")
        editor.wait_attached(times=time)
    editor.wait_released()
    added = [p["event"]["added"] for p in editor.told("workspace/didChangeWorkspaceFolders")]
    assert [[folder["name"] for folder in folders] for folders in added] == [
        [str(tmp_path / "one")],
        [str(tmp_path / "two")],
    ]
    assert len(editor.told("initialize")) == 1
