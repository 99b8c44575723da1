"""The benchmark of latency: whose wait is whose, what a wait is made of, and a run through it."""

import io
import json
import math

import pytest
from rich.console import Console
from stateline.lsp_server.client.tally import Spread
from test_replay import NEW, OLD, released, scripted
from test_traces import SOURCES

from benchmarks import latency
from benchmarks.latency import (
    Percentiles,
    TimedQuestion,
    bands,
    draw,
    questions,
    show,
    stages,
    verdicts,
)
from benchmarks.replay import flat as flat_module
from benchmarks.replay import projects
from benchmarks.replay.actions import ActionKind, TextEdit
from benchmarks.replay.flat import Flat
from benchmarks.replay.player import Played, Step, UsageMessage


def usage(request, *ms, source="model"):
    return UsageMessage(0, source, 1, False, request, 0, 0, *ms)


def flat(size, p95):
    return Flat(size, size, 0, Spread(9, 1, 2), Spread(9, 5, p95))


def question(ms, ghost=True):
    return TimedQuestion(ms, ghost, True, stages(ms, [usage(1, 1.0, 2.0, 3.0)]))


def test_percentiles_are_by_nearest_rank():
    assert Percentiles.of(range(200, 0, -1)) == Percentiles(200, 100, 190, 198)
    assert Percentiles.of([7]) == Percentiles(1, 7, 7, 7)
    assert math.isnan(Percentiles.of([]).p99)


@pytest.mark.parametrize(
    ("ms", "runs", "parts"),
    [
        (10.0, [(1.0, 2.0, 3.0)], (1.0, 2.0, 3.0, 4.0)),
        (10.0, [(1.0, 2.0, 30.0)], (1.0, 2.0, 7.0, 0.0)),  # written on after the answer
        (10.0, [(1.0, 1.0, 0.0), (0.0, 1.0, 2.0)], (1.0, 2.0, 2.0, 5.0)),
        (10.0, [], (0.0, 0.0, 0.0, 10.0)),
    ],
)
def test_the_stages_of_a_wait_add_up_to_it(ms, runs, parts):
    assert stages(ms, [usage(1, *each) for each in runs]) == parts
    assert sum(parts) == ms


def test_each_question_gets_the_runs_of_its_own_number():
    steps = (
        Step(ActionKind.OPEN, 0),
        Step(ActionKind.TYPE, 0, True, 9.0, request=4, offered=TextEdit(1, 1, "x")),
        Step(ActionKind.TYPE, 0, True, 5.0, request=5, offered=TextEdit(1, 1, "")),
        Step(ActionKind.PAUSE, 0),
    )
    usages = (
        usage(5, 0.0, 0.0, 0.0, source="typed"),
        usage(None, 7.0, 7.0, 7.0, source="background"),
        usage(4, 1.0, 2.0, 3.0),
    )
    assert questions(Played((), steps, usages, None)) == [
        TimedQuestion(9.0, True, True, (1.0, 2.0, 3.0, 3.0)),
        TimedQuestion(5.0, False, False, (0.0, 0.0, 0.0, 5.0)),
    ]


def test_targets_are_told_in_words():
    asked = [question(30.0, ghost=False)] * 9 + [question(200.0)]
    sizes = [flat(1024, 10.0), flat(4096, 99.0), flat(131_072, 11.0)]
    asked.append(TimedQuestion(100.0, False, True, (100.0, 0.0, 0.0, 0.0), ActionKind.JUMP))
    found = [met for _, met in verdicts(asked, sizes)]
    assert found == [True, False, False, False, True, True, True]
    console = Console(width=100, file=io.StringIO())
    show({"one": asked, "other": [question(1.0)]}, {"one": sizes, "other": sizes}, console)
    text = console.file.getvalue()
    assert "30.0 / 200.0 / 200.0 (of 11)" in text
    assert "met     one, all questions, p50: 30.0 ms of at most 40" in text
    assert "MISSED  one, with ghost text, p95: 200.0 ms of at most 80" in text
    assert "met     one, jumps, p95: 100.0 ms of at most 100" in text
    assert "met     other, with ghost text, p95: 1.0 ms of at most 80" in text
    show({"one": asked}, {"one": sizes}, console)
    text = console.file.getvalue()
    assert "met     p95 at 128k over 1k: 1.10 times of at most 1.15" in text
    nothing = flat(1024, math.nan), flat(4096, math.nan)
    assert verdicts([question(1.0, ghost=False)], nothing)[2][1] is None


def test_bands_go_from_the_fastest_to_the_slowest():
    found = bands([question(float(ms)) for ms in range(100, 10, -1)], 3)
    assert [sum(band) for band in found] == [25.5, 55.5, 85.5]
    assert len(bands([question(7.0)])) == 1


def test_a_picture_is_small(tmp_path):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "deep" / "latency.svg"
    sizes = [flat(size, 9.0) for size in flat_module.SIZES_TOKENS]
    draw([question(float(ms)) for ms in range(10, 400)], sizes, picture)
    assert 1_000 < picture.stat().st_size <= 100_000


@pytest.fixture
def here(tmp_path, monkeypatch):
    """One small project, and small texts around the open file."""
    pair = [tmp_path / released(tmp_path, version, t) for version, t in (("1", OLD), ("2", NEW))]
    monkeypatch.setattr(projects, "projects", lambda: (projects.PinnedProject(None, None),))
    monkeypatch.setattr(projects, "fetched", lambda project: pair)
    source = ("def f(name):\n    return (", "name)\n\n\nvalue = f(1)", "".join(SOURCES))
    monkeypatch.setattr(flat_module, "source", lambda: source)
    monkeypatch.setattr(flat_module, "READ_DEADLINE_S", 60.0)


def test_the_real_server_is_timed(here, capsys):
    arguments = ["--quick", "--keys", "12", "--tokens", "256", "--tokens", "4096", "--json"]
    assert latency.main(arguments) == 0
    out, err = capsys.readouterr()
    told = json.loads(out.splitlines()[-1])
    assert told["answer_ms"]["all questions"]["count"] >= 12
    assert told["stage_ms"].keys() == set(latency.STAGES)
    assert all(each["p50"] > 0 for each in told["stage_ms"].values())
    assert [each["context_tokens"] for each in told["contexts"]] == [256, 4096]
    assert told["p95_ratio"] > 0
    assert "p95 at 4k over 0k" in err


def test_models_of_one_name_are_refused(here):
    with pytest.raises(SystemExit, match="have one name"):
        latency.main(["--quick", "--model", "a/m", "--model", "b/m"])


def test_a_failing_server_ends_it_with_a_sentence(here):
    with pytest.raises(SystemExit, match="The server says: There is no model"):
        latency.main(["--quick"], scripted("broken"))


def test_no_keys_are_refused():
    with pytest.raises(SystemExit, match="--keys"):
        latency.main(["--keys", "0"])
