"""Accepting what is offered in place of the keys it stands for: the text ends the same."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_traces import REAL, ROWS

from benchmarks.replay import acceptance
from benchmarks.replay.acceptance import Typist, forms, keys_for
from benchmarks.replay.actions import Action, ActionKind, Buffer, Form, TextEdit
from benchmarks.replay.keyboard import typed
from benchmarks.replay.traces import trace


class Careful(Random):
    """Nothing of what may happen does, while typing."""

    def random(self):
        return 1.0


def keys(above, text, below=""):
    """The actions that type it, and the texts after each."""
    buffer = Buffer("a.py", above + below)
    buffer.cursor = len(above)
    return [action for action in typed(buffer, text, Careful()) if action.edit]


@pytest.mark.parametrize(
    ("above", "text", "below", "offered", "count"),
    [
        ("", "name = 1", "\n", TextEdit(0, 0, "name"), 4),
        ("", "name = 1", "\n", TextEdit(0, 0, "name = 1"), 8),
        ("", "name = 1", "\n", TextEdit(0, 0, "nam"), 3),
        ("", "name = 1", "\n", TextEdit(0, 0, "name = 2"), 0),
        ("", "name = 1", "\n", TextEdit(0, 0, "name = 1\n"), 0),  # more than is typed
        ("", "name = 1", "\n", TextEdit(0, 1, "name = 1"), 0),  # it takes the line break away
        ("f", "(a, b)", "\n", TextEdit(1, 1, "(a, b)"), 6),  # the editor's bracket is typed over
        ("f", "(a, b)", "\n", TextEdit(1, 1, "(a"), 0),  # an editor closes it: another text
        ("f", "(a, b)", "\n", TextEdit(1, 1, "(a)"), 0),  # the cursor is behind it
        ("if x:", "\n    y\n    z", "", TextEdit(5, 5, "\n    y"), 2),  # Enter indents
        ("    y", "\n\n    z", "", TextEdit(5, 5, "\n\n    z"), 3),
    ],
)
def test_an_offer_stands_for_the_keys_that_make_the_same_text(above, text, below, offered, count):
    coming = keys(above, text, below)
    assert keys_for(above + below, "a.py", offered, coming) == count


def test_an_offer_among_closed_brackets_takes_them_along():
    actions = keys("f", "(a, b)", "\n")
    text = actions[0].edit.applied("f\n")
    assert text == "f()\n"
    assert keys_for(text, "a.py", TextEdit(2, 3, "a, b)"), actions[1:]) == 5
    assert keys_for(text, "a.py", TextEdit(2, 2, "a, b"), actions[1:]) == 4


@pytest.mark.parametrize(
    "between",
    [
        Action(ActionKind.PAUSE, "a.py", 1),
        Action(ActionKind.BACKSPACE, "a.py", 0, TextEdit(0, 1, "")),
        Action(ActionKind.UNDO, "a.py", 0, TextEdit(0, 1, "")),
        Action(ActionKind.TYPE, "b.py", 1, TextEdit(0, 0, "n")),
    ],
)
def test_only_plain_keys_are_stood_for(between):
    first, *others = keys("", "name")
    assert keys_for("", "a.py", TextEdit(0, 0, "name"), [first, between, *others]) == 0


def test_the_parts_of_an_offer():
    offered = TextEdit(1, 3, " = one(two)\n    three")
    assert forms(offered, 1) == [
        (Form.WHOLE, offered),
        (Form.LINE, TextEdit(1, 1, " = one(two)")),
        (Form.WORD, TextEdit(1, 1, " =")),
    ]
    assert forms(TextEdit(1, 3, "all"), 1)[-1] == (Form.WORD, TextEdit(1, 3, "all"))
    assert forms(TextEdit(0, 1, "import"), 1) == [(Form.WHOLE, TextEdit(0, 1, "import"))]


def accepted(actions, texts, seed, offer):
    """All that is done when `offer(text, coming texts)` is offered, and the texts then."""
    typist, now = Typist(actions, texts, Random(seed)), dict(texts)
    done, offered = [], None
    while (action := typist.next(offered)) is not None:
        done.append(action)
        if action.edit is not None:
            now[action.path] = action.edit.applied(now[action.path])
        assert 0 <= action.cursor <= len(now[action.path])
        offered = offer(action, now[action.path]) if action.asks else None
    return done, now


def rest_of(new, longest):
    """Offers what the new text has at the cursor, if all before it is there already."""

    def offer(action, text):
        if not new[action.path].startswith(text[: action.cursor]):
            return None
        end = min(action.cursor + longest, len(new[action.path]))
        part = new[action.path][action.cursor : end]
        return TextEdit(action.cursor, action.cursor, part) if part else None

    return offer


@given(ROWS.map("".join), st.integers(0, 2**32), st.integers(1, 40))
def test_whatever_is_accepted_the_text_ends_the_same(text, seed, longest):
    buffer = Buffer("a.py", "")
    actions = list(typed(buffer, text, Random(seed)))
    done, now = accepted(actions, {"a.py": ""}, seed, rest_of({"a.py": text}, longest))
    assert now == {"a.py": text}
    assert len(done) <= len(actions)


def test_a_real_trace_is_done_with_some_acceptances_of_all_forms():
    old = {change.path: change.old for change in REAL}
    new = {change.path: change.new for change in REAL}
    found = set()
    for seed in range(3):
        actions = list(trace(REAL, Random(seed)))
        done, now = accepted(actions, old, seed, rest_of(new, 30))
        assert now == new
        found |= {action.form for action in done}
        assert len(done) < len(actions)
    assert found == {None, *Form}


def test_a_refused_offer_is_typed_through(monkeypatch):
    monkeypatch.setattr(acceptance, "ACCEPTED", 0.0)
    actions = keys("", "name = value")
    offer = rest_of({"a.py": "name = value"}, 20)
    assert accepted(actions, {"a.py": ""}, 0, offer)[0] == actions
    typist = Typist(actions, {"a.py": ""}, Random(0))
    typist.next(None)
    typist.next(TextEdit(1, 1, "ame"))
    monkeypatch.setattr(acceptance, "ACCEPTED", 1.0)
    assert typist.next(TextEdit(2, 2, "me = value")).kind is ActionKind.TYPE  # the last key but one
    assert typist.next(TextEdit(3, 3, "e = value")).kind is ActionKind.TYPE
    assert typist.next(TextEdit(4, 4, " = value")).kind is ActionKind.ACCEPT


def test_a_seed_makes_one_choice():
    old = {change.path: change.old for change in REAL}
    new = {change.path: change.new for change in REAL}
    actions = list(trace(REAL, Random(0)))
    one, same, other = (accepted(actions, old, seed, rest_of(new, 30))[0] for seed in (1, 1, 2))
    assert one == same != other
