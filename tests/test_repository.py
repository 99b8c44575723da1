"""Repositories: where the branch is named, for plain ones, worktrees and submodules."""

import pytest
from stateline.lsp_server.access.git import read_line, repository_of, top_of


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_the_branch_is_named_in_git_s_folder(tmp_path):
    head = put(tmp_path / ".git" / "HEAD", "ref: refs/heads/main\n")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    found = repository_of(inner)
    assert found.head == head
    git = tmp_path / ".git"
    around = (git, git / "info", inner, tmp_path / "a", tmp_path)
    assert found.folders == tuple(map(str, around))


@pytest.mark.parametrize("named", ["../main/.git/worktrees/w", None], ids=["relative", "absolute"])
def test_a_worktree_says_where_its_own_is(tmp_path, named):
    real = tmp_path / "main" / ".git" / "worktrees" / "w"
    head = put(real / "HEAD", "ref: refs/heads/other\n")
    put(tmp_path / "w" / ".git", f"gitdir: {named or real}\n")
    assert repository_of(tmp_path / "w").head == head


@pytest.mark.parametrize("damaged", ["", "gitdir: nowhere\n", "\0" * 10_000])
def test_a_damaged_one_is_none(tmp_path, damaged):
    put(tmp_path / ".git", damaged)
    assert repository_of(tmp_path) is None


def test_the_innermost_one_counts_even_if_it_is_damaged(tmp_path):
    put(tmp_path / ".git" / "HEAD", "ref: refs/heads/main\n")
    put(tmp_path / "inner" / ".git", "gitdir: nowhere\n")
    inside = tmp_path / "inner" / "a"
    assert top_of(inside) == tmp_path / "inner"
    assert repository_of(inside) is None
    assert top_of(tmp_path / "b") == tmp_path


def test_a_line_of_what_is_no_file_is_empty(tmp_path):
    assert read_line(str(tmp_path)) == read_line(str(tmp_path / "missing")) == ""
    assert read_line(put(tmp_path / "a", "one \ntwo")) == "one"
