"""docs/protocol.md against the code: every message of ours stands there, and no other."""

import re
from pathlib import Path

from lsprotocol import types
from stateline.lsp_server.server import messages
from stateline.lsp_server.server.features import create_server

PAGE = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text(encoding="utf-8")
TO_CLIENT = {messages.STATUS, messages.USAGE}
CODE = re.compile(r"`([^`]+)`")


def ours(name):
    """Whether LSP does not have it."""
    return name not in types.METHOD_TO_TYPES and not name.startswith("$/")


def named(pattern):
    return {name for name in CODE.findall(PAGE) if re.fullmatch(pattern, name)}


def rows():
    """The first cell of each row of a table, without its quotes."""
    return {match[1] for match in re.finditer(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)}


def test_every_method_of_ours_is_documented_and_handled():
    handled = {name for name in create_server().protocol.fm.features if ours(name)}
    documented = {name for name in named(r"\w+/\w+") if ours(name)}
    assert documented == handled | TO_CLIENT
    assert documented <= rows()


def test_every_command_is_documented_and_handled():
    commands = set(create_server().protocol.fm.commands)
    assert named(r"stateline\.\w+") == commands
    assert commands <= rows()


def test_what_is_named_as_lsp_is_lsp():
    assert {name for name in named(r"(textDocument|workspace|window)/\w+") if ours(name)} == {
        messages.DID_SHOW,
        messages.DID_PARTIALLY_ACCEPT,
    }
