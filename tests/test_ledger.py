"""The ledger: what is written is read again, by day, and what is damaged costs only itself."""

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.lsp_server.worth import ledger
from stateline.lsp_server.worth.ledger import Page, duration_class, quantile_ms

DAY = date(2026, 11, 23)


def page(day=DAY, latency=(), **counts):
    return Page(day, Counter(counts), Counter(latency))


def test_pages_add_up_by_day(tmp_path):
    later = date(2026, 12, 1)
    ledger.write(page(shown=2, accepted=1, latency=[12, 12]), tmp_path)
    ledger.write(page(later, shown=5), tmp_path)
    ledger.write(page(shown=1, latency=[13]), tmp_path)
    assert ledger.read(tmp_path) == [
        page(shown=3, accepted=1, latency=[12, 12, 13]),
        page(later, shown=5),
    ]
    assert ledger.total(ledger.read(tmp_path)).counts["shown"] == 8


def test_nothing_but_a_day_and_numbers_is_written_for_the_user_alone(tmp_path):
    ledger.write(page(shown=2, latency=[12]), tmp_path / "new")
    (path,) = (tmp_path / "new").iterdir()
    assert json.loads(path.read_text()) == {
        "day": "2026-11-23",
        "counts": {"shown": 2},
        "latency": {"12": 1},
    }
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "null", '"x"', "\0\0\0",
        '{"day": "2026-11-23"}',
        '{"day": "yesterday", "counts": {"shown": 1}, "latency": {}}',
        '{"day": "2026-11-23", "counts": {"shown": "1"}, "latency": {}}',
        '{"day": "2026-11-23", "counts": {"shown": true}, "latency": {}}',
        '{"day": "2026-11-23", "counts": {"shown": -1}, "latency": {}}',
        '{"day": "2026-11-23", "counts": {"shown": 1e400}, "latency": {}}',
        '{"day": "2026-11-23", "counts": {}, "latency": {"x": 1}}',
        '{"day": "2026-11-23", "counts": {}, "latency": {"100000": 1}}',
        '{"day": "2026-11-23", "counts": [], "latency": []}',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_line_costs_only_itself(tmp_path, line):
    ledger.write(page(shown=1), tmp_path)
    with (tmp_path / "2026-11.jsonl").open("a") as file:
        file.write(line + "\n")
    ledger.write(page(shown=2), tmp_path)
    assert ledger.read(tmp_path) == [page(shown=3)]


def test_old_months_go(tmp_path):
    for month in range(1, 13):
        ledger.write(page(date(2025, month, 1), shown=1), tmp_path)
    for month in range(1, 4):
        ledger.write(page(date(2026, month, 1), shown=1), tmp_path)
    assert len(ledger.read(tmp_path)) == ledger.MONTHS
    assert ledger.read(tmp_path)[0].day == date(2025, 3, 1)


def test_forgetting_takes_all_of_ours_and_nothing_else(tmp_path):
    ledger.write(page(shown=1), tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert ledger.forget(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert ledger.forget(tmp_path) == 0


def test_a_folder_that_cannot_be_written_is_survived(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    ledger.write(page(shown=1), tmp_path / "file")
    assert "could not be written" in caplog.text
    assert ledger.read(tmp_path / "file") == []


@pytest.mark.skipif(os.name != "posix", reason="links need no rights only there")
def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "2026-11.jsonl").symlink_to(tmp_path / "victim")
    ledger.write(page(shown=1), tmp_path)
    assert (tmp_path / "victim").read_text() == "precious"
    assert ledger.read(tmp_path) == []


def test_several_writers_mix_no_lines(tmp_path):
    code = (
        "import sys; from pathlib import Path; from datetime import date; from collections import "
        "Counter; from stateline.lsp_server.worth.ledger import Page, write\n"
        "for _ in range(200): write(Page(date(2026, 11, 23), Counter(shown=1)), Path(sys.argv[1]))"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    writers = [subprocess.Popen(argv) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0] * 3
    assert ledger.read(tmp_path) == [page(shown=600)]


@unhurried
@given(st.floats(1, 1e7))
def test_a_class_is_a_fifth_wide(duration_ms):
    said = quantile_ms({duration_class(duration_ms): 1}, 0.5)
    assert 1 / 1.1 <= said / duration_ms <= 1.1


def test_quantiles():
    latency = Counter({duration_class(10): 98, duration_class(1000): 2})
    assert quantile_ms(latency, 0.5) == pytest.approx(10, rel=0.1)
    assert quantile_ms(latency, 0.99) == pytest.approx(1000, rel=0.1)
    assert quantile_ms(Counter(), 0.5) is None
