"""Flatness: the workspaces are as large as wanted, the typing is the same, the ratio is told."""

import io
import json
import math

import pytest
from rich.console import Console
from stateline.lsp_server.client.tally import Spread
from test_replay import scripted
from test_traces import SOURCES
from tiny_model import ours as tokenizer

from benchmarks.replay import flat as flat_module
from benchmarks.replay.actions import ActionKind, Buffer
from benchmarks.replay.flat import Flat, around, draw, main, measured, ratios, summed
from benchmarks.replay.keyboard import typed
from benchmarks.replay.player import PlayError

BEFORE, WRITTEN, OTHERS = "def f(name):\n    return (", "\n\n\nvalue = f(1)", "".join(SOURCES)


@pytest.mark.parametrize("size", [500, 3_000, 20_000])
def test_a_workspace_has_the_tokens_that_are_wanted(size):
    workspace = around(BEFORE, OTHERS, size, tokenizer())
    tokens = {name: len(tokenizer().encode(text)) for name, text in workspace.items()}
    if size == 500:
        assert set(workspace) == {"open.py"}
    else:
        assert size <= sum(tokens.values()) <= 1.1 * size
    assert len(workspace) <= 1 + flat_module.PARTS
    imported = workspace["open.py"].partition("\n")[0].removeprefix("import ").split(", ")
    assert workspace.keys() <= {"open.py", *(f"{name}.py" for name in imported)}
    assert workspace["open.py"].endswith("\n\n" + BEFORE)


def test_too_little_text_is_refused():
    with pytest.raises(PlayError, match="too little text"):
        around(BEFORE, OTHERS, 1 << 20, tokenizer())


def plain_keys():
    buffer = Buffer("open.py", BEFORE)
    buffer.cursor = len(BEFORE)
    return [action for action in typed(buffer, WRITTEN, flat_module._Steady()) if action.edit]


def test_the_keys_are_typing_alone():
    kinds = [action.kind for action in plain_keys()]
    assert set(kinds) <= {ActionKind.TYPE, ActionKind.BACKSPACE}
    assert len(kinds) >= len("value = f(1)")


def test_keys_are_pressed_once_all_is_read(monkeypatch):
    workspace = {"open.py": BEFORE}
    typed_once = [measured(scripted("silent"), {}, workspace, WRITTEN, 1024) for _ in range(2)]
    found = summed(1024, typed_once)
    assert found.tokens_waiting.count + found.typed_through == len(plain_keys())
    assert found.tokens_waiting.p95 == 1
    monkeypatch.setattr(flat_module, "READ_DEADLINE_S", 0.0)
    with pytest.raises(PlayError, match="of a context of 4096"):
        measured(scripted("silent"), {}, workspace | {"b.py": ""}, WRITTEN, 4096)


def flat(size, tokens, ms):
    return Flat(size, size, 3, Spread(9, 2, tokens), Spread(9, 5, ms))


def test_the_ratio_is_of_the_largest_to_the_smallest(tmp_path):
    found = [flat(1024, 4, 100.0), flat(4096, 90, 1.0), flat(16384, 5, 110.0)]
    assert ratios(found) == {"tokens_waiting": 1.25, "answer_ms": 1.1}
    nothing = Spread(0, math.nan, math.nan)
    assert ratios([Flat(1, 1, 0, nothing, nothing)] * 2)["answer_ms"] is None
    console = Console(width=80, file=io.StringIO())
    flat_module._show(found, console)
    text = console.file.getvalue()
    assert "MISSED  tokens_waiting at p95: 1.25 times" in text
    assert "met     answer_ms at p95: 1.10 times" in text


def test_a_picture_is_small(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "deep" / "flat.svg"
    draw([flat(size, 4, 9.0) for size in flat_module.SIZES_TOKENS], picture)
    assert 1_000 < picture.stat().st_size < 300_000


def test_the_program_prints_json(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(flat_module, "source", lambda: (BEFORE, WRITTEN, OTHERS))
    arguments = ["--tokens", "300", "--json", "--picture", str(tmp_path / "flat.svg")]
    assert main(arguments, scripted("silent")) == 0
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    assert told["sizes"][0]["context_tokens"] == 300
    assert told["ratios"]["tokens_waiting"] == 1.0
    assert "context" in err


def test_a_failing_server_ends_it_with_a_sentence(monkeypatch):
    monkeypatch.setattr(flat_module, "source", lambda: (BEFORE, WRITTEN, OTHERS))
    with pytest.raises(SystemExit, match="The server says: There is no model"):
        main(["--tokens", "300"], scripted("broken"))
