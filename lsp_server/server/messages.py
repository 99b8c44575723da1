"""Messages that LSP does not have: their names, and what is in them.

Owns the types of what a client sends, and how JSON becomes one; docs/protocol.md says what each is
for. Knows no server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types

if TYPE_CHECKING:
    from cattrs import Converter

STREAM = "stateline/streamInlineCompletion"
DID_SHOW = "textDocument/didShowCompletion"
DID_PARTIALLY_ACCEPT = "textDocument/didPartiallyAcceptCompletion"
STATUS = "stateline/didChangeStatus"
USAGE = "stateline/usage"
# Commands, which are run by workspace/executeCommand:
DID_ACCEPT = "stateline.didAcceptCompletion"
RELOAD = "stateline.reload"
STATISTICS = "stateline.statistics"


@attrs.define
class StreamParams:
    """As for textDocument/inlineCompletion; `token` is where the growing text is told."""

    asked: types.InlineCompletionParams
    token: int | str | None


@attrs.define
class ShownParams:
    """The item was drawn."""

    item: types.InlineCompletionItem


@attrs.define
class AcceptedParams:
    """The first `accepted_length` UTF-16 units of the item's text are in the document now."""

    item: types.InlineCompletionItem
    accepted_length: int


@attrs.define
class StreamRequest:
    id: int | str
    params: StreamParams
    method: str
    jsonrpc: str


@attrs.define
class ShownNotification:
    params: ShownParams
    method: str
    jsonrpc: str


@attrs.define
class AcceptedNotification:
    params: AcceptedParams
    method: str
    jsonrpc: str


MESSAGE_TYPES: dict[str, type[Any]] = {
    STREAM: StreamRequest,
    DID_SHOW: ShownNotification,
    DID_PARTIALLY_ACCEPT: AcceptedNotification,
}


def teach(converter: Converter) -> None:
    """Let a converter of LSP's types make ours from JSON; what does not fit raises."""

    def stream(value: dict[str, Any], _: type) -> StreamParams:
        token = value.get("partialResultToken")
        if not isinstance(token, int | str | None):
            raise ValueError("partialResultToken is a number or a string")
        return StreamParams(converter.structure(value, types.InlineCompletionParams), token)

    def accepted(value: dict[str, Any], _: type) -> AcceptedParams:
        item = converter.structure(value["item"], types.InlineCompletionItem)
        return AcceptedParams(item, int(value["acceptedLength"]))

    converter.register_structure_hook(StreamParams, stream)
    converter.register_structure_hook(AcceptedParams, accepted)
    # cattrs cannot tell by itself which of its types an id is: a number or a string.
    converter.register_structure_hook(
        StreamRequest,
        lambda v, _: StreamRequest(
            v["id"], converter.structure(v["params"], StreamParams), v["method"], v["jsonrpc"]
        ),
    )
