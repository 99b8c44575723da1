"""What a client may send as initializationOptions: good values count, bad ones are explained."""

import json
import math
from dataclasses import asdict, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_text import unhurried
from stateline.lsp_server.edit.settings import _RULES, Manner, Settings, read_settings
from stateline.model.profile import UNCALIBRATED, Profile

DOCS = Path(__file__).parent.parent / "docs"
CLIENTS = {"editor", "ghostText", "reportUsage"}  # what a client says of itself


def check(options, expected, *words):
    """The settings read, and a word from each complaint."""
    settings, complaints = read_settings(options)
    assert settings == expected
    assert len(complaints) == len(words), complaints
    for complaint, word in zip(complaints, words, strict=True):
        assert word in complaint
        assert complaint.endswith(".")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (None, Settings()),
        ({}, Settings()),
        ({"model": "/m"}, Settings(model="/m")),
        ({"languages": ["python", "lua"]}, Settings(languages=("python", "lua"))),
        ({"languages": []}, Settings()),
        ({"confidence": None}, Settings()),
        ({"confidence": 0}, Settings(confidence=0)),
        ({"confidence": 1.0}, Settings(confidence=1.0)),
        ({"multiLine": False}, Settings(multi_line=False)),
        ({"memoryMiB": 8}, Settings(memory_mib=8)),
        ({"workspaceTokens": 1 << 20}, Settings(workspace_tokens=1 << 20)),
        ({"exclude": ["*.gen.py", "/old/"]}, Settings(exclude=("*.gen.py", "/old/"))),
        ({"exclude": []}, Settings()),
        ({"threads": 256}, Settings(threads=256)),
        ({"priority": "low"}, Settings(priority="low")),
        ({"ghostText": True}, Settings(ghost_text=True)),
        ({"reportUsage": True}, Settings(report_usage=True)),
        ({"model": None, "threads": None}, Settings()),
        ({"editor": "neovim"}, Settings(editor="neovim")),
        ({"": 1, "editorInfo": {"name": "x"}}, Settings()),
    ],
)
def test_good_values_count(options, expected):
    check(options, expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("model", value) for value in (1, True, ["/m"], {})],
        *[("languages", value) for value in ("python", [1], [None], {"python": True}, True)],
        *[("confidence", value) for value in (-0.1, 1.1, "0.5", True, [], -math.inf)],
        *[("confidence", value) for value in (math.nan, math.inf, 10**400)],
        *[("multiLine", value) for value in (1, 0, "true", [])],
        *[("memoryMiB", value) for value in (7, 65537, 96.0, 96.5, "96", True, math.nan)],
        *[("workspaceTokens", value) for value in (-1, (1 << 20) + 1, 1.0, "4", True, [])],
        *[("exclude", value) for value in ("*.py", [1], [None], {"*.py": True}, True)],
        *[("threads", value) for value in (-1, 257, 1.0, "4", False)],
        *[("priority", value) for value in ("high", "Low", "", 5, True, [], ["low"], {})],
        *[("editor", value) for value in (1, True, ["vi"], {"name": "vi"})],
        *[("ghostText", value) for value in (1, "yes")],
        *[("reportUsage", value) for value in (1, "yes")],
    ],
)
def test_a_bad_value_is_explained_and_the_default_is_used(key, value):
    check({key: value}, Settings(), f"The setting {key} must be ")


def test_a_complaint_names_the_default_as_a_client_would_write_it():
    _, complaints = read_settings({"languages": 1, "multiLine": 1, "model": 1})
    ends = ["using [].", "using true.", 'using "".']
    assert all(c.endswith(e) for c, e in zip(complaints, ends, strict=True))


def test_one_bad_value_spoils_no_other():
    check({"threads": "4", "confidence": 0.5}, Settings(confidence=0.5), "threads")


def test_what_is_the_models_to_say_is_named_so():
    check({"confidence": 2}, Settings(), "using the model's own.")


@pytest.mark.parametrize("options", [[], "python", 1, True])
def test_options_that_are_no_object_are_refused(options):
    check(options, Settings(), "not an object")


@pytest.mark.parametrize(
    ("key", "meant"),
    [("multiline", "multiLine"), ("language", "languages"), ("memoryMB", "memoryMiB")],
)
def test_a_setting_misspelt_is_worth_a_sentence(key, meant):
    check({key: 1}, Settings(), f"There is no setting '{key}'; perhaps {meant} is meant.")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@unhurried
@given(st.dictionaries(st.sampled_from(sorted(_RULES)) | st.text(), json_values) | json_values)
def test_whatever_comes_the_settings_have_their_types(options):
    settings, complaints = read_settings(options)
    for field in fields(Settings):
        value, default = getattr(settings, field.name), field.default
        number = field.name == "confidence" and isinstance(value, int | float)
        assert type(value) is type(default) or number
    assert settings.confidence is None or 0 <= settings.confidence <= 1
    assert all(isinstance(each, str) for each in (*settings.languages, *complaints))


@pytest.mark.parametrize(
    ("languages", "identifier", "completes"),
    [
        # Unless the user says otherwise: those that the model knows.
        ((), "python", True),
        ((), "typescriptreact", True),
        ((), "javascript", False),
        ((), "rust", False),
        # A list is exactly that list, whatever the model knows.
        (("python",), "python", True),
        (("python",), "typescript", False),
        (("rust",), "rust", True),
        (("javascript",), "javascriptreact", True),  # a language's name stands for all its ids
        (("typescript",), "typescriptreact", True),
        (("typescriptreact",), "typescript", False),
        (("typescript",), "javascript", False),
        (("*",), "rust", True),
    ],
)
def test_which_languages_are_completed(languages, identifier, completes):
    profile = Profile(("python", "typescript"))
    assert Settings(languages=languages).completes(identifier, profile) is completes


def test_the_gate_is_the_models_unless_the_user_sets_one():
    profile = Profile(("python", "typescript"), {"typescript": 0.45})
    assert Settings().manner("typescriptreact", profile) == Manner(0.45)
    assert Settings().manner("python", profile) == Manner(UNCALIBRATED)
    assert Settings(confidence=0).manner("typescript", profile) == Manner(0)
    assert not Settings(multi_line=False).manner("python", profile).multi_line


def test_every_setting_has_a_rule_and_a_default_that_keeps_it():
    names = {name for name, _, _ in _RULES.values()}
    assert names == set(asdict(Settings()))
    for name, good, _ in _RULES.values():
        default = getattr(Settings(), name)
        assert default is None or good(list(default) if isinstance(default, tuple) else default)


def documented(page):
    """Each row of the page's tables by its key, as cells."""
    rows = (DOCS / page).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows if "|" in row]
    return {key.strip("`"): rest for key, *rest in filter(None, cells) if key.startswith("`")}


def test_every_setting_is_documented_and_nothing_else():
    assert documented("settings.md").keys() == _RULES.keys() - CLIENTS
    assert documented("protocol.md").keys() >= CLIENTS


@pytest.mark.parametrize("key", _RULES.keys() - CLIENTS)
def test_a_setting_is_documented_with_its_default_and_a_reason(key):
    default, meaning, reason = documented("settings.md")[key]
    assert default == f"`{json.dumps(getattr(Settings(), _RULES[key][0]))}`"
    assert meaning
    assert reason
