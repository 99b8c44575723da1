"""Every editor's client asks in the languages that Stateline knows by name, and says so."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from stateline.model.languages import LANGUAGES

ROOT = Path(__file__).parent.parent
EDITORS = ROOT / "editors"
IDS = sorted(id_ for each in LANGUAGES for id_ in each.ids)
SUFFIXES = sorted(suffix for each in LANGUAGES for suffix in each.suffixes)
HELIX = {"python", "typescript", "tsx", "javascript", "jsx"}  # Helix's own names


def text(*names):
    return EDITORS.joinpath(*names).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("place", "list_"),
    [
        (("vscode", "src", "settings.ts"), r"USUAL = \[(.*?)\]"),
        (("neovim", "lua", "stateline", "settings.lua"), r"filetypes = \{(.*?)\}"),
        (("neovim", "README.md"), r"filetypes = \{(.*?)\}"),
        (("neovim", "doc", "stateline.txt"), r"filetypes = \{(.*?)\}"),
    ],
)
def test_lists_of_identifiers_are_whole(place, list_):
    found = re.findall(list_, text(*place), re.DOTALL)
    assert found
    for each in found:
        assert sorted(re.findall(r"[\w]+", each)) == IDS


def test_the_template_has_every_file():
    mappings = json.loads(text("jetbrains", "template.json"))["fileTypeMappings"]
    assert sorted(each["languageId"] for each in mappings) == IDS
    patterns = [pattern for each in mappings for pattern in each["fileType"]["patterns"]]
    assert sorted(patterns) == [f"*{suffix}" for suffix in SUFFIXES]


def test_helix_has_every_language():
    languages = tomllib.loads(text("helix", "languages.toml"))["language"]
    assert {each["name"] for each in languages} == HELIX
    assert all(each["language-servers"][0] == "stateline" for each in languages)


def test_emacs_has_every_language():
    said = text("emacs", "stateline.el")
    named = set(re.findall(r':language-id "(\w+)"', said))
    # js-mode is JSX's as well, and Python's id is what eglot takes from the mode's name.
    assert named == set(IDS) - {"javascriptreact", "python"}
    assert "(python-mode python-ts-mode)" in said
