"""Ghost text that grows: what is told while it is written, and what it cannot be mistaken for."""

import asyncio
from itertools import pairwise

import pytest
from paced import AUTOMATIC, INVOKED, Paced, pieces, request, run, serving, stop_the_clock, turns
from stateline.lsp_server.suggestions import asking
from stateline.lsp_server.suggestions import session as module
from stateline.model.completer import Piece

BODY = ("\n    a()\n", "    b", "()\n", "    c()\n", "\n")


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    stop_the_clock(monkeypatch, module)
    monkeypatch.setattr(asking, "GROW_S", 0.0)


async def grown(marked, script, trigger, taken=None, **settings):
    """The texts told while it was written, a piece at a time, and the answer's."""
    paced = Paced(script)
    async with serving(paced, **settings) as session:
        task = asyncio.ensure_future(everything(session, request(marked, trigger)))
        for _ in script[:taken]:
            await paced.waits()
            await turns()
            paced.let()
        *told, answer = await task
    assert [each.final for each in (*told, answer)] == [False] * len(told) + [True]
    texts = [[each.text for each in one.suggestions] for one in (*told, answer)]
    assert all(len(each) == 1 for each in texts[:-1])
    return [text for each in texts[:-1] for text in each], texts[-1]


async def everything(session, asked):
    return [each async for each in session.suggest(asked, growing=True)]


def check(marked, script, trigger, told, answer, **settings):
    assert_that = []

    async def test():
        assert_that.append(await grown(marked, script, trigger, **settings))

    run(test())
    assert assert_that == [(told, [answer] if answer else [])]


def test_unasked_it_grows_by_whole_lines():
    lines = ["\n    a()", "\n    a()\n    b()", "\n    a()\n    b()\n    c()"]
    check("if x:█", BODY, AUTOMATIC, lines, lines[-1])


def test_asked_it_grows_by_words():
    script = ["fo", "o(", "bar", ", b", "az)\n"]
    told = ["foo(", "foo(bar,", "foo(bar, baz)"]  # the last while alternatives are waited for
    check("x = █", script, INVOKED, told, told[-1])


def test_asked_a_block_grows_by_words_too():
    told = ["\n    a()", "\n    a()\n    b()", "\n    a()\n    b()\n    c()"]
    check("if x:█", BODY, INVOKED, told, told[-1])


def test_a_single_line_unasked_is_told_once_in_the_answer():
    check("x = █", ["fo", "o\n"], AUTOMATIC, [], "foo")


def test_what_the_model_doubts_is_never_shown():
    script = [Piece("\n    a()\n", 0.1), *pieces(("    b()\n", 1.0), ("\n", 1.0))]
    check("if x:█", script, AUTOMATIC, [], None, taken=1)


def test_one_line_is_one_line():
    check("if x:█", BODY, AUTOMATIC, [], "\n    a()", multi_line=False, taken=1)


def test_what_is_told_never_takes_back_what_was_told():
    script = ["\n    a(", "b,\n", "      c)", "\n    d", "()\n", "\n"]
    found = []

    async def test():
        found.append(await grown("if x:█", script, INVOKED))

    run(test())
    ((told, (answer,)),) = found
    assert len(told) > 2
    assert all(long.startswith(short) for short, long in pairwise(told))
    assert answer.startswith(told[-1])


def test_a_bracket_right_of_the_cursor_is_taken_over_when_the_text_gets_there():
    told = ["a,", "a, b):", "a, b):\n    c"]
    check("def f(█)", ["a", ", b", "):\n", "    c\n", "\n"], INVOKED, told, told[-1])


def test_a_growing_text_waits_for_its_end_however_long(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_DEADLINE_S", 0)
    lines = ["\n    a()", "\n    a()\n    b()", "\n    a()\n    b()\n    c()"]
    check("if x:█", BODY, AUTOMATIC, lines, lines[-1])
