"""What tokens spell, and a `tokenizer.json` so changed that tokens spell the text exactly.

Owns the differences between tokenizer files that matter to a text that is edited: spaces put
before it, characters folded, pieces that stand for bytes. Pure; knows no texts and no models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# How the embedded model's vocabulary cuts text. Nothing appended reaches further back than into the
# last of these pre-tokens: each alternative looks at what it takes, and `(?!\S)` at one character.
PATTERN = (
    r"\s*[\r\n]\s*"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"| ?\p{N}"
    r"| ?[^\s\p{L}\p{N}]+"
    r"|\s+(?!\S)|\s+"
)
SPACE = "▁"  # SentencePiece's sign for a space
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def exact(spec: dict[str, Any]) -> dict[str, Any]:
    """The `tokenizer.json` of a BPE, as the tokenizers library writes it, made to spell exactly.

    Taken away are: a space put before the text (a window may start anywhere), Unicode
    normalisation (what was typed must be found again), dropout, truncation, and markers around
    the text. Added tokens are never found in text unless they are runs of white space, as in
    GPT-NeoX; some models, such as Qwen's, do not say that their markers are special.
    """
    spec |= {"truncation": None, "padding": None, "post_processor": None}
    spec["normalizer"] = _each(spec["normalizer"], "normalizers", _exact_normalizer)
    spec["pre_tokenizer"] = _each(spec["pre_tokenizer"], "pretokenizers", _exact_pre_tokenizer)
    for token in spec["added_tokens"]:
        token["special"] = token["special"] or not token["content"].isspace()
    spec["model"] |= {"dropout": None, "fuse_unk": False}
    _leave_unspoken(spec)
    return spec


def unsettled_pre_tokens(spec: dict[str, Any]) -> int:
    """How many of the last pre-tokens an appended text may still change, of a byte-level spec."""
    steps = (spec["pre_tokenizer"] or {}).get("pretokenizers", [])
    patterns = [step.get("pattern") for step in steps if step["type"] == "Split"]
    ours = patterns == [{"Regex": PATTERN}] and not spec["normalizer"] and len(steps) == 2
    return 1 if ours else 2


def _leave_unspoken(spec: dict[str, Any]) -> None:
    """Take away the merges by which text could become a marker, or a byte by its name.

    Files converted from SentencePiece have them: `<` and `s>` make `<s>`.
    """
    model, byte_level = spec["model"], is_byte_level(spec)
    special = {token["content"] for token in spec["added_tokens"] if token["special"]}

    def unspoken(piece: str) -> bool:
        return piece in special or (not byte_level and is_byte_piece(piece))

    model["merges"] = [pair for pair in model["merges"] if not unspoken("".join(pair))]
    if any(map(unspoken, model["vocab"])):  # a whole pre-token must not be looked up there
        model["ignore_merges"] = False


def is_byte_level(spec: dict[str, Any]) -> bool:
    """Whether pieces are written in GPT-2's alphabet of bytes."""
    found: list[str] = []

    def note(step: dict[str, Any]) -> dict[str, Any]:
        found.append(step["type"])
        return step

    _each(spec["normalizer"], "normalizers", note)
    _each(spec["pre_tokenizer"], "pretokenizers", note)
    return "ByteLevel" in found


def _each(
    step: dict[str, Any] | None, key: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]
) -> dict[str, Any] | None:
    """`change` applied to a step, or to each step of a sequence; a None drops the step."""
    if step is None or step["type"] != "Sequence":
        return step and change(step)
    kept = [new for old in step[key] if (new := _each(old, key, change)) is not None]
    return {**step, key: kept} if kept else None


def _exact_normalizer(step: dict[str, Any]) -> dict[str, Any] | None:
    spaces = step["type"] == "Replace" and step["content"] == SPACE
    return step if spaces or step["type"] == "ByteLevel" else None


def _exact_pre_tokenizer(step: dict[str, Any]) -> dict[str, Any]:
    if step["type"] == "ByteLevel":
        return {**step, "add_prefix_space": False}
    return {**step, "prepend_scheme": "never"} if step["type"] == "Metaspace" else step


def well_formed(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, since no bytes can spell one.

    JSON can carry such halves of a character. One code point takes the place of one, so that
    offsets hold.
    """
    try:
        text.encode()  # many times faster than the search below
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub("\ufffd", text)
    return text


def is_byte_piece(piece: str) -> bool:
    return _BYTE_PIECE.fullmatch(piece) is not None


def bytes_of(piece: str, *, byte_level: bool) -> bytes:
    """The bytes that a piece of a vocabulary writes.

    In a byte-level vocabulary each character is a byte; in others `▁` is a space and `<0x0A>` a
    byte.
    """
    if byte_level:
        return _from_byte_level(piece)
    byte = _BYTE_PIECE.fullmatch(piece)
    return bytes.fromhex(byte[1]) if byte else piece.replace(SPACE, " ").encode()


def _byte_level_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-in for each byte, inverted."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in set(shown)]
    return {chr(b): b for b in shown} | {chr(256 + i): b for i, b in enumerate(hidden)}


_ALPHABET = _byte_level_alphabet()


def _from_byte_level(piece: str) -> bytes:
    try:
        return bytes(_ALPHABET[c] for c in piece)
    except KeyError:
        return piece.encode()
