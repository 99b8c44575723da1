"""Archives brought by pip and npm: whole and checked, or not at all, and why."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from package_registry import Registry
from stateline.model.training.corpus import downloads
from stateline.model.training.corpus.downloads import fetch, fetch_all
from stateline.model.training.corpus.sources import CorpusError, Distribution, Release
from wheels import distribution, make_tarball, make_wheel, package

Make = Callable[[Path, str, dict[str, str | bytes]], Release]
KINDS = [
    pytest.param(distribution, id="pip"),
    pytest.param(
        package,
        id="npm",
        marks=pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not here"),
    ),
]
FILES: dict[str, str | bytes] = {"a.py": "x = 1\n" * 100, "package.json": "{}"}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    served = Registry()
    served.use(monkeypatch, tmp_path)
    yield served
    served.close()


def published(registry: Registry, make: Make, name: str, folder: Path, **how: bool) -> Release:
    source = make(folder, name, FILES)
    registry.put(source, folder / source.stem / source.file, **how)
    return source


@pytest.mark.parametrize("make", KINDS)
def test_what_is_pinned_comes_once(registry: Registry, make: Make, tmp_path: Path):
    sources = [published(registry, make, name, tmp_path / "all") for name in ("mitt", "rich")]
    found = dict(fetch_all(sources, tmp_path / "cache"))
    for source in sources:
        expected = (tmp_path / "all" / source.stem / source.file).read_bytes()
        path = found[source]
        assert isinstance(path, Path), path
        assert path.read_bytes() == expected
    asked = len(registry.asked)
    assert dict(fetch_all(sources, tmp_path / "cache")) == found
    assert len(registry.asked) == asked
    left = [path.name for path in (tmp_path / "cache").iterdir()]
    assert sorted(left) == sorted(source.stem for source in sources), "nothing else stays"


@pytest.mark.parametrize("make", KINDS)
def test_one_that_is_gone_is_told_and_keeps_no_other_away(
    registry: Registry, make: Make, tmp_path: Path
):
    here = published(registry, make, "rich", tmp_path / "all")
    gone = make(tmp_path / "all", "mitt", FILES)
    found = dict(fetch_all([gone, here], tmp_path / "cache"))
    assert isinstance(found[here], Path)
    assert isinstance(found[gone], CorpusError)
    assert "mitt 1.0" in str(found[gone])
    assert "could not be downloaded" in str(found[gone])
    assert len(str(found[gone]).splitlines()) == 1


@pytest.mark.parametrize("make", KINDS)
def test_what_is_not_the_pinned_file_never_enters_the_cache(
    registry: Registry, make: Make, tmp_path: Path
):
    source = make(tmp_path / "all", "mitt", FILES)
    other = tmp_path / "other"
    (make_wheel if make is distribution else make_tarball)(other, {"a.py": "evil"})
    registry.put(source, other)
    with pytest.raises(CorpusError, match=r"hash|HASH"):
        fetch(source, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob(source.file))


@pytest.mark.parametrize("make", KINDS)
def test_a_download_that_breaks_off_is_made_again(registry: Registry, make: Make, tmp_path: Path):
    broken = published(registry, make, "mitt", tmp_path / "all", broken=True)
    whole = published(registry, make, "rich", tmp_path / "all")
    found = dict(fetch_all([broken, whole], tmp_path / "cache"))
    assert not registry.broken, "the test broke nothing off"
    assert [type(path) for path in found.values() if isinstance(path, CorpusError)] == []


def test_a_changed_archive_in_the_cache_is_refused(tmp_path: Path):
    source = distribution(tmp_path, "rich", FILES)
    assert fetch(source, tmp_path) == tmp_path / "rich" / source.file
    make_wheel(tmp_path / "rich" / source.file, {"rich/a.py": "evil"})
    with pytest.raises(CorpusError, match="delete it and try again"):
        fetch(source, tmp_path)


def test_a_scope_stands_before_the_name_where_npm_writes(tmp_path: Path):
    source = package(tmp_path, "@scope/name", FILES)
    assert downloads._brought_as(source) == "scope-name-1.0.0.tgz"
    assert fetch(source, tmp_path) == tmp_path / "@scope__name.npm" / "name-1.0.0.tgz"


def test_without_npm_it_is_said_what_to_install(tmp_path: Path, monkeypatch):
    source = package(tmp_path / "all", "mitt", FILES)
    monkeypatch.setattr(downloads.shutil, "which", lambda name: None)
    with pytest.raises(CorpusError, match=r"install Node\.js"):
        fetch(source, tmp_path / "cache")


def test_a_client_that_hangs_is_ended(tmp_path: Path, monkeypatch):
    def hangs(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("pip", 1)

    monkeypatch.setattr(downloads.subprocess, "run", hangs)
    with pytest.raises(CorpusError, match="longer than"):
        fetch(distribution(tmp_path / "all", "rich", FILES), tmp_path / "cache")


@pytest.mark.parametrize(
    ("files", "options"),
    [
        (["a-1-py3-none-any.whl"], "--python-version 3.13 --abi none --platform any"),
        (["a-1-py2-none-any.whl"], "--python-version 2.7 --abi none --platform any"),
        (
            ["a-1-cp39-abi3-manylinux1_x86_64.manylinux_2_5_x86_64.whl", "b-1-py3-none-any.whl"],
            "--python-version 3.13 --abi abi3 --abi none"
            " --platform any --platform manylinux1_x86_64 --platform manylinux_2_5_x86_64",
        ),
    ],
)
def test_pip_is_told_for_which_machine_a_wheel_is(files: list[str], options: str):
    wheels = [Distribution("a", "1", "MIT", file, "0" * 64) for file in files]
    assert " ".join(downloads._target(wheels)).endswith(f"--implementation cp {options}")


def test_each_client_is_given_its_own_pins_many_at_a_time(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH", 2)
    old = Distribution("old", "1", "MIT", "old-1-py2-none-any.whl", "0" * 64)
    wheels = [
        Distribution(name, "1", "MIT", f"{name}-1-py3-none-any.whl", "0" * 64) for name in "abc"
    ]
    npm = package(tmp_path, "mitt", FILES)
    wanted = [wheels[0], old, wheels[1], npm, wheels[2]]
    found = downloads._batches(wanted)
    assert found == [[wheels[0], wheels[1]], [old], [npm], [wheels[2]]]
