"""Which request is answered by which writing, and what happens to the others.

The completer here writes a piece only when the test lets it, so the order of things is the test's.
"""

import asyncio
import logging
import threading
from contextlib import asynccontextmanager

import pytest
from stateline.lsp_server import session as module
from stateline.lsp_server.documents import Snapshot
from stateline.lsp_server.requests import CompletionRequest, Trigger
from stateline.lsp_server.session import Session
from stateline.lsp_server.settings import Settings
from stateline.model.completer import Piece, Scripted, Usage

AUTOMATIC, INVOKED = Trigger.AUTOMATIC, Trigger.INVOKED
PATIENCE_S = 30  # after which a test that hangs fails
FOREVER_S = 1000.0


def run(coroutine):
    asyncio.run(asyncio.wait_for(coroutine, PATIENCE_S))


class Paced:
    """Writes one list of pieces after another, a piece each time that it may."""

    def __init__(self, *scripts):
        self.scripts = [[each if isinstance(each, Piece) else Piece(each, 1.0) for each in script]
                        for script in scripts]  # fmt: skip
        self.asked, self.stops, self.warmed = [], [], []
        self.taken = 0
        self._may, self._waits = threading.Semaphore(0), threading.Semaphore(0)

    def complete(self, context, sampling, stop):
        script = self.scripts[len(self.asked)]
        self.asked.append(context)
        self.stops.append(stop)
        for piece in script:
            self._waits.release()
            assert self._may.acquire(timeout=PATIENCE_S)
            if stop.is_set():
                break
            self.taken += 1
            yield piece
        yield Usage(tokens_generated=self.taken)

    def warm(self, context, stop):
        self.warmed.append(context)
        self._waits.release()
        assert stop.wait(PATIENCE_S)
        return Usage()

    async def waits(self, count=1):
        """Until it has come to a piece this many times more; what it wrote before has arrived."""
        for _ in range(count):
            assert await asyncio.to_thread(self._waits.acquire, timeout=PATIENCE_S)

    def let(self, count=1):
        self._may.release(count)


@asynccontextmanager
async def serving(completer, report=lambda *_: None, **settings):
    session = Session(lambda: completer, Settings(**settings), report)
    await session.load()
    try:
        yield session
    finally:
        session.close()
        if isinstance(completer, Paced):
            completer.let(1000)


def request(marked, trigger=AUTOMATIC, uri="a", **selected):
    text, offset = marked.replace("█", ""), marked.index("█")
    return CompletionRequest(Snapshot(uri, 1, "python", text), offset, trigger, **selected)


def ask(session, *args, **kwargs):
    return asyncio.ensure_future(session.suggest(request(*args, **kwargs)))


async def text_of(task):
    suggestion = await task
    return suggestion and suggestion.text


async def shown(session, *args, **kwargs):
    return await text_of(ask(session, *args, **kwargs))


def scripted(text, confidence=1.0):
    """A completer that always writes this text, a character a piece."""
    return Scripted(lambda context: [Piece(c, confidence) for c in text])


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    """Nothing happens because time passes, unless a test says so."""
    monkeypatch.setattr(module, "BLOCK_DEADLINE_S", FOREVER_S)
    monkeypatch.setattr(module, "IDLE_S", FOREVER_S)
    monkeypatch.setattr(module, "ABANDON_S", FOREVER_S)


# Which request is answered.


def test_the_latest_wins_and_older_ones_get_nothing_at_once():
    async def test():
        paced = Paced(["foo", "\n"], ["bar", "\n"])
        async with serving(paced) as session:
            older = ask(session, "x = █")
            await paced.waits()
            newest = ask(session, "other = █")
            assert await older is None  # though the completer has not moved
            assert paced.stops[0].is_set()
            paced.let(3)
            assert await text_of(newest) == "bar"
            assert [context.prefix for context in paced.asked] == ["x = ", "other = "]

    run(test())


def test_many_at_once_leave_one_answered_and_few_begun():
    async def test():
        paced = Paced(["foo\n", ""], ["bar\n", ""])
        async with serving(paced) as session:
            first = ask(session, "a = █")
            await paced.waits()
            others = [ask(session, f"x{i} = █") for i in range(20)]
            assert await asyncio.gather(first, *others[:-1]) == [None] * 20
            paced.let(3)
            assert await text_of(others[-1]) == "bar"
            assert len(paced.asked) == 2

    run(test())


def test_two_documents_share_one_model_and_the_latest_of_all_wins():
    async def test():
        completer = Scripted(lambda context: [Piece(f"{context.path}\n", 1.0)])
        async with serving(completer) as session:
            left, right = ask(session, "x = █", uri="a"), ask(session, "x = █", uri="b")
            assert await left is None
            assert await text_of(right) == "b"
            assert await shown(session, "x = █", uri="a") == "a"

    run(test())


# One writing, many requests.


def test_what_is_typed_through_needs_no_second_writing():
    async def test():
        completer, reports = scripted("foo(a)\n"), []
        async with serving(completer, lambda *of: reports.append(of)) as session:
            assert await shown(session, "x = █") == "foo(a)"
            assert await shown(session, "x = f█") == "oo(a)"
            assert await shown(session, "x = foo(█)") == "a)"  # the editor closed the bracket
            assert await shown(session, "x = foo(a█)") == ")"
            assert len(completer.asked) == 1
            assert [source for _, _, source in reports] == ["model", *["typed"] * 3]
            assert {path for path, _, _ in reports} == {"a"}

    run(test())


def test_what_is_typed_to_its_end_begins_a_new_writing():
    async def test():
        texts = iter(("f():\n", "\n    return 1\n\n"))
        completer = Scripted(lambda context: [Piece(next(texts), 1.0)])
        async with serving(completer) as session:
            assert await shown(session, "def █") == "f():"
            assert await shown(session, "def f():█") == "\n    return 1"
            assert len(completer.asked) == 2

    run(test())


def test_a_writing_in_progress_is_taken_over_by_a_request_that_agrees():
    async def test():
        paced = Paced(["fo", "o(a)", "\n"])
        async with serving(paced) as session:
            older = ask(session, "x = █")
            await paced.waits()
            middle = ask(session, "x = f█")  # before anything was written
            assert await older is None
            paced.let()
            await paced.waits()
            newest = ask(session, "x = foo█")  # ahead of what was written
            assert await middle is None
            paced.let(2)
            assert await text_of(newest) == "(a)"
            assert len(paced.asked) == 1

    run(test())


def test_a_writing_that_disagrees_is_stopped():
    async def test():
        paced = Paced(["foo", "\n"], ["y\n", ""])
        async with serving(paced) as session:
            older = ask(session, "x = █")
            await paced.waits()
            paced.let()
            await paced.waits()
            newest = ask(session, "x = b█")
            assert await older is None
            assert paced.stops[0].is_set()
            paced.let(3)
            assert await text_of(newest) == "y"

    run(test())


def test_a_writing_that_comes_to_disagree_is_begun_again():
    async def test():
        paced = Paced(["fo", "o", "\n"], ["ar\n", ""])
        async with serving(paced) as session:
            older = ask(session, "x = █")
            await paced.waits()
            newest = ask(session, "x = b█")  # it might still write this
            assert await older is None
            assert not paced.stops[0].is_set()
            paced.let()
            await paced.waits()
            paced.let(3)
            assert await text_of(newest) == "ar"
            assert paced.stops[0].is_set()
            assert [context.prefix for context in paced.asked] == ["x = ", "x = b"]

    run(test())


def test_a_writing_that_ends_with_what_is_typed_is_begun_again():
    async def test():
        paced = Paced(["f():", "\n"], ["\n    return 1\n\n", ""])
        async with serving(paced) as session:
            older = ask(session, "def █")
            await paced.waits()
            newest = ask(session, "def f():█")
            assert await older is None
            paced.let(4)
            assert await text_of(newest) == "\n    return 1"

    run(test())


def test_one_who_asks_gets_more_than_was_written_unasked():
    async def test():
        completer = scripted("f(\n    a,\n)\ny\n")
        async with serving(completer) as session:
            assert await shown(session, "x = █") == "f("
            assert await shown(session, "x = █", INVOKED) == "f(\n    a,\n)"
            assert await shown(session, "x = █", INVOKED) == "f(\n    a,\n)"
            assert await shown(session, "x = █") == "f(\n    a,\n)"  # which stays
            assert len(completer.asked) == 2

    run(test())


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
            session._thread.submit(lambda: None).result(PATIENCE_S)
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
        session = Session(load, Settings())
        loading = asyncio.ensure_future(session.load())
        older, newest = ask(session, "x = █"), ask(session, "y = █")
        assert await older is None
        may_load.set()
        # The engine's thread goes on to the request before this thread hears of the loading.
        assert asked.wait(PATIENCE_S)
        assert await text_of(newest) == "foo"
        await loading
        session.close()

    run(test())


def test_a_model_that_does_not_load_says_why_and_suggests_nothing():
    async def test():
        def load():
            raise OSError("no such folder")

        session = Session(load, Settings())
        early = ask(session, "x = █")
        with pytest.raises(OSError, match="no such folder"):
            await session.load()
        assert await early is None
        assert await shown(session, "x = █") is None
        session.close()

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
            session.close()
            assert await task is None  # though the completer has not moved
            assert paced.stops[0].is_set()
            assert await shown(session, "y = █") is None
            session.read_ahead(request("z = █").context)
            session.close()

    run(test())


def test_closing_while_loading_waits_for_nothing(caplog):
    may_load = threading.Event()

    async def test():
        session = Session(lambda: may_load.wait(PATIENCE_S) and scripted("foo\n"), Settings())
        loading = asyncio.ensure_future(session.load())
        task = ask(session, "x = █")
        await asyncio.sleep(0)
        session.close()
        assert await task is None
        assert not loading.done()

    run(test())
    may_load.set()
    assert caplog.records == []


def test_a_session_that_is_closed_before_it_loads_loads_nothing():
    async def test():
        session = Session(lambda: pytest.fail("loaded"), Settings())
        session.close()
        await session.load()

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
            session.close()
            assert await task is None
            session.read_ahead(request("z = █").context)
            await turns()
        assert (completer.warmed, problems) == ([], [])

    run(test())


# How much is written, and when it is shown.


def test_unasked_the_first_line_does_not_wait_for_the_rest():
    async def test():
        paced = Paced(["foo\n", "bar\n"])
        async with serving(paced) as session:
            task = ask(session, "x = █")
            paced.let(1)
            assert await text_of(task) == "foo"

    run(test())


BODY = ("\n    a()\n", "    b()\n", "\n")


def test_unasked_a_block_is_shown_if_it_is_there_in_time():
    async def test():
        paced = Paced(BODY)
        async with serving(paced) as session:
            task = ask(session, "if x:█")
            paced.let()
            await paced.waits(2)
            assert not task.done()
            paced.let(2)
            assert await text_of(task) == "\n    a()\n    b()"

    run(test())


def test_unasked_only_the_first_line_is_shown_if_the_block_is_late(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "BLOCK_DEADLINE_S", 0)
        paced = Paced(BODY)
        async with serving(paced) as session:
            task = ask(session, "if x:█")
            paced.let()
            assert await text_of(task) == "\n    a()"
            paced.let(2)  # the writing goes on for whoever types this
            await paced.waits(3)
            assert await shown(session, "if x:\n    a█") == "()\n    b()"
            assert len(paced.asked) == 1

    run(test())


def test_the_block_is_waited_for_from_the_first_line_on(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "BLOCK_DEADLINE_S", 0)
        paced = Paced(["\n    ", "a()", *BODY])
        async with serving(paced) as session:
            task = ask(session, "if x:█")
            paced.let(2)
            await paced.waits(3)
            assert not task.done()  # there is no line yet to show
            paced.let()
            assert await text_of(task) == "\n    a()"

    run(test())


def test_each_further_line_grants_no_further_time(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "BLOCK_DEADLINE_S", 1.0)
        paced, loop = (
            Paced(["\n    a()\n", *["    b()\n", "    c()\n"] * 2]),
            asyncio.get_running_loop(),
        )
        clock = [loop.time()]
        monkeypatch.setattr(loop, "time", lambda: clock[0])
        async with serving(paced) as session:
            task = ask(session, "if x:█")
            for later_s in (0.0, 0.6, 0.6):
                assert not task.done()
                clock[0] += later_s
                paced.let()
                await paced.waits()
            await paced.waits()
            await turns()
            assert task.done()
            assert await text_of(task) == "\n    a()"

    run(test())


def test_one_who_asks_gets_the_whole_block_however_long_it_takes(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "BLOCK_DEADLINE_S", 0)
        paced = Paced(BODY)
        async with serving(paced) as session:
            task = ask(session, "if x:█", INVOKED)
            paced.let(2)
            await paced.waits(3)
            assert not task.done()
            paced.let()
            assert await text_of(task) == "\n    a()\n    b()"

    run(test())


async def turns():
    """Let everybody on the loop's thread do what there is to do."""
    for _ in range(20):
        await asyncio.sleep(0)


def pieces(*of):
    return [Piece(*piece) for piece in of]


@pytest.mark.parametrize(
    ("marked", "trigger", "script", "taken", "text"),
    [
        ("x = █", AUTOMATIC, pieces(("a", 1), ("b\n", 1), ("c\n", 1)), 2, "ab"),
        ("x = █", INVOKED, pieces(("a", 1), ("b\n", 1), ("c\n", 1)), 2, "ab"),
        ("if x:█", AUTOMATIC, pieces(*[(p, 1) for p in BODY], ("c\n", 1)), 3, "\n    a()\n    b()"),
        # A likely line is followed by the next, one less likely by none, an unlikely one ends.
        ("if x:█", AUTOMATIC, pieces((BODY[0], 0.4), (BODY[1], 1), (BODY[2], 1)), 1, "\n    a()"),
        ("if x:█", INVOKED, pieces((BODY[0], 0.4), (BODY[1], 1), (BODY[2], 1)), 3,
         "\n    a()\n    b()"),
        ("x = █", AUTOMATIC, pieces(("a", 0.5), ("b", 0.5), ("c\n", 1)), 2, None),
        ("x = █", INVOKED, pieces(("a", 0.5), ("b", 0.5), ("c\n", 1)), 3, "abc"),
        # The line's end is no part of what is shown.
        ("x = █", AUTOMATIC, pieces(("a", 0.5), ("\n", 0.1), ("c\n", 1)), 2, "a"),
        # Half a line that came along with the line break before it.
        ("if x:█", AUTOMATIC, pieces((BODY[0] + "    b", 0.4), ("()\n\n", 1)), 1, "\n    a()"),
    ],
)  # fmt: skip
def test_no_more_is_written_than_is_shown(marked, trigger, script, taken, text):
    async def test():
        costs, done = [], asyncio.Event()

        def report(path, usage, source):
            costs.append(usage.tokens_generated)
            done.set()

        async with serving(Scripted(lambda _: script), report) as session:
            assert await shown(session, marked, trigger) == text
            await done.wait()
            assert costs == [taken]

    run(test())


def test_a_block_that_reaches_the_limit_ends_with_a_whole_line(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "BLOCK_TOKENS", 3)
        script = [Piece("\n    a()", 1.0), Piece("\n    b()", 1.0), Piece("\n    c", 1.0)]
        async with serving(Scripted(lambda _: script)) as session:
            assert await shown(session, "if x:█", INVOKED) == "\n    a()\n    b()"

    run(test())


def test_several_lines_can_be_turned_off():
    async def test():
        async with serving(scripted("".join(BODY)), multi_line=False) as session:
            for trigger in Trigger:
                assert await shown(session, "if x:█", trigger) == "\n    a()"

    run(test())


def test_a_selected_entry_is_extended():
    async def test():
        completer = scripted("(a)\n")
        async with serving(completer) as session:
            marked, selected = "x.ap█", {"selected_start": 2, "selected_text": "append"}
            assert await shown(session, marked, **selected) == "(a)"
            assert completer.asked[0].prefix == "x.append"
            assert await shown(session, "x.appe█", **selected) == "(a)"
            assert len(completer.asked) == 1

    run(test())


def test_line_breaks_of_a_suggestion_are_line_feeds():
    async def test():
        completer = scripted("\n    a()\n\n")
        async with serving(completer) as session:
            assert await shown(session, "y\r\nif x:█\r\nz\r\n") == "\n    a()"
            assert completer.asked[0].text == "y\nif x:\nz\n"

    run(test())


# Reading ahead.


def test_after_a_request_what_the_next_one_needs_is_read_until_it_comes(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "IDLE_S", 0)
        paced, sources = Paced(["foo\n"], ["bar\n"]), []
        async with serving(paced, lambda _, __, source: sources.append(source)) as session:
            paced.let(2)
            assert await shown(session, "x = █") == "foo"
            await paced.waits(2)
            assert [context.prefix for context in paced.warmed] == ["x = "]
            # The reading goes on until it is stopped, and the thread can do nothing else meanwhile.
            assert await shown(session, "y = █") == "bar"
            assert sources == ["model", "background", "model"]

    run(test())


def test_what_was_opened_is_read_and_what_was_opened_later_instead(monkeypatch):
    async def test():
        paced = Paced()
        async with serving(paced) as session:
            monkeypatch.setattr(module, "IDLE_S", 0)
            for text in ("a█", "b█", "c█"):
                session.read_ahead(request(text).context)
            await paced.waits()
            session.read_ahead(request("d█").context)
            await paced.waits()
            assert [context.text for context in paced.warmed] == ["c", "d"]

    run(test())


def test_a_superseded_request_starts_no_reading(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "IDLE_S", 0)
        completer = scripted("foo\n")
        async with serving(completer) as session:
            older, newest = ask(session, "x = █"), ask(session, "y = █")
            await asyncio.gather(older, newest)
            monkeypatch.setattr(module, "IDLE_S", FOREVER_S)
            await shown(session, "z = █")
            assert all(context.prefix == "y = " for context in completer.warmed)

    run(test())


# Typing as it comes.


def test_however_fast_one_types_the_last_key_is_answered_rightly():
    truth = "total = sum(values)\nreturn total\n"

    def script(context):
        return [Piece(c, 1.0) for c in truth[len(context.prefix) :]]

    async def test():
        async with serving(Scripted(script)) as session:
            for step in (1, 2, 3, 5):
                tasks = []
                for offset in range(1, 19, step):
                    tasks.append(ask(session, f"{truth[:offset]}█"))
                    if offset % 3 == 0:
                        await asyncio.sleep(0)
                    if offset % 7 == 0:
                        tasks[-1].cancel()
                answers = await asyncio.gather(*tasks, return_exceptions=True)
                for offset, answer in zip(range(1, 19, step), answers, strict=True):
                    if isinstance(answer, asyncio.CancelledError) or answer is None:
                        assert offset % 7 == 0 or offset + step < 19
                    else:
                        assert answer.text == truth[offset:19]

    run(test())


def test_a_request_made_right_after_loading_began_is_answered():
    async def test():
        session = Session(lambda: Scripted(lambda _: [Piece("1\n", 1.0)]), Settings())
        loading = session.load()  # not awaited, as in the server
        assert (await session.suggest(request("x = █"))).text == "1"
        await loading
        session.close()

    run(test())


def test_after_a_cold_answer_reading_does_not_wait_for_a_pause(monkeypatch):
    monkeypatch.setattr(module, "IDLE_S", FOREVER_S)

    class Cold(Scripted):
        def complete(self, context, sampling, stop):
            for each in super().complete(context, sampling, stop):
                yield Usage(cold=True) if isinstance(each, Usage) else each

    async def test():
        told = asyncio.Event()

        def report(_path, _usage, source):
            if source == "background":
                told.set()

        async with serving(Cold(lambda _: [Piece("1\n", 1.0)]), report) as session:
            await session.suggest(request("x = █"))
            await told.wait()

    run(test())
