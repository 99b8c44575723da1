"""Token sequences that share their beginnings, and names for every beginning of them.

Owns `Chain`: links of tokens, each going on from one that may be shared, and the 128-bit chained
hash that names what stands before a place. Knows tokens only as numbers, and nothing of models.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from hashlib import blake2b

from ..completer import FileId


class Chain:
    """Tokens in order; a value, but for what it remembers of its own hashes and its last child.

    Lengths and places count from the first token of the first link. `file` is where the text of
    this link came from.
    """

    def __init__(
        self,
        tokens: Sequence[int] = (),
        parent: Chain | None = None,
        file: FileId | None = None,
    ) -> None:
        self.tokens = _numbers(tokens)  # of this link
        self.parent = parent
        self.file = file
        self.start: int = parent.length if parent else 0
        self.length: int = self.start + len(self.tokens)
        before = parent.files if parent else ()
        self.files: tuple[FileId, ...] = (*before, file) if file else before
        self._names: dict[int, bytes] = {}
        self._child: Chain | None = None

    def then(self, tokens: Sequence[int], file: FileId | None = None) -> Chain:
        """The chain that goes on with `tokens`; the one made last if it is the same.

        So what stands still from request to request is hashed once.
        """
        last, tokens = self._child, _numbers(tokens)
        if last is None or last.tokens != tokens or last.file != file:
            last = self._child = Chain(tokens, self, file)
        return last

    def links(self) -> Iterator[Chain]:
        """Last first."""
        link: Chain | None = self
        while link is not None:
            yield link
            link = link.parent

    def link(self, length: int) -> Chain:
        """The link in which the beginning of `length` tokens ends."""
        return next(link for link in self.links() if link.start < length or not link.parent)

    def ends(self, after: int) -> list[int]:
        """Where links end beyond `after`, ascending."""
        found = []
        for link in self.links():
            if link.length <= after:
                break
            found.append(link.length)
        return found[::-1]

    def between(self, start: int, end: int) -> list[int]:
        """The tokens from `start` to `end`."""
        parts = []
        for link in self.links():
            if link.length <= start:
                break
            parts.append(link.tokens[max(start - link.start, 0) : max(end - link.start, 0)])
        return [token for part in reversed(parts) for token in part]

    def names(self, lengths: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """128 bits for each beginning of so many tokens, longest first; none beyond the end."""
        waiting = sorted(n for n in lengths if n <= self.length)
        for link in self.links():
            least = link.start + 1 if link.parent else 0
            mine = []
            while waiting and waiting[-1] >= least:
                mine.append(waiting.pop())
            yield from link._named(mine)
            if not waiting:
                return

    def name(self, length: int) -> bytes:
        """The name of the beginning of `length` tokens, at most all of them."""
        ((_, name),) = self.names((length,))
        return name

    def _named(self, lengths: Sequence[int]) -> list[tuple[int, bytes]]:
        """Those in this link; `lengths` descend."""
        running, done = None, 0
        for length in reversed(lengths):
            if length in self._names:
                continue
            running = running or self._before()
            at = 4 * (length - self.start)
            running.update(self._data[done:at])
            done = at
            self._names[length] = running.copy().digest()
        return [(n, self._names[n]) for n in lengths]

    @cached_property
    def _data(self) -> memoryview:
        return memoryview(self.tokens).cast("B")

    @cached_property
    def _whole(self) -> blake2b:
        """The hash of everything up to this link's end; never updated, only copied."""
        whole = self._before()
        whole.update(self._data)
        return whole

    def _before(self) -> blake2b:
        # As if there were no links: where they begin does not change a name.
        return self.parent._whole.copy() if self.parent else blake2b(digest_size=16)


def _numbers(tokens: Sequence[int]) -> array[int]:
    return tokens if isinstance(tokens, array) else array("I", tokens)
