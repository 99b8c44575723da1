"""HumanEval's tasks, and the sandbox: what is right passes, and nothing else does."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from platformdirs import user_cache_path
from stateline.model.completer import Piece, Scripted
from stateline.model.training.corpus.sources import CorpusError, check
from stateline.model.training.judging import infilling
from stateline.model.training.judging.infilling import (
    HUMAN_EVAL,
    Problem,
    infilling_report,
    solve,
    tasks_of,
)
from stateline.model.training.judging.sandbox import Limits, passes
from stateline.model.training.judging.sandboxed import decode, encode

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits need POSIX")

PROMPT = 'def double(x):\n    """Twice x."""\n'
SOLUTION = "    y = x + x\n\n    return y\n"
TESTS = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate('a') == 'aa'\n"
PROBLEM = Problem("T/0", PROMPT, SOLUTION, TESTS, "double")
QUICK = Limits(cpu_s=1, wall_s=30)


def test_what_is_right_passes():
    assert PROBLEM.passes(SOLUTION)
    assert PROBLEM.passes("    import math, collections, typing, re, hashlib\n    return 2 * x\n")


HOSTILE = {
    "wrong": "    return x",
    "syntax": "    return (",
    "endless": "    while True: pass",
    "deaf to signals": (
        "    import signal\n    signal.signal(signal.SIGXCPU, 1)\n    while True: pass"
    ),
    "memory": "    return [0] * (1 << 40)",
    "growing": "    a = ['x' * 1000]\n    while True: a = a + a",
    "exit": "    import os\n    os._exit(0)",
    "raised exit": "    raise SystemExit(0)",
    "printed": "    print('passed', flush=True)\n    import os; os._exit(0)",
    "equal to all": (
        "    class E:\n        def __eq__(self, other): return True\n"
        "        def __add__(self, other): return self\n    return E()"
    ),
    "reads stdin": "    import os\n    os.write(1, os.read(0, 100))\n    os._exit(0)",
    "all descriptors": (
        "    import os\n    for fd in range(200):\n"
        "        try: os.write(fd, b'4\\n')\n        except OSError: pass\n    os._exit(0)"
    ),
    "patches builtins": (
        "    import builtins\n    builtins.AssertionError = None\n"
        "    builtins.exec = print\n    return x"
    ),
    "deep": "    a = []\n    for _ in range(100000): a = [a]\n    return a",
    "huge": "    return 'x' * (1 << 22)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_right_does_not_pass(name: str):
    assert not passes(PROMPT + HOSTILE[name] + "\n", "double", TESTS, PROMPT, QUICK)


FORBIDDEN = {
    "fork": "import os; os.fork()",
    "child": "import os; os.system('true')",
    "subprocess": "import subprocess; subprocess.run(['true'])",
    "spawn": "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "network": "import socket; socket.socket()",
    "raw network": "import _socket; _socket.socket()",
    "library": "import ctypes; ctypes.CDLL(None)",
    "file": "open('left', 'w').write('x')",
    "environment": "import os; assert set(os.environ) - {'LC_CTYPE'}",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_forbidden_fails_even_if_the_answer_is_right(name: str):
    program = PROMPT + f"    {FORBIDDEN[name]}\n    return x + x\n"
    assert not passes(program, "double", TESTS, PROMPT, QUICK)


def test_a_program_writes_no_file(tmp_path: Path):
    """Not even by the system's own call, where anyone may write."""
    tmp_path.chmod(0o777)
    mark = tmp_path / "mark"
    program = PROMPT + f"    import os\n    os.open({str(mark)!r}, os.O_WRONLY | os.O_CREAT)\n"
    assert not passes(program + "    return x + x\n", "double", TESTS, PROMPT, QUICK)
    assert not mark.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="threads count as processes on Linux only")
def test_a_program_has_no_rights():
    """The limits of the system hold below the guards in Python; root is dropped."""
    body = "    import os, _thread\n    assert os.getuid()\n"
    assert passes(PROMPT + body + "    return x + x\n", "double", TESTS, PROMPT, QUICK)
    body += "    _thread.start_new_thread(print, ())\n"
    assert not passes(PROMPT + body + "    return x + x\n", "double", TESTS, PROMPT, QUICK)


def test_the_wall_clock_ends_what_sleeps():
    sleeping = PROMPT + "    import time\n    time.sleep(10_000)\n"
    assert not passes(sleeping, "double", TESTS, PROMPT, Limits(wall_s=2.0))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
)


@given(plain)
def test_plain_data_travels_unchanged(value):
    back = decode(encode(value))
    assert back == value
    assert type(back) is type(value)


def test_other_data_does_not_travel():
    for value in (object(), iter([]), {1: print}, [lambda: 0]):
        with pytest.raises(TypeError):
            encode(value)
    assert decode(encode({1, 2})) == {1, 2}


def test_each_line_that_is_not_blank_is_a_task():
    first, second = tasks_of([PROBLEM])
    assert (first.truth, second.truth) == ("    y = x + x", "    return y")
    assert second.context.prefix == PROMPT + "    y = x + x\n\n"
    assert second.context.suffix == "\n"
    assert first.context.suffix == "\n\n    return y\n"
    assert first.solution(first.truth) == SOLUTION


def test_a_model_is_judged_by_the_tests_not_by_the_text():
    task = tasks_of([PROBLEM])[0]
    other = Scripted(lambda context: [Piece("    y = 2 * x", 0.5), Piece("\nx = 1", 0.5)])
    solved = solve(other, task)
    assert (solved.written, solved.passed) == ("    y = 2 * x", True)
    report = infilling_report([solved])
    assert (report["pass_at_1"]["value"], report["exact_match"]["value"]) == (1, 0)


def test_human_eval_is_kept_out_of_training():
    with pytest.raises(CorpusError, match="belongs to an evaluation"):
        check(HUMAN_EVAL)


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    cache = user_cache_path("stateline") / "downloads"
    if not (cache / HUMAN_EVAL.name / HUMAN_EVAL.file).is_file():
        pytest.skip("HumanEval was not downloaded; `stateline evaluate` does that")
    return infilling.load_problems(cache)


def test_human_eval_gives_all_its_tasks(problems: list[Problem]):
    assert len(problems) == 164
    assert len(tasks_of(problems)) == infilling.TASKS == 1033


@pytest.mark.parametrize("number", [0, 32, 33, 38, 53, 162])
def test_canonical_solutions_pass(problems: list[Problem], number: int):
    assert problems[number].passes(problems[number].canonical_solution)
    assert not problems[number].passes("    return None\n")
