"""States on the disk when writers are killed, and when several use the folder at once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import killed_writer
import pytest
from killed_writer import FINGERPRINT, NUMBERS, is_right, key, save
from stateline.model.states.store import Store

KILLS = int(os.environ.get("STATELINE_KILLS", "10"))  # `make soak` asks for more

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")


def run(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, killed_writer.__file__, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_fork
def test_a_killed_writer_leaves_whole_states(tmp_path: Path):
    print(run("killed", tmp_path, KILLS))
    assert len(list(tmp_path.glob("*/*.safetensors"))) > 0


@needs_fork
def test_servers_share_a_folder(tmp_path: Path):
    run("together", tmp_path, 100)


def test_threads_share_a_store(tmp_path: Path):
    store = Store(tmp_path, FINGERPRINT, 20 * 3_000)

    def work(seed: int) -> bool:
        for number in range(seed, seed + NUMBERS):
            saved = save(store, number % NUMBERS, floats=100)
            tensors = store.load(key(number % NUMBERS))
            if not saved or (tensors and not is_right(number % NUMBERS, tensors, floats=100)):
                return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(0, NUMBERS, 10)))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are listed in /proc")
def test_loaded_arrays_hold_no_file_open(tmp_path: Path):
    store = Store(tmp_path, FINGERPRINT)
    assert save(store, 1)
    mine = store.load(key(1))
    files = (os.path.realpath(each) for each in Path("/proc/self/fd").iterdir())
    assert not [file for file in files if file.startswith(str(tmp_path))]
    assert is_right(1, mine)
