"""Who the client is, and what its user wants, as it said in `initialize`.

Owns the reading of that. Knows nothing of what comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lsprotocol import types

from ..edit.settings import Settings, read_settings
from .editor import Editor, editor_of


@dataclass(frozen=True)
class Greeting:
    """Of one client."""

    settings: Settings = field(default_factory=Settings)
    editor: Editor = field(default_factory=Editor)
    roots: tuple[str, ...] = ()  # the URIs of the workspace folders
    complaints: tuple[str, ...] = ()  # about the settings

    @staticmethod
    def of(params: types.InitializeParams) -> Greeting:
        settings, complaints = read_settings(params.initialization_options)
        folders = [folder.uri for folder in params.workspace_folders or ()]
        roots = folders or ([params.root_uri] if params.root_uri else [])
        return Greeting(settings, editor_of(params, settings), tuple(roots), tuple(complaints))
