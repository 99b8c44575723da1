"""The demo's rules: what is taken out of a file, the keys, the judgement, the counts, the looks."""

import io
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from stateline.lsp_server.client.tally import Keystroke, ReportedCost, Spread, Tally
from stateline.lsp_server.client.typist import (
    Draft,
    Habits,
    Judgement,
    Key,
    accepting,
    draft_of,
    habits_of,
    indentation,
    judge,
    next_key,
    pressed,
)
from stateline.lsp_server.commands.picture import Scene, rows

FILE = '''\
import sys


class Greeter:
    """Says hello."""

    def __init__(self, name):
        self.name = name
        self.loud = False

    def greet(self, others, stream=sys.stdout):
        """Greet everybody.

        Twice.
        """
        for other in others:
            if self.loud:
                other = other.upper()
            stream.write(
                f"Hello, {other}, I am {self.name}"
            )

            self.count += 1
        return self.count


class Many:
    def calls():
        first()
        second()
        third()
        fourth()
'''


def typed_out(draft, accept_at=lambda draft: 0):
    """All drafts and keys on the way to the end; `accept_at` says how much is accepted where."""
    keys, drafts = [], [draft]
    while True:
        size = 0 if draft.surplus else accept_at(draft)
        key = accepting(draft.left[:size]) if size else next_key(draft)
        if key is None:
            return keys, drafts
        draft = pressed(draft, key)
        keys.append(key)
        drafts.append(draft)
        assert len(keys) < 10_000, "typing does not end"


# What is taken out.


@pytest.mark.parametrize(
    ("function", "lines", "first", "last"),
    [
        ("Greeter.greet", 4, "for other in others:", "stream.write("),
        ("greet", 99, "for other in others:", "return self.count"),
        ("__init__", 1, "self.name = name", "self.name = name"),
        ("", 7, "for other in others:", ")"),  # a blank line at the end stays
        ("", 8, "for other in others:", "self.count += 1"),
        ("Many.calls", 2, "second()", "third()"),
        ("no_such", 8, "for other in others:", "self.count += 1"),
    ],
)
def test_lines_are_taken_from_a_function(function, lines, first, last):
    draft = draft_of(FILE, function, lines)
    assert draft.above + draft.left + draft.below == FILE
    before, *taken = draft.left.split("\n")
    assert (before, taken[0].strip(), taken[-1].strip()) == ("", first, last)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a = 1\nb = 2\nc = 3\n", "\nb = 2\nc = 3"),
        ("if (\nb = 2\nc = 3\n", "\nb = 2\nc = 3"),  # no Python
        ("class A:\n    x = 1\n", "\n    x = 1"),
    ],
)
def test_lines_are_taken_without_a_function(text, left):
    draft = draft_of(text)
    assert draft.above + draft.left + draft.below == text
    assert draft.left == left


@pytest.mark.parametrize("text", ["", "x = 1", "x = 1\n", "\n\n\n\n", "def f(): return 1\n\n\n"])
def test_a_text_with_nothing_to_type_is_refused(text):
    with pytest.raises(ValueError, match="too few lines"):
        draft_of(text)


# Which key comes next.


def test_a_function_is_typed_as_in_an_editor():
    keys, drafts = typed_out(draft_of(FILE, "greet", 99))
    assert drafts[-1].before + drafts[-1].below == FILE
    pressed_keys = [key.name if len(key.name) > 1 else key.inserts for key in keys]
    assert "Tab" not in pressed_keys
    said = "".join(f"<{name}>" if len(name) > 1 else name for name in pressed_keys)
    assert said.replace("<Space>", " ") == (
        "<Enter>for other in others:<Enter>if self.loud:<Enter>other = other.upper()"
        '<Enter><Backspace>stream.write(<Enter>f"Hello, {other}, I am {self.name}"'
        "<Enter><Backspace>)<Enter><Enter>self.count += 1<Enter><Backspace>return self.count"
    )


SCRIPT = """\
/**
 * Counts.
 */
export function count(rows: Row[]): number {
  let total = 0;
  for (const row of rows) {
    if (row.open) {
      total += row.size;
    }
  }
  return total;
}
"""


def test_a_function_with_braces_is_typed_as_in_an_editor():
    draft = draft_of(SCRIPT, "count", habits=habits_of(SCRIPT))
    keys, drafts = typed_out(draft)
    assert drafts[-1].before + drafts[-1].below == SCRIPT
    said = "".join(f"<{key.name}>" if len(key.name) > 1 else key.name for key in keys)
    assert said.replace("<Space>", " ") == (
        "<Enter>let total = 0;<Enter>for (const row of rows) {<Enter>if (row.open) {"
        "<Enter>total += row.size;<Enter>}<Enter>}<Enter>return total;"
    )
    assert [key.deletes for key in keys if key.inserts == "}"] == [2, 2]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("f() {\n  a;\n}", 2),
        ("/**\n * a\n */\nf() {\n    a;\n}", 4),
        ("f() {\n\ta;\n}", 2),
        ("", 2),
    ],
)
def test_the_first_indented_row_says_how_far(text, unit):
    assert habits_of(text) == Habits(unit, braces=True)


@pytest.mark.parametrize(
    ("above", "left", "keys"),
    [
        ("if a:\n    if b:\n        x", "\ny", ["\n        ", -4, -4, "y"]),
        ("f(a,", "\n  b)", ["\n  ", "b", ")"]),  # as an editor that aligns such lines
        ("if a:", "\n\n    b", ["\n    ", "\n    ", "b"]),
        ("if a:\n\tx", "\ny", ["\n\t", -1, "y"]),
        ("if a:", "\n\tx", ["\n\t", "x"]),
    ],
)
def test_each_key_does_what_it_does_in_an_editor(above, left, keys):
    pressed_keys, _ = typed_out(Draft(above, left, ""))
    assert [key.inserts or -key.deletes for key in pressed_keys] == keys


ROWS = st.lists(
    st.builds(
        "{}{}".format,
        st.sampled_from(["", " ", "    ", "        ", "\t", "             "]),
        st.sampled_from(["", "x = 1", "if x:", "return", "f(a,", "b)", "[", "]", "'é😀'", " "]),
    ),
    min_size=1,
    max_size=12,
)


@given(ROWS, ROWS, st.integers(0, 2**32))
def test_whatever_is_typed_or_accepted_the_text_comes_out(above, left, seed):
    draft = Draft("\n".join(above), "\n" + "\n".join([*left, "end"]), "\nbelow")
    text = draft.above + draft.left + draft.below
    chance = random.Random(seed)
    _, drafts = typed_out(draft, lambda at: chance.choice([0, 0, 0, 5, len(at.left)]))
    for each in drafts:
        assert each.above + each.left + each.below == text
        assert not each.surplus.strip(" \t")
    assert drafts[-1].before + drafts[-1].below == text


@pytest.mark.parametrize(
    ("above", "columns"),
    [
        ("x = 1", 0),
        ("    x = 1\n\n", 4),
        ("    if x:", 8),
        ("    x = f(", 8),
        ("    return x", 0),
        ("    raise X(\n        1\n    )", 0),
        ("    x = f(a,\n          b)", 4),
        ("    x = [\n        1,", 8),
        ("        return f(a,", 8),  # aligned by other means
        ("", 0),
        (")))", 0),
    ],
)
def test_enter_indents_as_an_editor_does(above, columns):
    assert indentation(above) == " " * columns


@pytest.mark.parametrize(
    ("above", "columns"),
    [
        ("x = 1;", 0),
        ("  if (x) {", 4),
        ("  return x;", 2),
        ("  f(a,\n    b);", 2),
        ("  f({\n    a,\n  });", 2),
        ("  case 1:", 2),
        ("  }", 2),
    ],
)
def test_enter_indents_by_braces(above, columns):
    assert indentation(above, Habits(2, braces=True)) == " " * columns


# Which suggestions are right.


@pytest.mark.parametrize(
    ("ghost", "left", "verdict"),
    [
        ("value = 12", "value = 12\nnext", Judgement(True, True, "value = 12")),
        ("value = 12\nnext", "value = 12\nnext", Judgement(True, True, "value = 12\nnext")),
        ("value = 12\nother", "value = 12\nnext", Judgement(True, True, "value = 12")),
        ("value = 1", "value = 12\nnext", Judgement(True, False, "value = 1")),  # right so far
        ("value = 1\nother", "value = 12\nnext", Judgement(True, False, "")),
        ("value = 99", "value = 12", Judgement(True, False, "")),
        ("values", "value = 12", Judgement(False, False, "")),
        ("x = 1", "x = 1", Judgement(True, True, "")),  # too short to be worth a key
        (" = 123456789", " = 123456789", Judgement(True, True, " = 123456789")),
        ("= 123456789", " = 123456789", Judgement(False, False, "")),
        ("\n    deeper_still", "\n    deeper_still", Judgement(True, True, "\n    deeper_still")),
        ("\n  deeper_still", "\n    deeper_still", Judgement(False, False, "")),
        ("", "x = 1", Judgement(False, False, "")),
        ("value = 12", "", Judgement(False, False, "")),
    ],
)
def test_a_suggestion_is_judged(ghost, left, verdict):
    assert judge(ghost, Draft("", left, "")) == verdict


def test_no_suggestion_is_right_where_something_has_to_go_first():
    draft = Draft("", "value = 12", "", surplus="    ")
    assert judge("value = 12", draft) == Judgement(False, False, "")


# What is counted.


@pytest.mark.parametrize(
    ("values", "median", "p95"),
    [([7], 7, 7), ([2, 1], 1, 2), (range(1, 101), 50, 95), ([3, 1, 2], 2, 3)],
)
def test_a_spread_is_by_nearest_rank(values, median, p95):
    assert Spread.of(list(values)) == Spread(len(values), median, p95)


def test_the_spread_of_nothing_is_no_number():
    nothing = Spread.of([])
    assert nothing.count == 0
    assert math.isnan(nothing.median)


def cost(at_s, source, read=0):
    return ReportedCost(at_s, source, 0, read, 0, 0.0, False)


TALLY = Tally(
    (
        Keystroke(Key("a", 0, "a"), 1.0, 30.0, "bc", Judgement(True, True, "")),
        Keystroke(Key("b", 0, "b"), 2.0, None, "", Judgement(False, False, "")),
        Keystroke(accepting("c, d, e, f"), 3.0, 10.0, "x", Judgement(False, False, "")),
    ),
    (
        *(cost(0.5, "background", 1000), cost(1.1, "model", 300), cost(2.1, "model", 4)),
        *(cost(2.2, "background", 70), cost(3.1, "typed")),
    ),
)


def test_keystrokes_and_costs_are_counted():
    assert len(TALLY.shown) == 2
    assert TALLY.accepted_share == 10 / 12
    assert TALLY.answer_ms == Spread(2, 10.0, 30.0)
    assert TALLY.overtaken == 1
    assert TALLY.first_read.tokens_read == 300
    assert TALLY.tokens_read == Spread(1, 4, 4)
    assert TALLY.typed_through == 1
    assert TALLY.background_tokens == 1070
    reported = [TALLY.cost_of(index) for index in range(3)]
    assert [each.at_s for each in reported] == [1.1, 2.1, 3.1]
    assert replace(TALLY, costs=()).cost_of(0) is None


def test_an_empty_tally_can_be_told():
    assert {result for _, result, _ in rows(Tally())} >= {"0", "0%", "none"}


# How it looks.


def drawn(scene, width=100, height=30):
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(scene)
    return capture.get().split("\n")[:-1]


@pytest.mark.parametrize("height", [22, 30, 50])
@pytest.mark.parametrize("ghost", ["", "if self.loud:", "\n            if x:\n                y"])
def test_a_scene_fits_and_shows_the_ghost_at_the_cursor(height, ghost):
    draft = draft_of(FILE, "greet", 4)
    _, drafts = typed_out(draft)
    lines = drawn(Scene("title", drafts[21], ghost, TALLY), height=height)
    assert len(lines) <= height
    assert {len(line) for line in lines[:3]} == {100}
    at = next(i for i, line in enumerate(lines) if line.startswith("│ 16 "))
    first, *others = ghost.split("\n")
    mark = first + "↵" if others else first
    assert lines[at].strip("│").rstrip() == f" 16         for other in others:{mark}"
    for i, row in enumerate(others, start=1):
        assert lines[at + i].strip("│").rstrip() == "    " + row
    assert lines[at + len(others) + 1].startswith("│ 17 ")


@pytest.mark.parametrize("language", ["typescript", "typescriptreact", "javascriptreact"])
def test_each_language_has_its_colours(language):
    draft = Draft("const a", "", "\nreturn `x`;")
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    shown = []
    for each in (language, "no such language"):
        with console.capture() as capture:
            console.print(Scene("title", draft, "", Tally(), each))
        shown.append(capture.get())
    assert shown[0] != shown[1]


def test_the_median_stays_on_a_narrow_screen():
    stroke = Keystroke(Key("a", 0, "a"), 1.0, 123.0, "bc", Judgement(True, True, ""))
    lines = drawn(Scene("title", Draft("x" * 100, "y" * 100, ""), "", Tally((stroke,) * 100)), 80)
    assert lines[-1].rstrip().endswith("123 ms")


def test_a_narrow_terminal_and_tabs_are_no_trouble():
    scene = Scene("[/b].py", Draft("\tx", "", "\t\ty\n\tz"), "\tg", Tally())
    lines = drawn(scene, width=40, height=10)
    assert {len(line) for line in lines[:4]} == {40}
    assert "[/b].py" in lines[0]
