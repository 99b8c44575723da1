"""The command line's door: serves an editor at once, and leaves all else to the verbs.

Owns which of the two it is. An editor waits for `stateline lsp` with every start, and what reads
options takes a tenth of the time until it is answered; so that is left out where there are none.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Do what the arguments of this process say; ends the process."""
    # Editors add --stdio by habit. It says nothing; all other options are the verb's.
    if sys.argv[1:] in (["lsp"], ["lsp", "--stdio"]):
        from .server.serving import serve

        serve()
    from .commands.verbs import app

    app(prog_name="stateline")


if __name__ == "__main__":
    main()
