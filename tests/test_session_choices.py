"""What who asks for suggestions may choose from, and what nobody gets who did not ask."""

import pytest
from paced import (
    INVOKED,
    PATIENCE_S,
    Paced,
    ask,
    run,
    serving,
    stop_the_clock,
    texts_of,
    turns,
)
from stateline.lsp_server.suggestions import session as module
from stateline.model.completer import Ended, Piece, Scripted, Usage


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    stop_the_clock(monkeypatch, module)


def choosing(first, *others):
    """A completer that writes these texts, a character a piece."""
    return Scripted(
        lambda context: [Piece(c, 1.0) for c in first],
        lambda context: [[Piece(c, 1.0) for c in other] for other in others],
    )


async def choices(session, marked, trigger=INVOKED):
    return await texts_of(ask(session, marked, trigger))


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("x = █", ["a\n", "b\n", "c\n"], ["a", "b", "c"]),
        ("x = █", ["a\n", "b\n"], ["a", "b"]),
        ("x = █", ["a\n"], ["a"]),
        ("x = █", [""], []),
        ("x = █", ["a\n", "a\n", "b\n"], ["a", "b"]),  # the same by other tokens
        ("x = █", ["a\n", "", "b\n"], ["a", "b"]),
        ("x = █", ["a", "b", "c"], ["a", "b", "c"]),  # each ended by itself
        ("x = █", ["a\n", "bcdef" * 40, "c\n"], ["a", "c"]),  # half a line
        ("f(█)", ["a)\n", "b)\n"], ["a)", "b)"]),
        # Each is shaped: what stands below already is not written again.
        ("x = 1\n█\ny = 2\n", ["y = 2\n", "z = 3\ny = 2\n", "w\n"], ["z = 3", "w"]),
        ("if x:█", ["\n    a\n\n", " pass\n", "\n    b\n    c\n\n"],
         ["\n    a", " pass", "\n    b\n    c"]),
    ],
)  # fmt: skip
def test_who_asks_may_choose(marked, written, expected):
    async def test():
        async with serving(choosing(*written), multi_line=True) as session:
            assert await choices(session, marked) == expected

    run(test())


def test_who_did_not_ask_gets_one():
    async def test():
        completer = choosing("a\n", "b\n")
        completer.choices = None  # not even written
        async with serving(completer) as session:
            assert await choices(session, "x = █", module.Trigger.AUTOMATIC) == ["a"]

    run(test())


def test_what_is_written_is_there_for_later_requests():
    async def test():
        completer = choosing("fab\n", "fox\n", "max\n")
        async with serving(completer) as session:
            assert await choices(session, "x = █") == ["fab", "fox", "max"]
            assert await choices(session, "x = █") == ["fab", "fox", "max"]  # asked once more
            assert await choices(session, "x = f█") == ["ab", "ox"]  # those that it agrees with
            assert await choices(session, "x = fa█", module.Trigger.AUTOMATIC) == ["b"]
            assert len(completer.asked) == 1
            assert await choices(session, "x = fo█") == ["fab", "fox", "max"]  # anew
            assert len(completer.asked) == 2

    run(test())


class Turns(Paced):
    """Writes (candidate, text) when it may; (candidate, None) ends one."""

    def __init__(self, *scripts):
        super().__init__()
        self.scripts = scripts

    def choices(self, context, sampling, stops):
        self.asked.append(context)
        self.stops = stops
        for candidate, text in self.scripts[len(self.asked) - 1]:
            self._waits.release()
            assert self._may.acquire(timeout=PATIENCE_S)
            if all(stop.is_set() for stop in stops):
                break
            if text is None:
                yield Ended(candidate, 1)
            elif not stops[candidate].is_set():
                yield Piece(text, 1.0, candidate)
        yield Usage()


def test_it_is_answered_when_all_are_written():
    async def test():
        paced = Turns([(0, "a\n"), (1, "b"), (2, None), (1, "c\n"), (1, "never")])
        async with serving(paced) as session:
            asked = ask(session, "x = █", INVOKED)
            for _ in range(4):
                await paced.waits()
                await turns()
                assert not asked.done()
                paced.let()
            assert await texts_of(asked) == ["a", "bc"]
            assert [stop.is_set() for stop in paced.stops] == [True, True, False]

    run(test())


def test_its_own_is_done_when_it_ended_though_others_go_on(monkeypatch):
    """The model ended it in the middle of a line; no more than the deadline is waited."""

    async def test():
        monkeypatch.setattr(module, "BLOCK_DEADLINE_S", 0.0)
        paced = Turns([(0, "a"), (1, "b\n"), (2, "c"), (0, None), (2, "never")])
        async with serving(paced) as session:
            asked = ask(session, "x = █", INVOKED)
            await paced.waits()
            paced.let(4)
            assert await texts_of(asked) == ["a", "b"]

    run(test())


def test_a_newer_request_stops_them_all():
    async def test():
        paced = Turns([(0, "a"), (1, "b"), (2, "c")], [(0, "n\n"), (1, None), (2, None)])
        async with serving(paced) as session:
            older = ask(session, "x = █", INVOKED)
            await paced.waits()
            stops = paced.stops
            newer = ask(session, "y = █", INVOKED)
            assert await older == ()
            assert all(stop.is_set() for stop in stops)
            paced.let(10)
            assert await texts_of(newer) == ["n"]

    run(test())


def test_alternatives_do_not_keep_a_newer_request_waiting_but_the_suggestion_stays():
    async def test():
        paced = Turns(
            [(0, "a\n"), (1, None), (2, "never"), (2, "never")],
            [(0, "n\n"), (1, None), (2, None)],
        )
        async with serving(paced) as session:
            older = ask(session, "x = █", INVOKED)
            for _ in range(2):
                await paced.waits()
                paced.let()
            await paced.waits()
            await turns()
            first = paced.stops
            newer = ask(session, "y = █", INVOKED)
            assert await older == ()
            assert [stop.is_set() for stop in first] == [True, False, True]
            paced.let(10)
            assert await texts_of(newer) == ["n"]
            assert await choices(session, "x = █") == ["a"]
            assert len(paced.asked) == 2

    run(test())


def test_closing_stops_them_all():
    async def test():
        paced = Turns([(0, "a"), (1, "b")])
        async with serving(paced) as session:
            asked = ask(session, "x = █", INVOKED)
            await paced.waits()
            session.close()
            assert all(stop.is_set() for stop in paced.stops)
            assert await asked == ()

    run(test())


def test_where_the_model_failed_there_is_nothing_to_choose_from():
    async def test():
        def script(context):
            yield Piece("a", 1.0)
            raise ValueError

        completer = Scripted(script, lambda context: [[Piece("b\n", 1.0)]])
        async with serving(completer) as session:
            assert await choices(session, "x = █") == []

    run(test())
