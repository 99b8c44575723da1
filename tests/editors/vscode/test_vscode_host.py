"""The tests in in_host.js, each under its name here."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import extension_host  # noqa: E402 - beside this file
from browser import Browser  # noqa: E402
from script import Script  # noqa: E402

pytest_plugins = ["vscode_fixtures"]


@pytest.fixture(scope="module")
def results(editors, vsix, tmp_path_factory):
    home = tmp_path_factory.mktemp("host")
    script = Script(home / "script")
    settings = {"stateline.server.command": script.command}
    folder = str(home / "script")
    browser = Browser(editors)  # the other tests' page stays where it is
    try:
        return extension_host.results(editors, home, browser, settings, STATELINE_SCRIPT=folder)
    finally:
        browser.close()


@pytest.mark.parametrize("name", extension_host.names())
def test_in_the_extension_host(results, name):
    assert results.get(name, "It did not run.") == ""
