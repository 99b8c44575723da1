"""Patterns mean to us what they mean to git."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stateline.lsp_server.access.gitignore import parse
from stateline.lsp_server.access.rules import Rules, Verdict

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not on this machine")


def ignored(rules: str, path: str) -> bool:
    """As git decides it: what lies in an ignored folder is ignored."""
    read = parse("rules", rules)
    parts = path.split("/")
    ways = ["/".join(parts[:count]) + "/" for count in range(1, len(parts))] + [path]
    found = (read.deciding(way) for way in ways if way)
    return any(pattern.ignores for pattern in found if pattern)


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        ("*.py", "a/b.py", True),
        ("*.py\n!b.py", "a/b.py", False),
        ("!b.py\n*.py", "a/b.py", True),
        ("build/", "build", False),
        ("build/", "x/build/a", True),
        ("/build", "x/build/a", False),
        ("a/*", "a/b/c", True),
        ("a/*\n!a/b", "a/b/c", False),
        ("a\n!a/b", "a/b", True),
        ("*\n!*/\n!*.py", "a/b/c.py", False),
        ("*\n!*/\n!*.py", "a/b/c.txt", True),
        ("a\n*.pyc\n!a", "a/x.pyc", True),
        ("a/**", "a", False),
        ("a/**", "a/b", True),
        ("**/b", "b", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("# x", "# x", False),
        ("\\# x", "# x", True),
        ("\\!x", "!x", True),
        ("x  ", "x", True),
        ("x\\ ", "x ", True),
        ("x\r\n", "x", True),
        ("\ufeffx", "x", True),
        ("[a-c].py", "b.py", True),
        ("[!a-c].py", "b.py", False),
        ("[]]", "]", True),
        ("[[:digit:]]", "7", True),
        ("[ab", "[ab", False),
        ("a?c", "a/c", False),
        ("x\\", "x\\", False),
        ("", "x", False),
        ("/", "x", False),
    ],
)
def test_the_last_pattern_that_matches_decides(rules: str, path: str, expected: bool):
    assert ignored(rules, path) is expected


def test_a_hostile_pattern_takes_no_time():
    many = "a*" * 200 + "b"
    assert not ignored(f"{many}\n{'a/**/' * 100}b\n", "/".join(["a" * 60] * 60))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    git(folder, "init", "-q")
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    environment["XDG_CONFIG_HOME"] = str(folder)
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    return done.stdout


NAMES = ["a", "b", "ab", "a.b", "a-b"]
PATHS = [
    *(f"{name}/{inner}/{file}" for name in "ab" for inner in ("a", "ab") for file in NAMES),
    *(f"ab/{name}" for name in NAMES),
    *("a.b", "a-b"),
]
SEGMENTS = st.text("ab*?.", min_size=1, max_size=3) | st.sampled_from(
    ["**", "*", "[ab]", "[!a]", "a[.-]b", "\\a", "[b-a]", "[^b]*", "a*b"]
)
LINES = st.tuples(
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    # Left out: `a**/b`, which git reads as `**/b` behind an a, against its own manual, and sets
    # of characters with a slash in them.
    st.lists(
        SEGMENTS.filter(lambda part: part == "**" or "**" not in part), min_size=1, max_size=3
    ),
    st.sampled_from(["", "", "/", " "]),
).map(lambda parts: parts[0] + parts[1] + "/".join(parts[2]) + parts[3])
FILES = st.lists(LINES, max_size=5).map("\n".join)


@needs_git
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(top=FILES, nested=FILES, deep=FILES)
def test_git_says_the_same(
    repository: Path, monkeypatch: pytest.MonkeyPatch, top: str, nested: str, deep: str
):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(repository))
    for folder, rules in (("", top), ("a", nested), ("a/a", deep)):
        (repository / folder / ".gitignore").write_text(rules)
    said = set(git(repository, "check-ignore", *PATHS).splitlines())
    ours = Rules([repository])
    found = {path for path in PATHS if ours.verdict(repository / path) is Verdict.IGNORED}
    assert found == said
