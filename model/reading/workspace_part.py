"""The workspace part: other files as tokens, before the open one.

Owns the tokens of neighbours, the chains `[bos] W` that they make, and what the memory knows of
them. Knows no state, no disk and no cursor; which files, and in which order, is decided elsewhere.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Collection, Sequence
from threading import Event

from ..completer import FileId, Neighbour, Surroundings
from ..memory.archive import NO_FILES, Archive
from ..tokens.chain import Chain
from ..tokens.tokenizer import Tokenizer

MOST_TOKENS = 1 << 20  # of neighbours that are kept as tokens


class WorkspacePart:
    """What stands before the open file, for any list of neighbours."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        bos = tokenizer.markers.bos
        self.root = Chain(() if bos is None else (bos,))
        self._files: OrderedDict[Neighbour, array[int]] = OrderedDict()
        self._tokens = 0
        self._chain: tuple[Sequence[Neighbour], Chain] = ((), self.root)
        self._archive: tuple[Sequence[Neighbour], Archive] = ((), NO_FILES)

    def tokenise(self, around: Surroundings, stop: Event) -> bool:
        """Make tokens of all neighbours; False if stopped before that was done."""
        for neighbour in (*around.recalled, *around.read):
            if stop.is_set():
                return False
            self._tokenised(neighbour)
        while self._tokens > MOST_TOKENS and len(self._files) > 1:
            self._tokens -= len(self._files.popitem(last=False)[1])
        return True

    def chain(self, neighbours: Sequence[Neighbour]) -> Chain:
        """`[bos] W` of those neighbours that are tokenised, each a link."""
        if neighbours is self._chain[0] or neighbours == self._chain[0]:
            return self._chain[1]
        chain = self.root
        for neighbour in neighbours:
            if (tokens := self._files.get(neighbour)) is not None:
                chain = chain.then(tokens, neighbour.file)
        if all(neighbour in self._files for neighbour in neighbours):
            self._chain = (neighbours, chain)
        return chain

    def archive(self, around: Surroundings) -> Archive:
        """What the memory may recall of the neighbours, the nearest last."""
        neighbours = (*around.recalled, *around.read)
        if neighbours == self._archive[0]:
            return self._archive[1]
        files = map(self._files.get, neighbours)
        known = [tokens for tokens in files if tokens is not None]
        archive = Archive(known)
        if len(known) == len(neighbours):
            self._archive = (neighbours, archive)
        return archive

    def forget(self, files: Collection[FileId]) -> None:
        """Drop the tokens of these files."""
        for neighbour in [each for each in self._files if each.file in files]:
            self._tokens -= len(self._files.pop(neighbour))
        self.root = Chain(self.root.tokens)  # the old one remembers its last child
        self._chain = ((), self.root)
        self._archive = ((), NO_FILES)

    def _tokenised(self, neighbour: Neighbour) -> None:
        if neighbour not in self._files:
            named = self._tokenizer.named(neighbour.name)
            text = self._tokenizer.encode(neighbour.text)
            self._files[neighbour] = tokens = array("I", [*named, *text])
            self._tokens += len(tokens)
        self._files.move_to_end(neighbour)
