"""Which editor is at the other end, from what it declares and says of itself."""

import pytest
from lsprotocol import types
from stateline.lsp_server.edit.settings import Settings
from stateline.lsp_server.server.editor import Editor, editor_of


def told(client="", draws=False, **settings):
    inline = types.InlineCompletionClientCapabilities() if draws else None
    text_document = types.TextDocumentClientCapabilities(inline_completion=inline)
    return editor_of(
        types.InitializeParams(
            types.ClientCapabilities(text_document=text_document),
            client_info=types.ClientInfo(client) if client else None,
        ),
        Settings(**settings),
    )


@pytest.mark.parametrize(
    ("editor", "expected"),
    [
        (told(), Editor(draws=False)),
        (told(draws=True), Editor()),
        (told(ghost_text=True), Editor()),
        (told("Visual Studio Code", draws=True), Editor()),
        (told("PyCharm", draws=True, editor="lsp4ij"), Editor(replaces=False)),
        (told(draws=True, editor="LSP4IJ"), Editor(replaces=False)),
        (told("Neovim", draws=True), Editor(breaks=False)),
        (told("Neovim", draws=True, editor="neovim"), Editor(breaks=False, tells=True)),
        (told("x" * 1000, draws=True, editor="y" * 1000), Editor()),
    ],
)
def test_editors(editor, expected):
    assert editor == expected
