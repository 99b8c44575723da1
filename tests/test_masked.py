"""What a completer is shown of a text: the window around the cursor, and no secret."""

from dataclasses import replace
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.model import masked as module
from stateline.model.completer import Context, FileId, Neighbour, Scripted, Surroundings
from stateline.model.masked import Masked, view_of
from stateline.model.secrets.masking import masked
from stateline.model.tokens import layout

TOKEN = "ghp_" + "a1B2" * 9
OPEN = Neighbour("a.py", f"token = '{TOKEN}'\n", FileId("w", "a.py"))
PLAIN = Neighbour("b.py", "b = 1\n", FileId("w", "b.py"))


def shown(completer: Masked, around: Surroundings) -> Surroundings:
    completer.warm(Context("", 0, "a", around=around), Event())
    return completer.inner.warmed[-1].around


@pytest.fixture
def completer() -> Masked:
    return Masked(Scripted(lambda context: ()))


@unhurried
@given(st.text("ab \n)]", max_size=2_000), st.integers(0, 20_000), st.integers(0, 9))
def test_a_view_is_the_window_and_the_suffix(text: str, padding: int, line: int):
    text = "x = 1\n" * (padding // 6) + text
    offset = max(0, len(text) - line)
    view = view_of(Context(text, offset, "a"))
    below = layout.suffix_start(text, offset)
    assert view.start == layout.window_start(text, offset)
    assert view.prefix == text[view.start : offset]
    assert view.suffix == text[below : below + layout.SUFFIX_CHARS]


@pytest.mark.parametrize("at", [0, 4, 20, 39])
def test_a_secret_that_is_seen_in_part_is_known_by_the_rest(at: int):
    """At the window's start, at the suffix's end, and where the cursor parts it."""
    far = "x = 1\n" * 3_000
    before, after = far + TOKEN[:at], TOKEN[at:] + "\n" + far
    parted = view_of(Context(before + after, len(before), "a"))
    start = layout.window_start(far, len(far))
    hidden = far[: start - at - 1] + " " + TOKEN + " " + far[start:]
    late = " " * (layout.SUFFIX_CHARS - at) + TOKEN
    for view in (
        parted,
        view_of(Context(hidden, len(hidden), "a")),
        view_of(Context(late, 0, "a")),
    ):
        assert not [n for n in range(len(TOKEN) - 8) if TOKEN[n : n + 8] in view.text]


def test_a_neighbour_is_shown_without_its_secrets(completer: Masked):
    around = Surroundings(read=(OPEN,), recalled=(PLAIN,), file=PLAIN.file, saved_chars=3)
    expected = replace(around, read=(replace(OPEN, text=masked(OPEN.text)),))
    assert shown(completer, around) == expected != around
    assert shown(completer, around).recalled[0] is PLAIN


def test_a_neighbour_is_looked_at_once(completer: Masked, monkeypatch: pytest.MonkeyPatch):
    looked = []
    monkeypatch.setattr(module, "masked", lambda text: looked.append(text) or masked(text))
    around = Surroundings(read=(OPEN,), recalled=(PLAIN,))
    first = shown(completer, around)
    assert shown(completer, replace(around, saved_chars=7)).read is first.read
    shown(completer, Surroundings(read=(PLAIN, OPEN)))
    assert [text for text in looked if text] == [OPEN.text, PLAIN.text]


def test_of_a_forgotten_neighbour_nothing_is_kept(completer: Masked):
    shown(completer, Surroundings(read=(OPEN,)))
    completer.forget([OPEN.file])
    assert completer.inner.forgotten == [OPEN.file]
    assert completer._neighbour.cache_info().currsize == 0
    assert completer._around[0].read == ()
