"""What one client is served with, from `initialized` on: its engine, session, project and offers.

Owns these, and which documents get completion. Knows no handler, and no model: how one is opened it
is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from pygls.lsp.server import LanguageServer

from ...model.completer import Completer
from ..access.rules import Verdict
from ..edit.documents import Snapshot
from ..edit.settings import Settings
from ..edit.uris import file_of
from ..suggestions.engine_thread import EngineThread
from ..suggestions.session import Session
from ..workspace.cache import states_folder
from ..workspace.project import Project
from ..worth.offers import Offers
from ..worth.statistics import Statistics
from .costs import Costs
from .greeting import Greeting
from .loading import Loading
from .progress import Spawn
from .status import READY, Kind, Said, Status


class Host:
    """Lives on the event loop's thread; made when the client says that it is ready."""

    def __init__(
        self,
        server: LanguageServer,
        greeting: Greeting,
        statistics: Statistics,
        open_completer: Callable[..., Completer],
        spawn: Spawn,
    ) -> None:
        """`open_completer` has the parameters of `model.open_completer`."""
        settings = self._settings = greeting.settings
        self._spawn = spawn
        self._roots = list(greeting.roots)
        self._latest: Snapshot | None = None  # that completion was wanted in
        self.editor, self.statistics = greeting.editor, statistics
        self.offers = Offers(statistics.count, _later, watches=not self.editor.tells)
        self.status = Status(server.protocol.notify)
        self.engine = EngineThread(lambda: _opened_with(settings, open_completer))
        self.loading = Loading(server, self.engine, self.status, spawn, self._loaded)
        self.project = self._new_project()
        costs = Costs(server, statistics, self.status, spawn, told=settings.report_usage)
        self.session = Session(self.engine, settings, costs.add, self.project.neighbourhood)

    def completes(self, snapshot: Snapshot) -> bool:
        """Whether this document gets completion; if not, for a reason of ours, say why."""
        self._latest = snapshot
        if not self._settings.completes(snapshot.language, self.engine.profile):
            if not self._settings.languages:  # else it is the user who wants silence here
                self.status.say(Said(_unknown(snapshot.language), Kind.INACTIVE))
            return False
        if self.project.verdict(snapshot.uri) in (Verdict.EXCLUDED, Verdict.SECRET):
            self.status.say(Said(self.project.why(snapshot.uri), Kind.INACTIVE))
            return False
        if self.status.kind is Kind.INACTIVE:
            self.status.say(READY)
        return True

    def move(self, added: Iterable[str], removed: Iterable[str]) -> None:
        """Workspace folders came and went, by their URIs."""
        gone = set(removed)
        stay = [uri for uri in self._roots if uri not in gone]
        self._roots = [*stay, *(uri for uri in added if uri not in stay)]
        old, self.project = self.project, self._new_project()
        self.session.move(self.project.neighbourhood)
        self._spawn(self.session.answer_for_stored())
        self._spawn(asyncio.to_thread(old.close))

    async def close(self) -> None:
        """Stop all threads."""
        self.session.close()
        self.engine.close()
        await asyncio.to_thread(self.project.close)

    def _new_project(self) -> Project:
        roots = [Path(path) for uri in self._roots if (path := file_of(uri))]
        return Project(roots, self._settings.exclude, self._forget)

    def _forget(self, files: frozenset[Path]) -> None:
        self.session.forget(files)

    def _loaded(self) -> None:
        """What the model does not know is only seen now, and what it kept of earlier sessions."""
        self._spawn(self.session.answer_for_stored())
        if self._latest is not None:
            self.completes(self._latest)


def _opened_with(settings: Settings, open_completer: Callable[..., Completer]) -> Completer:
    return open_completer(
        Path(settings.model).expanduser() if settings.model else None,
        budget_bytes=settings.memory_mib << 20,
        threads=settings.threads,
        states=states_folder(),
        workspace_tokens=settings.workspace_tokens,
    )


def _later(wait_s: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(wait_s, call)


def _unknown(language: str) -> str:
    return (
        f"The model does not know {language or 'this language'}, so nothing is suggested here; "
        'the setting languages turns it on ("*": everywhere).'
    )
