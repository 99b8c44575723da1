"""Which request is answered by which writing, and what happens to the others."""

import asyncio
from pathlib import Path

import pytest
from paced import (
    INVOKED,
    Paced,
    ask,
    run,
    scripted,
    serving,
    shown,
    stop_the_clock,
    text_of,
)
from stateline.lsp_server.suggestions import session as module
from stateline.model.completer import Piece, Scripted


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    stop_the_clock(monkeypatch, module)


def test_the_latest_wins_and_older_ones_get_nothing_at_once():
    async def test():
        paced = Paced(["foo", "\n"], ["bar", "\n"])
        async with serving(paced) as session:
            older = ask(session, "x = █")
            await paced.waits()
            newest = ask(session, "other = █")
            assert await older == ()  # though the completer has not moved
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
            assert await asyncio.gather(first, *others[:-1]) == [()] * 20
            paced.let(3)
            assert await text_of(others[-1]) == "bar"
            assert len(paced.asked) == 2

    run(test())


def test_two_documents_share_one_model_and_the_latest_of_all_wins():
    async def test():
        completer = Scripted(lambda context: [Piece(f"{context.path}\n", 1.0)])
        async with serving(completer) as session:
            left, right = ask(session, "x = █", uri="a"), ask(session, "x = █", uri="b")
            assert await left == ()
            assert await text_of(right) == "b"
            assert await shown(session, "x = █", uri="a") == "a"

    run(test())


# One writing, many requests.


def test_what_is_typed_through_needs_no_second_writing():
    async def test():
        completer, reports = scripted("foo(a)\n"), []
        async with serving(completer, reports.append) as session:
            assert await shown(session, "x = █") == "foo(a)"
            assert await shown(session, "x = f█") == "oo(a)"
            assert await shown(session, "x = foo(█)") == "a)"  # the editor closed the bracket
            assert await shown(session, "x = foo(a█)") == ")"
            assert len(completer.asked) == 1
            await session.engine.held()  # whatever the model was asked before has ended
            assert sorted(cost.source for cost in reports) == ["model", *["typed"] * 3]
            assert {cost.uri for cost in reports} == {"a"}

    run(test())


def test_who_comes_back_is_answered_by_what_was_written_there():
    async def test():
        completer, costs = Scripted(lambda context: [Piece(f"{context.prefix[0]}1\n", 1.0)]), []
        async with serving(completer, costs.append) as session:
            assert await shown(session, "x = █") == "x1"
            assert await shown(session, "y = █", uri="b") == "y1"
            assert await shown(session, "x = z█") == "x1"
            assert await shown(session, "x = █") == "x1"  # undone
            assert await shown(session, "y = y█", uri="b") == "1"  # typed on, in the other file
            await session.engine.held()  # whatever the model was asked before has ended
            assert sorted(cost.source for cost in costs) == ["model"] * 3 + ["typed"] * 2

    run(test())


def test_what_was_written_to_its_end_is_kept_though_the_model_has_not_returned():
    async def test():
        completer = Paced(["1\n", "never"], ["2\n", "never"])
        async with serving(completer) as session:
            first = ask(session, "x = █")
            await completer.waits()
            completer.let()
            assert await text_of(first) == "1"
            await completer.waits()  # it is about to write what nobody wants
            second = ask(session, "y = █", uri="b")
            completer.let(2)
            assert await text_of(second) == "2"
            assert await shown(session, "x = █") == "1"
            assert len(completer.asked) == 2

    run(test())


def test_where_the_model_had_nothing_to_say_it_is_not_asked_again():
    async def test():
        completer = scripted("foo\n", confidence=0.3)
        async with serving(completer) as session:
            for marked in ("x = █", "y = █", "x = █"):
                assert await shown(session, marked) is None
            assert len(completer.asked) == 2

    run(test())


def test_what_was_written_before_something_was_forgotten_is_not_shown():
    async def test():
        completer = scripted("foo\n")
        async with serving(completer) as session:
            assert await shown(session, "x = █") == "foo"
            await session.forget([Path("/secret.py")])
            assert await shown(session, "x = █") == "foo"
            assert len(completer.asked) == 2
            assert completer.forgotten == [str(Path("/secret.py"))]

    run(test())


def test_only_so_many_texts_are_kept(monkeypatch):
    async def test():
        monkeypatch.setattr(module, "MOST_CHARS", 100)
        completer = scripted("foo\n")
        async with serving(completer) as session:
            for marked in (f"a = {'1' * 60}█", f"b = {'1' * 60}█", f"a = {'1' * 60}█"):
                assert await shown(session, marked) == "foo"
            assert len(completer.asked) == 3

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
            assert await older == ()
            paced.let()
            await paced.waits()
            newest = ask(session, "x = foo█")  # ahead of what was written
            assert await middle == ()
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
            assert await older == ()
            assert paced.stops[0].is_set()
            paced.let(3)
            assert await text_of(newest) == "y"

    run(test())


def test_a_writing_that_comes_to_disagree_is_begun_again():
    async def test():
        paced, sources = Paced(["fo", "o", "\n"], ["ar\n", ""]), []
        async with serving(paced, lambda cost: sources.append(cost.source)) as session:
            older = ask(session, "x = █")
            await paced.waits()
            newest = ask(session, "x = b█")  # it might still write this
            assert await older == ()
            assert not paced.stops[0].is_set()
            paced.let()
            await paced.waits()
            paced.let(3)
            assert await text_of(newest) == "ar"
            assert paced.stops[0].is_set()
            assert [context.prefix for context in paced.asked] == ["x = ", "x = b"]
            assert "typed" not in sources

    run(test())


def test_a_writing_that_ends_with_what_is_typed_is_begun_again():
    async def test():
        paced = Paced(["f():", "\n"], ["\n    return 1\n\n", ""])
        async with serving(paced) as session:
            older = ask(session, "def █")
            await paced.waits()
            newest = ask(session, "def f():█")
            assert await older == ()
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
                    if isinstance(answer, asyncio.CancelledError) or not answer:
                        assert offset % 7 == 0 or offset + step < 19
                    else:
                        assert answer[0].text == truth[offset:19]

    run(test())
