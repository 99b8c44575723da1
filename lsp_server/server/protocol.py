"""How pygls is bent to our needs; the one module that knows pygls' inner workings.

Owns the wiring of the protocol: text goes to `Documents` and nowhere else, capabilities are
decided per client, no text is logged, and broken requests are answered. Knows no feature of the
server: what is advertised to whom is a policy that the server may set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, get_args

from cattrs import transform_error
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method

from ..edit.documents import Documents, Edit
from ..edit.positions import Encoding
from .messages import MESSAGE_TYPES, teach

if TYPE_CHECKING:
    from cattrs import Converter
    from pygls.lsp.server import LanguageServer

CapabilityPolicy = Callable[[types.InitializeParams, types.ServerCapabilities], None]
"""Changes in place what is advertised to one client; the capabilities are made for it alone."""

EditListener = Callable[[str, list[Edit]], None]
"""Is told what changed in a document, before the feature for didChange is called."""

_NOTEBOOK_METHODS = (
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)
_LONGEST_LOGGED = 200
"""Characters of a string that pygls may log."""


def withhold_completion(
    params: types.InitializeParams, capabilities: types.ServerCapabilities
) -> None:
    """Advertise plain completion only to clients without inline completion.

    A client that has both would show every suggestion twice.
    """
    text_document = params.capabilities.text_document
    if text_document is not None and text_document.inline_completion is not None:
        capabilities.completion_provider = None


class Protocol(LanguageServerProtocol):
    """pygls' protocol with `documents` in place of its workspace's text.

    `documents` is up to date before a feature for didOpen, didChange or didClose is called.
    `encoding` is the unit of the client's positions, agreed on in `initialize`; the client's first
    choice that we know, else UTF-16. `capability_policy` is called at the end of `initialize`,
    after the server's own feature for it; `edited` with each change. pygls' `workspace` knows
    folders only: its `get_text_document` would read from the disk what the editor has changed.
    """

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        _keep_text_out_of_logs()
        super().__init__(server, converter)
        self.documents = Documents()
        self.encoding: Encoding = "utf-16"
        self.capability_policy: CapabilityPolicy = withhold_completion
        self.edited: EditListener = lambda uri, edits: None
        teach(converter)
        # Never advertised. They would keep a second store of texts, split into lines the wrong way.
        for method in _NOTEBOOK_METHODS:
            del self.fm.builtin_features[method]

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(
        self, params: types.InitializeParams
    ) -> Generator[Any, Any, types.InitializeResult]:
        """Answer `initialize` with what the policy makes of the registered features."""
        result = yield from super().lsp_initialize(params)
        self.encoding = _encoding(result.capabilities)
        self.capability_policy(params, result.capabilities)
        return result

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(
        self, params: types.DidOpenTextDocumentParams
    ) -> Generator[Any, Any, None]:
        """Take a document in, then call the server's feature."""
        item = params.text_document
        self.documents.open(item.uri, item.version, item.language_id, item.text)
        yield from self._call_feature(types.TEXT_DOCUMENT_DID_OPEN, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(
        self, params: types.DidChangeTextDocumentParams
    ) -> Generator[Any, Any, None]:
        """Change a document, then call the server's feature."""
        item = params.text_document
        edits = self.documents.change(item.uri, item.version, params.content_changes, self.encoding)
        self.edited(item.uri, edits)
        yield from self._call_feature(types.TEXT_DOCUMENT_DID_CHANGE, params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(
        self, params: types.DidCloseTextDocumentParams
    ) -> Generator[Any, Any, None]:
        """Forget a document, then call the server's feature."""
        self.documents.close(params.text_document.uri)
        yield from self._call_feature(types.TEXT_DOCUMENT_DID_CLOSE, params)

    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]
        """LSP's type of a message, or ours."""
        return MESSAGE_TYPES.get(method) or super().get_message_type(method)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Read a message; a request that does not fit its type is answered with an error.

        pygls would only log it, and the client would wait for ever.
        """
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            refusal = JsonRpcInvalidParams(_misfit(data, error))
            if "method" in data and isinstance(data.get("id"), int | str):
                self._send_response(data["id"], error=refusal.to_response_error())
            raise refusal from None

    def _execute_handler(
        self,
        msg_id: int | str,
        handler: Callable[..., Any],
        callback: Callable[..., None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        # pygls would keep the future of each notification for ever, some 2 KB per keystroke.
        def done(future: Any) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)

    def _handle_cancel_notification(self, msg_id: int | str) -> None:
        # A cancel that comes after its answer is everyday life, not worth pygls' warning.
        if msg_id in self._request_futures:
            super()._handle_cancel_notification(msg_id)

    def _call_feature(self, method: str, params: Any) -> Generator[Any, Any, None]:
        if (handler := self.fm.features.get(method)) is not None:
            yield handler, (params,), None


def _encoding(capabilities: types.ServerCapabilities) -> Encoding:
    agreed = capabilities.position_encoding
    return next((known for known in get_args(Encoding) if known == agreed), "utf-16")


def _misfit(data: dict[str, Any], error: JsonRpcException) -> str:
    """Say where a message breaks its type. Names fields, never their values."""
    places = transform_error(error.__cause__ or error, format_exception=_kind_of_misfit)
    where = "; ".join(place[:_LONGEST_LOGGED] for place in places[:3])
    return f"The message {str(data.get('method', ''))[:80]!r} does not fit its LSP type: {where}."


def _kind_of_misfit(error: BaseException, expected: type | None) -> str:
    return "missing" if isinstance(error, KeyError) else "invalid"


class _Discretion(logging.Filter):
    """Lets pygls name messages in its logs, but not recite them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_mentioned(value) for value in record.args)
        # `structure_message` raises the same in one sentence, without a traceback of values.
        return not str(record.msg).startswith("Unable to deserialize message")


def _mentioned(value: object) -> object:
    if isinstance(value, str):
        return value[:_LONGEST_LOGGED]
    return value if isinstance(value, int | None) else type(value).__name__


_discretion = _Discretion()


def _keep_text_out_of_logs() -> None:
    # At INFO pygls logs every message whole, and with them the user's source code.
    logging.getLogger("pygls").setLevel(logging.WARNING)
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_discretion)
