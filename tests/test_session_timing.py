"""How much is written, when it is shown, and what is read while nobody asks."""

import asyncio

import pytest
from paced import (
    AUTOMATIC,
    FOREVER_S,
    INVOKED,
    Paced,
    ask,
    pieces,
    request,
    run,
    scripted,
    serving,
    shown,
    stop_the_clock,
    text_of,
    turns,
)
from stateline.lsp_server.edit.requests import Trigger
from stateline.lsp_server.suggestions import session as module
from stateline.model.completer import Piece, Scripted, Usage


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    stop_the_clock(monkeypatch, module)


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

        def report(cost):
            costs.append(cost.usage.tokens_generated)
            done.set()

        async with serving(Scripted(lambda _: script), report) as session:
            assert await shown(session, marked, trigger) == text
            await done.wait()
            assert costs == [taken]

    run(test())


def test_what_was_given_up_as_unlikely_is_not_typed_through():
    async def test():
        scripts = iter((pieces(("a", 0.5), ("b", 0.5), ("c\n", 1)), pieces(("b", 1), ("c\n", 1))))
        completer = Scripted(lambda _: next(scripts))
        async with serving(completer) as session:
            assert await shown(session, "x = █") is None
            assert await shown(session, "x = a█") == "bc"  # and not the half of it that is known
            assert len(completer.asked) == 2

    run(test())


def test_a_line_that_was_unlikely_may_be_shown_once_half_of_it_is_typed():
    async def test():
        completer = Scripted(lambda _: pieces(("a", 0.5), ("b\n", 0.5)))
        async with serving(completer) as session:
            assert await shown(session, "x = █") is None
            assert await shown(session, "x = a█") == "b"
            assert len(completer.asked) == 1

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
        async with serving(paced, lambda cost: sources.append(cost.source)) as session:
            paced.let(2)
            assert await shown(session, "x = █") == "foo"
            await paced.waits(2)
            assert [context.prefix for context in paced.warmed] == ["x = "]
            # The reading goes on until it is stopped, and the thread can do nothing else meanwhile.
            assert await shown(session, "y = █") == "bar"
            await paced.waits(2)
            await turns()
            assert sources == ["model", "background", "model"]

    run(test())


def test_what_was_opened_is_read_and_what_was_opened_later_instead(monkeypatch):
    async def test():
        paced = Paced()
        async with serving(paced) as session:
            monkeypatch.setattr(module, "IDLE_S", 0)
            for text in ("a█", "b█", "c█"):
                session.read_ahead(request(text))
            await paced.waits()
            session.read_ahead(request("d█"))
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


class Cold(Paced):
    """Always answers from nearby text only."""

    def complete(self, context, sampling, stop):
        for each in super().complete(context, sampling, stop):
            yield Usage(cold=True) if isinstance(each, Usage) else each


def test_after_a_cold_answer_reading_does_not_wait_for_a_pause():
    async def test():
        paced = Cold(["foo\n"])
        async with serving(paced) as session:
            paced.let()
            assert await shown(session, "x = █") == "foo"
            await paced.waits(2)
            assert await shown(session, "x = f█") == "oo"  # stops the reading, and has it go on
            await paced.waits()
            assert [context.prefix for context in paced.warmed] == ["x = ", "x = f"]
            assert len(paced.asked) == 1

    run(test())
