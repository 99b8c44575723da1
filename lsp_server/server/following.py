"""What happens to documents, files and workspace folders, as the client tells it.

Owns the handlers for that. The texts themselves are the protocol's. Knows no request.
"""

from __future__ import annotations

from lsprotocol import types

from ..edit.requests import CompletionRequest, Trigger
from .host import StatelineServer

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
        server.offers.closed(params.text_document.uri)
        if server.project is not None:
            server.project.neighbourhood.close(params.text_document.uri)


def _follow_files(server: StatelineServer) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def did_change_watched_files(params: types.DidChangeWatchedFilesParams) -> None:
        server.changed(change.uri for change in params.changes)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def did_change_workspace_folders(params: types.DidChangeWorkspaceFoldersParams) -> None:
        event = params.event
        server.move((each.uri for each in event.added), (each.uri for each in event.removed))

    @server.feature(types.WORKSPACE_DID_CREATE_FILES, _FILES)
    def did_create_files(params: types.CreateFilesParams) -> None:
        server.changed(file.uri for file in params.files)

    @server.feature(types.WORKSPACE_DID_DELETE_FILES, _FILES)
    def did_delete_files(params: types.DeleteFilesParams) -> None:
        server.changed(file.uri for file in params.files)

    @server.feature(types.WORKSPACE_DID_RENAME_FILES, _FILES)
    def did_rename_files(params: types.RenameFilesParams) -> None:
        server.changed(uri for file in params.files for uri in (file.old_uri, file.new_uri))
