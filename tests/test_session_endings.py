"""How writings and sessions end: cancelled, failed, closed; and what comes before loading."""

import asyncio
import logging
import threading

import pytest
from paced import (
    PATIENCE_S,
    Paced,
    ask,
    close,
    request,
    run,
    scripted,
    serving,
    shown,
    stop_the_clock,
    text_of,
    turns,
)
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.suggestions import session as module
from stateline.lsp_server.suggestions.engine_thread import EngineThread
from stateline.lsp_server.suggestions.session import Session
from stateline.model.completer import Piece, Scripted


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    stop_the_clock(monkeypatch, module)


# Cancelling.


async def cancelled(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_cancelled_request_stops_its_writing_after_a_grace(monkeypatch):
    async def test():
        paced = Paced(["foo", "\n"])
        async with serving(paced) as session:
            task = ask(session, "x = █")
            await paced.waits()
            monkeypatch.setattr(module, "ABANDON_S", 0)
            await cancelled(task)
            assert await asyncio.to_thread(paced.stops[0].wait, PATIENCE_S)

    run(test())


def test_a_cancelled_requests_writing_is_taken_over_in_the_grace(monkeypatch):
    async def test():
        paced = Paced(["fo", "o\n", ""])
        async with serving(paced) as session:
            task = ask(session, "x = █")
            await paced.waits()
            monkeypatch.setattr(module, "ABANDON_S", 0)
            task.cancel()
            newer = ask(session, "x = f█")  # starts before the grace ends
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            paced.let(3)
            assert await text_of(newer) == "oo"
            assert len(paced.asked) == 1

    run(test())


def test_what_a_cancelled_request_had_written_to_the_end_stays(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "ABANDON_S", 0)
        paced = Paced(["foo\n", "bar"])
        async with serving(paced) as session:
            task = ask(session, "x = █")
            await paced.waits()
            # All is written, and the thread is idle again, before the loop gets to the cancelling.
            paced.let(2)
            task.cancel()
            session.engine._pool.submit(lambda: None).result(PATIENCE_S)
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0)
            assert await shown(session, "x = fo█") == "o"
            assert len(paced.asked) == 1

    run(test())


# Loading, failing, closing.


def test_requests_made_while_loading_are_answered_after():
    async def test():
        may_load, completer = threading.Event(), scripted("foo\n")
        asked = threading.Event()

        def load():
            assert may_load.wait(PATIENCE_S)
            return completer

        def script(context):
            asked.set()
            return [Piece("foo\n", 1.0)]

        completer = Scripted(script)
        session = Session(EngineThread(load), Settings())
        loading = asyncio.ensure_future(session.engine.load())
        older, newest = ask(session, "x = █"), ask(session, "y = █")
        assert await older == ()
        may_load.set()
        # The engine's thread goes on to the request before this thread hears of the loading.
        assert asked.wait(PATIENCE_S)
        assert await text_of(newest) == "foo"
        await loading
        close(session)

    run(test())


def test_a_request_made_right_after_loading_began_is_answered():
    async def test():
        completer = Scripted(lambda _: [Piece("1\n", 1.0)])
        session = Session(EngineThread(lambda: completer), Settings())
        loading = session.engine.load()  # not awaited, as in the server
        assert await shown(session, "x = █") == "1"
        await loading
        close(session)

    run(test())


def test_a_model_that_does_not_load_says_why_and_suggests_nothing():
    async def test():
        def load():
            raise OSError("no such folder")

        session = Session(EngineThread(load), Settings())
        early = ask(session, "x = █")
        with pytest.raises(OSError, match="no such folder"):
            await session.engine.load()
        assert await early == ()
        assert await shown(session, "x = █") is None
        close(session)

    run(test())


def test_an_error_while_writing_is_nothing_and_not_the_end(caplog):
    def script(context):
        yield Piece("foo", 1.0)
        if "bad" in context.prefix:
            raise ValueError("oops")

    async def test():
        async with serving(Scripted(script)) as session:
            with caplog.at_level(logging.ERROR):
                assert await shown(session, "bad = █") is None
            assert await shown(session, "good = █") == "foo"

    run(test())
    (record,) = caplog.records
    assert record.getMessage() == "A completion failed: ValueError"


def test_an_error_while_reading_ahead_is_not_the_end(monkeypatch, caplog):
    async def test():
        monkeypatch.setattr(module, "IDLE_S", 0)
        failed, completer = threading.Event(), scripted("foo\n")

        def warm(context, stop):
            failed.set()
            raise ValueError("oops")

        completer.warm = warm
        async with serving(completer) as session:
            await shown(session, "x = █")
            assert await asyncio.to_thread(failed.wait, PATIENCE_S)
            assert await shown(session, "y = █") == "foo"

    run(test())
    assert "Reading ahead failed: ValueError" in caplog.text


def test_closing_answers_who_waits_and_all_who_come_later():
    async def test():
        paced = Paced(["foo", "\n"])
        async with serving(paced) as session:
            task = ask(session, "x = █")
            await paced.waits()
            close(session)
            assert await task == ()  # though the completer has not moved
            assert paced.stops[0].is_set()
            assert await shown(session, "y = █") is None
            session.read_ahead(request("z = █").context)
            close(session)

    run(test())


def test_closing_while_loading_waits_for_nothing(caplog):
    may_load = threading.Event()

    async def test():
        engine = EngineThread(lambda: may_load.wait(PATIENCE_S) and scripted("foo\n"))
        session = Session(engine, Settings())
        loading = asyncio.ensure_future(session.engine.load())
        task = ask(session, "x = █")
        await asyncio.sleep(0)
        close(session)
        assert await task == ()
        assert not loading.done()

    run(test())
    may_load.set()
    assert caplog.records == []


def test_a_session_that_is_closed_before_it_loads_loads_nothing():
    async def test():
        session = Session(EngineThread(lambda: pytest.fail("loaded")), Settings())
        close(session)
        await session.engine.load()

    run(test())


def test_nothing_is_read_ahead_after_closing(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "IDLE_S", 0)
        problems = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: problems.append(what))
        completer = scripted("foo\n")
        async with serving(completer) as session:
            task = ask(session, "x = █")
            session.read_ahead(request("y = █").context)
            await asyncio.sleep(0)
            close(session)
            assert await task == ()
            session.read_ahead(request("z = █").context)
            await turns()
        assert (completer.warmed, problems) == ([], [])

    run(test())
