"""What one client is served with: its session, its project, and what is said about how things are.

Owns these from the client's greeting to its end. Knows no handler, and no model: how one is opened
it is told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from ...model.completer import Completer
from ...model.errors import ModelFolderError
from ..access.rules import Verdict
from ..edit.documents import Snapshot
from ..edit.requests import Cost
from ..edit.settings import Settings, read_settings
from ..edit.uris import file_of
from ..suggestions.session import Session
from ..workspace.cache import states_folder
from ..workspace.project import Project
from ..worth import ledger
from ..worth.offers import Offers
from ..worth.statistics import Statistics
from .editor import Editor, editor_of
from .messages import RELOAD, STATUS, USAGE
from .process import end_with, take_priority
from .progress import Progress, Warming, shown
from .protocol import Protocol

logger = logging.getLogger(__name__)

SAVE_STATISTICS_S = 300.0


class StatelineServer(LanguageServer):
    """One client, one session."""

    protocol: Protocol

    def __init__(self, open_completer: Callable[..., Completer]) -> None:
        """`open_completer` has the parameters of `model.open_completer`."""
        super().__init__("stateline", version("stateline"), protocol_cls=Protocol)
        self._open = open_completer
        self.settings = Settings()
        self.session: Session | None = None
        self.project: Project | None = None
        self.roots: list[str] = []
        self.editor = Editor()
        self._latest: Snapshot | None = None  # that completion was wanted in
        self._readings = 0
        self._loading = False
        self.statistics = Statistics()
        self.offers = self._new_offers()
        self.warming = Warming(self._reading_progress, self.spawn, self._say_reading)
        self.status: dict[str, Any] = {}
        self.background: set[asyncio.Task[None]] = set()
        self.protocol.capability_policy = self._advertise

    def _advertise(
        self, params: types.InitializeParams, capabilities: types.ServerCapabilities
    ) -> None:
        """Plain completion only for clients that would otherwise see nothing."""
        if self.editor.draws:
            capabilities.completion_provider = None

    def greet(self, params: types.InitializeParams) -> None:
        """Learn who the client is, and what its user wants."""
        self.roots = _roots(params)
        self.settings, complaints = read_settings(params.initialization_options)
        for complaint in complaints:
            logger.warning("%s", complaint)
        self.editor = editor_of(params, self.settings)
        self.offers = self._new_offers()
        self.protocol.edited = self.offers.edited
        if params.process_id:
            self.spawn(end_with(params.process_id, self.save_statistics))

    def _new_offers(self) -> Offers:
        return Offers(self.statistics.count, self._later, watches=not self.editor.tells)

    def _later(self, wait_s: float, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(wait_s, call)

    def start_session(self) -> None:
        take_priority(self.settings.priority)
        self.project = self._new_project()
        self.session = Session(
            self._open_completer, self.settings, self._report, self.project.neighbourhood
        )
        self.load()
        self.spawn(self._save_statistics_now_and_then())

    def load(self) -> None:
        """Load the model, or load it again after an error."""
        if self.session is not None and not self._loading:
            self._loading = True
            self.spawn(self._load(self.session.load()))

    def move(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Workspace folders came and went, by their URIs."""
        gone = set(removed)
        stay = [uri for uri in self.roots if uri not in gone]
        self.roots = [*stay, *(uri for uri in added if uri not in stay)]
        if self.session is not None and (old := self.project) is not None:
            self.project = self._new_project()
            self.session.move(self.project.neighbourhood)
            self.spawn(asyncio.to_thread(old.close))

    def _new_project(self) -> Project:
        roots = [Path(path) for uri in self.roots if (path := file_of(uri))]
        return Project(roots, self.settings.exclude, self._forget)

    def completes(self, snapshot: Snapshot) -> bool:
        """Whether this document gets completion; if not, for a reason of ours, say why."""
        if self.project is None or self.session is None:
            return False
        self._latest = snapshot
        language, profile = snapshot.language, self.session.profile
        if not self.settings.completes(language, profile):
            if not self.settings.languages:  # else it is the user who wants silence here
                self._say_once(_unknown(language), "Inactive")
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

    def say(
        self,
        message: str,
        kind: str = "Normal",
        *,
        busy: bool = False,
        command: types.Command | None = None,
    ) -> None:
        """Tell the client how things are; `kind` is Normal, Error, Warning or Inactive."""
        self.status = {"busy": busy, "message": message, "kind": kind}
        if command is not None:
            self.status["command"] = command
        self.protocol.notify(STATUS, self.status)

    def save_statistics(self) -> None:
        """Write what is new to the ledger."""
        if page := self.statistics.page(date.today()):
            ledger.write(page)

    async def _save_statistics_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_STATISTICS_S)
            self.save_statistics()

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

    def _say_reading(self, busy: bool) -> None:
        if self.status.get("kind") == "Normal":
            self.say("Reading files" if busy else "Ready", busy=busy)

    def _forget(self, files: frozenset[Path]) -> None:
        if self.session is not None:
            self.session.forget(files)

    def _open_completer(self) -> Completer:
        settings = self.settings
        return self._open(
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
            finally:
                self._loading = False

    def _ready(self) -> None:
        advice = self.session.advice if self.session else ""
        if advice:
            logger.warning(advice)
        self.say(advice or "Ready", "Warning" if advice else "Normal")
        if self._latest is not None:  # what the model does not know is only seen now
            self.completes(self._latest)

    def _fail(self, message: str) -> None:
        self.say(message, "Error", command=types.Command("Load the model again", RELOAD))
        params = types.ShowMessageParams(types.MessageType.Error, f"Stateline: {message}")
        self.window_show_message(params)

    def report_server_error(self, error: Exception, source: Any) -> None:
        # pygls would pop up a window for each malformed message.
        logger.error("%s: %s", type(error).__name__, str(error)[:300])


def _unknown(language: str) -> str:
    return (
        f"The model does not know {language or 'this language'}, so nothing is suggested here; "
        'the setting languages turns it on ("*": everywhere).'
    )


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _roots(params: types.InitializeParams) -> list[str]:
    """The URIs of the workspace folders."""
    if params.workspace_folders:
        return [folder.uri for folder in params.workspace_folders]
    return [params.root_uri] if params.root_uri else []
