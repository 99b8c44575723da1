"""The extension's source by itself: its types, and its own tests, which need no VS Code."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

pytest_plugins = ["vscode_fixtures"]

import install_vscode  # noqa: E402 - in the folder above


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_extensions_own(editors, script):
    done = subprocess.run(
        ["npm", "run", script],
        cwd=install_vscode.EXTENSION,
        env=install_vscode.environment(editors),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
