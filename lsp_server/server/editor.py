"""What the editor at the other end does with an item, as far as editors differ.

Owns how an editor is recognised. Knows no message but `initialize`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsprotocol import types

from ..edit.settings import Settings

_INSERTS_BEHIND = frozenset({"lsp4ij"})
_TELLS = frozenset({"neovim"})


@dataclass(frozen=True)
class Editor:
    """`draws`: it shows inline completions. `replaces`: it takes away all of an item's range.

    LSP4IJ does not: it keeps what the range covers right of the cursor, and inserts behind it.
    `tells`: it says what was accepted of what, so that its edits need not be watched. `breaks`:
    its texts have line breaks of their own; Neovim's buffers have lines, and its own client would
    put a carriage return into them.
    """

    draws: bool = True
    replaces: bool = True
    tells: bool = False
    breaks: bool = True


def editor_of(params: types.InitializeParams, settings: Settings) -> Editor:
    """From what a client declares, and says of itself."""
    text_document = params.capabilities.text_document
    client = (params.client_info.name if params.client_info else "").lower()
    name = settings.editor.lower()
    declared = text_document is not None and text_document.inline_completion is not None
    return Editor(
        draws=declared or settings.ghost_text,
        replaces=name not in _INSERTS_BEHIND,
        tells=name in _TELLS,
        breaks="neovim" not in (name, client),
    )
