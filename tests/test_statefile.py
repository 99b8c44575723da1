"""Files that are not what was written: never an exception, never a wrong state, gone afterwards."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from killed_writer import FINGERPRINT, is_right, key, save
from stateline.model.completer import FileId
from stateline.model.states import statefile
from stateline.model.states import store as store_module
from stateline.model.states.statefile import (
    About,
    DamagedStateError,
    Slot,
    checksum,
    encode,
)
from stateline.model.states.statefolder import entries
from stateline.model.states.store import Store

FLOATS = 20
NAME = f"{key(1).hex()}-1.safetensors"
ABOUT = About(FINGERPRINT, key(1), 1, "/secret/place", (FileId("/secret/place", "a.py"),))


def written(folder: Path) -> Path:
    assert save(Store(folder, FINGERPRINT), 1, FLOATS)
    return folder / FINGERPRINT / NAME


def sealed(about: About = ABOUT, data: bytes = bytes(16), **changes) -> bytes:
    """A file with valid checksums, such as whoever knows the format can make."""
    slot = replace(Slot("a", "F32", (4,), 0, 16), **changes)
    return encode(about, checksum([data]), [slot]) + data


def claiming(**changes) -> bytes:
    return sealed(replace(ABOUT, **changes))


def header(text: bytes) -> bytes:
    return len(text).to_bytes(8, "little") + text


def test_what_the_table_below_makes_is_fine_when_unchanged(tmp_path: Path):
    written(tmp_path).write_bytes(sealed())
    loaded = Store(tmp_path, FINGERPRINT).load(key(1))
    assert loaded.keys() == {"a"}
    assert loaded["a"].tolist() == [0.0] * 4


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "only a length": lambda whole: whole[:8],
    "half a length": lambda whole: whole[:5],
    "half a header": lambda whole: whole[:100],
    "no tensors": lambda whole: whole[: 8 + int.from_bytes(whole[:8], "little")],
    "the last byte is missing": lambda whole: whole[:-1],
    "one byte more": lambda whole: whole + b"\0",
    "one bit of a tensor": lambda whole: whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:],
    "another path in the header": lambda whole: whole.replace(b"1.py", b"2.py"),
    "another name of a tensor": lambda whole: whole.replace(b"0.conv", b"1.conv"),
    "zeros, as after a power cut": lambda whole: bytes(len(whole)),
    "a huge header": lambda whole: b"\xff" * 8 + whole[8:],
    "a header of almost all memory": lambda whole: (2**40).to_bytes(8, "little") + whole[8:],
    "no JSON": lambda whole: header(b"{nonsense"),
    "no UTF-8": lambda whole: header(b"\xff\xfe"),
    "deep JSON": lambda whole: header(b"[" * 100_000),
    "a huge number": lambda whole: header(b"9" * 10_000),
    "a list": lambda whole: header(b"[]"),
    "a file of another program": lambda whole: header(b'{"__metadata__":{"format":"pt"}}'),
    "metadata is a text": lambda whole: header(b'{"__metadata__":"pt"}'),
    "of another model": lambda whole: claiming(fingerprint="f" * 32),
    "of other tokens": lambda whole: claiming(key=key(2)),
    "of another length": lambda whole: claiming(tokens=2),
    "tokens are a text": lambda whole: claiming(tokens="1"),
    "no workspace": lambda whole: claiming(workspace=None),
    "a path is a number": lambda whole: claiming(sources=(FileId("x", 1),)),
    "a tensor beyond the end": lambda whole: sealed(begin=4, end=20),
    "a tensor before the begin": lambda whole: sealed(begin=-16, end=0),
    "a tensor backwards": lambda whole: sealed(begin=16, end=0),
    "a tensor of negative shape": lambda whole: sealed(shape=(-2, -2)),
    "a tensor of nothing": lambda whole: sealed(shape=(0, 2**70), end=0),
    "a tensor of half things": lambda whole: sealed(shape=(2.0, 2)),
    "a tensor of truth": lambda whole: sealed(shape=(True, 4)),
    "a tensor of too many dimensions": lambda whole: sealed(shape=(1,) * 99 + (4,)),
    "a tensor larger than its bytes": lambda whole: sealed(shape=(2**40, 2**40)),
    "a tensor off its numbers": lambda whole: sealed(shape=(3,), begin=1, end=13),
    "a tensor of whole numbers": lambda whole: sealed(dtype="I32"),
    "a tensor of an unknown type": lambda whole: sealed(dtype="__class__"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_ignored_with_one_line_and_repaired(tmp_path: Path, caplog, damage):
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    entries(tmp_path)
    store = Store(tmp_path, FINGERPRINT)
    assert store.load(key(1)) is None
    (record,) = caplog.records
    assert NAME in record.getMessage()
    assert "project" not in record.getMessage()
    assert str(tmp_path) not in record.getMessage()
    assert not path.exists()
    assert key(1) not in store
    assert save(store, 1, FLOATS)
    assert is_right(1, store.load(key(1)), FLOATS)


def test_a_newer_format_is_ignored(tmp_path: Path, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(statefile, "FORMAT", "stateline state 3")
        written(tmp_path)
    assert Store(tmp_path, FINGERPRINT).load(key(1)) is None
    assert entries(tmp_path) == []


def test_a_file_larger_than_the_budget_is_not_read(tmp_path: Path):
    path = written(tmp_path)
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # it takes no space, but whoever reads it is busy for minutes
    assert Store(tmp_path, FINGERPRINT).load(key(1)) is None
    assert not path.exists()


def test_a_header_too_long_to_be_read_is_not_written(tmp_path: Path, monkeypatch, caplog):
    monkeypatch.setattr(statefile, "_MAX_HEADER_BYTES", 1_000)
    sources = [FileId("/project", f"{n}.py") for n in range(100)]
    assert not Store(tmp_path, FINGERPRINT).save(key(1), 1, {}, "", sources)
    assert "too many sources" in caplog.text
    with pytest.raises(DamagedStateError):
        statefile.decode(header(b" " * 1_001), 2_000)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_what_is_no_plain_file_is_not_opened(tmp_path: Path, monkeypatch, kind: str):
    path = written(tmp_path)
    target = path.rename(tmp_path / "elsewhere")
    before = target.read_bytes()
    make = {
        "link": lambda: path.symlink_to(target),
        "dangling link": lambda: path.symlink_to(tmp_path / "nothing"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
    }
    monkeypatch.setattr(store_module, "REFRESH_S", 3_600)
    store = Store(tmp_path, FINGERPRINT)
    assert key(1) not in store
    assert save(store, 1, FLOATS)
    path.unlink()
    make[kind]()
    assert key(1) in store  # It still believes that there is a file.
    with monkeypatch.context() as watched:
        watched.setattr(np, "fromfile", lambda *_, **__: pytest.fail("it was opened"))
        assert store.load(key(1)) is None
    if not os.path.lexists(path):
        make[kind]()
    assert key(1) not in Store(tmp_path, FINGERPRINT)
    assert entries(tmp_path) == []
    assert save(store, 1, FLOATS) == (kind != "folder")
    assert target.read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_linked_folder_is_neither_listed_nor_written_to(tmp_path: Path):
    path = written(tmp_path / "real")
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / FINGERPRINT).symlink_to(path.parent)
    assert entries(cache) == []
    store = Store(cache, FINGERPRINT)
    assert not save(store, 2, FLOATS)
    store.forget(lambda entry: True)
    assert os.listdir(path.parent) == [NAME]


def changed(whole: bytes, changes: list[tuple[int, int]], cut: int, more: bytes) -> bytes:
    damaged = bytearray(whole)
    for place, value in changes:
        damaged[place % len(whole)] = value
    return bytes(damaged[: len(damaged) - cut % len(whole)]) + more


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=4),
    st.just(0) | st.integers(0, 2**16),
    st.just(b"") | st.binary(max_size=20),
)
def test_no_change_of_bytes_gives_a_wrong_state(changes, cut: int, more: bytes):
    with TemporaryDirectory() as folder:
        path = written(Path(folder))
        path.write_bytes(changed(path.read_bytes(), changes, cut, more))
        entries(Path(folder))
        loaded = Store(Path(folder), FINGERPRINT).load(key(1))
        assert loaded is None or is_right(1, loaded, FLOATS)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_are_no_state(text: bytes, framed: bool):
    with TemporaryDirectory() as folder:
        written(Path(folder)).write_bytes(header(text) if framed else text)
        assert entries(Path(folder)) == []
        assert Store(Path(folder), FINGERPRINT).load(key(1)) is None


def test_listing_needs_no_torch():
    program = "import sys, stateline.model.states.statefolder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
