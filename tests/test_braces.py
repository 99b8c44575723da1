"""What a user sees in TypeScript and JavaScript: `█` is the cursor, «…» what is inserted there."""

from itertools import pairwise

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.lsp_server.suggestions.shape import (
    block,
    first_line,
    opens_block,
    shape,
    wants_block,
)
from stateline.lsp_server.syntax.ecmascript import read
from stateline.lsp_server.syntax.syntax import BRACED, BRACED_JSX, INDENTED


def check(marked, written, expected, extent_of=block, syntax=BRACED_JSX):
    """What `shape` makes of the block that was written, or of its first line."""
    prefix, suffix = marked.split("█")
    extent = extent_of(prefix, written, syntax)
    assert extent.finished
    shaped = shape(prefix, suffix, written[: extent.end], syntax)
    shown = shaped and f"{prefix}«{shaped.text}»{suffix[shaped.overwrites :]}"
    assert shown == expected


IF = "\n  a();\n  b();\n}"


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        # A statement, with a semicolon or without one.
        ("const x = █", "1;\nconst y = 2;\n", "const x = «1;»"),
        ("const x = █", "1\nconst y = 2\n", "const x = «1»"),
        ("  return █", "a + b;\n}\n", "  return «a + b;»"),
        # A block ends with its brace.
        ("if (x) {█", IF + "\nc();\n", f"if (x) {{«{IF}»"),
        ("if (x) {█", "\n  a();\n\n  b();\n}\nc();\n", "if (x) {«\n  a();\n\n  b();\n}»"),
        ("  if (x) {█", "\n    a();\n  }\n  c();\n", "  if (x) {«\n    a();\n  }»"),
        ("\tif (x) {█", "\n\t\ta();\n\t}\n\tc();\n", "\tif (x) {«\n\t\ta();\n\t}»"),
        ("function f(█", "a, b) {\n  return a + b;\n}\n\nf(1);\n",
         "function f(«a, b) {\n  return a + b;\n}»"),
        ("async function f() █", "{\n  await g();\n}\nx();\n",
         "async function f() «{\n  await g();\n}»"),
        # Clauses go on with it, on the brace's line or on the next.
        ("if (x) {█", "\n  a();\n} else {\n  b();\n}\nc();\n",
         "if (x) {«\n  a();\n} else {\n  b();\n}»"),
        ("if (x) {█", "\n  a();\n} else if (y) {\n  b();\n}\nc();\n",
         "if (x) {«\n  a();\n} else if (y) {\n  b();\n}»"),
        ("if (x) {█", "\n  a();\n}\nelse {\n  b();\n}\nc();\n",
         "if (x) {«\n  a();\n}\nelse {\n  b();\n}»"),
        ("try {█", "\n  a();\n} catch (e) {\n  b();\n} finally {\n  c();\n}\nd();\n",
         "try {«\n  a();\n} catch (e) {\n  b();\n} finally {\n  c();\n}»"),
        ("do {█", "\n  a();\n} while (x);\nb();\n", "do {«\n  a();\n} while (x);»"),
        ("do {█", "\n  a();\n}\nwhile (x);\nb();\n", "do {«\n  a();\n}\nwhile (x);»"),
        ("if (x) {█", "\n  a();\n}\nwhile (x) b();\n", "if (x) {«\n  a();\n}»"),
        ("} else {█", "\n  b();\n}\nc();\n", "} else {«\n  b();\n}»"),
        # Without braces.
        ("if (x)█", "\n  a();\nb();\n", "if (x)«\n  a();»"),
        ("if (f(x))█", "\n  a();\nelse\n  b();\nc();\n", "if (f(x))«\n  a();\nelse\n  b();»"),
        ("for (const a of b)█", "\n  c(a);\nd();\n", "for (const a of b)«\n  c(a);»"),
        ("if (x) return █", "a;\n  b();\n", "if (x) return «a;»"),
        # Labels.
        ("  case 1:█", "\n    a();\n    break;\n  case 2:\n    b();\n",
         "  case 1:«\n    a();\n    break;»"),
        ("  default:█", "\n    a();\n}\n", "  default:«\n    a();»"),
        ("switch (x) {█", "\ncase 1:\n  a();\n}\nb();\n", "switch (x) {«\ncase 1:\n  a();\n}»"),
        # Functions as values, calls with callbacks.
        ("const f = (a) => █", "{\n  b(a);\n};\nc();\n", "const f = (a) => «{\n  b(a);\n};»"),
        ("const f = (a) =>█", "\n  b(a);\nc();\n", "const f = (a) =>«\n  b(a);»"),
        ("foo(() => {█", "\n  a();\n});\nb();\n", "foo(() => {«\n  a();\n});»"),
        ("foo(() => {█})", "\n  a();\n});\nb();\n", "foo(() => {«\n  a();\n});»"),
        ("foo(() => {█});", "\n  a();\n});\nb();\n", "foo(() => {«\n  a();\n});»"),
        ("foo(() => {█});", "\n  a();\n})\nb()\n", "foo(() => {«\n  a();\n})»;"),
        ("it('adds', () => {\n  █\n});", "expect(add(1, 2)).toBe(3);\n});\n\nit('b', () => {\n",
         "it('adds', () => {\n  «expect(add(1, 2)).toBe(3);»\n});"),
        ("useEffect(() => {\n  █\n}, [a]);", "b(a);\n}, [a]);\n",
         "useEffect(() => {\n  «b(a);»\n}, [a]);"),
        ("foo(a, function (b) {█", "\n  c(b);\n});\nd();\n",
         "foo(a, function (b) {«\n  c(b);\n});»"),
        # Literals over lines.
        ("const x = {█", "\n  a: 1,\n  b: [2],\n};\ny();\n",
         "const x = {«\n  a: 1,\n  b: [2],\n};»"),
        ("const x = {█}", "\n  a: 1,\n};\ny();\n", "const x = {«\n  a: 1,\n};»"),
        ("const x = [█];", "\n  1,\n  2,\n];\ny();\n", "const x = [«\n  1,\n  2,\n];»"),
        ("const x = {\n  █\n};", "a: 1,\n  b: 2,\n};\n", "const x = {\n  «a: 1,\n  b: 2,»\n};"),
        ("  items: [█", "1, 2],\n  other: 3,\n", "  items: [«1, 2],»"),
        # Classes, interfaces, types.
        ("class A {█", "\n  b = 1;\n\n  c() {\n    return 2;\n  }\n}\nd();\n",
         "class A {«\n  b = 1;\n\n  c() {\n    return 2;\n  }\n}»"),
        ("class A {\n  #b = 1;\n\n  █\n}", "get b() {\n    return this.#b;\n  }\n\n  c() {\n",
         "class A {\n  #b = 1;\n\n  «get b() {\n    return this.#b;\n  }»\n}"),
        ("interface A {\n  █\n}", "b: string;\n  c?: number;\n}\n\nf",
         "interface A {\n  «b: string;\n  c?: number;»\n}"),
        ("type A =█", "\n  | 'b'\n  | 'c';\nd();\n", "type A =«\n  | 'b'\n  | 'c';»"),
        # Chains, operators and ternaries over lines.
        ("const x = fetch(a)█", "\n  .then(b)\n  .catch(c);\nd();\n",
         "const x = fetch(a)«\n  .then(b)\n  .catch(c);»"),
        ("foo(() => {█", "\n  a();\n})\n.then(b)\nc()\n", "foo(() => {«\n  a();\n})\n.then(b)»"),
        ("a█", "\n  ?.b();\nc();\n", "a«\n  ?.b();»"),
        ("const x = a█", "\n  ? b\n  : c;\nd();\n", "const x = a«\n  ? b\n  : c;»"),
        ("const x = a &&█", "\n  b;\nc();\n", "const x = a &&«\n  b;»"),
        ("return a█", "\n    && b\n    || c;\n}\n", "return a«\n    && b\n    || c;»"),
        ("i█", "++\n++j\n", "i«++»"),
        # Elements.
        ("return (\n  █\n);", "<p>Don't</p>\n);\n", "return (\n  «<p>Don't</p>»\n);"),
        ("  <ul>█", "\n    <li>it's (</li>\n    <li>b</li>\n  </ul>\n);\n",
         "  <ul>«\n    <li>it's (</li>\n    <li>b</li>\n  </ul>»"),
        ("  <ul>\n    █\n  </ul>", "<li>a</li>\n    <li>b</li>\n  </ul>\n);",
         "  <ul>\n    «<li>a</li>\n    <li>b</li>»\n  </ul>"),
        ("  <Button█", "\n    kind={a}\n    onClick={() => b()}\n  />\n  <C />\n",
         "  <Button«\n    kind={a}\n    onClick={() => b()}\n  />»"),
        ("  <p>Hello █</p>", "world</p>\n</div>\n", "  <p>Hello «world»</p>"),
        ("  <input value={█} />", "name} />\n</p>\n", "  <input value={«name»} />"),
        ("  {items.map((item) => (█", "\n    <li>{item}</li>\n  ))}\n</ul>\n",
         "  {items.map((item) => («\n    <li>{item}</li>\n  ))}»"),
        # Template literals and comments.
        ("const q = `█", "\n  SELECT (\n`;\nx();\n", "const q = `«\n  SELECT (\n`;»"),
        ("const q = `a ${█}`;", "b}`;\n", "const q = `a ${«b}`;»"),
        ("const q = `\n  SELECT █\n`;\n", "don't\n`;\nx();\n",
         "const q = `\n  SELECT «don't»\n`;\n"),
        ("/**\n * █\n */\nf();", "Don't (use\n */\nf();\n", "/**\n * «Don't (use»\n */\nf();"),
        ("/**█", "\n * A.\n */\nf();\n", "/**«\n * A.\n */»"),
        ("// don't █", "do (\n// this\n", "// don't «do (»"),
        ("const s = 'it█", " is';\nx();\n", "const s = 'it« is';»"),
        ("x = a / b█", ";\ny = '/';\n", "x = a / b«;»"),
        ("if (/[(/]'/.test(a)) {█", "\n  b();\n}\nc();\n", "if (/[(/]'/.test(a)) {«\n  b();\n}»"),
        # On an empty line the block around it; its brace only where none stands below.
        ("function f() {\n  █\n}\n", "const a = 1;\n  return a;\n}\n\nf();\n",
         "function f() {\n  «const a = 1;\n  return a;»\n}\n"),
        ("function f() {\n  █", "return 1;\n}\n\nf();\n", "function f() {\n  «return 1;\n}»"),
        ("function f() {\n  █\n\nfunction g() {}\n", "return 1;\n}\n\nf();\n",
         "function f() {\n  «return 1;\n}»\n\nfunction g() {}\n"),
        ("function f() {\n  █\n  return a;\n}\n", "const a = 1;\n}\n\nf();\n",
         "function f() {\n  «const a = 1;»\n  return a;\n}\n"),
        ("if (x) {\n  █\n} else {\n  b();\n}", "a();\n} else {\n  c();\n}\n",
         "if (x) {\n  «a();»\n} else {\n  b();\n}"),
        ("if (x) {█\n} else {\n  b();\n}", "\n  a();\n}\nc();\n",
         "if (x) {«\n  a();»\n} else {\n  b();\n}"),
        ("{\n  █\n}", "if (a) {\n    b();\n  }\n\n  c();\n}\n",
         "{\n  «if (a) {\n    b();\n  }»\n}"),
        # What stands right of the cursor.
        ("foo(█)", "a, b);\nc();\n", "foo(«a, b);»"),
        ("foo(█);", "a, b);\nc();\n", "foo(«a, b);»"),
        ("if (█) {", "a) {\n  b();\n}\nc();\n", "if («a») {"),
        ("foo('█')", "a');\nb", "foo('«a');»"),
        ("import { a } from '█';", "./a';\nb", "import { a } from '«./a';»"),
        ("const x = █ + 1;", "{\n  a: 1\n};\n", None),
        ('<p className="█">{a}</p>;', 'flex gap-2">{b}</p>;\nc();\n',
         '<p className="«flex gap-2»">{a}</p>;'),
        ("f('█', a);", "b', c, d);\ne();\n", "f('«b»', a);"),
        ("const x = a ? █ : b;", "c;\nd();\n", "const x = a ? «c» : b;"),
        ("const x = █ // why", "c;\nd();\n", "const x = «c;» // why"),
        ("for (let i = 0; █; i++)", "i < n; i++) {\n  a();\n}\n\n",
         "for (let i = 0; «i < n»; i++)"),
    ],
)  # fmt: skip
def test_the_block(marked, written, expected):
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        ("const x = █", "1;\nconst y = 2;\n", "const x = «1;»"),
        ("if (x) {█", IF, "if (x) {«\n  a();»"),
        ("if (x) {█", "\n}\n", "if (x) {«\n}»"),
        ("  case 1:█", "\n    a();\n    b();\n", "  case 1:«\n    a();»"),
        ("const x = fetch(a)█", "\n  .then(b)\n  .catch(c);\n", "const x = fetch(a)«\n  .then(b)»"),
        ("const x = 1;█", "\nconst y = 2;\n", None),
        ("<ul>█", "\n  <li>a</li>\n", "<ul>«\n  <li>a</li>»"),
        ("/**█", "\n * A.\n */\n", "/**«\n * A.»"),
        ("// if (x) {█", "\n  a();\n", None),
        ("this.#a = █", "b;\n", "this.#a = «b;»"),
        ("class A {█", "\n  #a = 1;\n", "class A {«\n  #a = 1;»"),
        ("const a = '#'; f(█)", "b);\n", "const a = '#'; f(«b);»"),
    ],
)  # fmt: skip
def test_the_first_line(marked, written, expected):
    check(marked, written, expected, first_line)


WITHOUT = "const a = b()\nconst c = d()\ne.f = g\n\nh(i)\n"
WITH = WITHOUT.replace("\n", ";\n").replace("\n;", "\n")


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        (f"{WITHOUT}const j = █\n", "k();\n", f"{WITHOUT}const j = «k()»\n"),
        (f"{WITHOUT}const j = █\n", "k()\nl()\n", f"{WITHOUT}const j = «k()»\n"),
        (f"{WITH}const j = █\n", "k();\n", f"{WITH}const j = «k();»\n"),
        (f"{WITH}const j = █\n", "k()\nl()\n", f"{WITH}const j = «k()»\n"),  # nothing is invented
        ("a()\nconst j = █\n", "k();\n", "a()\nconst j = «k();»\n"),  # too little to tell
        (f"{WITHOUT}for (█", ";;\n  ) a()\nb()\n", f"{WITHOUT}for («;;\n  ) a()»"),
    ],
)
def test_a_semicolon_is_dropped_where_a_file_has_none(marked, written, expected):
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("marked", "written", "expected"),
    [
        # The same line as above or below.
        ("a.b();\n█\nc.d();", "c.d();\n\ne();\n", None),
        ("a.b();\n█\nc.d();", "a.b();\n\ne();\n", None),
        ("f(() => {\n  █\n});", "});\n\nf();\n", None),
        # Only what closes below already.
        ("if (x) {\n  █\n}", "}\n\nf();\n", None),
        ("if (x) {█\n}", "\n}\nf();\n", None),
        ("if (x) {█\n  a();\n}", "\n  a();\n}\nb();\n", None),
        # In the middle of a line nothing is opened.
        ("const x = █ + 1;", "f(\n  a,\n);\n", None),
        ("const x = f(█) + 1;", "{\n  a,\n});\n", None),
        ("const x = f(█) + 1;", "`a\nb`);\n", None),
        ("if (█) {", "a) {\n  b();\n}\nc();\n", "if («a») {"),
        ("x = <p>█</p>;", "<b>\n  c\n</b></p>;\n", None),
        # A closing character too many.
        ("const a = {█", "\n  b,\n});\n\nc();\n", "const a = {«\n  b,\n}»"),
        ("f(a, {█", "\n  b,\n});\n\nc();\n", "f(a, {«\n  b,\n});»"),
        ("f(\n  () => {█", "\n    b();\n  });\nc();\n", "f(\n  () => {«\n    b();\n  });»"),
        # Round in circles.
        ("f(█", "a => a => a => a => a => a => a => b);\nc();\n", None),
        ("<p>█", "\n  <br />\n  <br />\n  <br />\n</p>\n<i />\n", None),
        ("f(() => {█", "\n  if (a) {\n    if (b) {\n      c();\n    }\n  }\n});\n",
         "f(() => {«\n  if (a) {\n    if (b) {\n      c();\n    }\n  }\n});»"),
    ],
)  # fmt: skip
def test_nothing_is_better_than_nonsense(marked, written, expected):
    check(marked, written, expected)


@pytest.mark.parametrize(
    ("line", "opens"),
    [
        ("if (x) {", True),
        ("if (x) {  // why", True),
        ("} else {", True),
        ("if (f(x))", True),
        ("if (x) return a;", False),
        ("if (x) f(a)", False),
        ("else", True),
        ("const f = (a) =>", True),
        ("foo(", True),
        ("case 'a':", True),
        ("default:", True),
        ("  a: 1,", False),
        ("<div>", True),
        ("<div className={a}>", True),
        ("<div>a</div>", False),
        ("<Div />", False),
        ("a > b", False),
        ("// if (x) {", False),
        ("const s = '{", False),
        ("const r = /[{]/", False),
        ("this.#f(", True),
        ("", False),
    ],
)
def test_what_opens_a_block(line, opens):
    assert opens_block(line, BRACED_JSX) is opens


def test_several_lines_are_wanted_in_a_new_block():
    assert wants_block("if (x) {", BRACED)
    assert wants_block("if (x) {\n  ", BRACED)
    assert not wants_block("if (x) {\n  a();\n  ", BRACED)


def test_only_where_there_may_be_elements_an_angle_opens_one():
    assert opens_block("const a = <div>", BRACED_JSX)
    assert not opens_block("const a = <any>", BRACED)


code = st.lists(
    st.sampled_from(
        [
            *("\n", "\n  ", "\n    ", "\n\t", " ", "  ", *"()[]{}<>:,;#\\'\"`/*.?|&+-="),
            *("x", "foo", "if (x) {", "}", "} else {", "el", "else", "while (x)", "do {", "return"),
            *("=> {", "${", "//", "/*", "*/", "<div>", "</div>", "<A", "/>", "case 1:", "});"),
            *("const a = 1;", ".then(", "?.", "é", "💡", "\u2028"),
        ]
    ),
    max_size=14,
).map("".join)
syntaxes = pytest.mark.parametrize("syntax", [INDENTED, BRACED, BRACED_JSX])


@unhurried
@given(code, code)
@example("if (x) {", "\n  a\n}\nelse {\n}\nb")
@example("a", "\n  .b\n..")
@example("<A>", "\n<b")
@example("do {", "\n  a\n}\nwhile (x)\n")
@example("do {", "\ncase 1:")
@example("switch (x) {", "\ndefault :")
@example("\n  ", ")\n</div>")
@pytest.mark.parametrize("extent_of", [first_line, block])
@syntaxes
def test_extents_grow_and_a_finished_one_stays(syntax, extent_of, prefix, written):
    extents = [extent_of(prefix, written[:n], syntax) for n in range(len(written) + 1)]
    for n, (before, after) in enumerate(pairwise(extents)):
        assert before.end <= n
        assert after == before if before.finished else after.end >= before.end


@unhurried
@given(code, code)
@example(")", "\n\n")
@example("/*\n", "\n(\n")
@syntaxes
def test_a_finished_block_holds_the_first_line(syntax, prefix, written):
    line, whole = first_line(prefix, written, syntax), block(prefix, written, syntax)
    if whole.finished:
        assert line.finished
        assert whole.end >= line.end


@unhurried
@given(code, code, code)
@syntaxes
def test_any_text_is_only_cut_at_its_end_and_stays_on_its_line(syntax, prefix, suffix, written):
    shaped = shape(prefix, suffix, written, syntax)
    if shaped is not None:
        assert written.startswith(shaped.text)
        assert shaped.text.strip()
        assert 0 <= shaped.overwrites <= len(suffix.partition("\n")[0])


def flat(bodies):
    return [line for body in bodies for line in body]


def indented(lines):
    return [f"  {line}" for line in lines]


statements = st.recursive(
    st.sampled_from(
        [
            ["a();"],
            ["const b = '(';"],
            ["c", "  .d()", "  .e();"],
            ["const f = [", "  1,", "  2,", "];"],
            ["const g = `", "  {", "`;"],
            ["// don't ("],
            ["return (", "  <p>", "    it's", "  </p>", ");"],
        ]
    ),
    lambda inner: st.lists(inner, min_size=1, max_size=3).flatmap(
        lambda bodies: st.sampled_from(
            [
                ["if (x) {", *indented(flat(bodies)), "}"],
                ["if (x) {", *indented(bodies[0]), "} else {", *indented(bodies[-1]), "}"],
                ["foo(() => {", *indented(flat(bodies)), "});"],
                ["class A {", "  b() {", *indented(indented(flat(bodies))), "  }", "}"],
                ["try {", *indented(bodies[0]), "} catch (e) {", *indented(bodies[-1]), "}"],
            ]
        )
    ),
    max_leaves=6,
)
programs = st.lists(statements, min_size=1, max_size=3).map(flat)


@unhurried
@given(programs, st.data())
def test_balanced_text_stays_balanced(lines, data):
    """A statement is taken out, or its end, and the model writes on from there as it was."""
    heads = ("a", "const", "c", "//", "return", "if", "foo", "try")
    begins = [i for i, line in enumerate(lines) if line.lstrip().startswith(heads)]
    at = data.draw(st.sampled_from(begins))
    line, end = lines[at], at + 1
    while read("\n".join(lines[at:end]) + "\n").open:
        end += 1
    column = data.draw(st.integers(len(line) - len(line.lstrip()), len(line)))
    prefix = "\n".join([*lines[:at], line[:column]])
    suffix = "\n" + "\n".join(lines[end:])
    written = "\n".join([line[column:], *lines[at + 1 :], "", ""])
    extent = block(prefix, written, BRACED_JSX)
    shaped = shape(prefix, suffix, written[: extent.end], BRACED_JSX)
    event("something" if shaped else "nothing")
    if shaped is not None:
        assert read(prefix + shaped.text + suffix[shaped.overwrites :] + "\n").faults == 0
