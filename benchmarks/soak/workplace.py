"""A made-up project on the disk, and real servers over it with a cache folder of their own.

Owns the files' texts, how a server is started so that nothing of the user's is touched, and how
long to wait for it to have read everything. Knows nothing of what is measured.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from stateline.lsp_server.client.client import DRAWS_GHOST_TEXT, Client, Item
from stateline.lsp_server.client.connection import Connection, Message
from stateline.lsp_server.commands.demo import SERVER, STATUS, USAGE

LOAD_DEADLINE_S, READ_DEADLINE_S = 120.0, 600.0
OPEN_FILE = "main.py"
# Something that even a very small model goes on with, the same way each time.
ASKED = (
    "\n\nclass Box:\n    def __init__(self, value, name):\n"
    "        self.value = value\n        self.na"
)
_WORDS = re.findall(
    r"\w+",
    "read write open close find keep drop token state chain text file path name line count total "
    "first last next value order reach limit share place level batch score index cache",
)


@dataclass(frozen=True)
class Workplace:
    """A project's folder, and the folder where its servers keep states."""

    root: Path
    cache: Path

    @property
    def uri(self) -> str:
        return (self.root / OPEN_FILE).as_uri()

    @property
    def text(self) -> str:
        return (self.root / OPEN_FILE).read_text(encoding="utf-8")

    @property
    def states(self) -> Path:
        """Where the servers' `store` is."""
        return self.cache / "stateline" / "states"

    @contextlib.contextmanager
    def serving(self, options: Mapping[str, Any], *arguments: str) -> Iterator[Client]:
        """A server that was told to begin; its model may not be loaded yet."""
        with started(self.cache, *arguments) as client:
            handshake(client, [self.root.as_uri()], options)
            yield client


@contextlib.contextmanager
def started(cache: Path, *arguments: str) -> Iterator[Client]:
    """A server's process that knows neither the user's cache folder nor their settings of git."""
    places = {"XDG_CACHE_HOME": cache, "HOME": cache, "GIT_CONFIG_GLOBAL": cache / "no.gitconfig"}
    with patch.dict(os.environ, {name: str(place) for name, place in places.items()}):
        client = Client(Connection([*SERVER, *arguments]))
    with client:
        yield client


def handshake(client: Client, folders: Sequence[str], options: Mapping[str, Any]) -> None:
    """As `Client.initialize`, with workspace folders (URIs)."""
    params = {
        "processId": os.getpid(),
        "rootUri": None,
        "workspaceFolders": [{"uri": uri, "name": uri[-20:]} for uri in folders] or None,
        "capabilities": DRAWS_GHOST_TEXT,
        "initializationOptions": {"confidence": 0.0, "reportUsage": True, **options},
    }
    answer = client.connection.request("initialize", params).result()
    client.encoding = answer["capabilities"].get("positionEncoding", "utf-16")
    client.connection.notify("initialized", {})


def loaded(client: Client) -> float:
    """Wait for the model; when it was there, in seconds of `time.perf_counter`."""
    message = client.connection.wait_for(
        STATUS, lambda status: not status["busy"], deadline_s=LOAD_DEADLINE_S
    )
    if message.params["kind"] != "Normal":
        raise RuntimeError(f"The server says: {message.params['message']}")
    return message.at_s


def all_read(client: Client, least_above: int = 0, after: int = 0) -> Message:
    """Wait for a reading ahead that leaves nothing, with so many tokens above its anchor.

    Other files stand there as well, and are read last.
    """

    def is_last(usage: Mapping[str, Any]) -> bool:
        over = usage["source"] == "background" and not usage["tokensLeft"]
        return over and usage["tokensAbove"] >= least_above

    return client.connection.wait_for(USAGE, is_last, deadline_s=READ_DEADLINE_S, after=after)


def read_ahead(client: Client, after: int = 0) -> int:
    """Tokens read in the background so far, as far as the server said."""
    return sum(
        message.params["tokensRead"]
        for message in client.connection.received[after:]
        if message.method == USAGE and message.params["source"] == "background"
    )


def suggested(client: Client, uri: str) -> list[Item]:
    """What is suggested at the end of a document, asked for with a key."""
    return client.suggest(uri, len(client.text(uri)), invoked=True).items()


def make(folder: Path, files: int, lines: int, seed: int = 0) -> Workplace:
    """A package of so many modules of so many lines, all of which the open file imports."""
    place = Workplace((folder / "project").resolve(), folder / "cache")
    for number in range(files):
        write(
            place.root / "parts" / f"part{number}.py", module(lines, random.Random(seed + number))
        )
    imports = "".join(f"from parts import part{number}\n" for number in range(files))
    write(place.root / "parts" / "__init__.py", '"""Parts."""\n')
    write(place.root / OPEN_FILE, imports + ASKED)
    return place


def module(lines: int, chance: random.Random) -> str:
    """Python that nobody wrote, of about so many lines."""
    text = f'"""The {chance.choice(_WORDS)} of a {chance.choice(_WORDS)}."""\n'
    for _ in range(lines // 6):
        verb, noun, thing, other = (chance.choice(_WORDS) for _ in range(4))
        text += (
            f"\n\ndef {verb}_{noun}({thing}_{noun}, {other}_{verb}={chance.randrange(999)}):\n"
            f"    if {thing}_{noun} is None:\n        return {other}_{verb}\n"
            f"    return {noun}_{other}({thing}_{noun}) + {other}_{verb}\n"
        )
    return text


def write(path: Path, text: str) -> None:
    """A file with line feeds, and the folders around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
