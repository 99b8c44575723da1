"""What files have to do with each other, on real files, and that the answers are remembered."""

import os

import pytest
from stateline.lsp_server.workspace import relations
from stateline.lsp_server.workspace.relations import MAX_ANSWERS, Relations
from stateline.lsp_server.workspace.walk import Index
from workspace_project import write


@pytest.fixture
def found(tmp_path):
    """What a.ts imports, with this text."""
    write(tmp_path, {"b/c.ts": "", "b/d/e.txt": "", "f.ts/g": ""})
    answers = Relations([str(tmp_path)], Index(), lambda path: None)

    def imports(text):
        paths = answers.imports(str(tmp_path / "a.ts"), text)
        return [os.path.relpath(path, tmp_path).replace(os.sep, "/") for path in paths]

    return imports


def test_only_files_that_are_there_are_found(found):
    assert found("import './b/c'; import './b/d'; import './f'; import './no/such'") == ["b/c.ts"]


def test_a_folder_that_is_too_full_is_not_listed(found, monkeypatch):
    monkeypatch.setattr(relations, "MAX_LISTED", 1)
    assert found("import './b/c'; import './b/x'") == ["b/c.ts"]


def test_a_folder_is_listed_once_and_a_text_is_read_once(found, tmp_path, monkeypatch):
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: listed.append(folder) or scandir(folder))
    assert found("import './b/c'; import './b/x'; import './b/y'") == ["b/c.ts"]
    assert found("import './b/c';  import './b/x'") == ["b/c.ts"]
    assert listed.count(str(tmp_path / "b")) == 1
    (tmp_path / "b" / "c.ts").unlink()
    assert found("import './b/c';  import './b/x'") == ["b/c.ts"]  # until others take their place
    assert found("import './b/c'") == []


def test_only_so_many_answers_are_kept(tmp_path):
    answers = Relations([str(tmp_path)], Index(), lambda path: None)
    for number in range(2 * MAX_ANSWERS):
        answers.imports(str(tmp_path / "a.py"), f"import a{number}")
    assert len(answers._imports) <= MAX_ANSWERS
