"""One completion at a place in a file, without an editor: `stateline complete`.

Owns the reading of FILE:LINE:COL and of the file. What is printed goes through the same
shaping as in an editor. Knows no protocol.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...model import open_completer
from ...model.completer import Piece, Sampling, Usage
from ...model.errors import ModelFolderError
from ...model.languages import identifier_of_path
from ..edit.documents import Snapshot
from ..edit.positions import LineIndex
from ..edit.requests import CompletionRequest, Trigger
from ..edit.settings import Settings
from ..suggestions.answer import answer
from ..suggestions.generation import Generation
from ..suggestions.session import BLOCK_TOKENS
from ..suggestions.stopping import Enough

_PLACE = re.compile(r"(.+):(\d+):(\d+)")
MAX_FILE_BYTES = 64 << 20


class PlaceError(ValueError):
    """The place cannot be completed at; the message is for the user."""


def complete_at(place: str, model: Path | None) -> dict[str, Any]:
    """The completion at `FILE:LINE:COL` (from 1) with its confidence and cost."""
    request = _request(place)
    try:
        completer = open_completer(model)
    except ModelFolderError as error:
        raise PlaceError(str(error)) from None
    context, trigger = request.context, request.trigger
    manner = Settings().manner(context.language, completer.profile)
    generation, enough = Generation(context, request), Enough(context, trigger, manner)
    sampling = Sampling(max_tokens=BLOCK_TOKENS)
    for piece in completer.complete(context, sampling, generation.stop):
        if isinstance(piece, Piece) and enough.after(piece):
            generation.stop.set()
        generation.add(piece)
    generation.finish()
    suggestion = answer(generation, context, trigger, manner).suggestion
    return {
        "text": suggestion.text if suggestion else "",
        "overwrites": suggestion.overwrites if suggestion else 0,
        "confidence": suggestion.confidence if suggestion else 0.0,
        **asdict(generation.usage or Usage()),
    }


def _request(place: str) -> CompletionRequest:
    match = _PLACE.fullmatch(place)
    if not match:
        raise PlaceError(f"{place!r} is not FILE:LINE:COL, as in app.py:12:5, counted from 1.")
    path, line, column = Path(match[1]), int(match[2]), int(match[3])
    text = _text(path)
    lines = LineIndex.of(text)
    if not 1 <= line <= lines.line_count:
        raise PlaceError(f"{path} has {lines.line_count} lines, so there is no line {line}.")
    start, end = lines.start_of(line - 1), lines.end_of(line - 1)
    if not 1 <= column <= end - start + 1:
        raise PlaceError(
            f"Line {line} of {path} ends at column {end - start + 1}, so there is no {column}."
        )
    snapshot = Snapshot(path.resolve().as_uri(), 0, identifier_of_path(match[1]), text)
    return CompletionRequest(snapshot, start + column - 1, Trigger.INVOKED)


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise PlaceError(f"{path} is over {MAX_FILE_BYTES >> 20} MiB; name a smaller one.")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise PlaceError(
            f"{path} is not UTF-8 (byte {error.start}); convert it, for example with iconv."
        ) from None
    except OSError as error:
        raise PlaceError(f"{path} cannot be read: {error.strerror}.") from None
