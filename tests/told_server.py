"""The real language server, whose model writes what a test tells it to; a program over stdio.

Owns two notifications. `test/writes {pairs}` says what is written from now on: pairs of what has
to stand before the cursor and what follows; with `waits`, not before `test/goesOn`, the other one.
Knows nothing of who asks.
"""

import re
import threading

from stateline.lsp_server.server import features
from stateline.model.completer import Piece, Scripted


class Script:
    """What the model is to write, and whether it may go on."""

    def __init__(self):
        self.pairs = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, context):
        text = next((text for end, text in self.pairs if context.prefix.endswith(end)), "")
        self.may_go_on.wait()
        return [Piece(piece, 1.0) for piece in re.findall(r"\s*\S+|\s+", text)]


def main():
    script = Script()
    features.open_completer = lambda *_, **__: Scripted(script)
    told = features.create_server()

    @told.feature("test/writes")
    def writes(params):
        script.pairs = params.pairs
        if params.waits:
            script.may_go_on.clear()

    @told.feature("test/goesOn")
    def goes_on(params):
        script.may_go_on.set()

    told.start_io()


if __name__ == "__main__":
    main()
