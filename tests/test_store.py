"""States on the disk: what is saved is what is loaded, within the budget, or nothing."""

import errno
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from killed_writer import FINGERPRINT, is_right, key, meaning, save
from safetensors.numpy import load_file
from stateline.model.completer import FileId
from stateline.model.states import statefolder
from stateline.model.states import store as store_module
from stateline.model.states.statefolder import Forgotten, entries, forget
from stateline.model.states.store import Store, fingerprint
from tiny_model import tiny_folder

OTHER = "f" * 32
POSIX = os.name == "posix"


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch):
    monkeypatch.setattr(store_module, "REFRESH_S", 0)


def filled(folder: Path, *numbers: int, budget_states: int = 100) -> Store:
    """A store of states of about 128 kB; the first was used first."""
    save(Store(folder, FINGERPRINT), 0)
    size = entries(folder)[0].nbytes
    forget(folder, lambda entry: True)
    store = Store(folder, FINGERPRINT, budget_states * size)
    for number in numbers:
        assert save(store, number)
    for number in numbers:
        used(folder, number, 1_000_000 + number)
    return store


def used(folder: Path, number: int, seconds: float, model: str = FINGERPRINT) -> None:
    os.utime(path(folder, number, model), (seconds, seconds))


def path(folder: Path, number: int, model: str = FINGERPRINT) -> Path:
    return folder / model / f"{key(number).hex()}-{number}.safetensors"


def numbers(folder: Path) -> list[int]:
    return sorted(entry.tokens for entry in entries(folder))


def test_what_was_saved_is_found_after_a_restart(tmp_path: Path):
    first = filled(tmp_path, 3, 5)
    again = Store(tmp_path, FINGERPRINT)
    assert again.lengths == first.lengths == {3, 5}
    assert key(3) in again
    assert is_right(3, again.load(key(3)))
    assert key(4) not in again
    assert again.load(key(4)) is None
    assert Store(tmp_path, OTHER).load(key(3)) is None


AWKWARD = np.array([0.0, -0.0, 1.5, -np.inf, np.nan, 1e-40], np.float32)
RISING = np.arange(12.0, dtype=np.float32)


@pytest.mark.parametrize(
    "arrays",
    [
        {"a": AWKWARD.reshape(2, 3)},
        {"a": AWKWARD[:3], "b": AWKWARD.astype(np.float64), "c": AWKWARD[:5]},
        {"a": RISING.reshape(3, 4).T, "b": RISING[::3]},
        {"a": np.array(2.5), "b": np.ones((1, 1, 1), np.float32)},
        {},
    ],
)
def test_arrays_come_back_bit_by_bit(tmp_path: Path, arrays: dict[str, np.ndarray]):
    store = Store(tmp_path, FINGERPRINT)
    assert store.save(key(1), 1, arrays, "", [])
    for loaded in (store.load(key(1)), load_file(path(tmp_path, 1))):
        assert loaded.keys() == arrays.keys()
        for name, array in arrays.items():
            assert loaded[name].dtype == array.dtype
            assert loaded[name].shape == array.shape
            assert loaded[name].tobytes() == array.tobytes()


def test_what_is_done_to_loaded_arrays_stays_in_memory(tmp_path: Path):
    store = filled(tmp_path, 1)
    mine = store.load(key(1))
    for array in mine.values():
        assert array.flags.aligned
        array[:] = 0
    assert is_right(1, store.load(key(1)))


def test_loaded_arrays_outlive_their_file(tmp_path: Path):
    store = filled(tmp_path, 1)
    mine = store.load(key(1))
    assert store.save(key(1), 1, {"other": np.ones(9)}, "", [])
    shutil.rmtree(tmp_path)
    assert is_right(1, mine)


def test_an_entry_says_whose_it_is(tmp_path: Path):
    sources = (FileId("/p", "ä.py"), FileId("/p", "\udcff.py"), FileId("", "C:\\x\n.py"))
    Store(tmp_path, FINGERPRINT).save(key(7), 7, meaning(7), "/p\udcff", sources)
    used(tmp_path, 7, 1_234.5)
    (entry,) = entries(tmp_path)
    assert (entry.fingerprint, entry.key, entry.tokens) == (FINGERPRINT, key(7), 7)
    assert (entry.workspace, entry.sources) == ("/p\udcff", sources)
    assert (entry.nbytes, entry.used_s) == (path(tmp_path, 7).stat().st_size, 1_234.5)
    assert load_file(path(tmp_path, 7))  # safetensors can read it as well


def test_entries_of_all_models_come_last_used_first(tmp_path: Path):
    filled(tmp_path, 1, 2)
    save(Store(tmp_path, OTHER), 3)
    used(tmp_path, 3, 1_000_001.5, OTHER)
    assert [entry.tokens for entry in entries(tmp_path)] == [2, 3, 1]
    assert entries(tmp_path / "nothing") == []


@pytest.mark.skipif(not POSIX, reason="POSIX permissions")
def test_only_the_owner_can_read(tmp_path: Path, monkeypatch):
    born = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (born.append(os.stat(a)), replace(a, b)))
    before = os.umask(0)
    try:
        filled(tmp_path / "cache", 1)
    finally:
        os.umask(before)
    found = [born[-1], *(each.stat() for each in (tmp_path / "cache").rglob("*"))]
    assert [oct(each.st_mode & 0o777) for each in found] == ["0o600", "0o700", "0o600"]
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


def test_what_was_used_least_recently_goes(tmp_path: Path):
    store = filled(tmp_path, 1, 2, 3, 4, budget_states=4)
    assert numbers(tmp_path) == [1, 2, 3, 4]
    store.load(key(1))
    save(store, 5)
    assert numbers(tmp_path) == [1, 3, 4, 5]
    assert key(2) not in store
    assert key(5) in store


def test_the_budget_is_for_all_models(tmp_path: Path):
    store = filled(tmp_path, 1, 2, 3, budget_states=4)
    save(Store(tmp_path, OTHER, store.budget_bytes), 9)
    used(tmp_path, 9, 1, OTHER)
    save(store, 4)
    assert numbers(tmp_path) == [1, 2, 3, 4]


def test_it_is_never_over_the_budget(tmp_path: Path):
    store = filled(tmp_path, budget_states=3)
    for number in range(12):
        assert save(store, number, floats=16_000 - 1_000 * (number % 5))
        assert sum(each.stat().st_size for each in tmp_path.rglob("*.*")) <= store.budget_bytes
        assert is_right(number, store.load(key(number)), 16_000 - 1_000 * (number % 5))


def test_a_state_larger_than_the_budget_drives_nothing_out(tmp_path: Path):
    store = filled(tmp_path, 1, 2, budget_states=3)
    assert not save(store, 3, floats=100_000)
    assert numbers(tmp_path) == [1, 2]


def test_what_the_dead_left_unfinished_goes_and_what_is_not_ours_stays(tmp_path: Path):
    filled(tmp_path, 1)
    names = {name: path(tmp_path, 1).with_name(name) for name in ("notes.txt", "1.safetensors")}
    names |= {age: path(tmp_path, 2).with_suffix(f".safetensors.{age}.part") for age in ("a", "b")}
    for each in names.values():
        each.write_bytes(b"half")
        os.utime(each, (1, 1))
    os.utime(names["b"])
    assert save(Store(tmp_path, FINGERPRINT), 3)
    assert {name for name, each in names.items() if each.exists()} == {*names} - {"a"}
    assert numbers(tmp_path) == [1, 3]


def test_forgetting_by_source_and_by_workspace(tmp_path: Path):
    store = filled(tmp_path, 1, 2, 3)
    other = Store(tmp_path, OTHER)
    other.save(key(4), 4, meaning(4), "/elsewhere", [FileId("/project", "2.py")])
    by_source = [source for entry in entries(tmp_path) for source in entry.sources]
    assert by_source.count(FileId("/project", "2.py")) == 2
    done = store.forget(lambda entry: FileId("/project", "2.py") in entry.sources)
    assert done == Forgotten(removed=2, left=0)
    assert numbers(tmp_path) == [1, 3]
    assert store.lengths == {1, 3}
    assert forget(tmp_path, lambda entry: entry.workspace == "/project") == Forgotten(2, 0)
    assert forget(tmp_path, lambda entry: True) == Forgotten(0, 0)
    assert store.load(key(1)) is None


def test_forgetting_takes_along_what_nobody_can_read(tmp_path: Path):
    filled(tmp_path, 1, 2, 3)
    path(tmp_path, 1).write_bytes(b"scrap")
    whole = path(tmp_path, 2).read_bytes()
    path(tmp_path, 2).with_suffix(".safetensors.ab.part").write_bytes(whole[:-1])
    assert forget(tmp_path, lambda entry: False) == Forgotten(2, 0)
    assert numbers(tmp_path) == [2, 3]


def test_what_cannot_be_removed_is_counted(tmp_path: Path, monkeypatch, caplog):
    store = filled(tmp_path, 1, 2)
    monkeypatch.setattr(Path, "unlink", failing(errno.EACCES))
    assert store.forget(lambda entry: entry.tokens == 1) == Forgotten(removed=0, left=1)
    assert [record.name for record in caplog.records] == ["stateline.model.states.statefolder"]


def failing(number: int):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number), "/home/me/secret")

    return fail


@pytest.mark.parametrize(("function", "number"), [("open", errno.EROFS), ("replace", errno.ENOSPC)])
def test_a_disk_that_takes_nothing(tmp_path: Path, monkeypatch, caplog, function: str, number: int):
    store = filled(tmp_path, 1)
    with monkeypatch.context() as broken:
        broken.setattr(statefolder.os, function, failing(number))
        assert [save(store, n) for n in (2, 3)] == [False, False]
    assert [record.getMessage() for record in caplog.records] == [
        f"the state {path(tmp_path, 2).name} could not be saved: {os.strerror(number)}"
    ]
    assert [each.name for each in tmp_path.glob("*/*")] == [path(tmp_path, 1).name]
    assert save(store, 2)


@pytest.mark.skipif(not POSIX or os.geteuid() == 0, reason="permissions bind neither")
def test_a_folder_that_can_only_be_read(tmp_path: Path):
    store = filled(tmp_path, 1)
    path(tmp_path, 1).parent.chmod(0o500)
    try:
        assert not save(store, 2)
        assert is_right(1, store.load(key(1)))
        assert store.forget(lambda entry: True) == Forgotten(0, 1)
    finally:
        path(tmp_path, 1).parent.chmod(0o700)


def test_a_file_where_the_folder_should_be(tmp_path: Path):
    (tmp_path / "cache").write_text("")
    store = Store(tmp_path / "cache", FINGERPRINT)
    assert not save(store, 1)
    assert store.load(key(1)) is None
    assert store.lengths == frozenset()
    assert store.forget(lambda entry: True) == Forgotten(0, 0)


def test_the_folder_vanishes(tmp_path: Path, caplog):
    store = filled(tmp_path / "cache", 1)
    shutil.rmtree(tmp_path / "cache")
    assert store.load(key(1)) is None
    assert store.lengths == frozenset()
    assert save(store, 2)
    assert is_right(2, store.load(key(2)))
    assert caplog.records == []


def test_the_list_is_read_now_and_then(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(store_module, "REFRESH_S", 3_600)
    store, other = Store(tmp_path, FINGERPRINT), Store(tmp_path, FINGERPRINT)
    assert store.lengths == frozenset()
    save(other, 1)
    assert store.lengths == frozenset()
    save(store, 2)  # its own are known at once
    assert store.lengths == {2}
    monkeypatch.setattr(store_module, "REFRESH_S", 0)
    assert store.lengths == {1, 2}


@pytest.mark.parametrize("name", ["", "..", "F" * 32, "0" * 31, "0" * 32 + "\n"])
def test_a_fingerprint_is_no_path(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        Store(tmp_path, name)


def test_another_model_or_way_of_computing_has_another_fingerprint(tmp_path: Path):
    folder = tiny_folder(tmp_path)
    first = fingerprint(folder, 1, "float32")
    others = [fingerprint(folder, 2, "float32"), fingerprint(folder, 1, "bfloat16")]
    weights = folder / "model.safetensors"
    assert fingerprint(folder, 1, "float32") == first
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    others.append(fingerprint(folder, 1, "float32"))
    assert len({first, *others}) == 4
    Store(tmp_path / "cache", first)
