"""The benchmark of the engine runs and tells of every side."""

import json

from tiny_model import tiny_folder

from benchmarks import engine


def test_every_side_is_timed_at_every_length(tmp_path, capsys):
    arguments = ["--model", str(tiny_folder(tmp_path)), "--rounds", "1"]
    assert engine.main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert "torch float32" in report["tokens_per_s"]
    for rates in report["tokens_per_s"].values():
        assert rates.keys() == {"write", *(f"read {n}" for n in engine.READ_TOKENS)}
        assert all(rate > 0 for rate in rates.values())
    assert "read 1024" in engine.told(report)
