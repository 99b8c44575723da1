"""The language server: LSP messages in and out.

Owns what is advertised and how messages become requests and suggestions become items. Every
handler takes a snapshot first, calls the session, and converts. Knows no model.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from ..model import open_completer
from ..model.completer import Completer, Usage
from ..model.errors import ModelFolderError
from .documents import UnknownDocument
from .protocol import Protocol
from .requests import CompletionRequest, Suggestion, Trigger
from .session import Session
from .settings import Settings, read_settings

logger = logging.getLogger(__name__)

STATUS = "stateline/didChangeStatus"
USAGE = "stateline/usage"
PARENT_POLL_S = 5.0
PROGRESS_ANSWER_S = 1.0


class StatelineServer(LanguageServer):
    """One client, one session."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("stateline", version("stateline"), protocol_cls=Protocol)
        self.settings = Settings()
        self.session: Session | None = None
        self.status: dict[str, Any] = {}
        self.background: set[asyncio.Task[None]] = set()
        self.protocol.capability_policy = self._advertise

    def _advertise(
        self, params: types.InitializeParams, capabilities: types.ServerCapabilities
    ) -> None:
        """Plain completion only for clients that would otherwise see nothing."""
        text_document = params.capabilities.text_document
        draws = text_document is not None and text_document.inline_completion is not None
        if draws or self.settings.ghost_text:
            capabilities.completion_provider = None

    def start_session(self) -> None:
        self.session = Session(self._open_completer, self.settings, self._report)
        self.spawn(self._load(self.session.load()))

    def spawn(self, coroutine: Any) -> None:
        """Run a task that no request waits for."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def say(self, message: str, kind: str = "Normal", *, busy: bool = False) -> None:
        """Tell the client how things are; `kind` is Normal, Error, Warning or Inactive."""
        self.status = {"busy": busy, "message": message, "kind": kind}
        self.protocol.notify(STATUS, self.status)

    def _report(self, uri: str, usage: Usage, source: str) -> None:
        logger.debug("%s: %s", source, usage)
        if self.settings.report_usage:
            values = {_camel(name): value for name, value in asdict(usage).items()}
            self.protocol.notify(USAGE, {"uri": uri, "source": source, **values})

    def _open_completer(self) -> Completer:
        folder = Path(self.settings.model).expanduser() if self.settings.model else None
        budget_bytes = self.settings.memory_mib << 20
        return open_completer(folder, budget_bytes=budget_bytes, threads=self.settings.threads)

    async def _load(self, loading: asyncio.Future[None]) -> None:
        self.say("Loading the model", busy=True)
        async with _work_done(self, "Stateline: loading the model"):
            try:
                await loading
            except ModelFolderError as error:
                self._fail(str(error))
            except Exception as error:
                logger.exception("The model did not load")
                self._fail(
                    f"The model did not load ({type(error).__name__}: {error}); "
                    "`stateline doctor` may say more."
                )
            else:
                self.say("Ready")

    def _fail(self, message: str) -> None:
        self.say(message, "Error")
        params = types.ShowMessageParams(types.MessageType.Error, f"Stateline: {message}")
        self.window_show_message(params)

    def report_server_error(self, error: Exception, source: Any) -> None:
        # pygls would pop up a window for each malformed message.
        logger.error("%s: %s", type(error).__name__, str(error)[:300])


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


@contextlib.asynccontextmanager
async def _work_done(server: StatelineServer, title: str) -> AsyncIterator[None]:
    """Show progress in clients that can."""
    token = "stateline/load"
    if not await _agreed_on(server, token):
        yield
        return
    server.work_done_progress.begin(token, types.WorkDoneProgressBegin(title=title))
    try:
        yield
    finally:
        server.work_done_progress.end(token, types.WorkDoneProgressEnd())


async def _agreed_on(server: StatelineServer, token: str) -> bool:
    """Whether the client takes progress under this token; silence is a no."""
    window = server.protocol.client_capabilities.window
    if window is None or not window.work_done_progress:
        return False
    create = server.work_done_progress.create_async(token)
    try:
        await asyncio.wait_for(asyncio.shield(create), PROGRESS_ANSWER_S)
    except Exception:
        return False
    return True


def create_server() -> StatelineServer:
    """A server with all its handlers; it serves one client."""
    server = StatelineServer()

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.settings, complaints = read_settings(params.initialization_options)
        for complaint in complaints:
            logger.warning("%s", complaint)
        if params.process_id:
            server.spawn(_end_with(params.process_id))

    @server.feature(types.INITIALIZED)
    def initialized(_: types.InitializedParams) -> None:
        server.start_session()

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(
        params: types.InlineCompletionParams,
    ) -> types.InlineCompletionList | None:
        request = _request(server, params, params.context.trigger_kind.value, params.context)
        suggestion = await _suggest(server, request)
        if request is None or suggestion is None:
            return None
        return types.InlineCompletionList([_inline_item(server, request, suggestion)])

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())
    async def completion(params: types.CompletionParams) -> types.CompletionList | None:
        request = _request(server, params, Trigger.AUTOMATIC.value, None)
        suggestion = await _suggest(server, request)
        if request is None or suggestion is None:
            return None
        return types.CompletionList(True, [_plain_item(server, request, suggestion)])

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        snapshot = server.protocol.documents.snapshot(params.text_document.uri)
        if server.session is not None and server.settings.completes(snapshot.language):
            # Where the cursor will be is unknown. The end is as good for all texts of one window.
            request = CompletionRequest(snapshot, len(snapshot.text), Trigger.AUTOMATIC)
            server.session.read_ahead(request.context)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def did_change_configuration(_: types.DidChangeConfigurationParams) -> None:
        """Settings are read once, from initializationOptions; some clients send this at once."""

    @server.feature(types.SHUTDOWN)
    def shutdown(_: Any) -> None:
        if server.session is not None:
            server.session.close()

    return server


async def _suggest(server: StatelineServer, request: CompletionRequest | None) -> Suggestion | None:
    session = server.session
    if request is None or session is None or server.status.get("kind") == "Error":
        return None
    return await session.suggest(request)


def _request(
    server: StatelineServer,
    params: types.InlineCompletionParams | types.CompletionParams,
    trigger: int,
    context: types.InlineCompletionContext | None,
) -> CompletionRequest | None:
    """The request as values; None if this document gets no completion."""
    try:
        snapshot = server.protocol.documents.snapshot(params.text_document.uri)
    except UnknownDocument as error:
        logger.warning("%s", error)
        return None
    if not server.settings.completes(snapshot.language):
        return None
    encoding = server.protocol.encoding
    position = params.position
    offset = snapshot.lines.offset_of(position.line, position.character, encoding)
    request = CompletionRequest(snapshot, offset, Trigger(trigger))
    selected = context.selected_completion_info if context else None
    if selected is None:
        return request
    start = snapshot.lines.offset_of(
        selected.range.start.line, selected.range.start.character, encoding
    )
    typed = snapshot.text[start:offset]
    on_this_line = selected.range.start.line == position.line and start <= offset
    if not on_this_line or not selected.text.startswith(typed):
        return None  # the popup would replace what was typed; nothing can extend both
    return CompletionRequest(snapshot, offset, Trigger(trigger), start, selected.text)


def _inline_item(
    server: StatelineServer, request: CompletionRequest, suggestion: Suggestion
) -> types.InlineCompletionItem:
    text, range_ = _edit(server, request, suggestion)
    return types.InlineCompletionItem(insert_text=text, range=range_)


def _plain_item(
    server: StatelineServer, request: CompletionRequest, suggestion: Suggestion
) -> types.CompletionItem:
    """One preselected entry, labelled with its first line and what stands before it."""
    text, range_ = _edit(server, request, suggestion)
    start = request.offset
    while start > 0 and (
        request.snapshot.text[start - 1].isalnum() or request.snapshot.text[start - 1] == "_"
    ):
        start -= 1
    word = request.snapshot.text[start : request.offset]
    label = (word + text).strip().partition("\n")[0]
    return types.CompletionItem(
        label=label,
        kind=types.CompletionItemKind.Text,
        detail="Stateline",
        filter_text=word or label,
        preselect=True,
        sort_text="0",
        text_edit=types.TextEdit(
            range=types.Range(_position(server, request, start), range_.end), new_text=word + text
        ),
    )


def _edit(
    server: StatelineServer, request: CompletionRequest, suggestion: Suggestion
) -> tuple[str, types.Range]:
    """The text to insert, with the document's own line breaks, and what it replaces."""
    text, start = suggestion.text, request.offset
    if request.selected_text:  # the item must replace the popup's range and extend its text
        text, start = request.selected_text + text, request.selected_start
    if "\r\n" in request.snapshot.text:
        text = text.replace("\n", "\r\n")
    elif "\r" in request.snapshot.text and "\n" not in request.snapshot.text:
        text = text.replace("\n", "\r")
    end = request.offset + suggestion.overwrites
    return text, types.Range(_position(server, request, start), _position(server, request, end))


def _position(server: StatelineServer, request: CompletionRequest, offset: int) -> types.Position:
    lines = request.snapshot.lines
    return types.Position(*lines.position_of(offset, server.protocol.encoding))


async def _end_with(process_id: int) -> None:
    """End this process when the client's ends without saying so."""
    while _alive(process_id):
        await asyncio.sleep(PARENT_POLL_S)
    logger.warning("The client has ended; so does the server.")
    os._exit(1)


def _alive(process_id: int) -> bool:
    if os.name == "nt":
        return True  # signal 0 would end it there; the closed pipe must do
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
