"""Replaying: against the real server with a scripted completer; what is counted for what."""

import io
import json
import os
import sys
from pathlib import Path
from random import Random

import pytest
from rich.console import Console
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection
from stateline.lsp_server.client.tally import Spread

from benchmarks.replay import __main__ as program
from benchmarks.replay import acceptance, engines
from benchmarks.replay import player as player_module
from benchmarks.replay.__main__ import main
from benchmarks.replay.actions import Action, ActionKind, Form, TextEdit
from benchmarks.replay.costs import Outcome, QuestionCost, costs, outcome
from benchmarks.replay.player import (
    Played,
    Player,
    Step,
    UsageMessage,
    _initialize,
    cpu_seconds,
    play,
    usages,
)
from benchmarks.replay.report import as_json, report, show
from benchmarks.replay.targets import OURS, verdicts
from benchmarks.replay.traces import Change, trace

SCRIPTED_SERVER = Path(__file__).with_name("scripted_server.py")
OLD = 'import os\n\ndef f(name):\n    return "é😀"\n'
NEW = 'import sys\n\ndef f(name):\n    return "é😀" + name\n\nvalue = "😀é" + f("abc")  # ü\n'


def scripted(*arguments):
    return [sys.executable, str(SCRIPTED_SERVER), *map(str, arguments)]


def released(folder, version, text):
    path = folder / f"pkg-{version}" / "a.py"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return str(path.parent)


def pair(folder):
    return ["--old", released(folder, "1", OLD), "--new", released(folder, "2", NEW)]


# Playing.


def test_a_whole_trace_arrives_at_the_new_text_and_a_pause_at_its_end(tmp_path, monkeypatch):
    changes = [Change("sub/a.py", OLD, NEW), Change("b.py", "x = 1\n", NEW)]
    actions = [a for a in trace(changes, Random(0)) if a.kind is not ActionKind.PAUSE]
    with Client(Connection(scripted("silent"))) as client:
        _initialize(client, tmp_path, {"reportUsage": True})
        player = Player(client, tmp_path, {c.path: c.old for c in changes})
        steps = [player.step(action) for action in actions]
        assert player.step(Action(ActionKind.PAUSE, "", 0)).over
        seen = usages(client.connection)
        assert player.step(actions[0]).asked
        monkeypatch.setattr(player_module, "PAUSE_DEADLINE_S", 0.0)
        assert not player.step(Action(ActionKind.PAUSE, "", 0)).over  # it has had no time to read
    assert [step.kind for step in steps] == [action.kind for action in actions]
    for change in changes:
        assert (tmp_path / change.path).read_text(encoding="utf-8") == NEW
    found = costs(steps, seen)
    assert len(found) == sum(action.asks for action in actions)
    assert {cost.source for cost in found} <= {"model", "typed"}


def test_typing_through_is_told_apart(tmp_path):
    text = "first = 1\nsecond = first + first\n"
    (tmp_path / "new.py").write_text(text)
    typed = (
        Action(ActionKind.TYPE, "a.py", at + 1, TextEdit(at, at, text[at])) for at in range(10, 20)
    )
    done = play(
        scripted("knows", tmp_path / "new.py"),
        {},
        {"a.py": text[:10]},
        [Action(ActionKind.OPEN, "a.py", 0), *typed],
        Random(2),
    )
    result = report([outcome(done)])
    figures = result.kinds["type"]
    assert figures.actions == 10
    assert figures.typed_through >= 8
    assert result.unreported == 0


def test_what_is_offered_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setattr(acceptance, "ACCEPTED", 1.0)
    text = "first = 1\nsecond = first + first\n"
    (tmp_path / "new.py").write_text(text)
    typed = [
        Action(ActionKind.TYPE, "a.py", at + 1, TextEdit(at, at, text[at])) for at in range(10, 32)
    ]
    done = play(
        scripted("knows", tmp_path / "new.py"),
        {},
        {"a.py": text[:10]},
        [Action(ActionKind.OPEN, "a.py", 0), *typed],
        Random(0),
    )
    now = text[:10]
    for action in done.actions:
        now = action.edit.applied(now) if action.edit else now
    assert now == text[:32]
    figures = report([outcome(done)])
    assert sum(figures.accepted.values()) == figures.kinds["accept"].actions > 0
    assert figures.kinds["type"].actions < 10


def test_the_environment_is_as_before(monkeypatch):
    for before in ("somewhere", None):
        if before is None:
            monkeypatch.delenv(player_module.CACHE_VARIABLE, raising=False)
        else:
            monkeypatch.setenv(player_module.CACHE_VARIABLE, before)
        with player_module._environment(player_module.CACHE_VARIABLE, "else"):
            assert os.environ[player_module.CACHE_VARIABLE] == "else"
        assert os.environ.get(player_module.CACHE_VARIABLE) == before


def test_cpu_seconds_are_counted_where_they_can_be():
    mine = cpu_seconds(os.getpid())
    assert mine is None or mine > 0
    assert mine is not None or not sys.platform.startswith("linux")
    assert cpu_seconds(-1) is None


# Counting.

ASK = [
    Step(ActionKind.TYPE, 0, True, 5.0),
    Step(ActionKind.JUMP, 10, True, 7.0),
    Step(ActionKind.TYPE, 20, True, 6.0),
]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ([(1, "model", 3), (11, "model", 300), (21, "model", 4)], [3, 300, 4]),
        # A run is reported late: still it is that of the first question.
        ([(12, "model", 3), (13, "model", 300), (21, "model", 4)], [3, 300, 4]),
        ([(1, "model", 3), (11, "typed", 0), (21, "model", 4)], [3, "typed", 4]),
        ([(11, "typed", 0), (21, "model", 3), (22, "model", 4)], [3, "typed", 4]),
        ([(1, "model", 3)], [3, "", ""]),
        ([], ["", "", ""]),
    ],
)
def test_costs_belong_to_their_questions(seen, expected):
    found = costs(ASK, [UsageMessage(*each, cold=False) for each in seen])
    got = [cost.tokens_waiting if cost.source == "model" else cost.source for cost in found]
    assert got == expected


def test_what_is_read_in_the_background_belongs_to_the_question_before():
    steps = [ASK[0], Step(ActionKind.PAUSE, 1), *ASK[1:]]
    seen = [
        UsageMessage(i, "background", tokens, False) for i, tokens in ((2, 7), (9, 1), (10, 20))
    ]
    assert [cost.tokens_background for cost in costs(steps, seen)] == [8, 20, 0]


@pytest.mark.parametrize("late", [0, 100])
def test_a_run_whose_request_is_told_needs_no_order(late):
    steps = [Step(step.kind, step.mark, True, request=n) for n, step in enumerate(ASK, start=5)]
    seen = [
        UsageMessage(late + 1, "model", 300, True, 6),
        UsageMessage(late + 2, "model", 3, False, 5),
        UsageMessage(late + 3, "typed", 0, False, 7),
        UsageMessage(late + 4, "model", 1, False, 5),
    ]
    assert costs(steps, seen) == [
        QuestionCost(ActionKind.TYPE, 0.0, "model", 4),
        QuestionCost(ActionKind.JUMP, 0.0, "model", 300, cold=True),
        QuestionCost(ActionKind.TYPE, 0.0, "typed"),
    ]


def played(steps, usages, cpu_s=None, actions=()):
    return outcome(Played(tuple(actions), tuple(steps), tuple(usages), cpu_s))


def test_a_report_sums_up_all_traces():
    accepted = Action(ActionKind.ACCEPT, "a.py", 1, TextEdit(0, 0, "x"), Form.WORD)
    first = played(
        ASK,
        (UsageMessage(1, "model", 3, False), UsageMessage(11, "typed", 0, False)),
        2.0,
        [accepted],
    )
    second = played(
        (ASK[0], Step(ActionKind.PAUSE, 3, over=False)),
        (UsageMessage(1, "model", 9, True),),
        1.0,
        [accepted],
    )
    both = report([first, second])
    assert list(both.kinds) == ["jump", "type"]
    typing = both.kinds["type"]
    assert (typing.actions, typing.cold, typing.tokens_waiting) == (3, 1, Spread(2, 3, 9))
    assert both.kinds["jump"].typed_through == 1
    assert (both.keystrokes, both.cpu_s, both.cpu_s_per_1000_keystrokes) == (3, 3.0, 1000.0)
    assert (both.unreported, both.pauses, both.pauses_without_end) == (1, 1, 1)
    assert both.accepted == {"word": 2}
    assert report([first, played((), ())]).cpu_s is None
    assert costs(ASK[:1], []) == [QuestionCost(ActionKind.TYPE, 5.0, "")]


def test_figures_of_nothing_are_null_in_json():
    result = as_json(report([played(ASK, ())]))
    assert result["kinds"]["jump"]["tokens_waiting"] == {"count": 0, "median": None, "p95": None}
    json.loads(json.dumps(result, allow_nan=False))


def test_the_table_fits_into_a_terminal():
    steps = [Step(kind, at, True, 1234.0) for at, kind in enumerate(ActionKind)]
    seen = [UsageMessage(at, "model", 12345, True) for at in range(len(steps))]
    one = played(steps * 3, (*seen, UsageMessage(99, "background", 12345, True)), 1.0)
    console = Console(width=80, file=io.StringIO())
    judged = verdicts({OURS: [one], "llama-server": [one]})
    show({OURS: report([one]), "llama-server": report([Outcome((), 0, None)])}, judged, console)
    text = console.file.getvalue()
    assert "…" not in text
    assert all(f"\n {kind.value} " in text for kind in ActionKind)
    # The same is no more, in typing; and how much memory they have nobody said.
    assert text.count("\nMISSED  ") == len(judged) - 2


# The command line.


def test_the_program_prints_a_table_and_json(tmp_path, capsys):
    arguments = [*pair(tmp_path), "--keys", "12", "--json"]
    assert main(arguments, scripted("silent")) == 0
    out, err = capsys.readouterr()
    assert "waiting" in err
    assert "12 keystrokes" in err
    told = json.loads(out.splitlines()[-1])
    ours = told["engines"][OURS]
    assert ours["keystrokes"] == 12
    assert told["projects"][0]["old"] == "pkg-1"
    assert "type" in ours["kinds"]
    assert ours["unreported"] == ours["pauses_without_end"] == 0
    assert [target["met"] for target in told["targets"]].count(True) > 0


def test_engines_are_compared_side_by_side(tmp_path, capsys, monkeypatch):
    def other(told, ours):
        assert [question.kind for question in told] == [cost.kind for cost in ours.costs]
        return Outcome(tuple(QuestionCost(each.kind, None, "model", 9) for each in told), 12, 5.0)

    monkeypatch.setattr(program, "read_anew", lambda model, seed: other)
    monkeypatch.setattr(program, "LlamaServer", lambda model: other)
    arguments = [*pair(tmp_path), "--keys", "12", "--json", "--read-anew", "--llama"]
    assert main(arguments, scripted("silent")) == 0
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    assert list(told["engines"]) == [OURS, "read anew", "llama-server"]
    assert told["engines"]["read anew"]["cpu_s"] == 5.0
    assert told["projects"][0]["engines"]["llama-server"]["cpu_s"] == 5.0
    assert any("llama-server" in target["what"] for target in told["targets"])
    assert "read anew" in err


def test_models_are_played_side_by_side(tmp_path, capsys):
    folders = [tmp_path / "v5", tmp_path / "v6"]
    arguments = [*pair(tmp_path), "--keys", "12", "--json"]
    for folder in folders:
        folder.mkdir()
        arguments += ["--model", str(folder)]
    assert main(arguments, scripted("silent")) == 0
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    assert list(told["engines"]) == ["v5", "v6"]
    assert told["engines"]["v5"]["keystrokes"] == told["engines"]["v6"]["keystrokes"] == 12
    assert {target["what"][:3] for target in told["targets"]} == {"v5,", "v6,"}
    assert "ms to the answer" in err
    assert "resident MiB, at most" in err


def test_whose_turn_is_first_goes_round(tmp_path, monkeypatch):
    turns = []

    def noted(project, command, options, before):
        turns.append(options["model"][-1])
        return Played((), (), (), None)

    monkeypatch.setattr(engines, "played_on", noted)
    project = engines.ReleasePair(*map(Path, pair(tmp_path)[1::2]), 1, 0)
    models = {"a": Path("a"), "b": Path("b")}
    for turn in range(2):
        assert list(engines.beside(project, [], models, {}, turn)) == ["a", "b"]
    assert turns == ["a", "b", "b", "a"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda given: given[:2] + given, "as many --new as --old"),
        (lambda given: [], "or --projects"),
        (lambda given: [*given, "--keys", "-1"], "from 0 up"),
        (lambda given: [*given, "--model", "a", "--model", "b", "--llama"], "one --model"),
        (lambda given: [*given, "--model", "a/m", "--model", "b/m"], "have one name"),
        (lambda given: [*given[:2], "--new", given[1]], "no source file that differs"),
    ],
)
def test_wrong_arguments_end_with_a_sentence(tmp_path, change, words):
    with pytest.raises(SystemExit, match=words):
        main(change(pair(tmp_path)), scripted("silent"))


def test_a_failing_server_ends_it_with_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="The server says: There is no model"):
        main(pair(tmp_path), scripted("broken"))
