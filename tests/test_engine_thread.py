"""One engine for several sessions: who waits for whom, and what one's end is to the others."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from paced import (
    Paced,
    ask,
    request,
    run,
    scripted,
    shown,
    stop_the_clock,
    text_of,
    turns,
    until_set,
)
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.suggestions import session as module
from stateline.lsp_server.suggestions.engine_thread import EngineThread
from stateline.lsp_server.suggestions.session import Session
from stateline.model.completer import Scripted, Usage


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    stop_the_clock(monkeypatch, module)


@asynccontextmanager
async def two_sessions(completer, costs=((), ())):
    engine = EngineThread(lambda: completer)
    await engine.load()
    first, second = (
        Session(engine, Settings(), each.append if isinstance(each, list) else lambda _: None)
        for each in costs
    )
    try:
        yield first, second
    finally:
        first.close()
        second.close()
        engine.close()
        if isinstance(completer, Paced):
            completer.let(1000)


class Unread(Scripted):
    """A completer that has so much left to read, and reads only while it may."""

    def __init__(self, tokens):
        super().__init__(scripted("foo\n")._script)
        self.left = tokens

    def warm(self, context, stop):
        self.warmed.append(context)
        if self.left > 1:
            until_set(stop)
        self.left = max(0, self.left - 1)
        return Usage(tokens_read=1, tokens_left=self.left)


def test_each_session_gets_its_own_answer_and_supersedes_only_its_own_requests():
    async def test():
        paced, costs = Paced(["foo", "\n"], ["bar", "\n"]), ([], [])
        async with two_sessions(paced, costs) as (first, second):
            ours = ask(first, "x = █")
            await paced.waits()
            theirs = ask(second, "y = █")
            await turns()
            assert not ours.done()
            assert not paced.stops[0].is_set()
            paced.let(4)
            assert (await text_of(ours), await text_of(theirs)) == ("foo", "bar")
            await first.engine.ask(id, 0)  # whatever the model was asked before has ended
            assert [[cost.source for cost in each] for each in costs] == [["model"], ["model"]]

    run(test())


def test_what_one_session_reads_ahead_gives_way_to_the_other_and_goes_on(monkeypatch):
    monkeypatch.setattr(module, "IDLE_S", 0.0)

    async def test():
        completer = Unread(2)
        async with two_sessions(completer) as (first, second):
            first.read_ahead(request("x = █"))
            while not completer.warmed:
                await asyncio.sleep(0)
            assert await shown(second, "y = █") == "foo"  # though nothing stops `first`'s reading
            while completer.left:
                await asyncio.sleep(0)

    run(test())


def test_one_session_ends_and_the_other_goes_on():
    async def test():
        paced = Paced(["foo", "\n"], ["bar", "\n"])
        async with two_sessions(paced) as (first, second):
            ours = ask(first, "x = █")
            await paced.waits()
            theirs = ask(second, "y = █")
            await turns()
            first.close()
            assert await text_of(ours) is None
            paced.let(3)
            assert await text_of(theirs) == "bar"
            assert await shown(first, "z = █") is None

    run(test())


def test_what_one_session_forgets_is_forgotten_for_all():
    async def test():
        completer = scripted("foo\n")
        async with two_sessions(completer) as (first, second):
            await first.forget([Path("/a.py")])
            assert await shown(second, "x = █") == "foo"
        assert completer.forgotten == [str(Path("/a.py"))]

    run(test())
