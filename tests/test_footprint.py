"""The benchmark of the footprint starts servers, types, and tells what they cost."""

import json

from benchmarks import footprint


def test_it_tells_times_memory_and_idle_cpu(capsys):
    assert footprint.main(["--starts", "1", "--keys", "3", "--idle", "0.1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["initialize answered after ms"] < found["model ready after ms"]
    assert "states MiB" in footprint.told(found)
