"""Shards: built once, read back, and never with a held-out name."""

import gzip
import re
from pathlib import Path

import pytest
from stateline.model.training.corpus import assembly, corpus, downloads
from stateline.model.training.corpus.assembly import Built
from stateline.model.training.corpus.cleaning import Drop, SourceFile
from stateline.model.training.corpus.manifest import load_manifest
from stateline.model.training.corpus.shards import INDEX, SUFFIX
from stateline.model.training.corpus.sources import CorpusError, Release
from typer.testing import CliRunner
from wheels import distribution, npm_row, package, row, scripts, words

ROOT = Path(__file__).parent.parent


class Project:
    """A manifest of small archives in a folder, and the corpus built from it."""

    def __init__(self, folder: Path) -> None:
        self.manifest, self.cache = folder / "manifest.tsv", folder / "cache"
        self.out, self.unseen = folder / "corpus", folder / "unseen"
        self.rows: dict[str, str] = {}

    def add(self, name: str, files: dict[str, str | bytes], held: str = "heldout") -> Release:
        dist = distribution(self.cache, name, files)
        side = held if dist.held_out else "train"
        self.rows[dist.stem] = row(side, name, digest=dist.sha256)
        return dist

    def add_npm(self, name: str, files: dict[str, str | bytes], held: str = "heldout") -> Release:
        source = package(self.cache, name, files)
        side = held if source.held_out else "train"
        self.rows[source.stem] = npm_row(side, name, digest=source.integrity)
        return source

    def build(self, **options) -> Built:
        self.manifest.write_text("".join(self.rows.values()), encoding="utf-8")
        options = {"unseen": self.unseen, **options}
        return corpus.build(self.manifest, self.out, self.cache, **options)

    def paths(self, shard: str) -> list[str]:
        return [file.path for file in corpus.read(self.out / f"{shard}.jsonl.gz")]

    def data(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in corpus.shards(self.out)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def stems(shards: list[corpus.Shard]) -> list[str]:
    return [shard.name for shard in shards]


def test_a_build_cleans_orders_and_can_be_read_back(project: Project):
    text = "from p.b import x\n" + words(1) + "# naïve\n"
    project.add("rich", {"p/a.py": text, "p/b.py": words(2), "p/c.py": b"\xff", "p/d.txt": "d"})
    project.add_npm("@scope/mitt", {"src/a.ts": scripts(1), "src/b.jsx": scripts(2)})
    python, scripted = project.build().train
    files = list(corpus.read(project.out / "rich.jsonl.gz"))
    assert files == [SourceFile("p/b.py", words(2)), SourceFile("p/a.py", text)]
    chars = len(text) + len(words(2))
    assert (python.files, python.chars) == ({"python": 2}, {"python": chars})
    assert python.size_bytes == chars + 1
    assert python.dropped == {Drop.ENCODING.value: 1}
    assert scripted.files == {"javascript": 1, "typescript": 1}
    assert project.paths("@scope__mitt.npm") == ["src/a.ts", "src/b.jsx"]
    assert [path.name for path in corpus.shards(project.out)] == [
        "@scope__mitt.npm.jsonl.gz",
        "rich.jsonl.gz",
    ]


def test_copies_across_projects_and_from_the_unseen_folder_go(project: Project):
    project.unseen.mkdir()
    (project.unseen / "std.py").write_text(words(5), encoding="utf-8")
    project.add("attrs", {"q/a.py": words(1), "q/c.py": words(3)})
    project.add("rich", {"p/a.py": words(1), "p/b.py": words(2), "p/s.py": words(5)})
    project.add("flask", {"f/s.py": words(5), "f/d.py": words(4)})
    project.build()
    assert project.paths("attrs") == ["q/a.py", "q/c.py"]
    assert project.paths("rich") == ["p/b.py"]
    assert project.paths("heldout/flask") == ["f/d.py"], "nor does it judge"


def test_no_text_both_trains_and_judges(project: Project):
    """Copies of what judges are not trained on, and what is much like training text judges not."""
    part = words(2, 50)
    project.add("rich", {"p/a.py": words(1), "p/b.py": part + words(3, 90), "p/c.py": words(4)})
    project.add("flask", {"f/a.py": words(1), "f/b.py": part + words(5, 20), "f/d.py": words(6)})
    project.add("black", {"b/c.py": words(4), "b/d.py": words(7)}, held="learn")
    built = project.build()
    assert project.paths("rich") == ["p/b.py"], "a.py and c.py are copies of what is held out"
    assert project.paths("heldout/flask") == ["f/a.py", "f/d.py"]
    assert project.paths("learn/black") == ["b/c.py", "b/d.py"]
    assert [shard.dropped for shard in (*built.train, *built.heldout, *built.learn)] == [
        {Drop.OTHER_SIDE.value: 2},
        {Drop.OTHER_SIDE.value: 1},
        {},
    ]


def test_a_finished_shard_stays_and_new_text_yields_to_it(project: Project):
    project.add("rich", {"p/a.py": words(1)})
    project.build()
    path = project.out / "rich.jsonl.gz"
    before = path.stat()
    project.add("attrs", {"q/a.py": words(1), "q/c.py": words(3)})  # it comes before by its name
    assert sorted(stems(project.build().train)) == ["attrs", "rich"]
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert project.paths("attrs") == ["q/c.py"]


def test_a_shard_is_built_again_when_its_pin_cap_rules_or_judges_change(project, monkeypatch):
    project.add("rich", {"p/a.py": words(1)})
    keys = {project.build().train[0].key, project.build(max_mb=3).train[0].key}
    project.add("rich", {"p/a.py": words(2)})
    keys.add(project.build().train[0].key)
    keys.add(project.build(max_mb=1.0).train[0].key)
    project.add("flask", {"f/a.py": words(3)})
    keys.add(project.build().train[0].key)
    monkeypatch.setattr(assembly, "RULES", 10_000)
    keys.add(project.build().train[0].key)
    assert len(keys) == 5
    assert [file.text for file in corpus.read(project.out / "rich.jsonl.gz")] == [words(2)]


def test_heldout_text_is_sifted_again_when_the_training_text_grows(project: Project):
    mixed = words(2, 20) + words(3, 20)
    project.add("flask", {"f/b.py": mixed, "f/d.py": words(4)})
    project.add("rich", {"p/a.py": words(1)})
    project.build()
    assert project.paths("heldout/flask") == ["f/b.py", "f/d.py"]
    project.add("attrs", {"q/b.py": words(2, 20) + words(5, 60)})
    project.build()
    assert project.paths("attrs") == ["q/b.py"]
    assert project.paths("heldout/flask") == ["f/d.py"]


def test_a_build_that_is_broken_off_goes_on_to_the_same_corpus(project: Project, tmp_path: Path):
    names = ["attrs", "click", "django", "rich"]
    for number, name in enumerate(names):
        same = {f"{name}/{n}.py": words(n) for n in range(number, number + 3)}  # partly copies
        project.add(name, same)
    project.add("flask", {"f/a.py": words(50)})
    whole = project.build()
    expected = project.data()

    def stop(stem: str, total: int) -> None:
        if stem == "click":
            raise KeyboardInterrupt

    project.out = tmp_path / "again"
    with pytest.raises(KeyboardInterrupt):
        project.build(on_source=stop)
    with (project.out / INDEX).open("a") as index:
        index.write('{"name": "dja')  # and the machine went down while it wrote
    assert set(project.data()) == {"attrs.jsonl.gz", "click.jsonl.gz"}
    assert project.build() == whole
    assert project.data() == expected


def test_other_processes_build_the_same(project: Project, tmp_path: Path):
    for number in range(3):
        project.add(["rich", "attrs", "click"][number], {"p/a.py": words(number)})
    here = project.build()
    expected, project.out = project.data(), tmp_path / "again"
    assert project.build(processes=2) == here
    assert project.data() == expected


def test_a_source_that_cannot_be_had_is_named_and_tried_again(project: Project, monkeypatch):
    gone = project.add("rich", {"p/a.py": words(1)})
    project.add("attrs", {"q/a.py": words(2)})
    lost = project.add("flask", {"f/a.py": words(3)})
    places = [project.cache / each.stem / each.file for each in (gone, lost)]
    kept = [place.read_bytes() for place in places]
    for place in places:
        place.unlink()
    monkeypatch.setattr(downloads, "_bring", lambda sources, cache: "it is gone")
    told: list[str] = []
    built = project.build(on_source=lambda stem, total: told.append(f"{stem} {total}"))
    assert {name: why[-10:] for name, why in built.missing.items()} == {
        "flask": "it is gone",
        "rich": "it is gone",
    }
    assert stems(built.train) == ["attrs"]
    assert sorted(told) == ["attrs 3", "flask 3", "rich 3"]
    for place, data in zip(places, kept, strict=True):
        place.write_bytes(data)
    built = project.build()
    assert (sorted(stems(built.train)), stems(built.heldout)) == (["attrs", "rich"], ["flask"])
    assert built.missing == {}


def test_a_damaged_archive_is_named_too(project: Project):
    dist = project.add("rich", {"p/a.py": words(1)})
    place = project.cache / dist.stem / dist.file
    place.write_bytes(place.read_bytes()[:100])
    assert list(project.build().missing) == ["rich"]


def test_only_named_sources_are_built(project: Project):
    project.add("rich", {"p/a.py": words(1)})
    project.add("attrs", {"q/a.py": words(2)})
    assert stems(project.build(only=["attrs"]).train) == ["attrs"]
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


@pytest.mark.parametrize("index", ["{", "[]", '{"name": "rich"}', "1", "\udcff"])
def test_a_damaged_index_is_told(project: Project, index: str):
    project.add("rich", {"p/a.py": words(1)})
    project.out.mkdir()
    (project.out / INDEX).write_bytes(f"{index}\n".encode(errors="surrogateescape"))
    with pytest.raises(CorpusError, match="delete it to build anew"):
        project.build()


def test_the_command_line_prints_what_was_kept_and_dropped(project: Project, monkeypatch):
    project.add("rich", {"p/a.py": words(1), "p/b.py": "tiny"})
    project.add_npm("mitt", {"src/a.ts": scripts(1)})
    project.build()
    arguments = ["build", "--out", str(project.out), "--cache", str(project.cache)]
    arguments += ["--manifest", str(project.manifest), "--processes", "1"]
    done = CliRunner().invoke(corpus.app, arguments)
    assert done.exit_code == 0, done.output
    for language, files in (("python", 1), ("typescript", 1), ("javascript", 0)):
        assert re.search(rf"trained on\W+{language}\W+{files}\W+{files}\W", done.output)
    assert re.search(r"heldout\W+python\W+0\W+0\W", done.output)
    assert Drop.SIZE.value in done.output
    failed = CliRunner().invoke(corpus.app, [*arguments, "--only", "nonesuch"])
    assert failed.exit_code == 1
    assert "has no nonesuch" in failed.output
    (project.out / "rich.jsonl.gz").unlink()
    (project.cache / "rich" / "rich-1.0-py3-none-any.whl").unlink()
    monkeypatch.setattr(downloads, "_bring", lambda sources, cache: "it is gone")
    lacking = CliRunner().invoke(corpus.app, arguments)
    assert lacking.exit_code == 1
    assert "1 sources could not be had" in lacking.output
    assert "it is gone" in lacking.output


# The corpus on this machine, if one was built.

BUILT = ROOT / "build" / "corpus"


@pytest.mark.skipif(not BUILT.exists(), reason="no corpus was built here")
def test_the_built_corpus_holds_no_heldout_name():
    manifest = load_manifest(corpus.MANIFEST)
    sources = {source.stem: source for source in manifest}
    for folder, held in ((BUILT, False), (BUILT / corpus.HELDOUT, True)):
        names = [path.name.removesuffix(SUFFIX) for path in corpus.shards(folder)]
        assert [name for name in names if sources[name].held_out is not held] == []
