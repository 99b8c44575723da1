"""How a request for suggestions becomes an answer, and what the client says about it later.

Owns the handlers of the completion methods. Every one takes a snapshot first. Knows no model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lsprotocol import types

from ..edit.documents import UnknownDocument
from ..edit.positions import code_points_within
from ..edit.requests import CompletionRequest, Suggestion, Trigger
from .host import StatelineServer
from .items import Insertion, inline_item, insertion, plain_item
from .messages import (
    DID_ACCEPT,
    DID_PARTIALLY_ACCEPT,
    DID_SHOW,
    STREAM,
    AcceptedParams,
    ShownParams,
    StreamParams,
)

logger = logging.getLogger(__name__)


def complete_with(server: StatelineServer) -> None:
    """Give a server the handlers."""
    _answer(server)
    _listen(server)


def _answer(server: StatelineServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(
        params: types.InlineCompletionParams,
    ) -> types.InlineCompletionList | None:
        return await _inline(server, params, None)

    @server.feature(STREAM)
    async def stream(params: StreamParams) -> types.InlineCompletionList | None:
        if (token := params.token) is None:
            return await _inline(server, params.asked, None)

        def grown(items: types.InlineCompletionList) -> None:
            server.protocol.notify(types.PROGRESS, types.ProgressParams(token, items))

        return await _inline(server, params.asked, grown)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())
    async def completion(params: types.CompletionParams) -> types.CompletionList | None:
        asked = _Asked.of(server, params, Trigger.AUTOMATIC, None)
        found = await asked.suggestions() if asked else []
        if asked is None or not found:
            return None
        ((inserted, id_),) = found[:1]
        item = plain_item(asked.request, inserted, server.protocol.encoding, id_)
        return types.CompletionList(True, [item])


def _listen(server: StatelineServer) -> None:
    @server.feature(DID_SHOW)
    def did_show(params: ShownParams) -> None:
        if id_ := _id(params.item):
            server.offers.shown(id_)

    @server.feature(DID_PARTIALLY_ACCEPT)
    def did_partially_accept(params: AcceptedParams) -> None:
        if id_ := _id(params.item):
            text = params.item.insert_text
            text = text if isinstance(text, str) else text.value
            characters = code_points_within(text, params.accepted_length, "utf-16")
            server.offers.accepted(id_, text, characters)

    @server.command(DID_ACCEPT)
    def did_accept(id_: Any = None) -> None:
        server.offers.accepted(str(id_))


async def _inline(
    server: StatelineServer,
    params: types.InlineCompletionParams,
    grown: Callable[[types.InlineCompletionList], None] | None,
) -> types.InlineCompletionList | None:
    trigger = Trigger(params.context.trigger_kind.value)
    asked = _Asked.of(server, params, trigger, params.context.selected_completion_info)
    if asked is None:
        return None
    encoding = server.protocol.encoding
    told = False

    def listed(found: Sequence[tuple[Insertion, str]]) -> types.InlineCompletionList:
        items = [inline_item(asked.request, inserted, encoding, id_) for inserted, id_ in found]
        return types.InlineCompletionList(items)

    def more(suggestion: Suggestion) -> None:
        nonlocal told
        if grown is not None and (found := asked.made([suggestion])):
            told = True
            grown(listed(found))

    found = await asked.suggestions(more if grown else None)
    # Nothing after something takes that back: its end has shown that it was not fit to be shown.
    return listed(found) if found or told else None


class _Asked:
    """One request on its way."""

    def __init__(self, server: StatelineServer, request: CompletionRequest) -> None:
        self._server, self.request = server, request
        self._since_s: float | None = time.monotonic()

    @staticmethod
    def of(
        server: StatelineServer,
        params: types.InlineCompletionParams | types.CompletionParams,
        trigger: Trigger,
        selected: types.SelectedCompletionInfo | None,
    ) -> _Asked | None:
        """None if this document gets no completion, or not here."""
        request = _request(server, params, trigger)
        if request is not None and selected is not None:
            request = _extending(request, selected, server)
        return None if request is None else _Asked(server, request)

    async def suggestions(
        self, grown: Callable[[Suggestion], None] | None = None
    ) -> list[tuple[Insertion, str]]:
        session = self._server.session
        if session is None or self._server.status.get("kind") == "Error":
            return []
        return self.made(await session.suggest(self.request, grown))

    def made(self, suggestions: Sequence[Suggestion]) -> list[tuple[Insertion, str]]:
        """What each inserts, and its id."""
        editor, at = self._server.editor, self.request.offset
        inserted = [insertion(self.request, each, editor) for each in suggestions]
        found = [each for each in inserted if each is not None]
        rests = [each.text[at - each.start :] for each in found]
        if found and self._since_s is not None:  # only the first time counts
            self._server.statistics.answered((time.monotonic() - self._since_s) * 1e3)
            self._since_s = None
        ids = self._server.offers.made(self.request.snapshot, at, rests)
        return list(zip(found, ids, strict=True))


def _request(
    server: StatelineServer,
    params: types.InlineCompletionParams | types.CompletionParams,
    trigger: Trigger,
) -> CompletionRequest | None:
    try:
        snapshot = server.protocol.documents.snapshot(params.text_document.uri)
    except UnknownDocument as error:
        logger.warning("%s", error)
        return None
    if not server.completes(snapshot):
        return None
    position = params.position
    encoding = server.protocol.encoding
    offset = snapshot.lines.offset_of(position.line, position.character, encoding)
    return CompletionRequest(snapshot, offset, trigger, number=server.protocol.msg_id)


def _extending(
    request: CompletionRequest, selected: types.SelectedCompletionInfo, server: StatelineServer
) -> CompletionRequest | None:
    """The request with a popup's selected entry; None where nothing can extend both."""
    lines, first = request.snapshot.lines, selected.range.start
    start = lines.offset_of(first.line, first.character, server.protocol.encoding)
    typed = request.snapshot.text[start : request.offset]
    on_this_line = lines.line_at(request.offset) == first.line and start <= request.offset
    if not on_this_line or not selected.text.startswith(typed):
        return None  # the popup would replace what was typed
    return replace(request, selected_start=start, selected_text=selected.text)


def _id(item: types.InlineCompletionItem) -> str | None:
    arguments = (item.command and item.command.arguments) or [None]
    return arguments[0] if isinstance(arguments[0], str) else None
