"""Prompts for an engine with a prefix cache, whole tokens up to the cursor: three orders of parts.

Pure functions of a `TokenCursor`, which `place` reads from a text and a cursor; window and suffix
are those of our engine. Knows no server. `anchored` is our own layout; `by_line` is llama.vim's,
ours with the anchor at the cursor's line; `suffix_first` is that of Mistral and of --spm-infill.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stateline.model.tokens import layout
from stateline.model.tokens.tokenizer import Markers, Tokenizer


@dataclass(frozen=True)
class TokenCursor:
    """A cursor in a text, in tokens; `anchor` and `line` count tokens of the prefix."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    anchor: int
    line: int  # up to the line break before the cursor


Layout = Callable[[Markers, TokenCursor], list[int]]


def place(tokenizer: Tokenizer, text: str, offset: int, above: Sequence[int] = ()) -> TokenCursor:
    """Where `offset` (code points) stands in `text`.

    `above` are the tokens above the anchor that this text had last: it stays while it stands
    unchanged above the cursor and not too far from it, as our engine's does.
    """
    before = text[layout.window_start(text, offset) : offset]
    encoded = tokenizer.encode_with_offsets(before)
    start = layout.suffix_start(text, offset)
    suffix = tokenizer.encode(text[start : start + layout.SUFFIX_CHARS])[: layout.SUFFIX_TOKENS]
    ids, held = tuple(encoded.ids), tuple(above)
    stays = held and ids[: len(held)] == held and len(ids) <= len(held) + layout.LONGEST_TOKENS
    anchor = len(held) if stays else layout.place_anchor(before, encoded.ends)
    line = bisect_right(encoded.ends, before.rfind("\n") + 1)
    return TokenCursor(ids, tuple(suffix), anchor, line)


def anchored(markers: Markers, at: TokenCursor) -> list[int]:
    """`[bos] [pre] P0 [suf] S [mid] M0`."""
    return layout.anchored(markers, at.prefix, at.anchor, at.suffix)[0]


def by_line(markers: Markers, at: TokenCursor) -> list[int]:
    """`[bos] [pre] lines above [suf] S [mid] the cursor's line`."""
    return layout.anchored(markers, at.prefix, at.line, at.suffix)[0]


def suffix_first(markers: Markers, at: TokenCursor) -> list[int]:
    """`[bos] [suf] S [pre] prefix [mid]`; the prefix alone where there are no markers."""
    head = [] if markers.bos is None else [markers.bos]
    if markers.pre is None or markers.suf is None or markers.mid is None:
        return [*head, *at.prefix]
    return [*head, markers.suf, *at.suffix, markers.pre, *at.prefix, markers.mid]
