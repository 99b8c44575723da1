"""What VS Code, Neovim and LSP4IJ do with a document and with an inline completion, as models.

Owns what each of them says of itself (recorded_clients.json), how it keeps a text, which items it
shows, and the edits it makes of one that is accepted. A `|` in a text marks a cursor. Knows no
user interface, and nothing of how suggestions come to be. Offsets are code points.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from stateline.lsp_server.client.connection import Connection, Pending
from stateline.lsp_server.edit.positions import LineIndex

RECORDED = json.loads(Path(__file__).with_name("recorded_clients.json").read_text("utf-8"))
MARK = "|"
INVOKED, AUTOMATIC = 1, 2


class Edit(NamedTuple):
    """`new` in place of the text from `start` to `end`."""

    start: int
    end: int
    new: str


class Item(NamedTuple):
    """An item of an answer, its range as offsets."""

    text: str
    start: int
    end: int
    command: Any = None


@dataclass
class Buffer:
    """An open document, its cursors (the primary one first) and what undo takes back."""

    lines: LineIndex
    cursors: list[int]
    line_break: str
    version: int = 1
    past: list[tuple[list[Edit], list[int]]] = field(default_factory=list)


class ClientModel:
    """What all three have in common. `connection` leads to a server that this client starts."""

    name = ""
    runs_commands = True

    def __init__(self, connection: Connection, folders: tuple[Path, ...] = ()) -> None:
        self.connection, self.folders = connection, folders
        self.buffers: dict[str, Buffer] = {}
        named = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
        params = {"processId": None, "rootUri": None, "workspaceFolders": named or None}
        answer = connection.request("initialize", params | RECORDED[self.name]).result()
        self.encoding = answer["capabilities"].get("positionEncoding", "utf-16")
        connection.notify("initialized", {})

    def open(self, uri: str, marked: str, language: str = "python") -> None:
        """Open a document that is on the disk like this."""
        first, *parts = self.kept(marked).split(MARK)
        cursors, text = [], first
        for part in parts:
            cursors.append(len(text))
            text += part
        line_break = "\r\n" if "\r\n" in marked else "\n"
        self.buffers[uri] = Buffer(LineIndex.of(text), cursors, line_break)
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.connection.notify("textDocument/didOpen", {"textDocument": item})

    def close(self, uri: str) -> Buffer:
        self.connection.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        return self.buffers.pop(uri)

    def marked(self, uri: str) -> str:
        """The document as it would be saved, with its cursors."""
        buffer, text = self.buffers[uri], self.buffers[uri].lines.text
        for cursor in sorted(buffer.cursors, reverse=True):
            text = text[:cursor] + MARK + text[cursor:]
        return text.replace("\r\n", "\n").replace("\n", buffer.line_break)

    def type(self, uri: str, text: str) -> None:
        """Type at every cursor."""
        self._apply(uri, [Edit(at, at, text) for at in self.buffers[uri].cursors])

    def ask(self, uri: str, kind: int = AUTOMATIC, selected: Any = None) -> Pending:
        """One request for the primary cursor."""
        buffer = self.buffers[uri]
        context = {"triggerKind": kind}
        if selected is not None:
            context["selectedCompletionInfo"] = selected
        params = {
            "textDocument": {"uri": uri},
            "position": self.position(uri, buffer.cursors[0]),
            "context": context,
        }
        return self.connection.request("textDocument/inlineCompletion", params)

    def shown(self, uri: str, pending: Pending, deadline_s: float = 60.0) -> list[Item]:
        """The items of an answer that this client shows at the cursor."""
        result = pending.result(deadline_s) or []
        raw = result["items"] if isinstance(result, dict) else result
        return [item for each in raw if self.shows(uri, item := self._item(uri, each))]

    def accept(self, uri: str, item: Item) -> None:
        """Insert it; the command is run afterwards, by who runs commands."""
        self._apply(uri, self.edits(uri, item))
        if self.runs_commands and item.command is not None:
            params = {key: item.command.get(key) for key in ("command", "arguments")}
            self.connection.request("workspace/executeCommand", params).result()

    def undo(self, uri: str) -> None:
        """Take the last edits back, typed or accepted."""
        buffer = self.buffers[uri]
        edits, cursors = buffer.past.pop()
        self._send(uri, edits)
        buffer.cursors = cursors

    def position(self, uri: str, offset: int) -> dict[str, int]:
        line, character = self.buffers[uri].lines.position_of(offset, self.encoding)
        return {"line": line, "character": character}

    def kept(self, text: str) -> str:
        """A text of the disk as this client keeps it, and tells it to the server."""
        return text

    def shows(self, uri: str, item: Item) -> bool:
        raise NotImplementedError

    def edits(self, uri: str, item: Item) -> list[Edit]:
        """What accepting does at each cursor; all ranges speak of the text before it."""
        return [Edit(item.start, item.end, self._with_breaks_of(uri, item.text))]

    def split_at_cursor(self, uri: str, item: Item) -> tuple[str, str]:
        """What an item's range holds before the primary cursor, and after it."""
        text, cursor = self.buffers[uri].lines.text, self.buffers[uri].cursors[0]
        return text[item.start : cursor], text[cursor : item.end]

    def _with_breaks_of(self, uri: str, text: str) -> str:
        kept = self.kept(self.buffers[uri].line_break)
        return text.replace("\r\n", "\n").replace("\n", kept)

    def _item(self, uri: str, raw: dict[str, Any]) -> Item:
        lines, cursor = self.buffers[uri].lines, self.buffers[uri].cursors[0]
        here = self.position(uri, cursor)
        range_ = raw.get("range", {"start": here, "end": here})
        places = [range_[side] for side in ("start", "end")]
        assert [place["line"] for place in places] == [here["line"]] * 2, "a range is on one line"
        start, end = (lines.offset_of(*place.values(), self.encoding) for place in places)
        assert start <= cursor <= end, "a range holds the cursor"
        return Item(raw["insertText"], start, end, raw.get("command"))

    def _apply(self, uri: str, edits: list[Edit]) -> None:
        """Make edits, one for each cursor, and put the cursors behind them."""
        buffer = self.buffers[uri]
        before, back, cursors = list(buffer.cursors), [], []
        for edit in edits:
            shift = sum(len(e.new) - (e.end - e.start) for e in edits if e.start < edit.start)
            start, end = edit.start + shift, edit.start + shift + len(edit.new)
            back.append(Edit(start, end, buffer.lines.text[edit.start : edit.end]))
            cursors.append(end)
        self._send(uri, edits)
        buffer.cursors = cursors
        buffer.past.append((back, before))

    def _send(self, uri: str, edits: list[Edit]) -> None:
        """Last ones first, so that no range is moved by the edits before it in the message."""
        buffer, changes = self.buffers[uri], []
        for start, end, new in sorted(edits, reverse=True):
            range_ = {"start": self.position(uri, start), "end": self.position(uri, end)}
            changes.append({"range": range_, "text": new})
            buffer.lines = buffer.lines.replaced(start, end, new)
        buffer.version += 1
        document = {"uri": uri, "version": buffer.version}
        params = {"textDocument": document, "contentChanges": changes}
        self.connection.notify("textDocument/didChange", params)


class VSCode(ClientModel):
    """Replaces the range. Shows what adds to the text in it, and takes nothing of it away."""

    name = "vscode"

    def shows(self, uri: str, item: Item) -> bool:
        before, after = self.split_at_cursor(uri, item)
        text = self._with_breaks_of(uri, item.text)
        left = iter(text[len(before) :].lower())
        adds = text.startswith(before) and all(c in left for c in after.lower())
        return adds and text not in (before, before + after)

    def edits(self, uri: str, item: Item) -> list[Edit]:
        """At the other cursors the same is typed, over what stands there as at the first one."""
        (first,) = super().edits(uri, item)
        before, after = self.split_at_cursor(uri, item)
        text, typed = self.buffers[uri].lines.text, first.new[len(before) :]
        others = []
        for cursor in self.buffers[uri].cursors[1:]:
            covered = len(after) if text.startswith(after, cursor) else 0
            others.append(Edit(cursor, cursor + covered, typed))
        return [first, *others]


class Neovim(ClientModel):
    """Our plugin: replaces the range; what was typed has to begin the text."""

    name = "neovim"

    def shows(self, uri: str, item: Item) -> bool:
        before, after = self.split_at_cursor(uri, item)
        text = self._with_breaks_of(uri, item.text)
        return text.startswith(before) and text[len(before) :] not in ("", after)


class LSP4IJ(ClientModel):
    """JetBrains' editors: texts have line feeds only, whatever the file has.

    An item's range replaces nothing. What it holds before the cursor tells how much of the text is
    typed already; what it holds after the cursor is passed over, and the text comes behind it.
    """

    name = "lsp4ij"
    runs_commands = False

    def kept(self, text: str) -> str:
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def shows(self, uri: str, item: Item) -> bool:
        assert "\r" not in item.text, "the platform refuses to insert a carriage return"
        return bool(item.text.strip())

    def edits(self, uri: str, item: Item) -> list[Edit]:
        typed = _utf16_units(self.split_at_cursor(uri, item)[0])
        # A text that is no longer than what was typed is inserted whole.
        skipped = typed if typed < _utf16_units(item.text) else 0
        rest = item.text.encode("utf-16-le")[2 * skipped :].decode("utf-16-le")
        return [Edit(item.end, item.end, rest)]


MODELS = (VSCode, Neovim, LSP4IJ)


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
