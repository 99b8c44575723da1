"""What one run of the model says to the request it began with and to later ones; no threads."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.lsp_server.edit.documents import Snapshot
from stateline.lsp_server.edit.requests import CompletionRequest, Trigger
from stateline.lsp_server.edit.settings import Manner
from stateline.lsp_server.suggestions.answer import answer
from stateline.lsp_server.suggestions.generation import Generation, probability
from stateline.model.completer import Context, Ended, Piece, Usage

AUTOMATIC, INVOKED = Trigger.AUTOMATIC, Trigger.INVOKED
CLOSERS = frozenset(")]}\"'`>")


def at(marked, path="a.py", language="python"):
    prefix, suffix = marked.split("█")
    return Context(prefix + suffix, len(prefix), path, language)


def generation(marked, *pieces, trigger=AUTOMATIC, done=True, language="python", **made):
    """A run that began at the cursor and wrote the pieces: texts, or (text, confidence)."""
    context = at(marked, language=language)
    snapshot = Snapshot(context.path, 1, language, context.text)
    run = Generation(context, CompletionRequest(snapshot, context.offset, trigger), **made)
    for piece in pieces:
        run.add(Piece(*piece) if isinstance(piece, tuple) else Piece(piece, 1.0))
    if done:
        run.finish()
    return run


@pytest.mark.parametrize(
    ("began", "written", "now", "typed"),
    [
        ("x = █\ny", "foo(a)", "x = █\ny", ""),
        ("x = █\ny", "foo(a)", "x = fo█\ny", "fo"),
        ("x = █\ny", "foo(a)", "x = foo(█)\ny", "foo("),  # the editor closed the bracket
        ("x = █\ny", "foo(a)", "x = foo(a)█\ny", "foo(a)"),  # and let it be typed over
        ("x = █\ny", "f([{(", "x = f([{(█)}])\ny", "f([{("),
        ("x = █", 'd["k"]', 'x = d["█"]', 'd["'),
        ("f(█)\n", "a)", "f(a█)\n", "a"),
        ("f(█)\n", "a)", "f(a)█\n", "a)"),  # typed over what was there before
        ("f(g(█))\n", "a), b)", "f(g(a)█)\n", "a)"),
        ("def f():█\n", "\n    return 1", "def f():\n    █\n", "\n    "),  # indented by the editor
        ("def f():█\n", "\n    return 1", "def f():\n  █\n", "\n  "),
        ("x = █", "é💡", "x = é█", "é"),
        # What was typed says something else.
        ("def f():█\n", "\n    return 1", "def f():\n        █\n", None),
        ("x = █\ny", "foo", "x = b█\ny", None),
        ("x = █\ny", "foo", "x = fooo█\ny", None),
        # Something else changed.
        ("x = █\ny", "foo", "x =█\ny", None),
        ("x = █\ny", "foo", "x = █y", None),
        ("x = █\ny", "foo", "x = █\nz", None),
        ("x = █\ny", "foo", "z = █\ny", None),
        ("x = █\ny", "foo", "zx = █\ny", None),
        ("x = █\ny", "foo", "x = f█a\ny", None),  # no closing character
        ("f(█)\n", "a)", "f(█\n", None),  # deleted, not typed over
        ("x = █", "f(((((", "x = f(((((█)))))", None),  # more than one would type through
    ],
)
def test_what_was_typed_since(began, written, now, typed):
    assert generation(began, written).typed(at(now)) == typed


def test_a_run_in_progress_may_still_come_to_agree():
    run = generation("x = █", "fo", done=False)
    context = at("x = foo█")
    assert run.typed(context) == "foo"
    run.finish()
    assert run.typed(context) is None
    assert generation("x = █", "fa", done=False).typed(at("x = foo█")) is None


def test_another_file_is_another_matter():
    assert generation("x = █", "foo").typed(at("x = f█", path="b.py")) is None


def naive_typed(base, written, done, now):
    """By trying all that an editor might have closed or let be typed over."""
    typed = now.text[base.offset : now.offset]
    for n in range(5):
        closed, passed = now.text[now.offset : now.offset + n], base.suffix[:n]
        left = iter(typed)
        typed_over = all(c in left for c in passed)
        for text, moved, allowed in (
            (base.prefix + typed + closed + base.suffix, closed, True),
            (base.prefix + typed + base.suffix[n:], passed, typed_over),
        ):
            allowed = allowed and set(moved) <= CLOSERS and now.offset >= base.offset
            if allowed and text == now.text:
                agrees = written[: len(typed)] == typed
                return typed if agrees or (not done and typed[: len(written)] == written) else None
    return None


few = st.text("a()\n", max_size=4)


@unhurried
@given(few, few, few, st.booleans(), st.tuples(few, few, few))
def test_typed_is_what_trying_everything_finds(prefix, suffix, written, done, now):
    base = Context(prefix + suffix, len(prefix), "a.py")
    run = generation(f"{prefix}█{suffix}", written, done=done)
    before, typed, after = now
    for context in (
        Context(before + typed + after, len(before + typed), "a.py"),
        Context(prefix + typed + suffix, len(prefix + typed), "a.py"),
        Context(prefix + typed + after + suffix, len(prefix + typed), "a.py"),
        Context(prefix + typed + suffix[1:], len(prefix + typed), "a.py"),
        Context(prefix + typed + suffix, max(len(prefix) - 1, 0), "a.py"),
    ):
        assert run.typed(context) == naive_typed(base, written, done, context)


@unhurried
@given(
    st.lists(st.tuples(st.text("ab", max_size=3), st.sampled_from([0.5, 0.25, 1.0])), max_size=8),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_probability_is_the_product_over_the_pieces_touched(pieces, start, end):
    owner = [i for i, (text, _) in enumerate(pieces) for _ in text]
    touched = set(owner[start:end])
    # A piece without text belongs to the next character.
    ends = [len("".join(text for text, _ in pieces[:i])) for i in range(len(pieces))]
    touched |= {i for i, (text, _) in enumerate(pieces) if not text and start <= ends[i] < end}
    expected = math.prod(pieces[i][1] for i in touched)
    assert probability([Piece(*p) for p in pieces], start, end) == expected


def check(run, marked, expected, trigger=AUTOMATIC, ready=True, **manner):
    """The text that a run suggests to a request, and whether it is the last word."""
    context = at(marked, language=run.context.language)
    now = answer(run, context, trigger, Manner(**{"gate": 0.4} | manner))
    assert (now.suggestion and now.suggestion.text) == expected
    assert now.ready is ready


def test_a_line_is_said_when_it_is_whole():
    check(generation("x = █", "foo", done=False), "x = █", None, ready=False)
    check(generation("x = █", "foo", "\n", done=False), "x = █", "foo")
    check(generation("x = █", "foo"), "x = █", "foo")
    check(generation("x = █", "foo\n"), "x = f█", "oo")
    check(generation("x = █", "foo(a)\n"), "x = foo(█)", "a)")


BODY = ("\n    a()", "\n    b()")


def test_a_block_is_waited_for_where_one_is_wanted():
    started, whole = generation("if x:█", *BODY, done=False), generation("if x:█", *BODY, "\n\n")
    check(started, "if x:█", BODY[0], ready=False)
    check(started, "if x:█", BODY[0], INVOKED, ready=False)
    check(started, "if x:█", BODY[0], multi_line=False)
    for trigger in Trigger:
        check(whole, "if x:█", "".join(BODY), trigger)
        check(whole, "if x:\n    █", "a()\n    b()", trigger)
    check(generation("x = █", "f(\n    a,\n)\n"), "x = █", "f(")
    check(generation("x = █", "f(\n    a,\n)\n"), "x = █", "f(\n    a,\n)", INVOKED)


def test_a_block_typed_through_does_not_shrink_to_a_line():
    unasked = generation("if x:█", *BODY, "\n\nz()\n")
    asked = generation("x = █", "f(\n    a,\n)\n", trigger=INVOKED)
    for trigger in Trigger:
        check(unasked, "if x:\n    a█", "()\n    b()", trigger)
        check(unasked, "if x:\n    a()\n    b█", "()", trigger)
        check(asked, "x = f█", "(\n    a,\n)", trigger)
        check(asked, "x = f(█)", "\n    a,\n)", trigger)
    check(asked, "x = f█", "(", multi_line=False)
    check(unasked, "if x:\n    a()\n    b()\n\nz█", "()")  # beyond it


def test_a_brace_that_is_opened_brings_its_block():
    pieces, rest = (") {", "\n  a();"), ("\n}", "\n", "b();")
    started = generation("if (x█", *pieces, done=False, language="typescript")
    whole = generation("if (x█", *pieces, *rest, language="typescript")
    check(started, "if (x█", ") {", ready=False)
    check(whole, "if (x█", ") {\n  a();\n}")
    check(whole, "if (x) █", "{\n  a();\n}")
    check(whole, "if (x█", ") {", multi_line=False)
    check(generation("x = █", "a;", "\n", language="typescript"), "x = █", "a;")


def test_of_a_block_without_an_end_what_is_closed_is_said():
    pieces = ("\n  a(b => {", "\n    c();", "\n  });", "\n  d(e => {", "\n    g();", "\n    h")
    run = generation("f() {█", *pieces, language="typescript")
    run.stop.set()
    check(run, "f() {█", "\n  a(b => {\n    c();\n  });", INVOKED)
    nested = (f"\n{i * '  '}a(() => {{" for i in range(1, 9))
    loop = generation("f() {█", *nested, language="typescript")
    loop.stop.set()
    check(loop, "f() {█", "\n  a(() => {", INVOKED)


def test_of_a_block_that_comes_to_nothing_the_first_line_is_said():
    run = generation("x = █", "f(() => {", "\n  a(", "\n;", "\nb();\n", language="javascript")
    check(run, "x = █", "f(() => {", INVOKED)


def test_an_unlikely_line_is_said_only_when_asked_for():
    run = generation("x = █", ("foo", 0.5), ("(a)", 0.5), ("\n", 0.1))
    check(run, "x = █", None, gate=0.3)
    check(run, "x = █", "foo(a)", INVOKED, gate=0.3)
    check(run, "x = █", "foo(a)", gate=0.2)  # how sure the line's end is does not matter
    check(run, "x = foo█", "(a)", gate=0.3)  # what was typed is certain
    suggestion = answer(run, at("x = foo█"), AUTOMATIC, Manner(0.4)).suggestion
    assert suggestion is not None
    assert suggestion.confidence == 0.5


def test_half_a_line_at_a_blocks_end_is_left_out():
    partial = (*BODY, "\n    c")
    full = replace(Usage(), tokens_generated=3)
    stopped = generation("if x:█", *partial)
    stopped.stop.set()
    limited = generation("if x:█", *partial, max_tokens=3, done=False)
    limited.add(full)
    limited.finish()
    by_itself = generation("if x:█", *partial, max_tokens=4, done=False)
    by_itself.add(full)
    by_itself.finish()
    check(stopped, "if x:█", "".join(BODY), INVOKED)
    check(limited, "if x:█", "".join(BODY), INVOKED)
    check(by_itself, "if x:█", "".join(partial), INVOKED)
    whole = generation("if x:█", *BODY, "\n")
    whole.stop.set()
    check(whole, "if x:█", "".join(BODY), INVOKED)


def test_what_only_repeats_itself_is_taken_back():
    rows = ("\n    a()", "\n    b()", "\n    a()", "\n    b()", "\n    a")
    repeated = replace(Usage(), tokens_generated=5, repeated_chars=len("".join(rows[2:])))
    for told in (repeated, Ended(0, 5, repeated.repeated_chars)):
        block = generation("if x:█", *rows, done=False)
        block.add(told)
        block.finish()
        check(block, "if x:█", "".join(rows[:2]), INVOKED)
        assert "".join(piece.text for piece in block.pieces) == block.written
        line = generation("x = █", "a + ", "b(", "c + ", "b(", "c + ", done=False)
        line.add(replace(told, repeated_chars=len("b(c + ")))
        line.finish()
        check(line, "x = █", None)  # nobody wants half a line
    check(generation("x = █", "a + ", "b("), "x = █", "a + b(")


def test_text_that_is_worth_nothing_is_no_suggestion():
    check(generation("x = █"), "x = █", None)
    check(generation("x = █", "\ny = 2\n"), "x = █", None)
    check(generation("x = 1\n█", "x = 1\n"), "x = 1\n█", None)


def test_far_text_does_not_count_but_what_is_near_does():
    far = "# far\n" * 5_000
    run = generation(f"{far}if x:█\nz()\n{far}", *BODY, "\nz()\n")
    check(run, f"{far}if x:█\nz()\n{far}", "".join(BODY), INVOKED)
