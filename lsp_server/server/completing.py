"""How a request for suggestions becomes an answer, and what the client says about it later.

Owns the handlers of the completion methods. Every one takes a snapshot first. Knows no model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from ..edit.documents import UnknownDocument
from ..edit.positions import code_points_within
from ..edit.requests import CompletionRequest, Suggested, Suggestion, Trigger
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
from .status import Kind

if TYPE_CHECKING:
    from .language_server import StatelineServer

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
        return await _inline(server, params)

    @server.feature(STREAM)
    async def stream(params: StreamParams) -> types.InlineCompletionList | None:
        return await _inline(server, params.asked, params.token)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())
    async def completion(params: types.CompletionParams) -> types.CompletionList | None:
        asked = _Asked.of(server, params, Trigger.AUTOMATIC, None)
        if asked is None:
            return None
        made = [asked.made(now.suggestions) async for now in asked.suggested()]
        if not made or not made[-1]:
            return None
        inserted, id_ = made[-1][0]
        item = plain_item(asked.request, inserted, server.protocol.encoding, id_)
        return types.CompletionList(True, [item])


def _listen(server: StatelineServer) -> None:
    @server.feature(DID_SHOW)
    def did_show(params: ShownParams) -> None:
        if id_ := _id(params.item):
            server.host.offers.shown(id_)

    @server.feature(DID_PARTIALLY_ACCEPT)
    def did_partially_accept(params: AcceptedParams) -> None:
        if id_ := _id(params.item):
            text = params.item.insert_text
            text = text if isinstance(text, str) else text.value
            characters = code_points_within(text, params.accepted_length, "utf-16")
            server.host.offers.accepted(id_, text, characters)

    @server.command(DID_ACCEPT)
    def did_accept(id_: Any = None) -> None:
        server.host.offers.accepted(str(id_))


async def _inline(
    server: StatelineServer,
    params: types.InlineCompletionParams,
    token: int | str | None = None,
) -> types.InlineCompletionList | None:
    """The answer; with a token, the growing text is told under it."""
    trigger = Trigger(params.context.trigger_kind.value)
    asked = _Asked.of(server, params, trigger, params.context.selected_completion_info)
    if asked is None:
        return None
    protocol, told = server.protocol, False
    answer = types.InlineCompletionList([])
    async for now in asked.suggested(growing=token is not None):
        made = asked.made(now.suggestions)
        items = [inline_item(asked.request, each, protocol.encoding, id_) for each, id_ in made]
        answer = types.InlineCompletionList(items)
        if token is not None and items and not now.final:
            told = True
            protocol.notify(types.PROGRESS, types.ProgressParams(token, answer))
    # Nothing after something takes that back: its end has shown that it was not fit to be shown.
    return answer if answer.items or told else None


class _Asked:
    """One request on its way."""

    def __init__(self, server: StatelineServer, request: CompletionRequest) -> None:
        self._host, self.request = server.host, request
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

    async def suggested(self, *, growing: bool = False) -> AsyncIterator[Suggested]:
        """See `Session.suggest`; nothing at all where there is no model."""
        if self._host.status.kind is not Kind.ERROR:
            async for now in self._host.session.suggest(self.request, growing=growing):
                yield now

    def made(self, suggestions: Sequence[Suggestion]) -> list[tuple[Insertion, str]]:
        """What each inserts, and its id."""
        editor, at = self._host.editor, self.request.offset
        inserted = [insertion(self.request, each, editor) for each in suggestions]
        found = [each for each in inserted if each is not None]
        rests = [each.text[at - each.start :] for each in found]
        if found and self._since_s is not None:  # only the first time counts
            self._host.statistics.answered((time.monotonic() - self._since_s) * 1e3)
            self._since_s = None
        ids = self._host.offers.made(self.request.snapshot, at, rests)
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
    if not server.host.completes(snapshot):
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
