"""Who reads what: the same chunks from any number of processes, lanes by language, little held."""

import gzip
import json
from pathlib import Path

import awkward_code
import pytest
import tiny_model
from stateline.model.languages import language_of_path
from stateline.model.training.corpus.corpus import SourceFile
from stateline.model.training.run import feed as feeding
from stateline.model.training.run.examples import Mix
from stateline.model.training.run.feed import Corpus, feed, plans_of

FILES = [
    SourceFile(f"pkg/{path.name}", path.read_text(encoding="utf-8")) for path in awkward_code.FILES
]
LANES = ("python", "python", "typescript", "javascript")
MIX = Mix(path=1.0, whole_file=1.0)


def write_shard(path: Path, files: list[SourceFile]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps({"path": file.path, "text": file.text}) + "\n" for file in files)
    path.write_bytes(gzip.compress("".join(rows).encode()))
    return path


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    return tiny_model.tiny_folder(tmp_path_factory.mktemp("model")) / "tokenizer.json"


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> list[Path]:
    """Two Python projects, and one of TypeScript and JavaScript with a file of neither."""
    folder = tmp_path_factory.mktemp("shards")
    script = "export const n = 1\n" * 300
    mixed = [
        SourceFile(f"web/{i}.{suffix}", f"// {i}.{suffix}\n{script}")
        for i in range(12)
        for suffix in ("ts", "js", "txt")
    ]
    return [
        write_shard(folder / "one.jsonl.gz", FILES[:3]),
        write_shard(folder / "two.jsonl.gz", FILES[3:5]),
        write_shard(folder / "web.jsonl.gz", mixed),
    ]


@pytest.mark.parametrize(("lanes", "skip"), [((None, None), 3), (LANES, 0)])
def test_text_prepared_by_processes_is_the_same(shards, tokenizer, skip: int, lanes):
    told = lanes != (None, None)
    plans = plans_of(Corpus.of(shards, by_language=told), tokenizer, lanes, Mix(), seed=1)
    with feed(plans, 16, 0, 1) as alone:
        expected = [next(alone) for _ in range(12)][skip:]
    again = plans_of(
        Corpus.of(shards, by_language=told, processes=2), tokenizer, lanes, Mix(), seed=1
    )
    with feed(again, 16, skip, 2) as several:
        assert [next(several) for _ in range(12 - skip)] == expected
    assert len(expected[0]) == len(lanes)


def test_a_lane_reads_its_language_and_all_is_read(shards: list[Path], tokenizer: Path):
    corpus = Corpus.of(shards, by_language=True)
    plans = plans_of(corpus, tokenizer, LANES, MIX, seed=1)
    texts = feeding._Texts(plans)
    found = [[file for segment in plan.segments for file in texts.of(segment)] for plan in plans]
    for files, name in zip(found, LANES, strict=True):
        assert {language_of_path(file.path).name for file in files} == {name}
    read = [file.path for files in found for file in files]
    assert len(read) == len(set(read)) == 5 + 24, "each once; what no lane reads is left out"


def test_without_languages_everything_is_read(shards: list[Path], tokenizer: Path):
    plans = plans_of(Corpus.of(shards, by_language=False), tokenizer, [None, None], MIX, seed=1)
    texts = feeding._Texts(plans)
    read = [file for plan in plans for s in plan.segments for file in texts.of(s)]
    assert len(read) == 5 + 36


def test_a_process_reads_a_shard_once_and_keeps_only_its_lanes_text(
    shards: list[Path], tokenizer: Path, monkeypatch
):
    plans = plans_of(Corpus.of(shards, by_language=True), tokenizer, LANES, MIX, seed=1)
    opened: list[Path] = []
    read = feeding.read
    monkeypatch.setattr(feeding, "read", lambda path: opened.append(path) or read(path))
    texts = feeding._Texts(plans[2:3])
    for segment in [*plans[2].segments] * 2:
        texts.of(segment)
    assert opened == [shards[2]], "Python's shards are none of this lane's"
    kept = [file for files in texts._read.values() for file in files]
    assert {language_of_path(file.path).name for file in kept} == {"typescript"}


def test_plans_name_files_and_hold_no_text(shards: list[Path], tokenizer: Path):
    plans = plans_of(Corpus.of(shards, by_language=True), tokenizer, LANES, MIX, seed=1)
    assert len(repr(plans)) < 8_000 < sum(len(file.text) for file in FILES[:5])


def test_a_language_without_enough_text_is_refused(shards: list[Path], tokenizer: Path):
    corpus = Corpus.of(shards[:2], by_language=True)
    with pytest.raises(SystemExit, match="0 runs of files of typescript for 1 lanes"):
        plans_of(corpus, tokenizer, LANES, MIX, seed=1)
