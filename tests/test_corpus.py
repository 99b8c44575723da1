"""Shards: built once, read back, and never with a held-out name."""

import gzip
import re
from collections import Counter
from pathlib import Path

import pytest
from stateline.model.training import corpus
from stateline.model.training.cleaning import (
    Drop,
    SeenLines,
    SourceFile,
)
from stateline.model.training.sources import (
    CorpusError,
    is_held_out,
)
from typer.testing import CliRunner
from wheels import distribution, row, words

ROOT = Path(__file__).parent.parent


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
