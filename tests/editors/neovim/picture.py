"""Draws the plugin at work in a real terminal as an SVG: `python tests/editors/neovim/picture.py`.

Owns what is typed for the picture, and turning the terminal's screen into one. The server and the
model are the real ones.
"""

import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[1]))

from terminal import ROOT, Terminal, need_neovim, neovims

PICTURE = ROOT / "docs" / "neovim.svg"
COLUMNS, ROWS = 76, 22
DARK = TerminalTheme((20, 22, 27), (224, 226, 234), [(0, 0, 0)] * 8)  # Neovim's own colours
FILE = '''"""Shapes and how large they are."""

import math


class Rectangle:
    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width * self.height

    def perimeter(self):
        return 2 * (self.width + self.height)
'''
TYPED = "class Square(Rectangle):\ndef __init__("


def draw(screen: str, path: Path) -> None:
    """Save a screen, with its colours, as an SVG that loads nothing."""
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(Text.from_ansi(screen), end="", no_wrap=True, overflow="crop")
    drawn = console.export_svg(title="nvim shapes.py", theme=DARK)
    plain = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    path.write_text(plain, encoding="utf-8")


def main() -> None:
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    if missing := need_neovim("0.11"):
        sys.exit(missing)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shapes.py"
        file.write_text(FILE, encoding="utf-8")
        nvim = neovims()["0.11"]
        terminal = Terminal(nvim, file, Path(folder), columns=COLUMNS, rows=ROWS)
        try:
            terminal.wait_for("Stateline: Ready")
            terminal.press("G", "o", "Enter", "C-u")
            terminal.type(TYPED)
            terminal.press("M-\\")
            terminal.wait(lambda: terminal.ghost().count("\n") > 1, "a ghost of several lines")
            draw(terminal.coloured_screen(), path)
        finally:
            terminal.close()
    print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
