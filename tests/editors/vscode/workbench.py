"""VS Code in a browser, as a user sees it.

Owns the programs and folders of one VS Code, and where things are on its screen. Knows nothing of
what the tests expect.
"""

import itertools
import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import install_vscode
from browser import Browser
from page import (
    BUTTON,
    EDITING,
    GHOST,
    MENU_IS_AWAY,
    ROWS,
    SCREEN,
    STATUS,
    STATUS_ITEM,
    STOP_WATCHING,
    WATCH,
)
from patience import wait_until

QUIET = {
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "telemetry.telemetryLevel": "off",
    "chat.disableAIFeatures": True,  # else VS Code's own assistant would complete as well
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "update.mode": "none",
    "editor.quickSuggestions": "off",
    "editor.minimap.enabled": False,
    "editor.cursorBlinking": "solid",
    "editor.lightbulb.enabled": "off",
    "editor.wordBasedSuggestions": "off",
    "git.enabled": False,
    "files.autoSave": "afterDelay",
    "files.autoSaveDelay": 100,
}
TRIGGER = "Control+Alt+g"  # VS Code has no key for it
START_S = 240.0  # on a machine that has much else to do
KEYS = [{"key": "ctrl+alt+g", "command": "editor.action.inlineSuggest.trigger"}]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Workbench:
    """One VS Code with the extension, and one page that shows it."""

    def __init__(self, editors: Path, home: Path, browser: Browser) -> None:
        self._editors, self._home, self._browser = editors, home, browser
        self.folder = home / "folder"
        self._server: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.settings: dict[str, Any] = {}
        self.opened: list[Path] = []
        self.wheel = Path()  # that the extension installs
        self._titles = itertools.count()

    def start(self, vsix: Path, settings: dict[str, Any], **environment: str) -> None:
        self.folder.mkdir(parents=True)
        data = self._home / "data"
        files = {"User/settings": QUIET, "User/keybindings": KEYS, "Machine/settings": settings}
        for name, values in files.items():
            file = data / f"{name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        self._code_server(environment, "--install-extension", str(vsix)).wait(120)
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        options = ["--auth", "none", "--bind-addr", f"127.0.0.1:{port}", "--disable-telemetry"]
        options += ["--disable-update-check", "--disable-workspace-trust", str(self.folder)]
        self._server = self._code_server(environment, *options)
        wait_until(self._answers, "answer of VS Code's server")
        self.load()
        self._browser.wait(f"() => ({STATUS})().includes('Ready')", deadline_s=START_S)

    def load(self) -> None:
        """Load the page, again if need be; done when the extension shows something."""
        self._browser.do("goto", f"{self.url}/?folder={self.folder}")
        self._browser.wait(STATUS, deadline_s=START_S)

    def configure(self, settings: dict[str, Any]) -> None:
        """Settings of the workspace from now on, once VS Code knows them."""
        # The user's own are read at the start only: code-server does not see that file change.
        title = f"settings {next(self._titles)}"
        self.settings = settings
        file = self.folder / ".vscode" / "settings.json"
        file.parent.mkdir(exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(json.dumps({**settings, "window.title": title}))
        new.replace(file)  # VS Code watches, and must never read half of it
        self._browser.wait("(title) => document.title.includes(title)", title)

    def restart_with(self, settings: dict[str, Any], pid: Callable[[], int]) -> None:
        """Change settings that the server is started with; `pid` tells the new one's number."""
        before = pid()
        self.configure(settings)
        wait_until(lambda: pid() not in (0, before), "another server")
        self.wait_status("Ready")

    def stop(self) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(30)

    def _code_server(self, environment: dict[str, str], *arguments: str) -> subprocess.Popen[bytes]:
        node = install_vscode.node(self._editors)
        entry = install_vscode.code_server(self._editors) / "out" / "node" / "entry.js"
        folders = ["--user-data-dir", self._home / "data", "--extensions-dir", self._home / "ext"]
        variables = {"XDG_CONFIG_HOME": str(self._home / "config"), **environment}
        with (self._home / "log").open("ab") as log:
            return subprocess.Popen(
                [node, entry, *folders, *arguments],
                env={**os.environ, **variables},
                stdout=log,
                stderr=log,
            )

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=1) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def open(self, name: str, text: str = "") -> Path:
        """Make a file and open it; the cursor is at its end."""
        path = self.folder / name
        self.opened.append(path)
        path.write_text(text, encoding="utf-8", newline="")
        row = f'.explorer-folders-view .monaco-list-row[aria-label^="{name}"]'
        self._browser.wait("(row) => document.querySelector(row)", row)
        self._browser.do("doubleClick", row)
        self._browser.wait(EDITING, name)
        # VS Code makes what draws ghost text when it has time, or when it is asked for.
        self.press(TRIGGER, "Control+End")
        return path

    def forget_files(self) -> None:
        """Delete what was opened: the list of files must not grow out of the window."""
        while self.opened:
            self.opened.pop().unlink(missing_ok=True)

    def choose(self, entry: str) -> None:
        """Click on the status bar item, and on an entry of its menu."""
        self.click(STATUS_ITEM)
        self._browser.wait(f"() => {ROWS}.length > 3")
        self.pick(entry)

    def pick(self, entry: str) -> None:
        self.type(entry)
        self._wait_row(entry)
        self.press("Enter")
        self._browser.wait(MENU_IS_AWAY)

    def focus(self) -> None:
        """Back to the editor, with the cursor at its end."""
        self.press("Control+1")
        self._browser.wait(EDITING, "")
        self.press("Control+End")

    def press_button(self, button: str) -> None:
        """Click on a button of a notification or a dialog, once it is there."""
        self._browser.wait(BUTTON, button)
        self._browser.do("evaluate", f"(name) => ({BUTTON})(name).click()", button)

    def click(self, selector: str) -> None:
        self._browser.do("click", selector)

    def wait_text(self, part: str) -> None:
        """Wait until it can be read in the editor."""
        self._browser.wait(f"(part) => ({SCREEN})().join('\\n').includes(part)", part)

    def wait_on_page(self, part: str) -> None:
        """Wait until it can be read anywhere."""
        self._browser.wait("(part) => document.body.textContent.includes(part)", part)

    def _wait_row(self, part: str) -> None:
        first = f"(part) => [...{ROWS}][0]?.textContent.includes(part)"
        self._browser.wait(first, part)

    def press(self, *keys: str) -> None:
        for each in keys:
            self._browser.do("press", each)

    def type(self, text: str) -> None:
        self._browser.do("type", text)

    def screen(self) -> list[str]:
        """The lines of the editor as they are drawn, ghost text included."""
        return self._browser.do("evaluate", SCREEN)

    def ghost(self) -> str:
        return self._browser.do("evaluate", GHOST)

    def wait_ghost(self, *texts: str) -> None:
        """Wait until the ghost is one of these."""
        self._wait_equal(GHOST, *texts)

    def wait_drawn(self, last: str) -> None:
        """Wait until the ghost's last line is this one."""
        self._browser.wait(f"(last) => ({GHOST})().split('\\n').at(-1) === last", last)

    def wait_drawn_within(self, text: str) -> None:
        """Wait until the ghost begins with this: it may have grown."""
        self._browser.wait(f"(text) => text && ({GHOST})().startsWith(text)", text)

    def wait_saved(self, path: Path, text: str) -> None:
        """Wait until VS Code has written exactly this into a file."""
        try:
            wait_until(lambda: path.read_bytes() == text.encode(), f"{text!r} in {path.name}")
        except AssertionError:
            found = path.read_bytes().decode()
            raise AssertionError(f"It is {found!r} and not {text!r}.") from None

    def watch_ghost(self) -> None:
        """Note each ghost text that is drawn from now on."""
        self._browser.do("evaluate", WATCH)

    def watched(self) -> list[str]:
        return self._browser.do("evaluate", STOP_WATCHING)

    def screenshot(self, path: Path, clip: dict[str, int] | None = None) -> None:
        self._browser.do("screenshot", str(path), clip)

    def some_ghost(self) -> str:
        return self._browser.wait(GHOST)

    def wait_status(self, part: str) -> None:
        self._browser.wait(f"(part) => ({STATUS})()?.includes(part)", part)

    def _wait_equal(self, source: str, *values: str) -> None:
        try:
            self._browser.wait(f"(values) => values.includes(({source})())", list(values))
        except AssertionError:
            found = self._browser.do("evaluate", source)
            wanted = " or ".join(map(repr, values))
            raise AssertionError(f"It is {found!r} and not {wanted}.") from None
