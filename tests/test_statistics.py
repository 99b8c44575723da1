"""What a session cost: counts and spreads, as the client may ask for them, and nothing else."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection
from stateline.lsp_server.edit.requests import Cost
from stateline.lsp_server.worth.statistics import LAST, Statistics
from stateline.model.completer import Usage
from test_server import COMMAND, LOOP, ready

DAY = date(2026, 11, 23)
NOTHING = {"median": None, "p95": None}


def told(*costs: Cost) -> dict[str, object]:
    statistics = Statistics()
    for cost in costs:
        statistics.add(cost)
    found = statistics.as_json()
    json.dumps(found, allow_nan=False)
    return found


def cost(source: str = "model", **usage) -> Cost:
    return Cost("file:///secret.py", Usage(**usage), source)


def test_before_the_first_request_everything_is_there_and_nothing_is_known():
    found = told()
    spreads = found.pop("perRequest")
    assert set(found.values()) == {0}
    assert list(spreads.values()) == [NOTHING] * 4
    assert told(cost(), cost("background"), cost("typed")).keys() == told().keys()


def test_each_kind_of_cost_is_counted_where_it_belongs():
    found = told(
        cost(tokens_read=10, tokens_reused=3, tokens_generated=5, cold=True),
        cost("typed"),
        cost("background", tokens_read=1000, tokens_reused=70, tokens_left=9),
        cost("background", tokens_read=500),
    )
    spreads = found.pop("perRequest")
    assert {name: count for name, count in found.items() if count} == {
        "requests": 2,
        "typedThrough": 1,
        "cold": 1,
        "tokensReadWaiting": 10,
        "tokensReadInBackground": 1500,
        "tokensReused": 3,
        "tokensGenerated": 5,
    }
    assert spreads["tokensRead"] == {"median": 10, "p95": 10}  # typing through asks no model


def test_spreads_are_of_the_last_requests():
    costs = [cost(tokens_read=n, read_ms=n / 3) for n in range(LAST + 100)]
    assert told(*costs)["perRequest"]["tokensRead"] == {"median": 349, "p95": 574}
    assert told(*costs)["perRequest"]["readMs"]["median"] == 116.33
    assert told(*costs)["requests"] == LAST + 100


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    else:
        yield value


def test_the_server_tells_numbers_and_no_text(tmp_path: Path):
    uri = (tmp_path / "canary_file.py").as_uri()
    text = "canary_name = 1\n" + LOOP
    ask = {"command": "stateline.statistics"}
    with Client(Connection(COMMAND)) as client:
        answer = client.initialize({"confidence": 0.0})
        assert ask["command"] in answer["capabilities"]["executeCommandProvider"]["commands"]
        ready(client)
        client.open(uri, "python", text)
        client.suggest(uri, len(text)).items()
        client.change(uri, len(text), len(text), "m")
        client.suggest(uri, len(text) + 1).items()
        found = client.connection.request("workspace/executeCommand", ask).result()
        assert client.shutdown() == 0
    assert found["requests"] >= 1
    assert found["tokensReadWaiting"] > 0
    assert found["held"]
    assert all(held["states"] > 0 and held["bytes"] > 0 for held in found["held"].values())
    assert all(isinstance(leaf, int | float | None) for leaf in leaves(found))
    assert "canary" not in json.dumps(found)


def test_a_page_holds_what_is_new_since_the_last_one():
    statistics = Statistics()
    assert not statistics.page(DAY)
    statistics.count("offered", 2)
    statistics.answered(10.0)
    page = statistics.page(DAY)
    assert (page.day, page.counts, sum(page.latency.values())) == (DAY, {"offered": 2}, 1)
    assert not statistics.page(DAY)
    statistics.count("offered", 1)
    statistics.count("accepted", 1)
    assert statistics.page(DAY).counts == {"offered": 1, "accepted": 1}
    assert statistics.as_json()["offered"] == 3
