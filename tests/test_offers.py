"""What became of a suggestion, as the user's edits and the client's words tell it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.lsp_server.edit.documents import Edit, Snapshot
from stateline.lsp_server.worth.offers import MOST, Offers


class Desk:
    """One document with █ at the cursor, and everything that was counted."""

    def __init__(self, marked="x = █", *, watches=True):
        self.text, self.cursor = marked.replace("█", ""), marked.index("█")
        self.counts, self.waiting = Counter(), []
        self.offers = Offers(self.count, self.later, watches=watches)

    def count(self, name, amount):
        self.counts[name] += amount

    def later(self, wait_s, call):
        self.waiting.append((wait_s, call))

    def offer(self, *rests):
        return self.offers.made(Snapshot("a", 1, "python", self.text), self.cursor, rests)

    def edit(self, start, end, new):
        self.text = self.text[:start] + new + self.text[end:]
        self.cursor = start + len(new)
        self.offers.edited("a", [Edit(start, end, new)])

    def put(self, new):
        self.edit(self.cursor, self.cursor, new)

    def wait(self):
        for _, call in self.waiting:
            call()

    def has(self, **counts):
        assert {name: count for name, count in self.counts.items() if count} == counts


def test_each_suggestion_is_offered_once():
    desk = Desk()
    assert desk.offer("foo(a)", "bar") == ["1", "2"]
    assert desk.offer("foo(a)", "bar") == ["1", "2"]
    desk.has(offered=2)


def test_it_stays_the_same_while_it_grows_and_is_typed_through():
    desk = Desk()
    first = desk.offer("foo(a)")
    assert desk.offer("foo(a)\nbar()") == first
    desk.put("f")
    assert desk.offer("oo(a)\nbar()") == first
    desk.put("o")
    desk.put("o")
    assert desk.offer("(a)") == first
    desk.has(offered=1)


def test_another_text_is_another_suggestion():
    desk = Desk()
    assert desk.offer("foo(a)") != desk.offer("bar(a)")
    desk.put("x")
    desk.offer("foo(a)")
    desk.has(offered=3)


def test_two_suggestions_of_one_answer_are_never_the_same():
    desk = Desk()
    assert len(set(desk.offer("a", "ab", "abc"))) == 3


def test_what_is_offered_after_an_acceptance_is_new():
    desk = Desk()
    (first,) = desk.offer("foo")
    desk.put("foo")
    assert desk.offer("(a)") != [first]


@pytest.mark.parametrize(
    ("offered", "put", "kind"),
    [
        ("foo(a)", "foo(a)", "acceptedWhole"),
        ("foo(a)\n    b()", "foo(a)", "acceptedLine"),
        ("foo(a)\r\n    b()", "foo(a)", "acceptedLine"),
        ("foo(a)\n    b()", "foo", "acceptedWord"),
        ("foo bar", "foo ", "acceptedWord"),
        ("foo", "foo", "acceptedWhole"),
    ],
)
def test_what_no_key_types_was_accepted(offered, put, kind):
    desk = Desk()
    desk.offer(offered)
    desk.put(put)
    desk.has(offered=1, accepted=1, charactersAccepted=len(put), **{kind: 1})


@pytest.mark.parametrize("typed", ["f", "()", "x", "# foo(a)"])
def test_typing_is_no_acceptance(typed):
    desk = Desk()
    desk.offer("foo(a)")
    desk.offer("()")
    desk.put(typed)
    assert not desk.counts["accepted"]


def test_word_after_word_is_one_suggestion_accepted():
    desk = Desk()
    desk.offer("foo bar baz")
    for word in ("foo", " bar", " baz"):
        desk.put(word)
    desk.has(offered=1, accepted=1, acceptedWord=3, charactersAccepted=11)


def test_what_was_typed_before_is_not_accepted():
    desk = Desk()
    desk.offer("foo(a)")
    desk.put("f")
    desk.put("oo(a)")
    desk.has(offered=1, accepted=1, acceptedWhole=1, charactersAccepted=5)


def test_an_edit_and_the_client_tell_of_the_same_acceptance():
    desk = Desk()
    (id_,) = desk.offer("foo(a)")
    desk.put("foo(a)")
    desk.offers.accepted(id_)
    desk.offers.accepted(id_)
    desk.has(offered=1, accepted=1, acceptedWhole=1, charactersAccepted=6)


def test_a_client_that_tells_is_believed_and_not_watched():
    desk = Desk("f(█)", watches=False)
    (id_,) = desk.offer("a, b)")
    desk.put("a, b")  # so Neovim's differences have it: the bracket stood there
    desk.offers.accepted(id_)
    desk.has(offered=1, accepted=1, acceptedWhole=1, charactersAccepted=5)


def test_a_client_tells_word_by_word():
    desk = Desk(watches=False)
    (id_,) = desk.offer("foo bar")
    desk.offers.accepted(id_, "foo bar", 3)
    desk.offers.accepted(id_, "foo bar", 3)
    desk.offers.accepted(id_, "foo bar", 7)
    desk.has(offered=1, accepted=1, acceptedWord=2, charactersAccepted=7)


@pytest.mark.parametrize("characters", [-5, 0, 10**9, None])
@pytest.mark.parametrize("text", ["", "foo", "elsewhere"])
@pytest.mark.parametrize("id_", ["1", "2", "", "x" * 1000])
def test_whatever_a_client_tells_is_survived(id_, text, characters):
    desk = Desk()
    desk.offer("foo")
    desk.offers.accepted(id_, text, characters)
    assert 0 <= desk.counts["charactersAccepted"] <= 3


def test_shown_counts_once():
    desk = Desk()
    (id_,) = desk.offer("foo")
    desk.offers.shown(id_)
    desk.offers.shown(id_)
    desk.offers.shown("nobody")
    desk.has(offered=1, shown=1)


KEPT = {"lookedAfter30s": 1, "keptAfter30s": 1, "lookedAfter5min": 1, "keptAfter5min": 1}
LOST = {"lookedAfter30s": 1, "lookedAfter5min": 1}


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([], KEPT),
        ([(0, 0, "import os\n")], KEPT),
        ([(10, 10, "\nmore")], KEPT),
        ([(4, 5, "")], KEPT),
        ([(7, 7, "\n")], KEPT),
        ([(4, 10, "")], LOST),
        ([(0, 0, "ab"), (6, 12, "")], LOST),
        ([(4, 5, "")] * 4, LOST),
        ([(0, 10, "")], LOST),
    ],
)
def test_what_stays_is_kept(edits, expected):
    desk = Desk()
    desk.offer("foo(a)")
    desk.put("foo(a)")
    for edit in edits:
        desk.edit(*edit)
    desk.wait()
    assert [wait_s for wait_s, _ in desk.waiting] == [30, 300]
    assert {name: desk.counts[name] for name in KEPT if desk.counts[name]} == expected


def test_nobody_looks_at_a_closed_document():
    desk = Desk()
    desk.offer("foo(a)")
    desk.put("foo(a)")
    desk.offers.closed("a")
    desk.wait()
    assert not desk.counts["lookedAfter30s"]


def test_edits_above_and_elsewhere_move_it_along():
    desk = Desk("x = █\ny")
    desk.offer("foo(a)")
    desk.edit(0, 0, "import os\n")
    desk.cursor = 14
    desk.offers.edited("b", [Edit(0, 100, "")])
    desk.put("foo(a)")
    assert desk.counts["acceptedWhole"] == 1


def test_taking_a_key_back_is_no_end_of_it():
    desk = Desk()
    first = desk.offer("foo(a)")
    desk.put("f")
    desk.put("o")
    desk.edit(desk.cursor - 1, desk.cursor, "")
    assert desk.offer("oo(a)") == first
    desk.put("oo(a)")
    assert desk.counts["acceptedWhole"] == 1


@unhurried
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from(["", "f", "foo", "()"]))
    )
)
def test_after_any_edits_no_more_is_accepted_than_was_offered(edits):
    desk = Desk("x = █\ny = 2")
    desk.offer("foo(a)")
    for at, length, new in edits:
        start = min(at, len(desk.text))
        desk.edit(start, min(start + length, len(desk.text)), new)
    desk.wait()
    assert desk.counts["charactersAccepted"] <= 6
    assert desk.counts["keptAfter30s"] <= desk.counts["lookedAfter30s"]


def test_what_is_remembered_is_bounded():
    desk = Desk()
    for n in range(3 * MOST):
        desk.offer(f"foo{n}x")
    assert len(desk.offers._offers) == MOST
    assert len(desk.offers._live) <= MOST
