"""The project, the neighbourhood and what is done while idle, over a workspace that is a stub."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from stateline.lsp_server.access.rules import Verdict
from stateline.lsp_server.edit.documents import Snapshot
from stateline.lsp_server.edit.requests import CompletionRequest, Trigger
from stateline.lsp_server.edit.uris import file_of
from stateline.lsp_server.suggestions.idle import Idle
from stateline.lsp_server.workspace import project as module
from stateline.lsp_server.workspace.neighbourhood import Neighbourhood
from stateline.lsp_server.workspace.project import Project
from stateline.lsp_server.workspace.selection import Selection
from stateline.model.completer import Neighbour, WorkspaceBudget

PATIENCE_S = 30
HOME = Path(os.path.abspath(os.sep)) / "work"
MAIN, OTHER = (HOME / name for name in ("main.py", "other.py"))
SELECTION = Selection((Neighbour("other.py", "x = 1\n", str(OTHER)),))


def run(coroutine):
    asyncio.run(asyncio.wait_for(coroutine, PATIENCE_S))


class Stub:
    """A workspace that chooses the same each time, once it may."""

    def __init__(self, *_):
        self.may, self.asked = threading.Event(), threading.Event()
        self.may.set()
        self.touched, self.told, self.orders = [], [], []

    def select(self, path, text, workspace_budget, before, order=()):
        self.orders.append(tuple(order))
        self.asked.set()
        assert self.may.wait(PATIENCE_S)
        return SELECTION

    def saved_text(self, path):
        return "saved"

    def root_of(self, path):
        return HOME

    def touch(self, path):
        self.touched.append(path)

    def notify(self, paths):
        self.told += paths

    def restore(self, recent):
        pass

    def recent(self):
        return []

    def held(self, paths):
        pass

    def close(self):
        pass


async def renewed(around, uri):
    await around.renew(uri, "text", WorkspaceBudget())


@pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")
@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("file:///home/main.py", "/home/main.py"),
        ("FILE:///home/main.py", "/home/main.py"),
        ("file:///home/%C3%A4%20b%25.py", "/home/ä b%.py"),
        ("file://server/share/x.py", "//server/share/x.py"),
        ("file:///c%3A/home/main.py", ""),
        ("file:relative.py", ""),
        ("file://[half/x.py", ""),
        ("untitled:Untitled-1", ""),
        ("vscode-notebook-cell:/home/a.ipynb#W0", ""),
        ("", ""),
        ("main.py", ""),
    ],
)
def test_the_file_of_a_uri(uri, file):
    assert file_of(uri) == file


def test_a_change_that_is_noticed_while_the_project_is_made(monkeypatch):
    """The walk may be over before there is a neighbourhood to tell of it."""

    class Hasty(Stub):
        def __init__(self, rules, changed, gone):
            super().__init__()
            changed()

    monkeypatch.setattr(module, "Workspace", Hasty)
    monkeypatch.setattr(module, "load_order", lambda roots: module.Order())

    async def test():
        told = asyncio.Event()
        project = Project([HOME], (), lambda files: None)
        project.neighbourhood.listener = told.set
        await told.wait()

    run(test())


@pytest.mark.parametrize(
    ("uri", "verdict"),
    [
        ("file:///home/.env", Verdict.SECRET),
        ("git:/home/.env?%7B%7D", Verdict.SECRET),
        ("vscode-remote://host/home/id_rsa", Verdict.SECRET),
        ("untitled:.env", Verdict.SECRET),
        ("git:/home/left_out.py?%7B%7D", Verdict.EXCLUDED),
        ("file:///home/main.py", Verdict.FREE),
    ],
)
def test_a_document_that_is_no_file_is_judged_by_its_path(monkeypatch, uri, verdict):
    monkeypatch.setattr(module, "Workspace", Stub)
    monkeypatch.setattr(module, "load_order", lambda roots: module.Order())

    async def test():
        project = Project([Path("/home")], ["left_out.py"], lambda files: None)
        assert project.verdict(uri) is verdict
        assert project.why(uri)

    if os.name == "posix":
        run(test())


def test_what_left_while_it_was_being_chosen_is_not_chosen():
    async def test():
        stub, uri = Stub(), MAIN.as_uri()
        around = Neighbourhood(stub)
        stub.may.clear()
        choosing = asyncio.ensure_future(renewed(around, uri))
        await asyncio.to_thread(stub.asked.wait, PATIENCE_S)
        around.drop([OTHER])
        stub.may.set()
        await choosing
        assert around.around(uri).read == ()
        assert around.due_in(uri, 0.0) == 0.0
        await renewed(around, uri)
        assert around.around(uri).read == SELECTION.read

    run(test())


def test_what_left_is_in_no_order_either():
    async def test():
        told = []
        order = {str(MAIN): (str(OTHER), "more"), str(OTHER): (str(MAIN),)}
        around = Neighbourhood(Stub(), order, lambda: told.append(around.order()))
        around.drop([OTHER])
        assert told == [{str(MAIN): ("more",)}]

    run(test())


def test_the_order_of_before_is_given_to_the_workspace():
    async def test():
        stub = Stub()
        around = Neighbourhood(stub, {str(MAIN): ("b", "a")})
        await renewed(around, MAIN.as_uri())
        assert stub.orders == [("b", "a")]
        assert around.order() == {str(MAIN): (str(OTHER),)}

    run(test())


def test_without_a_file_or_a_workspace_nothing_is_chosen():
    async def test():
        for around, uri in ((Neighbourhood(None), MAIN.as_uri()), (Neighbourhood(Stub()), "a:b")):
            assert around.due_in(uri, 0.0) is None
            await renewed(around, uri)
            assert around.around(uri).read == ()

    run(test())


def test_only_so_much_is_saved_as_stands_on_the_disk_too():
    async def test():
        around, uri = Neighbourhood(Stub()), MAIN.as_uri()
        await renewed(around, uri)
        context = CompletionRequest(Snapshot(uri, 1, "python", "save me"), 7, Trigger.INVOKED)
        assert around.around_reading(context.context).saved_chars == len("save")
        around.close(uri)
        assert around.around_reading(context.context).saved_chars == 0

    run(test())


def request():
    return CompletionRequest(Snapshot(MAIN.as_uri(), 1, "python", "x"), 1, Trigger.AUTOMATIC)


def idle(stub, read):
    async def workspace_budget():
        return WorkspaceBudget()

    return Idle(Neighbourhood(stub), workspace_budget, read)


def test_idle_reads_until_nothing_is_left_and_with_the_neighbours_at_last():
    async def test():
        left, read, over = [3, 0, 2, 0, 0, 0], [], asyncio.Event()

        async def reads(context, stop):
            read.append(context.around.read)
            if context.around.read and left[0] == 0:
                over.set()
            return left.pop(0)

        idle(Stub(), reads).begin(request(), 0.0)
        await over.wait()
        assert read[-1] == SELECTION.read

    run(test())


def test_a_request_ends_the_reading_but_not_the_choosing():
    async def test():
        stub, stops, begun = Stub(), [], asyncio.Event()

        async def reads(context, stop):
            stops.append(stop)
            begun.set()
            return 0

        stub.may.clear()
        work = idle(stub, reads)
        work.begin(request(), 0.0)
        await begun.wait()
        await asyncio.to_thread(stub.asked.wait, PATIENCE_S)
        work.stop()
        assert stops[0].is_set()
        stub.may.set()
        begun.clear()
        work.begin(request(), 0.0)
        await begun.wait()
        assert not stops[-1].is_set()
        assert len(stub.orders) == 1
        work.close()

    run(test())


def test_a_change_right_after_what_stopped_the_work_begins_it_again():
    """Files that leave stop it first, and then are a change."""

    async def test():
        async def reads(context, stop):
            return 0

        around = Neighbourhood(None)
        work = Idle(around, lambda: None, reads)
        work.begin(request(), PATIENCE_S)
        work.stop()
        around.changed()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not work._task.done()
        work.close()
        around.changed()
        await asyncio.wait([work._task])

    run(test())


def test_what_fails_while_idle_is_logged_by_its_kind(caplog):
    async def test():
        async def reads(context, stop):
            raise ValueError("of the user's text")

        work = idle(None, reads)
        work.begin(request(), 0.0)
        await work._task
        work.begin(request(), 0.0)
        await work._task

    run(test())
    assert [record.getMessage() for record in caplog.records] == [
        "Idle work failed: ValueError"
    ] * 2
