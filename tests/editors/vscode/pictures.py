"""Makes the pictures of the extension: its icon, two screenshots and a short recording.

`python tests/editors/vscode/pictures.py` writes them into editors/vscode/images. Owns what they
show: the embedded model in a real VS Code.
"""

import io
import os
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import install_vscode  # noqa: E402 - beside this file's folder
from browser import Browser  # noqa: E402 - beside this file
from vscode_fixtures import EDITORS, STATELINE, pack  # noqa: E402
from workbench import STATUS_ITEM, TRIGGER, Workbench  # noqa: E402

IMAGES = install_vscode.EXTENSION / "images"
MOST_BYTES = 300_000
CLIP = {"x": 303, "y": 85, "width": 447, "height": 320}  # the editor
FRAME_MS, COLOURS = 120, 64
NAMES = ("ghost.png", "menu.png", "typing.gif")
TEXT = """\
class Account:
    def __init__(self, owner, balance):
        self.owner = owner
        self.balance = balance

    def deposit(self, amount):
        self.balance += amount
        return self.balance

    def withdraw(self, amount):
        self.balance -= amount
        return"""


class Recording:
    """Frames at the pace at which things happen; one without a change lengthens the last."""

    def __init__(self, workbench: Workbench, folder: Path) -> None:
        self._workbench, self._file = workbench, folder / "frame.png"
        self._frames: list[Image.Image] = []
        self._shown_ms: list[int] = []
        self._last = b""

    def watch(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (begin := time.monotonic()) < end:
            self._workbench.screenshot(self._file, CLIP)
            time.sleep(max(0.0, FRAME_MS / 1e3 - (time.monotonic() - begin)))
            self._add(self._file.read_bytes())

    def type(self, text: str) -> None:
        for key in text:
            self._workbench.type(key)
            self.watch(FRAME_MS / 1e3)

    def save(self, file: Path) -> None:
        # The colours of what is looked at longest are those of all: what stays costs nothing then.
        longest = self._shown_ms.index(max(self._shown_ms))
        palette = self._frames[longest].quantize(COLOURS)
        plain = Image.Dither.NONE
        first, *others = [each.quantize(palette=palette, dither=plain) for each in self._frames]
        first.save(file, save_all=True, append_images=others, duration=self._shown_ms, loop=0)

    def _add(self, png: bytes) -> None:
        if png == self._last:
            self._shown_ms[-1] += FRAME_MS
            return
        self._last = png
        self._frames.append(Image.open(io.BytesIO(png)).convert("RGB"))
        self._shown_ms.append(FRAME_MS)


def show(workbench: Workbench, folder: Path) -> dict[str, bytes]:
    """All pictures, by the names of their files."""
    workbench.open("point.py", TEXT)
    recording = Recording(workbench, folder)
    recording.watch(0.5)
    recording.type(" ")
    workbench.some_ghost()
    recording.watch(1.0)
    workbench.press("Tab", "Enter", "Enter", "Backspace")
    recording.type("def is_empty(")
    workbench.some_ghost()
    recording.watch(1.0)
    workbench.press("Escape", TRIGGER)  # who asks gets the whole block
    recording.watch(1.5)
    workbench.screenshot(folder / "ghost.png", CLIP)
    workbench.press("Tab")
    recording.watch(2.0)
    workbench.click(STATUS_ITEM)
    time.sleep(1)  # for the menu to come to rest
    workbench.screenshot(folder / "menu.png", {"x": 190, "y": 0, "width": 620, "height": 290})
    recording.save(folder / "typing.gif")
    return {name: (folder / name).read_bytes() for name in NAMES}


def draw_icon(browser: Browser) -> None:
    svg = (IMAGES / "icon.svg").read_text("utf-8")
    browser.do("setContent", f"<style>body{{margin:0}}</style>{svg}", {"width": 256, "height": 256})
    browser.do("screenshot", str(IMAGES / "icon.png"))


def main() -> None:
    if lacking := install_vscode.missing(EDITORS):
        sys.exit(lacking)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        browser = Browser(EDITORS)
        workbench = Workbench(EDITORS, folder / "vscode", browser)
        settings = {"stateline.server.command": str(STATELINE)}
        try:
            draw_icon(browser)
            workbench.start(pack(EDITORS, folder), settings, XDG_CACHE_HOME=str(folder / "cache"))
            pictures = show(workbench, folder)
        finally:
            workbench.stop()
            browser.close()
    for name, picture in pictures.items():
        if len(picture) > MOST_BYTES:
            sys.exit(f"{name} has {len(picture)} bytes; {MOST_BYTES} are allowed.")
        (IMAGES / name).write_bytes(picture)
        print(f"{os.path.relpath(IMAGES / name)}: {len(picture)} bytes")


if __name__ == "__main__":
    main()
