"""The real server, its process number and its log in the folder that is named first."""

import os
import sys
from pathlib import Path

folder = Path(sys.argv[1])
(folder / "pid").write_text(str(os.getpid()))
with (folder / "log").open("ab") as log:
    os.dup2(log.fileno(), sys.stderr.fileno())
os.execv(sys.argv[2], sys.argv[2:])
