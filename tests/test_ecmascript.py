"""What is open after a piece of TypeScript or JavaScript."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.lsp_server.syntax.ecmascript import read, read_line


@pytest.mark.parametrize(
    ("text", "awaited", "quote"),
    [
        ("foo(() => {", ")}", ""),
        ("foo({ a: [1] })", "", ""),
        # Strings end with their line, template literals do not.
        ("const a = '(", "", "'"),
        ("const a = '(\n(", ")", ""),
        ("const a = 'it\\'s (' + (", ")", ""),
        ("const a = `(\n'", "", "`"),
        ("const a = `(${b(", "`})", ""),
        ("const a = `${`(${b}`}`;", "", ""),
        ("const a = `${b}(", "", "`"),
        # Comments.
        ("a(); // (don't", "", ""),
        ("a(); // (\n(", ")", ""),
        ("/* don't (\n", "", "*"),
        ("/* (\n */ (", ")", ""),
        ("/** (*/ [", "]", ""),
        ("this.#a(", ")", ""),  # no comment here
        ("const url = 'https://a.b'; (", ")", ""),
        # Regular expressions, and what divides.
        ("a.match(/[(/'\"]\\//g, (", "))", ""),
        ("return /(/.test(", ")", ""),
        ("const a = b / c; f('/", ")", "'"),
        ("const a = (b) / c / (", ")", ""),
        ("const a = 4 / (", ")", ""),
        ("if (a) // /(", "", ""),
        ("const a = /(", "", "/"),
        ("const a = /(\n[", ")]", ""),  # it did not end with its line: it was none
        # Elements.
        ("const a = <div>it's (", "<", ""),
        ("const a = <div>it's ({b(", "<})", ""),
        ("return <div", ">", ""),
        ("return <div a={() => {", ">}}", ""),
        ("return <div a='b", ">", "'"),
        ("return <div a='b\nc' d", ">", ""),
        ("return <div />", "", ""),
        ("return <div>(</div>", "", ""),
        ('return <><A.B c="(" /> \' <b>', "<<", ""),
        ("a => <li key={a}>", "<", ""),
        ("cond && <p>", "<", ""),
        # An angle that opens none.
        ("if (a < b", ")", ""),
        ("if (a <b", ")", ""),
        ("const a: Map<string, number> = new Map<string, (", ")", ""),
        ("const f = <T,>(a: T) => {", "}", ""),
        ("const f = <T extends A>(a: T) => {", "}", ""),
        ("a = 1 << (", ")", ""),
    ],
)
def test_what_is_open(text, awaited, quote):
    found = read(text)
    assert (found.awaited, found.quote) == (awaited, quote)


def test_where_there_are_no_elements_an_angle_is_a_cast():
    assert read("const a = <any>(b", jsx=False).awaited == ")"


def test_faults_and_strays():
    assert read("f(]").faults == 2
    assert read("a)").faults == 1
    assert read("a = 'b\n").faults == 1
    assert read("f(a);\n</div>").faults == 1
    assert read("f(a)").stray == -1
    assert read("f(a))").stray == 4
    assert read("f(").then("a)").closed == ")"
    assert read("f(").then("(a)").closed == ""


@pytest.mark.parametrize(
    ("prefix", "quote"),
    [
        ("const a = `\n  it's", "`"),
        ("const a = `\n`;\n  b(", ""),
        ("function f() {\n  /*\n   * don't", "*"),
        ("function f() {\n  // don't\n  g(", ""),
        ("x\n" * 20_000 + "  it's", "'"),  # it is not known what goes on there
        ("x'\n`" * 20_000 + "\nconst a = b;\n  it", ""),  # but a line at the margin is code
    ],
)
def test_what_goes_on_where_the_cursors_line_begins(prefix, quote):
    assert read_line(prefix, jsx=True).quote == quote


def test_brackets_opened_above_do_not_count():
    line = read_line("foo(() => {\n  bar(", jsx=True)
    assert (line.awaited, line.faults) == (")", 1)
    closed = line.then(")\n});")
    assert (closed.awaited, closed.closed, closed.faults, closed.stray) == ("", ")})", 2, -1)


parts = st.lists(
    st.sampled_from([*"()[]{}<>/'\"`\n *$", "${", "</a>", "<a", "//", "/*", "*/", "x", "\\", "=>"])
).map("".join)


@unhurried
@given(parts, parts)
def test_a_text_read_in_parts_is_the_text(before, after):
    whole, joined = read(before + after), read(before).then(after)
    assert (whole.awaited, whole.quote, whole.faults, whole.text) == (
        (joined.awaited, joined.quote, joined.faults, joined.text)
    )
