"""What happens to documents, files and workspace folders, as the client tells it.

Owns the handlers for that. The texts themselves are the protocol's. Knows no request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from ..edit.requests import CompletionRequest, Trigger

if TYPE_CHECKING:
    from .language_server import StatelineServer

_FILES = types.FileOperationRegistrationOptions(
    [types.FileOperationFilter(types.FileOperationPattern("**/*"), scheme="file")]
)


def follow_with(server: StatelineServer) -> None:
    """Give a server the handlers."""
    _follow_documents(server)
    _follow_files(server)


def _follow_documents(server: StatelineServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        snapshot = server.protocol.documents.snapshot(params.text_document.uri)
        if server.host.completes(snapshot):
            server.host.project.touched(snapshot.uri)
            # Where the cursor will be is unknown. The end is as good for all texts of one window.
            end = CompletionRequest(snapshot, len(snapshot.text), Trigger.AUTOMATIC)
            server.host.session.read_ahead(end)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.host.project.touched(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.host.project.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.host.offers.closed(params.text_document.uri)
        server.host.project.neighbourhood.close(params.text_document.uri)


def _follow_files(server: StatelineServer) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        server.host.project.changed(change.uri for change in params.changes)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def did_change_workspace_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        event = params.event
        server.host.move((each.uri for each in event.added), (each.uri for each in event.removed))

    @server.feature(types.WORKSPACE_DID_CREATE_FILES, _FILES)
    def did_create_files(params: types.CreateFilesParams) -> None:
        server.host.project.changed(file.uri for file in params.files)

    @server.feature(types.WORKSPACE_DID_DELETE_FILES, _FILES)
    def did_delete_files(params: types.DeleteFilesParams) -> None:
        server.host.project.changed(file.uri for file in params.files)

    @server.feature(types.WORKSPACE_DID_RENAME_FILES, _FILES)
    def did_rename_files(params: types.RenameFilesParams) -> None:
        server.host.project.changed(
            uri for file in params.files for uri in (file.old_uri, file.new_uri)
        )
