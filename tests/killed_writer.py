"""Writers of states in processes of their own, which are killed or compete for one folder.

Owns what a state of each number holds, so that whoever finds one knows what it should be. Run as
`killed_writer.py killed FOLDER TIMES` or `together FOLDER TIMES`; it forks, so it needs POSIX, and
it imports no more than a process that forks may. Exits with a message where a state is wrong.
"""

import contextlib
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from stateline.model.completer import FileId
from stateline.model.states.statefolder import entries
from stateline.model.states.store import Store

FINGERPRINT = "0123456789abcdef" * 2
NUMBERS = 40
WRITERS = 3


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def meaning(number: int, floats: int = 16_000) -> dict[str, np.ndarray]:
    """What the state of this number holds, always."""
    rng = np.random.default_rng(number)
    return {
        "layers.0.conv": rng.standard_normal((3, 5), np.float32),
        "layers.0.ssm": rng.standard_normal(floats),
        "logits": rng.standard_normal(7, np.float32),
    }


def save(store: Store, number: int, floats: int = 16_000) -> bool:
    source = FileId("/project", f"{number}.py")
    return store.save(key(number), number, meaning(number, floats), "/project", [source])


def is_right(number: int, arrays: dict[str, np.ndarray], floats: int = 16_000) -> bool:
    meant = meaning(number, floats)
    return arrays.keys() == meant.keys() and all(np.array_equal(arrays[n], meant[n]) for n in meant)


def check_all(folder: Path) -> int:
    """How many states there are; every one that is found is whole and the right one."""
    store = Store(folder, FINGERPRINT)
    found = [number for number in range(NUMBERS) if key(number) in store]
    for number in found:
        arrays = store.load(key(number))
        if arrays is None or not is_right(number, arrays):
            sys.exit(f"state {number} is {'damaged' if arrays is None else 'wrong'}")
    if len(entries(folder)) != len(found):
        sys.exit("a file is not listed")
    return len(found)


def forked(work: Callable[[], None]) -> int:
    """The id of a process that does `work` and ends with 0, or with 1 if that raised."""
    process = os.fork()
    if process:
        return process
    code = 1
    with contextlib.suppress(KeyboardInterrupt):
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return 0


def killed(folder: Path, times: int) -> str:
    """Kill a writer so many times, in the midst of its work, and look at what it left."""
    rng, unfinished, found = random.Random(times), 0, 0
    for turn in range(times):
        ready, report = os.pipe()
        process = forked(lambda turn=turn, report=report: write_on(folder, turn, report))
        os.close(report)
        begun = os.read(ready, 1)
        time.sleep(rng.random() / 50)  # Waits for nothing: it is the moment that is random.
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(ready)
        if not begun:
            sys.exit("the writer ended by itself")
        found = check_all(folder)
        unfinished = len(list(folder.glob("*/*.part")))
    return f"{found} states, {unfinished} unfinished files"


def write_on(folder: Path, seed: int, report: int) -> None:
    rng, store = random.Random(seed), Store(folder, FINGERPRINT)
    while save(store, rng.randrange(NUMBERS)):
        os.write(report, b".")


def together(folder: Path, times: int) -> str:
    """Writers that save, load and evict in one folder at once: each finds all or nothing."""
    small = Store(folder, FINGERPRINT)
    save(small, 0)
    budget_bytes = 20 * entries(folder)[0].nbytes
    writers = [
        forked(lambda seed=seed: compete(folder, seed, times, budget_bytes))
        for seed in range(WRITERS)
    ]
    ends = [os.waitpid(writer, 0)[1] for writer in writers]
    if any(ends):
        sys.exit("a writer failed")
    nbytes = sum(entry.nbytes for entry in entries(folder))
    if nbytes > budget_bytes * (1 + WRITERS / 16):
        sys.exit(f"{nbytes} bytes of {budget_bytes}")
    return f"{check_all(folder)} states"


def compete(folder: Path, seed: int, times: int, budget_bytes: int) -> None:
    rng, store = random.Random(seed), Store(folder, FINGERPRINT, budget_bytes)
    complaints = logging.getLogger("stateline.model.states.store")
    complaints.addFilter(complain)
    for _ in range(times):
        number = rng.randrange(NUMBERS)
        if rng.random() < 0.5 and not save(store, number):
            raise AssertionError("not saved")
        arrays = store.load(key(number))
        if arrays is not None and not is_right(number, arrays):
            raise AssertionError("a wrong state")


def complain(record: logging.LogRecord) -> bool:
    raise AssertionError(record.getMessage())


if __name__ == "__main__":
    works = {"killed": killed, "together": together}
    print(works[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])))
