"""docs/clients.md against the tests: each one that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")


def sources(pattern):
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob(pattern))


PYTHON = sources("**/test_*.py")
IN_HOST = sources("editors/vscode/in_host.js")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", PAGE))))
def test_a_test_that_is_named_is_there(name):
    assert f"def {name}(" in PYTHON


@pytest.mark.parametrize("name", sorted(set(re.findall(r'H "([^"]+)"', PAGE))))
def test_a_test_in_the_extension_host_is_there(name):
    assert f'test("{name}"' in IN_HOST


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`(tests/[\w/.*]+)`", PAGE))))
def test_a_file_that_is_named_is_there(path):
    assert list(ROOT.glob(path))
