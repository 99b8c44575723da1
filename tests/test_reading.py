"""One open text: an anchor stands still while it may, and eight of them are remembered."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.model.completer import Context, FileId, Surroundings
from stateline.model.masked import view_of
from stateline.model.reading.open_text import ANCHORS, Reading, shown_path
from stateline.model.tokens import layout
from tiny_model import ours

LINES = [f"value_{n} = other[{n}] + {n * n}\n" for n in range(120)]
LONG = 30  # tokens between anchor and cursor, small enough for a short text


def at(reading: Reading, lines: int, longest: int = LONG, purpose: str = "warm") -> int:
    """The anchor after the cursor was put behind so many lines; if there is none yet, it is placed
    at the cursor."""
    reading.prefix.update("".join(LINES[:lines]))
    return reading.anchor(purpose, longest, reading.prefix.settled)


def test_an_anchor_stands_still_until_the_middle_grows_too_long():
    reading = Reading(ours())
    first = at(reading, 10)
    assert at(reading, 11) == first
    moved = at(reading, 20)
    assert moved > first
    assert reading.prefix.settled == moved


def test_a_jump_back_finds_its_own_anchor():
    reading = Reading(ours())
    places = range(10, 10 * (ANCHORS + 1), 10)
    anchors = [at(reading, lines) for lines in places]
    assert len(set(anchors)) == ANCHORS
    assert [at(reading, lines + 1) for lines in places] == anchors
    at(reading, 110)
    assert at(reading, 11) != anchors[0]  # the one used least recently has gone


def test_an_anchor_that_cannot_be_bettered_takes_one_place_only():
    """Where a few lines are long, the anchor's own place is further away than is wanted."""
    reading = Reading(ours())
    near = at(reading, 10)
    for _ in range(ANCHORS):
        reading.prefix.update("".join(LINES[:60]))
        assert reading.anchor("warm", LONG, 20) == 20
    assert at(reading, 11) == near


def test_an_edit_above_the_anchor_ends_it():
    reading = Reading(ours())
    first = at(reading, 10)
    reading.prefix.update("import os\n" + "".join(LINES[:11]))
    assert reading.anchor("warm", LONG, 3) == 3
    assert at(reading, 11) == first  # undone


def test_purposes_do_not_mix():
    reading = Reading(ours())
    first = at(reading, 10)
    assert at(reading, 11, purpose="cold") > first
    assert at(reading, 11) == first


def test_only_the_last_anchor_may_be_left_as_far_behind_as_its_purpose_allows():
    reading = Reading(ours())
    first = at(reading, 10)
    at(reading, 90)
    far = reading.prefix
    far.update("".join(LINES[:60]))
    assert far.settled - first > layout.ANCHOR_TOKENS
    assert reading.anchor("warm", far.settled, far.settled) == far.settled
    other = Reading(ours())
    assert at(other, 10) == at(other, 60, longest=far.settled)


@unhurried
@given(st.text("ab \n日💡(", max_size=60), st.integers(0, 30), st.integers(-5, 99))
def test_saved_tokens_spell_nothing_but_what_is_saved(text: str, start: int, saved_chars: int):
    reading = Reading(ours())
    reading.start = start
    reading.prefix.update(text)
    count = reading.saved_tokens(saved_chars)
    ends = reading.prefix.ends[: reading.prefix.settled]
    assert all(start + end <= saved_chars for end in ends[:count])
    assert all(start + end > saved_chars for end in ends[count:])


@pytest.mark.parametrize("saved_chars", [0, 50])
def test_nothing_is_saved_of_a_window_that_begins_later(saved_chars: int):
    reading = Reading(ours())
    reading.start = 100
    reading.prefix.update("".join(LINES))
    assert reading.saved_tokens(saved_chars) == 0


def test_what_follows_the_cursor_is_made_tokens_of_once(monkeypatch):
    reading, encoded = Reading(tokenizer := ours()), []
    encode = type(tokenizer).encode
    monkeypatch.setattr(
        type(tokenizer), "encode", lambda self, text: encoded.append(text) or encode(self, text)
    )
    below = "\n" + "".join(LINES[:9])
    for typed in ("x", "xy", "xyz"):
        reading.update(view_of(Context(typed + below, len(typed), "a.py")))
        assert reading.suffix(7) == encode(tokenizer, below)[:7]
    assert encoded == ["a.py\n", below]
    reading.update(view_of(Context("xyz\n", 3, "a.py")))
    assert reading.suffix(7) == encode(tokenizer, "\n")


@pytest.mark.parametrize(
    ("path", "language", "around", "shown"),
    [
        ("file:///home/me/p/src/a.py", "python", Surroundings(), "a.py"),
        ("a", "python", Surroundings(file=FileId("", "/home/me/p/src/a.py")), "a.py"),
        (
            "a",
            "python",
            Surroundings(file=FileId("/home/me/p", "src/a.py")),
            "src/a.py",
        ),
        ("a", "python", Surroundings(file=FileId("", "/home/me/p/a.py")), "a.py"),
        ("a", "typescriptreact", Surroundings(file=FileId("", "/p/View.tsx")), "View.tsx"),
        ("untitled:Untitled-1", "typescript", Surroundings(), "untitled:Untitled-1.ts"),
        ("a", "python", Surroundings(file=FileId("", "/p/manage")), "manage.py"),
        ("a", "rust", Surroundings(file=FileId("", "/p/main.rs")), "main.rs"),
        ("a", "", Surroundings(file=FileId("", "/p/notes")), "notes"),
    ],
)
def test_a_model_is_told_the_path_and_by_it_the_language(path, language, around, shown):
    assert shown_path(Context("", 0, path, language, around)) == shown


def test_a_name_is_said_only_to_a_model_that_knows_its_marker(monkeypatch):
    reading = Reading(tokenizer := ours())
    reading.update(view_of(Context("", 0, "a.py")))
    assert reading.named == [tokenizer.markers.file, *tokenizer.encode("a.py\n")]
    plain = ours()
    monkeypatch.setattr(plain, "markers", replace(plain.markers, file=None))
    other = Reading(plain)
    other.update(view_of(Context("", 0, "a.py")))
    assert other.named == []
