"""`stateline stats`: what an editing session leaves, as a person and a program read it."""

import json
from collections import Counter
from datetime import date, timedelta

import pytest
from rich.console import Console
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection
from stateline.lsp_server.commands import stats
from stateline.lsp_server.commands.verbs import app
from stateline.lsp_server.worth import ledger
from stateline.lsp_server.worth.ledger import Page, duration_class
from test_server import COMMAND, LOOP, ready
from typer.testing import CliRunner

TODAY = date(2026, 11, 23)
COUNTS = {
    "offered": 20,
    "accepted": 5,
    "acceptedWhole": 3,
    "acceptedLine": 1,
    "acceptedWord": 4,
    "charactersAccepted": 80,
    "lookedAfter30s": 4,
    "keptAfter30s": 3,
}


def page(days_ago=0, **counts):
    latency = Counter({duration_class(10): 9, duration_class(100): 1})
    return Page(TODAY - timedelta(days=days_ago), Counter(counts), latency)


def drawn(pages, width=100):
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as captured:
        stats.show(pages, TODAY, console)
    return captured.get()


def test_each_period_counts_its_own_days():
    pages = [page(40, shown=1), page(20, shown=2), page(6, shown=4), page(0, shown=8)]
    found = stats.periods(pages, TODAY)
    assert [worth.shown for worth in found.values()] == [8, 12, 14, 15]


def test_what_a_client_does_not_tell_is_taken_from_what_it_was_offered():
    pages = [page(1, offered=10), page(0, offered=10, shown=3)]
    assert stats.periods(pages, TODAY)["all"].shown == 13


def test_shares_and_durations():
    worth = stats.Worth.of(page(**COUNTS))
    assert (worth.accepted, worth.kept_30s, worth.kept_5min) == (5, 0.75, None)
    assert worth.p50_ms == pytest.approx(10, rel=0.1)
    assert worth.p95_ms == pytest.approx(100, rel=0.1)


def test_the_table_has_the_numbers_and_the_picture_its_columns():
    text = drawn([page(1, shown=40, accepted=40), page(0, **COUNTS)])
    assert "5 (25 %)" in text
    assert "75 %" in text
    assert "the highest column: 40" in text
    top = next(line for line in text.splitlines() if "█" in line)
    assert top.rstrip() == " " + " " * 5 * 12 + "████"


def test_a_day_without_acceptance_shows_none():
    assert stats._cell(0.0, 0) == " "
    assert stats._cell(0.001, 0) == "▁"
    assert stats._cell(1.0, stats._ROWS - 1) == "█"


def test_nothing_counted_is_said():
    assert "Nothing was counted yet" in drawn([])


@pytest.fixture
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def said(*arguments):
    result = CliRunner().invoke(app, ["stats", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_what_was_accepted_in_an_editor_stands_there_after_it_ended(own_state):
    with Client(Connection(COMMAND)) as client:
        client.initialize({"confidence": 0.0})
        ready(client)
        uri = "file:///tmp/worth.py"
        client.open(uri, "python", LOOP)
        item, *_ = client.suggest(uri, len(LOOP)).items()
        client.change(uri, len(LOOP), len(LOOP), item.text)
        assert client.shutdown() == 0
    today = json.loads(said("--json"))["periods"]["today"]
    assert (today["shown"], today["accepted"], today["whole"]) == (1, 1, 1)
    assert today["characters"] == len(item.text)
    assert today["p50_ms"] > 0
    assert "1 (100 %)" in said()
    (path,) = ledger.folder().iterdir()
    assert item.text not in path.read_text()
    assert "were erased" in said("--forget")
    assert "Nothing was counted" in said()


def test_a_picture_is_saved(own_state):
    ledger.write(Page(date.today(), Counter(COUNTS)))
    said("--svg", str(own_state / "stats.svg"))
    assert (own_state / "stats.svg").read_text(encoding="utf-8").startswith("<svg")
