"""The demo and the typing benchmark, run whole.

They run the real server, with a scripted completer, so they need no model.
"""

import io
import json
import math
import random
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from rich.console import Console
from stateline.lsp_server.client import client as client_module
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection
from stateline.lsp_server.client.tally import Spread, Tally
from stateline.lsp_server.client.typist import draft_of
from stateline.lsp_server.commands import demo, sample
from stateline.lsp_server.commands.picture import Scene
from stateline.lsp_server.workspace.javascript_imports import read_names

from benchmarks import typing

SCRIPTED_SERVER = Path(__file__).with_name("scripted_server.py")

FILE = '''\
import sys


def greet(others, loud):
    """Greet everybody."""
    for other in others:
        if loud:
            other = other.upper()
        sys.stdout.write(
            f"Hello, {other}"
        )

    return len(others)


greet(["you"], True)
'''


def scripted(*arguments):
    return [sys.executable, str(SCRIPTED_SERVER), *map(str, arguments)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "greeter.py"
    path.write_text(FILE, encoding="utf-8")
    return path


def run(*arguments, terminal=False, speed=0.0, **options):
    screen = io.StringIO()
    size = {"width": 100, "height": 30}
    console = Console(file=screen, force_terminal=terminal, _environ={}, **size)
    code = demo.run(speed=speed, console=console, command=scripted(*arguments), **options)
    return code, re.sub(r"\s+", " ", screen.getvalue())


@pytest.mark.parametrize("terminal", [False, True])
def test_with_suggestions_the_demo_succeeds(file, tmp_path, terminal):
    picture = tmp_path / "picture.svg"
    code, screen = run("knows", file, file=file, svg=picture, terminal=terminal)
    assert code == 0, screen
    assert "What came of it" in screen
    assert ("✓ for other in others:" in screen) != terminal  # a moving picture is in colours
    assert ("\x1b[" in screen) == terminal
    drawn = picture.read_text(encoding="utf-8")
    assert "stateline&#160;demo" in drawn
    assert "url(http" not in drawn.replace('"', "")


@pytest.mark.parametrize("script", ["silent", "doubts"])
def test_without_suggestions_the_demo_fails(file, script):
    code, screen = run(script, file=file, keys=12)
    assert code == 1
    assert "No suggestion came" in screen
    assert "keystrokes │ 12" in screen


def test_answers_that_come_after_the_next_key_are_counted_apart(file, monkeypatch):
    monkeypatch.setattr(demo, "LAST_WORD_S", 0.0)
    monkeypatch.setattr(client_module, "EXIT_DEADLINE_S", 1.0)  # this server never ends
    code, screen = run("broods", file=file, speed=1e9, keys=5)
    assert code == 1
    assert screen.count("no answer before the next key") == 5
    assert "overtaken │ 5" in screen
    assert "keystroke to answer │ none" in screen


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("broken", "There is no model in /nowhere; name a folder that has one."),
        ("dies", "The server ended with exit code 3; the last it said was: the last straw"),
    ],
)
def test_the_servers_trouble_is_told(file, script, sentence):
    code, screen = run(script, file=file)
    assert (code, screen) == (1, f"stateline demo: {sentence} ")


def test_what_is_no_server_is_told(file):
    console = Console(file=io.StringIO(), width=100)
    assert demo.run(file=file, console=console, command=[sys.executable, "-c", ""]) == 1
    assert "The server ended with exit code 0" in console.file.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read (No such file or directory); name a file with --file."),
        (b"x = '\xff'\n\n\n\n", "does not do: it is not UTF-8 (byte 5); name another"),
        (b"x\n", "does not do: it has too few lines; name another"),
        (b"x\n" * (3 << 20), "does not do: it is larger than 4 MiB; name another"),
    ],
)
def test_a_file_that_does_not_do_is_told(tmp_path, content, sentence):
    file = tmp_path / "x.py"
    if content is not None:
        file.write_bytes(content)
    code, screen = run("silent", file=file)
    assert code == 1
    assert sentence in screen


@pytest.mark.parametrize("speed", [-1.0, math.nan, math.inf])
def test_a_speed_that_is_none_is_told(speed):
    console = Console(file=io.StringIO(), width=100)
    assert demo.run(speed=speed, console=console) == 1
    assert "--speed must be a number from 0 up" in console.file.getvalue()


def test_what_is_typed_through_the_server_is_the_file(file):
    draft = draft_of(FILE)
    uri = file.as_uri()
    with Client(Connection(scripted("knows", file))) as client:
        client.initialize({"reportUsage": True})
        client.open(uri, "python", draft.before + draft.below)
        client.connection.wait_for(demo.STATUS, lambda s: not s["busy"], deadline_s=60)
        pace = demo.TypingPace(0, random.Random(0))
        scenes = list(demo.type_out(client, uri, Scene("", draft, "", Tally()), pace, 0))
        assert client.text(uri) == FILE
    tally = scenes[-1].tally
    assert all(stroke.judgement.line for stroke in tally.shown)
    assert tally.overtaken == 0
    assert sum(len(stroke.key.inserts) for stroke in tally.accepted) > len(draft.left) / 2
    # Each keystroke was answered, by the model or from what it had written before.
    asked = [each for each in tally.costs if each.source != "background"]
    assert len(asked) == len(tally.keystrokes)


@pytest.mark.parametrize(
    ("language", "id_", "title"),
    [("python", "python", f"{sample.MODULE}.py of Python 3"), ("typescript", "typescript", ".ts,")],
)
def test_the_file_named_by_nobody_is_held_out_or_our_own(language, id_, title):
    found = sample.sample_of(None, language)
    assert title in found.title
    assert found.language == id_
    assert len(found.draft.left.split("\n")) > 5


def test_our_samples_go_together():
    found = sample.sample_of(None, "typescript")
    texts = {found.name: found.draft.above + found.draft.left + found.draft.below, **found.beside}
    names = {each for text in texts.values() for each in read_names(text) if each.startswith(".")}
    assert {f"{name[2:]}.ts" for name in names} <= texts.keys()
    assert len(texts) > 3
    assert all("\t" not in text and text.endswith("}\n") for text in texts.values())


@pytest.mark.parametrize(
    ("name", "language", "id_"),
    [
        ("a.ts", "python", "typescript"),
        ("a.tsx", "python", "typescriptreact"),
        ("a.JSX", "python", "javascriptreact"),
        ("a.mjs", "python", "javascript"),
        ("a.py", "typescript", "python"),
        ("a.txt", "typescript", "typescript"),
    ],
)
def test_a_files_suffix_says_its_language(tmp_path, name, language, id_):
    file = tmp_path / name
    file.write_text("function f() {\n  a();\n  b();\n  c();\n}\n")
    assert sample.sample_of(file, language).language == id_


def test_a_language_without_a_sample_is_told():
    code, screen = run("silent", language="javascript")
    assert code == 1
    assert "There are samples in python and typescript, not in javascript; name a file" in screen


def test_the_server_is_told_of_the_sample_and_what_lies_beside(monkeypatch):
    files = []
    initialize = Client.initialize

    def seen(client, *arguments, root, **named):
        files.extend(each.name for each in Path(unquote(urlparse(root).path)).iterdir())
        return initialize(client, *arguments, root=root, **named)

    monkeypatch.setattr(Client, "initialize", seen)
    assert run("silent", language="typescript", keys=1)[0] == 1
    found = sample.sample_of(None, "typescript")
    assert sorted(files) == sorted([found.name, *found.beside])


# The benchmark.


def test_the_benchmark_counts_each_character():
    result = typing.measure(scripted("silent"), {}, key_s=0)
    assert result.tokens_read == Spread(typing.CHARACTERS, 1, 1)
    assert result.answer_ms.count == typing.CHARACTERS
    assert result.typed_through == 0
    assert "100 characters" in typing.told(result)
    assert json.loads(json.dumps(typing.asdict(result)))["tokens_read"]["median"] == 1


def test_the_benchmark_types_after_2000_lines():
    text, typed = typing.source()
    assert len(text.split("\n")) == typing.LINES
    assert len(typed) == typing.CHARACTERS


def test_the_benchmark_tells_why_there_is_no_model():
    with pytest.raises(SystemExit, match="There is no model in /nowhere"):
        typing.measure(scripted("broken"), {}, key_s=0)
