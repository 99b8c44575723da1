"""What a user sees of what a model wrote: `█` is the cursor, «…» what is inserted there."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.lsp_server.suggestions.shape import (
    Shaped,
    block,
    first_line,
    opens_block,
    shape,
    wants_block,
)
from stateline.lsp_server.syntax.brackets import brackets


def cut(marked):
    prefix, suffix = marked.split("█")
    return prefix, suffix


def buffer(marked, shaped):
    """The text once the suggestion is accepted; None for none."""
    prefix, suffix = cut(marked)
    return shaped and f"{prefix}«{shaped.text}»{suffix[shaped.overwrites :]}"


def check(marked, written, expected):
    """What `shape` makes of all that was written."""
    assert buffer(marked, shape(*cut(marked), written)) == expected


def check_line(marked, written, expected):
    """The same, of the first line."""
    prefix, suffix = cut(marked)
    extent = first_line(prefix, written)
    assert extent.finished
    assert buffer(marked, shape(prefix, suffix, written[: extent.end])) == expected


def check_block(marked, written, expected):
    """The same, of the block."""
    prefix, suffix = cut(marked)
    extent = block(prefix, written)
    assert extent.finished
    assert buffer(marked, shape(prefix, suffix, written[: extent.end])) == expected


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("add(█)", "a, b)", "add(«a, b)»"),
        ("foo(█)", "a, b", "foo(«a, b»)"),
        ("foo(█)", "a, b()", "foo(«a, b()»)"),  # this `)` closes a bracket of its own
        ("foo(█)", "a, b())", "foo(«a, b())»"),
        ("foo(█)", "a).b()", "foo(«a).b()»"),
        ("foo(█", "a, b)", "foo(«a, b)»"),
        ("foo(█)  ", "a", "foo(«a»)  "),
        ("foo(█)  ", "a)", "foo(«a)»"),
        ("foo( █ )", "a )", "foo( «a )»"),
        ("f(g(█))", "x", "f(g(«x»))"),
        ("f(g(█))", "x), y", "f(g(«x), y»)"),
        ("f(g(█))", "x))", "f(g(«x))»"),
        ("f(g(█)", "x)", "f(g(«x)»)"),  # one `)` for two brackets: it stays for the outer
        ("f(g(█)", "x))", "f(g(«x))»"),
        ("f([█)", "1, 2]", "f([«1, 2]»)"),
        ("f([█)", "1, 2])", "f([«1, 2])»"),
        ("f([█])", "1, 2", "f([«1, 2»])"),
        ("(█) + c", "f()", "(«f()») + c"),
        ("print(█)", '"a", b)', 'print(«"a", b)»'),
        ('print("█")', 'hello")', 'print("«hello")»'),
        ('print("█")', "hello", 'print("«hello»")'),
        ('print("█")', 'hello"', 'print("«hello"»)'),
        ('print("█")', 'a" + "b', 'print("«a" + "b»")'),
        ('print("█")', 'a (b) and c")', 'print("«a (b) and c")»'),
        ('print("f(█)")', "x", 'print("f(«x»)")'),
        ('print("f(█)")', 'x)")', 'print("f(«x)")»'),
        ('print(f"{f(█)}")', "x", 'print(f"{f(«x»)}")'),
        ('print(f"{f(█)}")', 'x)}")', 'print(f"{f(«x)}")»'),
        ("print(f\"{d['█']}\")", "a']}\")", "print(f\"{d['«a']}\")»"),
        ('d["█"]', 'key"]', 'd["«key"]»'),
        ('d["█"]', "key", 'd["«key»"]'),
        ('d["█"]', 'key"] = 1', 'd["«key"] = 1»'),
        ("d['█']", "it\\'s']", "d['«it\\'s']»"),
        ('    """█"""', 'Add."""', '    """«Add."""»'),
        ('    """█"""', "Add.", '    """«Add.»"""'),
        ("def f(█):", "a, b", "def f(«a, b»):"),
        ("def f(█):", "a, b)", "def f(«a, b)»:"),
        ("def f(█):", "a, b):", "def f(«a, b):»"),
        ("def f(█):", "a) -> int:", "def f(«a) -> int:»"),
        ("def f(█):", "a):\n    return a", "def f(«a):\n    return a»"),
        ("def f(█):", "a) -> int:\n    return a", "def f(«a) -> int:\n    return a»"),
        ("def f(█):", "a, b\n    return a", "def f(«a, b»):"),  # the rest would follow `return a`
        ("    f(█),", "a),", "    f(«a),»"),
        ("    f(█),", "a", "    f(«a»),"),
        ("    f(█),", "a),\n    g(b),", "    f(«a),\n    g(b),»"),
        ("<div█>", ' id="a">', '<div« id="a">»'),
        ("f(\n    a,\n    █)", "b", "f(\n    a,\n    «b»)"),
        ("f(\n    a,\n    █)", "b)", "f(\n    a,\n    «b)»"),
        ("f(\n    █)", "a,\n    b)", "f(\n    «a,\n    b)»"),
        ("f(█)", "\n    a,\n    b,\n)", "f(«\n    a,\n    b,\n)»"),
        ("f(█)", "\n    a,\n    b,", None),  # `)` would come to stand after `b,`
        ("x = [█]", "\n    1,\n    2,\n]", "x = [«\n    1,\n    2,\n]»"),
        ("x = {█}", '"a": [1],\n     "b": [2]}', 'x = {«"a": [1],\n     "b": [2]}»'),
        ("# see f(█)", "x)", "# see f(«x)»"),
        ("# don't f(█)", "x", "# don't f(«x»)"),
        ("x = '# f('; g(█)", "1)", "x = '# f('; g(«1)»"),
        ("f(█)" + ")" * 400, "a)", "f(«a)»" + ")" * 400),
    ],
)
def test_closing_characters_right_of_the_cursor(marked, written, expected):
    check(marked, written, expected)


def test_covered_characters_are_overwritten_and_others_are_not():
    assert shape("add(", ")", "a, b)") == Shaped("a, b)", 1)
    assert shape("add(", ")\nfoo()", "a, b") == Shaped("a, b", 0)
    assert shape("x = ", "  \ny", "1") == Shaped("1", 2)
    assert shape("def f(", "):", "a) -> int:") == Shaped("a) -> int:", 2)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("return █ + b", "a", "return «a» + b"),
        ("return █ + b", "a + b", "return «a» + b"),
        ("return █+ b", "a ", "return «a »+ b"),  # the space belongs between
        ("return █ + b", "a ", "return «a» + b"),
        ("x = █b", "a + ", "x = «a + »b"),
        ("foo(█, b)", "a, b)", "foo(«a», b)"),
        ("foo(█, b)", "a", "foo(«a», b)"),
        ("foo(█ + b)", "g()", "foo(«g()» + b)"),
        ("(█) + c", "a + f(b)", "(«a + f(b)») + c"),
        ("foo(█a, b)", "a, b)", None),
        ("foo(█a, b)", "\n    c", None),
        ("x = █ + 1", "a\ny = b + 1", "x = «a» + 1"),
        ("x = █ + 1", "f(a)\ny = b + 1", "x = «f(a)» + 1"),
        ("x = █ + 1", "f(\n    a,\n)", None),  # only `f(` fits there, and would stay open
        ("x = f(█) + 1", "[\n    1,\n]", None),
        ("x = f(█) + 1", "a,\n    b", "x = f(«a,») + 1"),
        ("f(█):", '"""a\nb', None),
        ("for x █ys:", "in ", "for x «in »ys:"),
    ],
)
def test_in_the_middle_of_a_line_nothing_is_said_twice(marked, written, expected):
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("x = █", "1\ny = 2\n", "x = «1»"),
        ("if x:█", "\n    a()\n    b()\n", "if x:«\n    a()»"),
        ("# if x:  # why: (█", "\n    a()\n", None),
        ("if x:  # why█", "\n    a()\n    b()\n", "if x:  # why«\n    a()»"),
        ("if x:█", "\n\n    a()\n", "if x:«\n\n    a()»"),
        ("if x:█", "\na()\nb()\n", None),  # the body is not indented
        ("    if x:█", "\n    a()\n", None),
        ("\tif x:█", "\n\t\ta()\n\t\tb()\n", "\tif x:«\n\t\ta()»"),
        ("\tif x:█", "\n\ta()\n", None),
        ("f(█", "\n    a,\n    b,\n)\n", "f(«\n    a,»"),
        ("f(█", "\n)\n", "f(«\n)»"),
        ("f(a,█", "\n  b)\n", "f(a,«\n  b)»"),
        ("x = 1█", "\ny = 2\n", None),
        ("if x:█", "\nelse:\n    a()\n", None),
        ("def f(█):", "a):\n    return a\n", "def f(«a):»"),
        ('if c == "#":█', "\n    a()\n", 'if c == "#":«\n    a()»'),
    ],
)
def test_the_first_line(marked, written, expected):
    check_line(marked, written, expected)


BODY = "\n    a()\n    b()\n"


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        # Where it ends: a finished statement, a dedent, a blank line.
        ("x = █", "1\ny = 2\n", "x = «1»"),
        ("    x = █", "1\n        y = 2\n", "    x = «1»"),
        ("if x:█", BODY + "c()\n", "if x:«\n    a()\n    b()»"),
        ("if x:█", BODY + "\n    c()\n", "if x:«\n    a()\n    b()»"),
        ("if x:█", BODY + "   \n    c()\n", "if x:«\n    a()\n    b()»"),
        ("i█", "f x:" + BODY + "\n", "i«f x:\n    a()\n    b()»"),
        ("if x:█", "\n    for y in x:\n        a()\n    b()\nc",
         "if x:«\n    for y in x:\n        a()\n    b()»"),
        ("if x:█", "\na()\n", None),
        ("if x:█", "\n\n    a()\n    b()\nc", "if x:«\n\n    a()\n    b()»"),
        # Clauses of the same statement go on with it.
        ("if x:█", "\n    a()\nelse:\n    b()\nc()\n", "if x:«\n    a()\nelse:\n    b()»"),
        ("try:█", "\n    a()\nexcept E:\n    b()\nelsewhere()\n",
         "try:«\n    a()\nexcept E:\n    b()»"),
        ("    if x:█", "\n        a()\nelse:\n    b()\n", "    if x:«\n        a()»"),
        # On an empty line the block is the one around it.
        ("def f():\n    █", "x = 1\n    return x\n\ndef g", "def f():\n    «x = 1\n    return x»"),
        ("def f():\n    █", "if x:\n        a()\n    else:\n        b()\ng()\n",
         "def f():\n    «if x:\n        a()\n    else:\n        b()»"),
        ("def f():\n█", "    x = 1\n    return x\nf()\n", "def f():\n«    x = 1\n    return x»"),
        ("def f():\n\t█", "x = 1\n\treturn x\ny", "def f():\n\t«x = 1\n\treturn x»"),
        ("█", "@cached\ndef f():\n    return 1\n\n\nx", "«@cached\ndef f():\n    return 1»"),
        ("class A:\n    @property\n    █", "def f(self):\n        return 1\n\n",
         "class A:\n    @property\n    «def f(self):\n        return 1»"),
        # Brackets: a call that ends inside a block does not end the block.
        ("if x:█", "\n    f(\n        a,\n    )\n    b()\nc",
         "if x:«\n    f(\n        a,\n    )\n    b()»"),
        ("foo(█", "\n    a,\n    b,\n)\nc()\n", "foo(«\n    a,\n    b,\n)»"),
        ("foo(█", "\n    a,\n\n    b,\n)\nc()\n", "foo(«\n    a,\n\n    b,\n)»"),
        ("foo(█", "\n    a,\n    b)\nc()\n", "foo(«\n    a,\n    b)»"),
        ("foo(█)", "\n    a,\n    b,\n)\nc()\n", "foo(«\n    a,\n    b,\n)»"),
        ("foo(a,█", " b,\n    c)\nd()\n", "foo(a,« b,\n    c)»"),
        ("x = [█]", "\n    [1],\n    [2],\n]\ny\n", "x = [«\n    [1],\n    [2],\n]»"),
        ("def f(█", "\n    a,\n):\n    x()\n    y()\nz", "def f(«\n    a,\n):\n    x()\n    y()»"),
        ("if (x) {█", "\n  a();\n} else {\n  b();\n}\nc();\n",
         "if (x) {«\n  a();\n} else {\n  b();\n}»"),
        ("foo(\n    █\n)", "a,\n    b,\n)\nc()\n", "foo(\n    «a,\n    b,»\n)"),
        # Brackets and quotes that are none.
        ('x = "(" + █', "y\nz()\n", 'x = "(" + «y»'),
        ("x = █", "y  # (\nz()\n", "x = «y  # (»"),
        ("x = █", "y  # don't\nz()\n", "x = «y  # don't»"),
        ("if x:█", '\n    a("(")\n    b(\')\')\n\n    c()\n', 'if x:«\n    a("(")\n    b(\')\')»'),
        ("x = f(█", '\n    "a)",  # )\n    b,\n)\nc\n', 'x = f(«\n    "a)",  # )\n    b,\n)»'),
        ("x = '\\'' + █", "y\nz()\n", "x = '\\'' + «y»"),
        ("f(  # (█", "\n    a)\n    b\n", "f(  # («\n    a)»"),
        ("def f():\n    █", "x = g(  # (\n        1)\n\n    y\n",
         "def f():\n    «x = g(  # (\n        1)»"),
        # Docstrings: a blank line in one is no end, prose in one is no code.
        ("def f():\n    █", '"""Add.\n\n    More.\n    """\n    return 1\n\nx',
         'def f():\n    «"""Add.\n\n    More.\n    """\n    return 1»'),
        ('def f():\n    """Add (a\n    █', 'number).\n    """\n    return 1\n\nx = 1\n',
         'def f():\n    """Add (a\n    «number).\n    """\n    return 1»'),
        ('def f():\n    """Don\'t █', "use (it.\n    b\n", 'def f():\n    """Don\'t «use (it.»'),
    ],
)  # fmt: skip
def test_the_block(marked, written, expected):
    check_block(marked, written, expected)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("x = █", "", None),
        ("x = █", " \n  ", None),
        ("x = 1\n█\ny = 2", "x = 1", None),
        ("x = 1\n\n█\n\ny = 2", "y = 2", None),
        ("x = 1\n█\ny = 2", "y = 2\nz = 3", None),
        ("x = f(a)\nx = f(█)", "a", None),  # with what stands right of the cursor
        ("if x:\n    return a\n█", "return a", "if x:\n    return a\n«return a»"),  # not as deep
        ("a\n█", "a", "a\n«a»"),  # too short to tell
        # Cut where it begins to repeat the next lines.
        ("a()\n█\nb()\nc()", "x()\nb()\nc()", "a()\n«x()»\nb()\nc()"),
        ("if x:█\nelse:\n    b()", "\n    a()\nelse:\n    c()", "if x:«\n    a()»\nelse:\n    b()"),
        ("try:█\nexcept A:\n    b()", "\n    a()\nexcept B:\n    c()",
         "try:«\n    a()»\nexcept A:\n    b()"),
        ("if a:\n    if x:█\n    return y", "\n        return y",
         "if a:\n    if x:«\n        return y»\n    return y"),
        ("x = [█\n]", "\n    1,\n    2,\n]", "x = [«\n    1,\n    2,»\n]"),
        ("if x:█\n    a()\n", "\n    a()", None),
        ("if x:\n\nif x:█", "\n    a()", "if x:\n\nif x:«\n    a()»"),  # the user repeats
        # The same again and again.
        ("x = █", "aaaaaaaa", None),
        ("x = █", "self.a.a.a.a.a.a.a", None),
        ("x = █", "a, a, a, a, a, a, a, a", None),
        ("x = [█", "0, " * 20, None),
        ("# █", "-" * 70, "# «" + "-" * 70 + "»"),
        ("# █", "=" * 150, None),
        ("# -----█", "-----", "# -----«-----»"),
        ("x = █", "1000000", "x = «1000000»"),
        ("x = █", "0xFFFFFFFFFFFFFFFF", "x = «0xFFFFFFFFFFFFFFFF»"),
        ("x = [█]", "0, 0, 0, 0, 0, 0, 0, 0", "x = [«0, 0, 0, 0, 0, 0, 0, 0»]"),
        ("x, x, x, x, x, x, x = █", "y", "x, x, x, x, x, x, x = «y»"),  # the user wrote it
        ("if x:█", "\n    a()" * 3, None),
        ("if x:█", "\n    a()\n    b()" * 3, None),
        ("█", "a()\na()\na()", None),
        ("if x:█", "\n    a()\n    a()", "if x:«\n    a()\n    a()»"),
        ("if a:█", "\n    return 0\nif b:\n    return 0\nif c:\n    return 0",
         "if a:«\n    return 0\nif b:\n    return 0\nif c:\n    return 0»"),
    ],
)  # fmt: skip
def test_nothing_is_better_than_nonsense(marked, written, expected):
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("line", "opens"),
    [
        ("if x:", True),
        ("if x:  # why", True),
        ("# if x:", False),
        ('if c == "#":', True),
        ("if c == '\"':", True),
        ("foo(", True),
        ("x = [", True),
        ("x = {  # (", True),
        ('print("a:', False),
        ('print("a:"', False),
        ("x = 1", False),
        ("):", True),
        ("this.#f(", True),
        ("", False),
    ],
)
def test_what_opens_a_block(line, opens):
    assert opens_block(line) is opens


@pytest.mark.parametrize(
    ("prefix", "wants"),
    [
        ("if x:", True),
        ("if x:\n    ", True),
        ("def f(\n    a,\n):\n    ", True),
        ("if x:\n\n    ", True),
        ("if x:\n    a()\n    ", False),
        ("x = 1", False),
        ("# if x:\n", False),
        ("", False),
    ],
)
def test_when_several_lines_are_wanted(prefix, wants):
    assert wants_block(prefix) is wants


@pytest.mark.parametrize(
    ("prefix", "written", "finished"),
    [
        ("x = ", "1", False),
        ("x = ", "1\n", True),
        ("if x:", "\n    a()", False),
        ("if x:", "\n    a()\n", False),
        ("if x:", "\n    a()\nel", False),  # this may become `else`
        ("if x:", "\n    a()\nelephant", True),
        ("if x:", "\n    a()\nel\n", True),
        ("if x:", "\nel", True),  # there is no body that it could follow
        ("if x:", "\n    a()\n\n", True),
        ("f(", "\n    a\n", False),
        ("f(", "\n    a\n)\n", True),
    ],
)
def test_a_block_ends_as_soon_as_that_is_certain(prefix, written, finished):
    assert block(prefix, written).finished is finished


def test_brackets_are_read_in_parts():
    before = brackets("f([")
    assert (before.awaited, before.closed, before.faults) == (")]", "", 2)
    after = before.then("1], {}) + ')' # )")
    assert (after.awaited, after.closed, after.faults, after.code_end) == ("", "])", 0, 17)
    assert brackets("x = 'it\ny").faults == 1
    assert brackets("don't\n(").awaited == ")"
    assert brackets("# (\n[").awaited == "]"
    assert brackets("f(]").faults == 2


code = st.lists(
    st.sampled_from(
        [
            *("\n", "\n    ", "\n        ", "\n\t", " ", "    ", *"()[]{}:,#\\'\"`", '"""'),
            *("x", "foo", "if x:", "else:", "el", "return", "a = 1", "-----", "0, ", ");"),
            *("def f(", "\f", "é", "💡", "\u2028"),
        ]
    ),
    max_size=14,
).map("".join)


@unhurried
@given(code, code, code)
@example("", "", "\n")
def test_any_text_is_only_cut_at_its_end_and_stays_on_its_line(prefix, suffix, written):
    shaped = shape(prefix, suffix, written)
    if shaped is not None:
        assert written.startswith(shaped.text)
        assert shaped.text.strip()
        rest = suffix.partition("\n")[0]
        assert 0 <= shaped.overwrites <= len(rest)


@unhurried
@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_any_characters_are_borne(prefix, suffix, written):
    prefix, suffix, written = (t.replace("\r", "\n") for t in (prefix, suffix, written))
    shape(prefix, suffix, written)
    first_line(prefix, written)
    block(prefix, written)


@unhurried
@given(code, code)
@example("if x:", "\n    a()\nelse:\n    b()\n\n")
@example("if x:", "\n    a()\nelx\n")
@example("if x:", "\n    a()\n\n    b()\n")
@example("f(", "\n\n    a\n)\nb\n")
@pytest.mark.parametrize("extent_of", [first_line, block])
def test_extents_grow_and_a_finished_one_stays(extent_of, prefix, written):
    extents = [extent_of(prefix, written[:n]) for n in range(len(written) + 1)]
    for n, (before, after) in enumerate(pairwise(extents)):
        assert before.end <= n
        assert after == before if before.finished else after.end >= before.end


@unhurried
@given(code, code)
def test_a_finished_block_holds_the_first_line(prefix, written):
    line, whole = first_line(prefix, written), block(prefix, written)
    if whole.finished:
        assert line.finished
        assert whole.end >= line.end


@pytest.mark.parametrize("extent_of", [first_line, block])
def test_the_text_far_from_the_cursor_does_not_matter(extent_of):
    far = "def f():\n    x = '''\n" * 1000
    assert extent_of(far + "if x:", BODY) == extent_of("if x:", BODY)
    assert wants_block("x" * 1_000_000 + " if x:")
    assert shape("x" * 1_000_000 + " f(", ")" + " y" * 500_000, "a") is not None
