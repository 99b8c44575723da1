"""One VS Code for all its tests, made new for each of them.

Owns what is built and started once, and what every test finds: the scripted server, ready.
"""

import os
import subprocess
import sys
from pathlib import Path

import install_vscode
import pytest
from browser import Browser
from fake_wheel import make_wheel
from install import folder
from script import Script, read_number
from workbench import Workbench

EDITORS = folder()
PACK_S = 300.0
STATELINE = Path(sys.executable).with_name("stateline")


def pack(editors: Path, folder: Path) -> Path:
    """The extension, packed into this folder as a user gets it."""
    file = folder / "stateline.vsix"
    subprocess.run(
        ["npm", "run", "package", "--", "--out", str(file)],
        cwd=install_vscode.EXTENSION,
        env=install_vscode.environment(editors),
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=PACK_S,
    )
    return file


@pytest.fixture(scope="session")
def editors():
    """The folder with all that was installed."""
    if lacking := install_vscode.missing(EDITORS):
        pytest.skip(lacking)
    return EDITORS


@pytest.fixture(scope="session")
def vsix(editors, tmp_path_factory):
    file = pack(editors, tmp_path_factory.mktemp("vsix"))
    assert file.stat().st_size < 300_000
    return file


@pytest.fixture(scope="session")
def browser(editors):
    browser = Browser(editors)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def session_script(tmp_path_factory):
    return Script(tmp_path_factory.mktemp("server") / "script")


@pytest.fixture(scope="session")
def workbench(editors, browser, vsix, session_script, tmp_path_factory):
    home = tmp_path_factory.mktemp("vscode")
    workbench = Workbench(editors, home, browser)
    wheel = make_wheel(home / "wheel", session_script.command)
    workbench.wheel = wheel
    # Without the environment that these tests run in: its `stateline` must not be found.
    (home / "bin").mkdir()
    (home / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    path = os.pathsep.join([str(home / "bin"), str(install_vscode.node(editors).parent), "/bin"])
    settings = {"stateline.server.command": session_script.command}
    try:
        workbench.start(vsix, settings, PATH=path, STATELINE_WHEEL=str(wheel))
        workbench.open("first.py")
        yield workbench
    finally:
        workbench.stop()


@pytest.fixture
def script(session_script):
    session_script.reset()
    return session_script


@pytest.fixture
def editor(workbench, script, request):
    """VS Code with the scripted server, ready, and nothing in the way."""
    workbench.press("Escape", "Escape")
    if workbench.settings:
        workbench.restart_with({}, script.pid)
    workbench.wait_status("Ready")
    failed = request.session.testsfailed
    yield workbench
    if request.session.testsfailed > failed:
        folder = Path(os.environ.get("STATELINE_SCREENSHOTS", workbench.folder.parent))
        workbench.screenshot(folder / f"{request.node.name}.png")
    workbench.forget_files()


class RealServer:
    """The embedded model, in a process whose number and log are known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        start = Path(__file__).parent / "recorded_server.py"
        self.command = [sys.executable, str(start), str(folder), str(STATELINE)]

    def pid(self) -> int:
        return read_number(self._folder / "pid")

    def log(self) -> str:
        file = self._folder / "log"
        return file.read_text("utf-8") if file.exists() else ""


@pytest.fixture
def real_server(tmp_path):
    if not STATELINE.exists():
        pytest.skip("The command `stateline` is not beside this Python; run make setup.")
    return RealServer(tmp_path)
