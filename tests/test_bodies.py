"""The functions of a text: by a parser for Python, by their look where there are braces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.lsp_server.client.bodies import bodies_of

SCRIPT = """\
import { a } from "./a";

export async function load(name: string): Promise<void> {
  const text = await read(name);
  if (text) {
    show(text);
  }

  return;
}

const twice = (x: number) => {
  return 2 * x;
};

export class Box<T> extends Base<T> {
  private static make<T>(
    value: T,
    name = "none",
  ): Box<T> {
    return new Box<T>(value)
      .named(name);
  }

  get value() {
    return this._value;
  }

  empty(): void {}
}

function open(
"""


def found(text):
    rows = text.split("\n")
    return [
        (body.name, [rows[at].strip() for at in body.starts], rows[body.end].strip())
        for body in bodies_of(text, is_python=False)
    ]


def test_functions_with_braces():
    assert found(SCRIPT) == [
        (".load", ["const text = await read(name);", "if (text) {", "return;"], "}"),
        (".twice", ["return 2 * x;"], "};"),
        (".make", ["return new Box<T>(value)"], "}"),
        (".value", ["return this._value;"], "}"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "if (a) {\n  b();\n}\n",
        "for (const a of b) {\n  c();\n}\n",
        "const a = {\n  b: 1,\n};\n",
        "interface A {\n  b: number;\n}\n",
        "function f() {\n  a();\n",
        "function f() {\n}\n",
        "function f() {\n  a();\nb();\n}\n",
    ],
)
def test_what_is_no_function_is_none(text):
    assert found(text) == []


@given(st.text(alphabet="function const =>(){}\n\t a.;<", max_size=300))
def test_any_text_can_be_looked_through(text):
    rows = text.split("\n")
    for body in bodies_of(text, is_python=False):
        assert all(0 < at < body.end < len(rows) for at in body.starts)


def test_a_long_row_takes_no_long_time():
    assert bodies_of("const a = " + "(" * 1_000_000, is_python=False) == []
    assert bodies_of("export " * 300_000, is_python=False) == []
