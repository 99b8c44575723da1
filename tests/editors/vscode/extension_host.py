"""VS Code that runs a file of tests inside its extension host.

Owns the programs and folders for it, and how the results come back. Knows no test.
"""

import json
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import install_vscode
from browser import Browser
from patience import wait_until
from workbench import QUIET, START_S, free_port

TESTS = Path(__file__).with_name("in_host.js")
SETTINGS = {"editor.inlineSuggest.minShowDelay": 0, "git.enabled": False}


def names() -> list[str]:
    """Of the tests in the file."""
    return re.findall(r'^test\("(.+)"', TESTS.read_text("utf-8"), re.MULTILINE)


def results(
    editors: Path, home: Path, browser: Browser, settings: dict[str, object], **environment: str
) -> dict[str, str]:
    """Run all; what each one failed with, empty where it passed."""
    file, port = home / "results.json", free_port()
    workspace = _make_folders(home, settings)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            _command(editors, home, port),
            env={**os.environ, **environment, "STATELINE_RESULTS": str(file)},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: _answers(port), "answer of VS Code's server")
        exposed = ["codeAutomationLog", "codeAutomationExit"]
        browser.do("goto", _address(port, workspace), exposed)
        wait_until(file.exists, "first result", START_S)
        for count, name in enumerate(names()):
            wait_until(lambda passed=count: len(_read(file)) > passed, f"end of {name!r}")
        return _read(file)
    finally:
        server.terminate()
        server.wait(30)


def _make_folders(home: Path, settings: dict[str, object]) -> Path:
    machine = home / "data" / "data" / "Machine" / "settings.json"
    machine.parent.mkdir(parents=True)
    usual = {name: value for name, value in QUIET.items() if not name.startswith("chat.")}
    machine.write_text(json.dumps({**usual, **SETTINGS, **settings}))
    for name in ("first", "second"):
        (home / name).mkdir()
    workspace = home / "both.code-workspace"
    theirs = {"stateline.server.command": ["/not/trusted"]}
    folders = [{"path": "first"}, {"path": "second"}]
    workspace.write_text(json.dumps({"folders": folders, "settings": theirs}))
    return workspace


def _command(editors: Path, home: Path, port: int) -> list[str | Path]:
    main = install_vscode.code_server(editors) / "lib" / "vscode" / "out" / "server-main.js"
    listen = ["--host", "127.0.0.1", "--port", str(port), "--without-connection-token"]
    folders = ["--server-data-dir", home / "data", "--extensions-dir", home / "extensions"]
    # Without the driver's option, a released VS Code takes no tests from an address.
    options = ["--accept-server-license-terms", "--enable-smoke-test-driver"]
    quiet = ["--telemetry-level", "off"]
    return [install_vscode.node(editors), main, *listen, *folders, *options, *quiet]


def _address(port: int, workspace: Path) -> str:
    remote = f"vscode-remote://127.0.0.1:{port}"
    payload = [
        ["extensionDevelopmentPath", f"{remote}{install_vscode.EXTENSION}"],
        ["extensionTestsPath", f"{remote}{TESTS}"],
    ]
    query = {"workspace": str(workspace), "payload": json.dumps(payload)}
    return f"http://127.0.0.1:{port}/?{urllib.parse.urlencode(query)}"


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def _read(file: Path) -> dict[str, str]:
    """A line for each test that has ended: its name, and what it failed with."""
    lines = file.read_text("utf-8").splitlines(keepends=True) if file.exists() else []
    return dict(json.loads(line) for line in lines if line.endswith("\n"))
