"""One state on the disk: what its file says about it, and how that is written and checked.

Owns the header of the file, which is a safetensors file, and its two checksums. Knows no folder,
no torch and no model, so that the command line can list states without loading any of these.

The header's metadata holds `about`, who the state belongs to and which texts led to it (never the
texts themselves); `content`, the checksum of all tensors' bytes; and `seal`, the checksum of the
rest of the header. So a header can be trusted to be undamaged without reading the tensors. The
checksums find accidents. They do not prove who wrote a file, so whatever a header says is checked
before it is used, and its files are only for showing and comparing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from ..completer import FileId

FORMAT = "stateline state 2"  # a new one whenever this module writes something else
ITEM_BYTES = {"F64": 8, "F32": 4}  # by safetensors' names

_LENGTH_BYTES = 8
_ALIGNMENT_BYTES = 64
_MAX_HEADER_BYTES = 8 << 20  # tens of thousands of sources
_MAX_DIMENSIONS = 8


class DamagedStateError(Exception):
    """A file is not what was written: damaged, cut short, foreign, or of another format."""


@dataclass(frozen=True)
class About:
    """What a state's file says of it."""

    fingerprint: str  # of the model that read, 32 hexadecimal digits
    key: bytes  # 16 bytes: the chained hash of the tokens that were read
    tokens: int  # how many these were
    workspace: str  # the name of the workspace folder that it was made for
    sources: tuple[FileId, ...]  # whose text led to it


@dataclass(frozen=True)
class Entry(About):
    """A state's file as the lists show it."""

    nbytes: int  # of the file
    used_s: float  # seconds since the epoch


@dataclass(frozen=True)
class Slot:
    """Where one tensor lies: from `begin` to `end`, in bytes after the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """Everything but the tensors' bytes, which follow `size` bytes into the file."""

    about: About
    content: str  # `checksum` of the tensors' bytes
    slots: tuple[Slot, ...]
    size: int


def checksum(parts: Iterable[bytes | memoryview]) -> str:
    """32 hexadecimal digits that an accident does not leave the same."""
    hasher = xxhash.xxh3_128()
    for part in parts:
        hasher.update(part)
    return hasher.hexdigest()


def encode(about: About, content: str, slots: Iterable[Slot]) -> bytes:
    """The bytes of a file up to its first tensor.

    Raises `ValueError` when it would be too long to be read again.
    """
    metadata = {"format": FORMAT, "about": _about_text(about), "content": content}
    header: dict[str, object] = {"__metadata__": metadata}
    for slot in slots:
        offsets = [slot.begin, slot.end]
        header[slot.name] = {"dtype": slot.dtype, "shape": slot.shape, "data_offsets": offsets}
    metadata["seal"] = _seal(header)
    text = json.dumps(header, separators=(",", ":")).encode()
    # Spaces at the end of a header are allowed, and let the tensors start where processors like it.
    text += b" " * (-(_LENGTH_BYTES + len(text)) % _ALIGNMENT_BYTES)
    if len(text) > _MAX_HEADER_BYTES:
        raise ValueError("too many sources for one state")
    return len(text).to_bytes(_LENGTH_BYTES, "little") + text


def decode(file: bytes | memoryview, nbytes: int) -> Header:
    """The header at the beginning of `file`, the whole of which has `nbytes`.

    Raises `DamagedStateError`.
    """
    size = _header_size(file, nbytes)
    try:
        header = json.loads(bytes(file[_LENGTH_BYTES:size]))
        metadata = header["__metadata__"]
        seal = metadata.pop("seal")
        if metadata["format"] != FORMAT or seal != _seal(header):
            raise DamagedStateError("its header is damaged or of another format")
        del header["__metadata__"]
        slots = tuple(_slot(name, tensor, size, nbytes) for name, tensor in header.items())
        return Header(_about(json.loads(metadata["about"])), str(metadata["content"]), slots, size)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedStateError("its header cannot be read") from error


def read_header(path: Path, nbytes: int) -> Header:
    """The header of the regular file `path` of `nbytes`; its tensors are left alone.

    Raises `DamagedStateError` and `OSError`.
    """
    with path.open("rb") as file:
        first = file.read(_LENGTH_BYTES)
        rest = file.read(_header_size(first, nbytes) - _LENGTH_BYTES)
    return decode(first + rest, nbytes)


def _header_size(file: bytes | memoryview, nbytes: int) -> int:
    """With its length in front. It is checked before memory is taken for it."""
    size = _LENGTH_BYTES + int.from_bytes(file[:_LENGTH_BYTES], "little")
    if len(file) < _LENGTH_BYTES or not size <= min(nbytes, _LENGTH_BYTES + _MAX_HEADER_BYTES):
        raise DamagedStateError("its header is cut short or too long")
    return size


def _seal(header: dict[str, object]) -> str:
    return checksum([json.dumps(header, sort_keys=True).encode()])


def _about_text(about: About) -> str:
    """As JSON inside the header's JSON: safetensors allows only strings, and no lone surrogates,
    which Python puts into paths that are not Unicode."""
    sources = [[source.workspace, source.path] for source in about.sources]
    return json.dumps({**vars(about), "key": about.key.hex(), "sources": sources})


def _about(value: Any) -> About:
    match value:
        case {
            "fingerprint": str(fingerprint),
            "key": str(key),
            "tokens": int(tokens),
            "workspace": str(workspace),
            "sources": list(sources),
        }:
            known = tuple(_source(source) for source in sources)
            return About(fingerprint, bytes.fromhex(key), tokens, workspace, known)
    raise DamagedStateError("it does not say what it belongs to")


def _source(value: Any) -> FileId:
    match value:
        case [str(workspace), str(path)]:
            return FileId(workspace, path)
    raise DamagedStateError("a source has no workspace or no path")


def _slot(name: str, tensor: Any, size: int, nbytes: int) -> Slot:
    """One tensor of the header, which has to lie wholly inside the file."""
    match tensor:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            item = ITEM_BYTES[dtype]
            inside = 0 <= begin <= end <= nbytes - size and (size + begin) % item == 0
            plain = len(shape) <= _MAX_DIMENSIONS and all(type(n) is int and n > 0 for n in shape)
            if inside and plain and item * math.prod(shape) == end - begin:
                return Slot(name, dtype, tuple(shape), begin, end)
    raise DamagedStateError("a tensor's place, type and shape do not agree")
