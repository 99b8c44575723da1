"""What a server's process does before it answers `initialize`: little, and never what can wait."""

import io
import json
import subprocess
import sys

import pytest
from stateline.lsp_server.client.connection import message_from
from stateline.lsp_server.commands.demo import SERVER

INITIALIZE = {"processId": None, "rootUri": None, "capabilities": {}}
# What reads options and draws tables, and what the model needs once it loads.
CAN_WAIT = {"typer", "rich", "pydantic", "torch", "numpy", "tokenizers", "safetensors"}


def framed(*messages: dict) -> bytes:
    bodies = [json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages]
    return b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies)


def started(*arguments: str) -> tuple[dict, set[str]]:
    """The answer to `initialize`, and the packages imported by a server that is asked no more."""
    conversation = framed(
        {"id": 1, "method": "initialize", "params": INITIALIZE},
        {"id": 2, "method": "shutdown"},
        {"method": "exit"},
    )
    python, *rest = SERVER
    command = [python, "-X", "importtime", *rest, *arguments]
    done = subprocess.run(command, input=conversation, capture_output=True, timeout=120)
    answer = message_from(io.BytesIO(done.stdout))
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.decode().splitlines()}
    assert answer, done.stderr[-500:]
    return answer["result"], {name.split(".")[0] for name in imported}


@pytest.mark.parametrize("arguments", [[], ["--stdio"]])
def test_initialize_is_answered_before_what_can_wait_is_imported(arguments: list[str]):
    answer, imported = started(*arguments)
    assert answer["serverInfo"]["name"] == "stateline"
    assert "pygls" in imported, "the test sees no imports, so it would prove nothing"
    assert imported & CAN_WAIT == set()


def test_with_options_the_same_server_answers(tmp_path):
    log = tmp_path / "log"
    answer, imported = started("--log", str(log), "--log-level", "debug")
    assert answer == started()[0]
    assert log.exists()
    assert "typer" in imported
    assert imported & (CAN_WAIT - {"typer", "rich", "pydantic"}) == set()


PROGRAM = """
import gc
from stateline.lsp_server.server import serving
serving.make_server()
assert gc.isenabled()
assert gc.get_freeze_count() > 10_000
"""


def test_what_hurries_the_imports_leaves_nothing_behind():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
