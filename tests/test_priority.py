"""The priority of the server's process: lowered where that is asked for, and never a failure."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection
from stateline.lsp_server.server import process
from stateline.lsp_server.server.process import LOW_NICE, take_priority

SCRIPTED_SERVER = Path(__file__).with_name("scripted_server.py")
OURS = 0 if sys.platform == "win32" else os.getpriority(os.PRIO_PROCESS, 0)

needs_nice = pytest.mark.skipif(sys.platform == "win32", reason="Windows has classes instead")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists threads in /proc")


def nice_after(words: str, program: str) -> int:
    """What a process of its own has in the end, started at the tests' own priority."""
    code = f"import os; from stateline.lsp_server.server.process import take_priority; {program}"
    code += f"; take_priority({words!r}); print(os.getpriority(os.PRIO_PROCESS, 0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@needs_nice
def test_low_lets_others_go_first():
    assert nice_after("low", "pass") == max(OURS, LOW_NICE)


@needs_nice
def test_low_twice_is_low_once():
    assert nice_after("low", "take_priority('low')") == max(OURS, LOW_NICE)


@needs_nice
def test_what_is_lower_already_stays():
    """Whoever started the editor with `nice` meant it, and may not be able to take it back."""
    assert nice_after("low", "os.nice(9)") == min(OURS + 9, 19)


@needs_nice
def test_normal_changes_nothing():
    assert nice_after("normal", "pass") == OURS


def test_where_it_cannot_be_had_the_log_says_so(monkeypatch, caplog):
    def refuse():
        raise PermissionError("not allowed here")

    monkeypatch.setattr(process, "_lower", refuse)
    with caplog.at_level(logging.WARNING):
        take_priority("low")
    (said,) = caplog.messages
    assert "not allowed here" in said
    assert said.endswith(".")


@needs_proc
@pytest.mark.parametrize(("options", "lowest"), [({}, OURS), ({"priority": "low"}, LOW_NICE)])
def test_the_thread_that_computes_has_it_too(options, lowest):
    """On Linux each thread has a priority of its own, from the thread that started it."""
    with Client(Connection([sys.executable, str(SCRIPTED_SERVER), "silent"])) as client:
        client.initialize(options)
        client.connection.wait_for(
            "stateline/didChangeStatus", lambda status: not status["busy"], deadline_s=60
        )
        process = client.connection.process.pid
        threads = sorted(int(each.name) for each in Path(f"/proc/{process}/task").iterdir())
        found = [os.getpriority(os.PRIO_PROCESS, each) for each in threads]
        assert found[0] == max(OURS, lowest)
        assert found[-1] == max(OURS, lowest), "the model was loaded by the latest thread"
        client.shutdown()
