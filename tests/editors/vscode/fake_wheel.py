"""A wheel that pip can install without a network: one program, which runs another.

Owns the files in it. Stands for the real one, which would bring its dependencies.
"""

import zipfile
from pathlib import Path

NAME = "stateline-0.0.1"


def make_wheel(folder: Path, command: list[str]) -> Path:
    folder.mkdir()
    wheel = folder / f"{NAME}-py3-none-any.whl"
    info = f"{NAME}.dist-info"
    files = {
        "stateline_door.py": (
            "import os, sys\n\n\n"
            f"def main():\n    command = {command!r}\n"
            "    os.execv(command[0], [*command, *sys.argv[1:]])\n"
        ),
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: stateline\nVersion: 0.0.1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nstateline = stateline_door:main\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return wheel
