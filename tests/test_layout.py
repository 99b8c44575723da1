"""The layout: where the window, the suffix and the anchor stand, and what a prompt is made of.

Texts carry the cursor as █.
"""

import random
from itertools import pairwise

import pytest
import tiny_model
from awkward_code import code
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model.tokens import layout
from stateline.model.tokens.tokenizer import Markers

OURS = tiny_model.ours()
MARKERS = OURS.markers
NONE = Markers(None, None, None, None, None, None)
LINES = "\n".join(f"line_{n} = {n}" for n in range(3_000))


def at_cursor(marked: str) -> tuple[str, int]:
    before, _, after = marked.partition("█")
    return before + after, len(before)


def check_suffix(marked: str, suffix: str) -> None:
    text, offset = at_cursor(marked)
    assert text[layout.suffix_start(text, offset) :] == suffix


def test_the_suffix_starts_at_the_cursor_or_after_what_editors_close():
    check_suffix("█", "")
    check_suffix("a█", "")
    check_suffix("█a", "a")
    check_suffix("f(█)", "")
    check_suffix("f(█)\nb", "\nb")
    check_suffix("f(█):\n    b", "\n    b")
    check_suffix("f([{'█'}])", "")
    check_suffix('x = "█"; \t\nb', "\nb")
    check_suffix("x = `█`,\n", "\n")
    check_suffix("a <█>\n", "\n")
    check_suffix("f(█) + 1\n", ") + 1\n")
    check_suffix("f(█) # why\n", ") # why\n")
    check_suffix("f(█ )\n", " )\n")  # a space before it is not an editor's doing
    check_suffix("a█  \nb", "\nb")
    check_suffix("a█\nb", "\nb")
    check_suffix("a\n█\nb", "\nb")
    check_suffix("f(█)\x0c\nb", ")\x0c\nb")
    check_suffix("f(█)\u2028b", ")\u2028b")  # ends a line for some, not in a Context
    check_suffix("f(█))" + ")" * 5_000 + "x", "))" + ")" * 5_000 + "x")


@pytest.mark.parametrize(
    ("marked", "end"),
    [("█", 0), ("a█", 1), ("█\n", 0), ("a█b\nc", 2), ("a\n█b", 3), ("a█\u2028b\x0cc", 5)],
)
def test_a_line_ends_at_the_line_feed_or_with_the_text(marked: str, end: int):
    assert layout.line_end(*at_cursor(marked)) == end


def test_the_window_is_the_whole_beginning_of_a_short_text():
    assert [layout.window_start(LINES, n) for n in (0, 1, 6_000, layout.WINDOW_CHARS)] == [0] * 4


def test_the_window_starts_at_a_line_and_moves_in_hops():
    starts = [layout.window_start(LINES, offset) for offset in range(0, len(LINES), 7)]
    assert starts == sorted(starts)
    assert all(start == 0 or LINES[start - 1] == "\n" for start in starts)
    hops = sorted({start // (layout.WINDOW_CHARS // 2) for start in starts})
    assert hops == list(range(len(hops)))
    assert len(set(starts)) == len(hops), "it stands still within a hop"


def test_the_window_stands_still_while_typing():
    typed = "".join(f"    value = {n}\n" for n in range(100))
    for offset in (11_990, 12_100, 17_000, 25_000):
        starts = [
            layout.window_start(LINES[:offset] + typed[:n] + LINES[offset:], offset + n)
            for n in range(len(typed))
        ]
        assert sum(a != b for a, b in pairwise(starts)) <= 1


@given(
    st.lists(st.sampled_from(["\n", "x" * 10, "y" * 700, "z" * 7_000]), max_size=60).map("".join),
    st.integers(0, 50_000),
)
@settings(deadline=None)
def test_the_window_is_neither_too_long_nor_too_short(text: str, offset: int):
    offset = min(offset, len(text))
    length = offset - layout.window_start(text, offset)
    assert length <= layout.WINDOW_CHARS
    assert length >= min(offset, layout.WINDOW_CHARS // 4)


def test_between_very_long_lines_there_is_still_a_window():
    text = "x" * 12_500 + "\n"
    assert layout.window_start(text, len(text)) == 6_000


@pytest.mark.parametrize(
    ("ends", "offset", "count"),
    [
        ([], 0, 0),
        ([], 5, 0),
        ([3, 5, 9], 0, 0),
        ([3, 5, 9], -1, 0),
        ([3, 5, 9], 1, 1),
        ([3, 5, 9], 3, 1),
        ([3, 5, 9], 4, 2),
        ([3, 5, 9], 9, 3),
        ([3, 5, 9], 10, 3),
        ([1, 2, 2, 2, 4], 2, 4),  # three tokens of one character
        ([1, 2, 2, 2, 4], 1, 1),
        ([2, 2], 1, 2),
    ],
)
def test_the_boundary_reaches_an_offset_and_splits_no_character(ends, offset, count):
    assert layout.boundary(ends, offset) == count


@given(st.text("ab 日🙂é\n", max_size=30), st.integers(0, 40))
@settings(deadline=None)
def test_text_cut_at_a_boundary_is_whole(text: str, offset: int):
    encoded = OURS.encode_with_offsets(text)
    count = layout.boundary(encoded.ends, offset)
    before, after = OURS.decode(encoded.ids[:count]), OURS.decode(encoded.ids[count:])
    assert before + after == text
    assert len(before) >= min(offset, len(text))


def anchor_of(text: str) -> tuple[str, str, int]:
    """The text above the anchor and below it, and how many tokens are below."""
    encoded = OURS.encode_with_offsets(text)
    anchor = layout.place_anchor(text, encoded.ends)
    above = OURS.decode(encoded.ids[:anchor])
    return above, text[len(above) :], len(encoded.ids) - anchor


def test_the_anchor_stands_eight_lines_up():
    lines = [f"a = {n}" for n in range(40)]
    for last in ("", "b", "b = 2"):
        above, below, _ = anchor_of("\n".join([*lines, last]))
        assert above == "\n".join(lines[:32]) + "\n"
        assert below.count("\n") == 8


def test_the_anchor_of_indented_lines_stands_after_the_indentation():
    # A line break and the indentation after it are one token.
    above, below, _ = anchor_of("if x:" + "\n    a = 1" * 20)
    assert above.endswith("\n    ")
    assert below.startswith("a = 1\n")
    assert below.count("\n") == 8


@pytest.mark.parametrize("text", ["", "a", "a\n" * 8, "\n" * 8, "def f():\n    return 1\n"])
def test_a_short_text_is_anchored_at_its_start(text: str):
    above, below, _ = anchor_of(text)
    assert (above, below) == ("", text)


@pytest.mark.parametrize(
    "text", ["value + " * 2_000, "a" * 5_000, "x = '日本語🙂'\n" + "日 " * 600]
)
def test_long_lines_are_anchored_within_the_limit(text: str):
    above, below, tokens = anchor_of(text)
    assert 0 < tokens <= layout.ANCHOR_TOKENS
    assert above + below == text


@pytest.mark.parametrize(("count", "anchor"), [(0, 0), (255, 0), (256, 0), (257, 2), (1_000, 745)])
def test_the_limit_of_an_anchor_is_counted_in_tokens(count: int, anchor: int):
    assert layout.place_anchor("x" * count, range(1, count + 1)) == anchor


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=40)
def test_no_anchor_is_further_than_the_limit(seed: int):
    rng = random.Random(seed)
    text = rng.choice(code())
    above, below, tokens = anchor_of(text[: rng.randrange(len(text))])
    assert tokens <= layout.ANCHOR_TOKENS
    assert below.count("\n") <= 9
    assert "\ufffd" not in above


def test_a_suffix_is_bounded():
    tokens, landmarks = layout.anchored(MARKERS, [], 0, range(10, 400))
    assert tokens[3:-1] == [*range(10, 10 + layout.SUFFIX_TOKENS)]
    assert landmarks == (1, 2, layout.SUFFIX_TOKENS + 4)


def check_layout(marked: str, expected: str, markers: Markers = MARKERS) -> None:
    """A layout in words. `|` in the prefix is the anchor, `█` the cursor; W is "w"."""
    prefix, _, suffix = marked.partition("█")
    before, _, near = prefix.partition("|")
    ids = [*OURS.encode(before), *OURS.encode(near)]
    anchor = len(OURS.encode(before))
    tokens, landmarks = layout.anchored(markers, ids, anchor, OURS.encode(suffix), OURS.encode("w"))
    names = {getattr(MARKERS, name): f"[{name}]" for name in ("bos", "pre", "suf", "mid")}
    shown = ""
    for count, token in enumerate(tokens):
        shown += "^" * landmarks.count(count) + (names.get(token) or OURS.decode([token]))
    assert shown + "^" * landmarks.count(len(tokens)) == expected


def test_layouts():
    check_layout("a\n|b█c", "[bos]w^[pre]a\n^[suf]c[mid]^b")
    check_layout("|b█c", "[bos]w^[pre]^[suf]c[mid]^b")  # suffix first
    check_layout("a|█c", "[bos]w^[pre]a^[suf]c[mid]^")  # prefix first
    check_layout("|█", "[bos]w^[pre]^[suf][mid]^")
    check_layout("a|b█c", "w^ab", NONE)
    check_layout("a|b█c", "[bos]w^ab", Markers(MARKERS.bos, None, None, None, None, None))
    no_middle = Markers(MARKERS.bos, MARKERS.pre, MARKERS.suf, None, None, None)
    check_layout("a|b█c", "[bos]w^ab", no_middle)
    no_bos = Markers(None, MARKERS.pre, MARKERS.suf, MARKERS.mid, None, None)
    check_layout("a|b█c", "w^[pre]a^[suf]c[mid]^b", no_bos)


ids = st.lists(st.integers(10, 400), max_size=300)


@given(ids, st.integers(0, 300), ids, ids)
@settings(deadline=None)
def test_the_parts_of_a_layout_are_where_the_landmarks_say(prefix, anchor, suffix, workspace):
    anchor = min(anchor, len(prefix))
    tokens, (head, before, around) = layout.anchored(MARKERS, prefix, anchor, suffix, workspace)
    assert tokens[:head] == [MARKERS.bos, *workspace]
    assert tokens[head] == MARKERS.pre
    assert tokens[before] == MARKERS.suf
    assert tokens[around - 1] == MARKERS.mid
    assert tokens[head + 1 : before] + tokens[around:] == prefix
    assert tokens[before + 1 : around - 1] == suffix[: layout.SUFFIX_TOKENS]
    assert around - before - 2 <= layout.SUFFIX_TOKENS


@given(ids, ids, ids)
@settings(deadline=None)
def test_typing_only_appends(prefix, typed, suffix):
    anchor = len(prefix) // 2
    before, landmarks = layout.anchored(MARKERS, prefix, anchor, suffix)
    after, same = layout.anchored(MARKERS, prefix + typed, anchor, suffix)
    assert after == before + typed
    assert same == landmarks


@pytest.mark.parametrize("character", "([{<=+-.#/a1_\\|&!?@ ")
def test_text_that_was_typed_is_no_auto_closed_text(character: str):
    assert layout.suffix_start(f"({character})", 1) == 1
