"""The real language server with a scripted completer, as a program for the client's tests.

Owns the scripts: `knows FILE` answers with the rest of the file's line, `silent` with nothing,
`doubts` with what is too unlikely to be shown, `broods` never, `broken` has no model, `dies` ends
when asked.
Knows nothing of who asks.
"""

import os
import re
import sys
import threading

from stateline.lsp_server.server import features
from stateline.model.completer import Piece, Scripted
from stateline.model.errors import ModelFolderError

SENTENCE = "There is no model in /nowhere; name a folder that has one."


def knows(context):
    """What the file says next, up to the end of the line, a word at a time."""
    text = open(sys.argv[2], encoding="utf-8").read()  # noqa: SIM115 - this process is short
    if not text.startswith(context.prefix):
        return []
    rest = text[context.offset :]
    end = rest.find("\n", len(rest) - len(rest.lstrip()))
    return [Piece(word, 1.0) for word in re.findall(r"\n *| *\S+", rest[:end] + "\n")]


def doubts(context):
    return [Piece("maybe_this\n", 0.01)]


def broods(context):
    threading.Event().wait()


def dies(context):
    print("the last straw", file=sys.stderr, flush=True)
    os._exit(3)


def broken(folder, **options):
    raise ModelFolderError(SENTENCE)


def main():
    scripts = {"knows": knows, "doubts": doubts, "broods": broods, "dies": dies}
    script = scripts.get(sys.argv[1], lambda context: [])
    opened = broken if sys.argv[1] == "broken" else lambda folder, **options: Scripted(script)
    features.open_completer = opened
    features.create_server().start_io()


if __name__ == "__main__":
    main()
