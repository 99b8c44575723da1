"""Progress as a client sees it: begun once, rising, ended once, and silent where unwanted."""

import asyncio
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from naive_text import unhurried
from stateline.lsp_server.server import progress as progress_module
from stateline.lsp_server.server.progress import WORTH_TELLING_TOKENS, Progress, Warming, shown

SHOWS = types.WindowClientCapabilities(work_done_progress=True)


class Client:
    """What `Progress` uses of a server, and what the client has heard."""

    def __init__(self, window=SHOWS, answer=lambda: asyncio.sleep(0)) -> None:
        self.protocol = SimpleNamespace(client_capabilities=SimpleNamespace(window=window))
        self.work_done_progress = self
        self.heard: list[object] = []
        self.asked = 0
        self._answer = answer

    async def create_async(self, token: str) -> None:
        self.asked += 1
        await self._answer()

    def begin(self, token: str, value: types.WorkDoneProgressBegin) -> None:
        self.heard.append(value.kind)

    def report(self, token: str, value: types.WorkDoneProgressReport) -> None:
        self.heard.append(value.percentage)

    def end(self, token: str, value: types.WorkDoneProgressEnd) -> None:
        self.heard.append(value.kind)


def heard_of(client: Client, *left: int) -> list[object]:
    """What a client hears while so many tokens are left, each a moment after the other."""

    async def work() -> None:
        tasks = []
        new = lambda: Progress(client, "token", "Reading")  # noqa: E731
        warming = Warming(new, lambda begin: tasks.append(asyncio.ensure_future(begin)))
        for tokens in left:
            warming.left(tokens)
            await asyncio.gather(*tasks)

    asyncio.run(work())
    return client.heard


def test_a_long_reading_is_shown_from_beginning_to_end():
    assert heard_of(Client(), 8000, 6000, 2000, 1, 0) == ["begin", 25, 75, 99, "end"]


def test_a_short_one_is_not_worth_a_word():
    client = Client()
    assert heard_of(client, WORTH_TELLING_TOKENS - 1, 10, 0, 0) == []
    assert client.asked == 0


def test_what_comes_to_be_read_meanwhile_takes_nothing_back():
    assert heard_of(Client(), 8000, 4000, 7000, 16000, 2000, 0) == ["begin", 50, 50, 50, 87, "end"]


def test_the_next_reading_begins_anew():
    assert heard_of(Client(), 8000, 10, 0, 0, 5000, 2500, 0)[3:] == ["begin", 50, "end"]


@unhurried
@given(st.lists(st.integers(0, 3 * WORTH_TELLING_TOKENS)))
def test_whatever_is_left_the_client_hears_whole_readings_that_rise(left: list[int]):
    heard = heard_of(Client(), *left, 0)
    readings = " ".join(map(str, heard)).split("begin")
    assert readings[0] == ""
    for reading in readings[1:]:
        *percentages, end = reading.split()
        assert end == "end"
        numbers = list(map(int, percentages))
        assert numbers == sorted(numbers)
        assert all(0 <= number <= 100 for number in numbers)


def test_a_client_that_shows_no_progress_is_not_even_asked():
    for window in (None, types.WindowClientCapabilities()):
        client = Client(window)
        assert heard_of(client, 8000, 10, 0) == []
        assert client.asked == 0


def test_a_client_that_refuses_or_keeps_silent_hears_nothing(monkeypatch):
    async def refuse() -> None:
        raise ValueError("no")

    monkeypatch.setattr(progress_module, "ANSWER_S", 0.0)
    for answer in (refuse, lambda: asyncio.Event().wait()):
        assert heard_of(Client(answer=answer), 8000, 10, 0) == []


def test_what_is_over_before_the_client_agrees_is_never_begun():
    async def work(client: Client, agreed: asyncio.Event) -> None:
        progress = Progress(client, "token", "Reading")
        beginning = asyncio.ensure_future(progress.begin())
        await asyncio.sleep(0)
        progress.report(10)
        progress.end()
        agreed.set()
        await beginning

    agreed = asyncio.Event()
    client = Client(answer=agreed.wait)
    asyncio.run(work(client, agreed))
    assert client.asked == 1
    assert client.heard == []


def test_nothing_follows_an_end():
    async def work(client: Client) -> None:
        async with shown(client, "token", "Loading"):
            pass
        progress = Progress(client, "token", "Loading")
        await progress.begin()
        progress.end()
        progress.report(50)
        progress.end()

    client = Client()
    asyncio.run(work(client))
    assert client.heard == ["begin", "end"] * 2


def test_the_status_is_busy_for_as_long():
    told = []

    async def work() -> None:
        new = lambda: Progress(Client(window=None), "token", "Reading")  # noqa: E731
        warming = Warming(new, lambda begin: begin.close(), told.append)
        for tokens in (10, 8000, 6000, 1, 0, 20, 0):
            warming.left(tokens)

    asyncio.run(work())
    assert told == [True, False]
