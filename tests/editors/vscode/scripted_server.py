"""The real language server, whose model writes what a file says, a step at a time.

Owns the folder that it is given. `script.json` there says what is written: what has to stand before
the cursor, and the pieces of each suggestion; `null` among them waits until `go` holds one more
character. Other files in it change what happens: with `held`, nothing is answered before `go` is
there; with `slow`, the model is not loaded before; with `broken`, it cannot be; with `crash`, the
program ends at once. `received.jsonl` is what the client sent, and `pid` who this is.
Knows nothing of who asks.
"""

import json
import os
import sys
import time
from pathlib import Path

from stateline.lsp_server.server import features
from stateline.lsp_server.server.protocol import Protocol
from stateline.model.completer import Piece, Scripted
from stateline.model.errors import ModelFolderError

FOLDER = Path(sys.argv[1])
LOOK_S = 0.01


def is_there(name):
    return (FOLDER / name).exists()


def wait_for_go(steps):
    while not is_there("go") or len((FOLDER / "go").read_bytes()) < steps:
        time.sleep(LOOK_S)


def pieces(written):
    steps = 0
    for piece in written:
        if piece is None:
            steps += 1
            wait_for_go(steps)
        else:
            yield Piece(piece, 1.0)


def suggestions(context):
    """All that is written at a place: the pieces of each."""
    for before, *found in json.loads((FOLDER / "script.json").read_text("utf-8")):
        if context.prefix.endswith(before):
            return found
    return [[]]


def load(*_, **__):
    if is_there("slow"):
        wait_for_go(1)
    if is_there("broken"):
        raise ModelFolderError("There is no model in /nowhere; name a folder that has one.")
    return Scripted(
        lambda context: pieces(suggestions(context)[0]),
        lambda context: [pieces(each) for each in suggestions(context)[1:]],
    )


def record(structured):
    """The same method, writing down what was received."""

    def structure_message(self, data):
        if "jsonrpc" in data:  # and not a part of a message
            with (FOLDER / "received.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(data) + "\n")
        return structured(self, data)

    return structure_message


def main():
    if "stats" in sys.argv:
        print("shown 3, accepted 2")
        return
    (FOLDER / "pid").write_text(str(os.getpid()))
    if is_there("held"):
        wait_for_go(1)
    if is_there("crash"):
        sys.exit(3)
    features.open_completer = load
    Protocol.structure_message = record(Protocol.structure_message)
    features.create_server().start_io()


if __name__ == "__main__":
    main()
