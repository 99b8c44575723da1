"""The measures: what counts as right, where cursors stand, and the picture of a run."""

import json
from pathlib import Path

import pytest
from stateline.model.engine import Engine
from stateline.model.training.corpus import SourceFile
from stateline.model.training.curve import draw
from stateline.model.training.evaluate import Trial, gate_curve, mid_line_cursors, rest_of_line

TEXT = "# head\n\n\ndef add(a, b):\n    # why\n    return a + b\n"


def test_a_trial_is_right_up_to_outer_spaces():
    assert Trial("a + b", " a + b", 0.5).right
    assert not Trial("a + b", "a + c", 0.9).right


def test_the_gate_trades_coverage_for_precision():
    written = [("x", 0.95), ("y", 0.45), ("x", 0.45), ("", 1.0)]
    trials = [Trial("x", text, confidence) for text, confidence in written]
    rows = {row["threshold"]: row for row in gate_curve(trials)}
    assert rows[0.0] == {"threshold": 0.0, "coverage": 0.75, "precision": pytest.approx(2 / 3)}
    assert rows[0.5] == {"threshold": 0.5, "coverage": 0.25, "precision": 1.0}


def test_cursors_stand_inside_code():
    for _, offset in mid_line_cursors([SourceFile("a.py", TEXT)], 50, seed=0):
        before = TEXT[:offset].rpartition("\n")[2]
        assert before.strip()
        assert TEXT[offset:].partition("\n")[0].strip()
        assert not before.lstrip().startswith("#")


def test_the_truth_is_hidden_from_the_model():
    asked = []

    class Spy(Engine):
        def __init__(self):
            pass

        def warm(self, context, stop):
            asked.append(context)

        def complete(self, context, sampling, stop):
            asked.append(context)
            return iter(())

    trial = rest_of_line(Spy(), SourceFile("a.py", TEXT), TEXT.index("a + b"))
    assert trial.truth == "a + b"
    assert all("a + b" not in context.text for context in asked)


def test_the_curve_is_a_picture(tmp_path: Path):
    pytest.importorskip("matplotlib")
    rows = [{"step": i + 1, "loss": 5 - i / 10} for i in range(30)]
    rows[-1]["heldout_bits_per_byte"] = 2.0
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))
    draw(log, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
