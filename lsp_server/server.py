"""The language server: LSP messages in and out.

Owns what is advertised and how messages become requests and suggestions become items. Every
handler takes a snapshot first, calls the session, and converts. Knows no model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from ..model import open_completer
from ..model.completer import Completer
from ..model.errors import ModelFolderError
from .cache import states_folder
from .documents import Snapshot, UnknownDocument
from .items import inline_item, plain_item
from .neighbourhood import file_of
from .parent import end_with
from .priority import take_priority
from .progress import Progress, shown
from .project import Project
from .protocol import Protocol
from .requests import CompletionRequest, Cost, Suggestions, Trigger
from .rules import Verdict
from .session import Session
from .settings import Settings, read_settings
from .statistics import Statistics
from .warming import Warming

logger = logging.getLogger(__name__)

STATUS = "stateline/didChangeStatus"
USAGE = "stateline/usage"
STATISTICS = "stateline.statistics"
_FILES = types.FileOperationRegistrationOptions(
    [types.FileOperationFilter(types.FileOperationPattern("**/*"), scheme="file")]
)


class StatelineServer(LanguageServer):
    """One client, one session."""

    protocol: Protocol

    def __init__(self) -> None:
        super().__init__("stateline", version("stateline"), protocol_cls=Protocol)
        self.settings = Settings()
        self.session: Session | None = None
        self.project: Project | None = None
        self.roots: list[str] = []
        self._readings = 0
        self.statistics = Statistics()
        self.warming = Warming(self._reading_progress, self.spawn)
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
        take_priority(self.settings.priority)
        roots = [Path(path) for uri in self.roots if (path := file_of(uri))]
        self.project = Project(roots, self.settings.exclude, self._forget)
        self.session = Session(
            self._open_completer, self.settings, self._report, self.project.neighbourhood
        )
        self.spawn(self._load(self.session.load()))

    def completes(self, snapshot: Snapshot) -> bool:
        """Whether this document gets completion; if its file may not be read, say why."""
        if self.project is None or not self.settings.completes(snapshot.language):
            return False
        if self.project.verdict(snapshot.uri) in (Verdict.EXCLUDED, Verdict.SECRET):
            self._say_once(self.project.why(snapshot.uri), "Inactive")
            return False
        if self.status.get("kind") == "Inactive":
            self._say_once("Ready", "Normal")
        return True

    def touched(self, uri: str) -> None:
        """The user works on this document."""
        if self.project is not None:
            self.project.touched(uri)

    def changed(self, uris: Iterable[str]) -> None:
        """These files changed, came or went."""
        if self.project is not None:
            self.project.changed(uris)

    def spawn(self, coroutine: Any) -> None:
        """Run a task that no request waits for."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def say(self, message: str, kind: str = "Normal", *, busy: bool = False) -> None:
        """Tell the client how things are; `kind` is Normal, Error, Warning or Inactive."""
        self.status = {"busy": busy, "message": message, "kind": kind}
        self.protocol.notify(STATUS, self.status)

    def _say_once(self, message: str, kind: str) -> None:
        if self.status.get("message") != message:
            self.say(message, kind)

    def _report(self, cost: Cost) -> None:
        logger.debug("request %s, %s: %s", cost.request, cost.source, cost.usage)
        self.statistics.add(cost)
        if cost.source == "background" and (cost.usage.tokens_read or not cost.usage.tokens_left):
            self.warming.left(cost.usage.tokens_left)
        if self.settings.report_usage:
            values = {_camel(name): value for name, value in asdict(cost.usage).items()}
            about = {"uri": cost.uri, "source": cost.source, "request": cost.request}
            self.protocol.notify(USAGE, {**about, **values})

    def _reading_progress(self) -> Progress:
        self._readings += 1  # a token is good for one piece of work
        return Progress(self, f"stateline/read{self._readings}", "Stateline: reading files")

    def _forget(self, files: frozenset[Path]) -> None:
        if self.session is not None:
            self.session.forget(files)

    def _open_completer(self) -> Completer:
        settings = self.settings
        return open_completer(
            Path(settings.model).expanduser() if settings.model else None,
            budget_bytes=settings.memory_mib << 20,
            threads=settings.threads,
            states=states_folder(),
            workspace_tokens=settings.workspace_tokens,
        )

    async def _load(self, loading: asyncio.Future[None]) -> None:
        self.say("Loading the model", busy=True)
        async with shown(self, "stateline/load", "Stateline: loading the model"):
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
                self._ready()

    def _ready(self) -> None:
        advice = self.session.advice if self.session else ""
        if advice:
            logger.warning(advice)
        self.say(advice or "Ready", "Warning" if advice else "Normal")

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


def create_server() -> StatelineServer:
    """A server with all its handlers; it serves one client."""
    server = StatelineServer()

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.roots = _roots(params)
        server.settings, complaints = read_settings(params.initialization_options)
        for complaint in complaints:
            logger.warning("%s", complaint)
        if params.process_id:
            server.spawn(end_with(params.process_id))

    @server.feature(types.INITIALIZED)
    def initialized(_: types.InitializedParams) -> None:
        server.start_session()

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(
        params: types.InlineCompletionParams,
    ) -> types.InlineCompletionList | None:
        request = _request(server, params, params.context.trigger_kind.value, params.context)
        suggestions = await _suggest(server, request)
        if request is None or not suggestions:
            return None
        encoding = server.protocol.encoding
        items = [inline_item(request, each, encoding) for each in suggestions]
        return types.InlineCompletionList(items)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions())
    async def completion(params: types.CompletionParams) -> types.CompletionList | None:
        request = _request(server, params, Trigger.AUTOMATIC.value, None)
        suggestions = await _suggest(server, request)
        if request is None or not suggestions:
            return None
        item = plain_item(request, suggestions[0], server.protocol.encoding)
        return types.CompletionList(True, [item])

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def did_change_configuration(_: types.DidChangeConfigurationParams) -> None:
        """Settings are read once, from initializationOptions; some clients send this at once."""

    @server.command(STATISTICS)
    async def statistics() -> dict[str, Any]:
        """What this session cost, and which states are held."""
        held = await server.session.held() if server.session else {}
        return {**server.statistics.as_json(), "held": held}

    @server.feature(types.SHUTDOWN)
    async def shutdown(_: Any) -> None:
        if server.session is not None:
            server.session.close()
        if server.project is not None:
            await asyncio.to_thread(server.project.close)

    _follow_files(server)
    return server


def _follow_files(server: StatelineServer) -> None:
    """The handlers for what happens to documents and files."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        snapshot = server.protocol.documents.snapshot(params.text_document.uri)
        session = server.session
        if session is not None and server.completes(snapshot):
            server.touched(snapshot.uri)
            # Where the cursor will be is unknown. The end is as good for all texts of one window.
            session.read_ahead(CompletionRequest(snapshot, len(snapshot.text), Trigger.AUTOMATIC))

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.touched(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        if server.project is not None:
            server.project.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        if server.project is not None:
            server.project.neighbourhood.close(params.text_document.uri)

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        server.changed(change.uri for change in params.changes)

    @server.feature(types.WORKSPACE_DID_CREATE_FILES, _FILES)
    def did_create_files(params: types.CreateFilesParams) -> None:
        server.changed(file.uri for file in params.files)

    @server.feature(types.WORKSPACE_DID_DELETE_FILES, _FILES)
    def did_delete_files(params: types.DeleteFilesParams) -> None:
        server.changed(file.uri for file in params.files)

    @server.feature(types.WORKSPACE_DID_RENAME_FILES, _FILES)
    def did_rename_files(params: types.RenameFilesParams) -> None:
        server.changed(uri for file in params.files for uri in (file.old_uri, file.new_uri))


async def _suggest(server: StatelineServer, request: CompletionRequest | None) -> Suggestions:
    session = server.session
    if request is None or session is None or server.status.get("kind") == "Error":
        return ()
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
    if not server.completes(snapshot):
        return None
    encoding = server.protocol.encoding
    position = params.position
    offset = snapshot.lines.offset_of(position.line, position.character, encoding)
    request = CompletionRequest(snapshot, offset, Trigger(trigger), number=server.protocol.msg_id)
    selected = context.selected_completion_info if context else None
    if selected is None:
        return request
    first = selected.range.start
    start = snapshot.lines.offset_of(first.line, first.character, encoding)
    typed = snapshot.text[start:offset]
    on_this_line = first.line == position.line and start <= offset
    if not on_this_line or not selected.text.startswith(typed):
        return None  # the popup would replace what was typed; nothing can extend both
    return replace(request, selected_start=start, selected_text=selected.text)


def _roots(params: types.InitializeParams) -> list[str]:
    """The URIs of the workspace folders."""
    if params.workspace_folders:
        return [folder.uri for folder in params.workspace_folders]
    return [params.root_uri] if params.root_uri else []
