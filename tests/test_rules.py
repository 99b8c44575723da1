"""Which files may be read: git's rules, ours, secret names, links, and what cannot be read."""

import logging
import os
from pathlib import Path

import pytest
from stateline.lsp_server.access import rules as rules_module
from stateline.lsp_server.access.rules import Rules, Verdict
from stateline.lsp_server.access.secret_names import is_secret_file

FREE, IGNORED, SECRET, EXCLUDED = Verdict


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without rules, whatever the person who runs the tests has."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", lambda: folder)
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delenv(name, raising=False)
    return folder


def tree(tmp_path: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("files", "path", "verdict"),
    [
        ({}, "w/a.py", FREE),
        ({"w/.gitignore": "*.log"}, "w/b/a.log", IGNORED),
        ({"w/.gitignore": "b/"}, "w/b/c/a.py", IGNORED),
        ({"w/.gitignore": "*.py", "w/b/.gitignore": "!a.py"}, "w/b/a.py", FREE),
        ({"w/.gitignore": "b", "w/b/.gitignore": "!a.py"}, "w/b/a.py", IGNORED),
        ({"w/.gitignore": "!a.py", "w/.git/info/exclude": "*.py"}, "w/a.py", FREE),
        ({"w/.git/info/exclude": "*.py"}, "w/a.py", IGNORED),
        ({"home/.config/git/ignore": "*.py"}, "w/a.py", IGNORED),
        ({"home/.gitconfig": "[core]\n excludesFile = ~/x", "home/x": "*.py"}, "w/a.py", IGNORED),
        ({"home/.gitconfig": "[user]\n excludesfile = ~/x", "home/x": "*.py"}, "w/a.py", FREE),
        ({"home/.gitconfig": '[core] excludesfile="~/x" ; y', "home/x": "*.py"}, "w/a.py", IGNORED),
        ({".git/HEAD": "", ".gitignore": "*.py"}, "w/a.py", IGNORED),  # the root is a subfolder
        ({".gitignore": "*.py"}, "w/a.py", FREE),  # above the root, and in no repository
        ({"w/.git/HEAD": "", ".git/HEAD": "", ".gitignore": "*.py"}, "w/a.py", FREE),
        ({"w/.gitignore": "*.py", "w/n/.git/HEAD": ""}, "w/n/a.py", FREE),  # its own repository
        ({"w/.gitignore": "n", "w/n/.git/HEAD": ""}, "w/n/a.py", IGNORED),
        ({"w/n/.git": "gitdir: ../m", "w/m/info/exclude": "*.py"}, "w/n/a.py", IGNORED),
        ({"w/.git/HEAD": ""}, "w/.git/config", IGNORED),
        ({"w/.statelineignore": "a.py"}, "w/b/a.py", EXCLUDED),
        ({"w/b/.statelineignore": "*"}, "w/b/c/a.py", EXCLUDED),
        ({"w/.statelineignore": "*.py", "w/b/.statelineignore": "!*.py"}, "w/b/a.py", FREE),
        ({"w/.statelineignore": "b/", "w/b/.statelineignore": "!*.py"}, "w/b/a.py", EXCLUDED),
        ({"w/.statelineignore": "*.py", "w/n/.git/HEAD": ""}, "w/n/a.py", EXCLUDED),
        ({"w/.gitignore": "*", "w/.statelineignore": "a.py"}, "w/a.py", EXCLUDED),
        ({"w/.gitignore": "b/", "w/b/.statelineignore": "a.py"}, "w/b/a.py", EXCLUDED),
        ({"w/.gitignore": "!.env"}, "w/.env", SECRET),
        ({"w/.gitignore": "*"}, "w/.env", SECRET),
        ({}, "w/.ssh/config", SECRET),
        ({}, "elsewhere/.AWS/b/config", SECRET),
        ({}, "elsewhere/a.py", IGNORED),
        ({}, "elsewhere/id_rsa", SECRET),
        ({"elsewhere/.gitignore": "!*"}, "elsewhere/a.py", IGNORED),
    ],
)
def test_the_strictest_rule_counts(
    tmp_path: Path, files: dict[str, str], path: str, verdict: Verdict
):
    folder = tree(tmp_path, {"w/here": "", **files})
    assert Rules([folder / "w"]).verdict(folder / path) is verdict


def test_settings_exclude_everywhere_and_no_file_takes_it_back(tmp_path: Path):
    folder = tree(tmp_path, {"w/.statelineignore": "!*", "w/.gitignore": "!*"})
    rules = Rules([folder / "w"], ["*.sql", "/top.py"])
    assert rules.verdict(folder / "w/b/a.sql") is EXCLUDED
    assert rules.verdict(folder / "w/top.py") is EXCLUDED
    assert rules.verdict(folder / "w/b/top.py") is FREE
    assert rules.verdict(folder / "elsewhere/a.sql") is EXCLUDED


def test_the_innermost_of_several_roots_counts(tmp_path: Path):
    folder = tree(tmp_path, {"w/.gitignore": "*.py", "w/n/.git/HEAD": ""})
    assert Rules([folder / "w", folder / "w/n"]).verdict(folder / "w/n/a.py") is FREE


def linked(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links are not allowed here")


@pytest.mark.parametrize(
    ("target", "verdict"),
    [("w/a.py", FREE), ("w/.env", SECRET), ("w/x.log", IGNORED), ("other/a.py", IGNORED)],
)
def test_a_link_is_judged_by_its_target_too(tmp_path: Path, target: str, verdict: Verdict):
    folder = tree(tmp_path, {"w/.gitignore": "*.log", "other/a.py": ""})
    linked(folder / "w/link.py", folder / target)
    assert Rules([folder / "w"]).verdict(folder / "w/link.py") is verdict


def test_a_linked_folder_is_judged_and_not_entered(tmp_path: Path):
    folder = tree(tmp_path, {"w/.gitignore": "b/", "w/b/a.py": "", "w/c/a.py": ""})
    linked(folder / "w/link", folder / "w/b")
    linked(folder / "w/loop", folder / "w")
    rules = Rules([folder / "w"])
    assert rules.verdict(folder / "w/link/a.py") is IGNORED
    assert rules.verdict(folder / "w/loop/loop/loop/c/a.py") is FREE
    assert not rules.enters(folder / "w/loop")


def test_a_root_that_is_a_link_is_the_root(tmp_path: Path):
    folder = tree(tmp_path, {"real/w/a.py": "", "real/.git/HEAD": "", "real/.gitignore": "*.log"})
    linked(folder / "w", folder / "real/w")
    rules = Rules([folder / "w"])
    for given in ("w", "real/w"):
        assert rules.verdict(folder / given / "a.py") is FREE
        assert rules.verdict(folder / given / "a.log") is IGNORED


@pytest.mark.parametrize(
    ("folder", "enters"),
    [
        *(("w/src", True), ("w/build", False), ("w/kept", True), ("w/private", False)),
        *(("w/node_modules", False), ("w/.git", False), ("w/env", False), ("w", True)),
        *(("w/build/x", False), ("elsewhere", False)),
    ],
)
def test_a_walk_leaves_out_what_is_not_free(tmp_path: Path, folder: str, enters: bool):
    files = {"w/.gitignore": "build/\n", "w/.statelineignore": "private", "w/env/pyvenv.cfg": ""}
    assert Rules([tree(tmp_path, files) / "w"]).enters(tmp_path / folder) is enters


def test_rule_files_are_known_and_read_again(tmp_path: Path):
    folder = tree(tmp_path, {"w/.gitignore": "*.py", "w/.git/info/exclude": ""})
    rules = Rules([folder / "w"])
    assert rules.verdict(folder / "w/a.py") is IGNORED
    (folder / "w/.gitignore").write_text("")
    rules.reload()
    assert rules.verdict(folder / "w/a.py") is FREE
    ours = (
        "w/.gitignore",
        "w/b/.statelineignore",
        "w/.git/info/exclude",
        "home/.config/git/ignore",
    )
    assert all(rules.is_rule_file(folder / path) for path in ours)
    assert not any(rules.is_rule_file(folder / path) for path in ("w/a.py", "w/info/exclude"))


@pytest.mark.parametrize("data", [b"*.py\n" * 300_000, b"*\0.\0p\0y\0"])
def test_a_broken_rule_file_is_left_out_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, data: bytes
):
    (tmp_path / ".gitignore").write_bytes(data)
    rules = Rules([tmp_path])
    with caplog.at_level(logging.WARNING, rules_module.__name__):
        assert {rules.verdict(tmp_path / name) for name in ("a.py", "b.py")} == {FREE}
    assert len(caplog.records) == 1


def test_a_rule_file_that_is_a_folder_is_left_out(tmp_path: Path):
    (tmp_path / ".gitignore").mkdir()
    assert Rules([tmp_path]).verdict(tmp_path / "a.py") is FREE


def test_a_name_that_is_no_text_is_judged(tmp_path: Path):
    (tmp_path / ".gitignore").write_bytes(b"\xff*\n")
    rules = Rules([tmp_path])
    assert rules.verdict(tmp_path / os.fsdecode(b"\xfe.py")) is FREE
    assert rules.verdict(tmp_path / "a\nb.py") is FREE


@pytest.mark.parametrize("name", ["a\0b/c.py", "a/" * 1_500 + "a.py", "\0"])
def test_any_path_is_judged(tmp_path: Path, name: str):
    rules = Rules([tmp_path / "w"])
    assert rules.verdict(tmp_path / "w" / name) is FREE
    assert rules.verdict(tmp_path / name) is IGNORED


def test_why_names_the_rule(tmp_path: Path):
    folder = tree(tmp_path, {".gitignore": "# ours\nbuild/\n", ".statelineignore": "b.py"})
    rules = Rules([folder])
    assert rules.why(folder / "build/a.py") == (
        f"a.py is completed in but not remembered: {folder / '.gitignore'} says `build/` in line 2."
    )
    assert rules.why(folder / "b.py").startswith("b.py is not read: ")
    assert rules.why(folder / ".env") == (
        ".env is not read: its name, or its folder's, says that it holds secrets."
    )
    assert rules.why(folder / "a.py") == "a.py may be read: no rule is against it."


@pytest.mark.parametrize(
    ("names", "secret"),
    [
        (".env .ENV .env.local prod.env .envrc a.pem a.KEY a.p12 id_rsa id_ed25519.pub", True),
        ("credentials credentials.json .credentials secrets.yaml secret.toml .netrc .npmrc", True),
        (".pypirc x.tfvars x.kdbx .htpasswd kubeconfig service-account-1.json token.json", True),
        ("client_secret_12.apps.json passwords.txt auth.json", True),
        (".env.example .env.sample .env.template a.py env.py environment.yml key.py", False),
        ("secrets.py credentials.py tokens.py id_rsa.py token.go secret.test.js", False),
        ("tokenizer.json keyboard.json monkey.txt secretary.txt package.json", False),
    ],
)
def test_secret_names(names: str, secret: bool):
    for name in names.split():
        assert is_secret_file(name) is secret, name
