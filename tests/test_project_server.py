"""The real server over a workspace of files: what is kept, what is not, and that it answers."""

import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from canaries import FILES, KEY, OPEN, traces
from stateline.lsp_server.access.rules import Rules
from tiny_model import tiny_folder

from benchmarks.soak import crowd, kills, typing
from benchmarks.soak.workplace import (
    STATUS,
    USAGE,
    Workplace,
    all_read,
    handshake,
    loaded,
    make,
    started,
    suggested,
    write,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the cache folder cannot be moved there")
READING = {"workspaceTokens": 4096}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny_folder(tmp_path_factory.mktemp("model")))


def statistics(client):
    params = {"command": "stateline.statistics"}
    return client.connection.request("workspace/executeCommand", params).result()


def test_killed_while_it_reads_and_writes(tmp_path):
    """Each next server goes on from what was completely written, and says what a new one says."""
    place = make(tmp_path, files=4, lines=60)
    outcome = kills.run(place, rounds=10, chance=random.Random(0), options=READING)
    assert outcome.damaged == 0
    assert outcome.suggestion == outcome.expected != []
    assert all(each.read <= each.allowed for each in outcome.rounds), outcome.rounds
    assert outcome.last.read <= kills.REREAD_TOKENS


def test_a_canary_reaches_no_log_no_cache_and_no_message(tmp_path, model):
    place = Workplace((tmp_path / "work").resolve(), tmp_path / "cache")
    for name, text in FILES.items():
        write(place.root / name, text)
    log = tmp_path / "log"
    options = {"model": model, "exclude": ["excluded.py"], **READING}
    with place.serving(options, "--log-level", "debug", "--log", str(log)) as client:
        loaded(client)
        told = {}
        for name in (".env", "id_rsa", "stateless.py", "excluded.py", "ignored.py", "main.py"):
            uri = (place.root / name).as_uri()
            client.open(uri, "python", FILES[name])
            items = suggested(client, uri)
            told[name] = status(client)["kind"]
            if told[name] == "Inactive":
                assert items == []
                assert name in status(client)["message"]
        all_read(client, least_above=len(OPEN) // 3)
        params = {"method": 1, "text": KEY}
        for method in ("textDocument/inlineCompletion", "textDocument/didChange", "no/such"):
            client.connection.notify(method, params)
        statistics(client)
        said = json.dumps([[each.method, each.params] for each in client.connection.received])
        assert client.shutdown() == 0
    assert told == dict.fromkeys(told, "Normal") | dict.fromkeys(
        (".env", "id_rsa", "stateless.py", "excluded.py"), "Inactive"
    )
    kept = [path for path in place.cache.rglob("*") if path.is_file()]
    assert any(path.suffix == ".safetensors" for path in kept)
    assert "request" in log.read_text()
    written = "".join(path.read_bytes().decode("latin-1") for path in (*kept, log))
    # A suggestion may not be told of either, but what it says is the model's, which is random.
    assert traces(written + said) == []


def status(client):
    said = [each.params for each in client.connection.received if each.method == STATUS]
    return said[-1]


STRANGE = [
    "untitled:Untitled-1",
    "vscode-notebook-cell:/a/b.ipynb#W0sZmlsZQ%3D%3D",
    "file:///c%3A/windows/style.py",
    "file://server/share/x.py",
    "file:///tmp/nul%00.py",
    "file:///tmp/not%ffutf8.py",
    "file://[half/an/address.py",
    "file:relative.py",
    "FILE:///tmp/loud.py",
    "file:///",
    "",
    "no uri at all",
    "file:///nowhere/at/all.py",
    f"file:///{'deep/' * 2000}x.py",
]


def test_documents_of_all_kinds_get_an_answer(tmp_path, model):
    place = make(tmp_path, files=1, lines=12)
    odd = [(place.root / name).as_uri() for name in ("a b/ä%20.py", "parts", "{x}[y];z?.py")]
    folders = [place.root.as_uri(), "file:///nowhere/at/all", "untitled:x", "file://[half", ""]
    with started(place.cache) as client:
        handshake(client, folders, {"model": model, **READING})
        loaded(client)
        for uri in [*STRANGE, *odd]:
            client.open(uri, "python", OPEN)
            suggested(client, uri)
            client.connection.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        every = [{"uri": uri, "type": 2} for uri in [*STRANGE, *odd]]
        renamed = [{"oldUri": one["uri"], "newUri": "file://[half"} for one in every]
        client.connection.notify("workspace/didChangeWatchedFiles", {"changes": every})
        client.connection.notify("workspace/didRenameFiles", {"files": renamed})
        client.open(place.uri, "python", place.text)
        all_read(client, least_above=100)  # the part of the workspace that exists is read
        assert client.shutdown() == 0
        assert "Traceback" not in "".join(client.connection._stderr)


def test_other_branches_renamed_and_deleted_files(tmp_path, model):
    place = make(tmp_path, files=50, lines=12)
    git(place.root, "init", "-q", "-b", "one")
    commit(place.root)
    git(place.root, "checkout", "-q", "-b", "two")
    for path in sorted((place.root / "parts").glob("part*.py"))[:40]:
        path.unlink() if path.name > "part3" else write(path, "fresh_text = 1\n" * 9)
    commit(place.root)
    with place.serving({"model": model, "workspaceTokens": 20_000}) as client:
        loaded(client)
        client.open(place.uri, "python", place.text)
        all_read(client, least_above=1000)
        for branch in ("one", "two"):
            mark = len(client.connection.received)
            git(place.root, "checkout", "-q", branch)
            client.connection.wait_for(
                USAGE, lambda usage: usage["tokensRead"] > 100, deadline_s=60, after=mark
            )
            suggested(client, place.uri)
        old, new = place.root / "parts" / "part1.py", place.root / "parts" / "other.py"
        mark = len(client.connection.received)
        old.rename(new)
        files = [{"oldUri": old.as_uri(), "newUri": new.as_uri()}]
        client.connection.notify("workspace/didRenameFiles", {"files": files})
        client.connection.wait_for(USAGE, _is_background, deadline_s=60, after=mark)
        until(lambda: "part1.py" not in names_on_disk(place))
        assert statistics(client)["held"]
        assert client.shutdown() == 0


def until(true):
    """Wait for what nobody tells."""
    end_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def _is_background(usage):
    return usage["source"] == "background" and not usage["tokensLeft"]


def names_on_disk(place):
    texts = (path.read_bytes() for path in place.states.rglob("*.safetensors"))
    return b"".join(texts).decode("latin-1")


def git(folder, *arguments):
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def commit(folder):
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")


def test_two_servers_share_a_workspace_and_a_cache(tmp_path, model):
    place = make(tmp_path, files=4, lines=60)
    options = {"model": model, **READING}
    with place.serving(options) as one, place.serving(options) as two:
        for client in (one, two):
            loaded(client)
            client.open(place.uri, "python", place.text)
        for client in (one, two):
            all_read(client, least_above=500)
        assert suggested(one, place.uri) == suggested(two, place.uri)
        assert one.shutdown() == two.shutdown() == 0


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_folder_that_may_not_be_written(tmp_path, model):
    place = make(tmp_path, files=2, lines=30)
    place.cache.mkdir(mode=0o500)
    read_once(place, model)


def test_a_cache_folder_that_is_a_file(tmp_path, model):
    place = make(tmp_path, files=2, lines=30)
    place.cache.mkdir()
    (place.cache / "stateline").write_text("not a folder")
    read_once(place, model)


def read_once(place, model):
    with place.serving({"model": model, **READING}) as client:
        loaded(client)
        client.open(place.uri, "python", place.text)
        all_read(client, least_above=200)
        suggested(client, place.uri)
        assert client.shutdown() == 0


def test_the_cache_folder_is_deleted_while_it_runs(tmp_path, model):
    place = make(tmp_path, files=2, lines=30)
    with place.serving({"model": model, **READING}) as client:
        loaded(client)
        client.open(place.uri, "python", place.text)
        all_read(client, least_above=200)
        assert list(place.states.rglob("*.safetensors"))
        subprocess.run(["rm", "-r", str(place.cache / "stateline")], check=True)
        mark = len(client.connection.received)
        client.change(place.uri, 0, 0, "import os\n" * 9)
        suggested(client, place.uri)
        client.connection.wait_for(USAGE, _is_background, deadline_s=60, after=mark)
        assert client.shutdown() == 0


def test_a_crowded_workspace_is_opened_and_left_at_any_time(tmp_path, model):
    """Some thousand files, folders that lead in circles, pipes, binaries and no permission."""
    place = crowd.make(tmp_path, files=2000)
    for stop in ("at once", "loaded", "answered"):
        with place.serving({"model": model, **READING}) as client:
            if stop != "at once":
                loaded(client)
            if stop == "answered":
                client.open(place.uri, "python", place.text)
                suggested(client, place.uri)
                all_read(client, least_above=50)
            assert client.shutdown() == 0


def test_shutdown_while_loading_leaves_no_traceback(tmp_path, model):
    place = make(tmp_path, files=1, lines=12)
    for _ in range(3):
        with place.serving({"model": model}) as client:
            client.connection.wait_for("$/progress", deadline_s=60)
            assert client.shutdown() == 0
            assert "Traceback" not in "".join(client.connection._stderr)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_place_of_rules_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / ".gitignore")
    judging = threading.Thread(target=Rules([tmp_path]).verdict, args=[tmp_path / "a"], daemon=True)
    judging.start()
    judging.join(10)
    assert not judging.is_alive()


def test_long_typing_stays_within_its_budget(tmp_path, model):
    place = make(tmp_path, files=4, lines=60)
    typed = typing.run(place, keys=120, options={"model": model, "memoryMiB": 8, **READING})
    assert [each.keys for each in typed.samples] == [0, 50, 100, 120]
    assert max(each.held_bytes for each in typed.samples) <= 8 << 20
    assert min(each.held_bytes for each in typed.samples[1:]) > 0  # or else nothing was looked at


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="POSIX")
def test_a_server_whose_client_says_nothing_more_ends(tmp_path, model):
    place = make(tmp_path, files=4, lines=60)
    with place.serving({"model": model, **READING}) as client:
        loaded(client)
        client.open(place.uri, "python", place.text)
        client.connection.process.stdin.close()
        client.connection.process.wait(30)
