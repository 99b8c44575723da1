"""A completer that never sees a secret: whatever it is asked has been cut out and masked before.

Owns what of a text a model may need (`view_of`), and `Masked`, a completer before another one. The
other one may compute here or far away: it is told no more than the window around the cursor, and of
that and of other files no secret. Where a window begins and ends is `layout`'s, what a secret is
`secrets`' to say.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from threading import Event

from .completer import (
    Completer,
    Context,
    Ended,
    FileId,
    Neighbour,
    Piece,
    Runtime,
    Sampling,
    Surroundings,
    Usage,
    View,
    WorkspaceBudget,
)
from .profile import Profile
from .secrets.masking import masked
from .tokens import layout

SECRET_CHARS = 256  # around what is shown that are looked at, for a secret that is shown in part
MOST_NEIGHBOURS = 256  # that are known without their secrets


def masked_neighbour(neighbour: Neighbour) -> Neighbour:
    """Without its secrets; itself if it has none."""
    text = masked(neighbour.text)
    return neighbour if text == neighbour.text else replace(neighbour, text=text)


def masked_around(
    around: Surroundings, neighbour: Callable[[Neighbour], Neighbour] = masked_neighbour
) -> Surroundings:
    """With every neighbour so."""
    read, recalled = tuple(map(neighbour, around.read)), tuple(map(neighbour, around.recalled))
    return replace(around, read=read, recalled=recalled)


def view_of(
    context: Context, shown_around: Callable[[Surroundings], Surroundings] = masked_around
) -> View:
    """What a model may need of a text: its window and its suffix, all of it masked at once.

    For a secret that the cursor parts is none on either side. What stands between the cursor and
    the suffix is left out, as `layout` says.
    """
    text, offset = context.text, context.offset
    start, below = layout.window_start(text, offset), layout.suffix_start(text, offset)
    end = below + layout.SUFFIX_CHARS
    first = max(0, start - SECRET_CHARS)
    shown = masked(text[first : end + SECRET_CHARS])
    above = shown[start - first : offset - first]
    return View(
        above + shown[below - first : end - first],
        len(above),
        context.uri,
        context.language,
        shown_around(context.around),
        start,
    )


class Masked:
    """A `Completer` that shows another one views only; one thread at a time."""

    def __init__(self, inner: Completer) -> None:
        self.inner = inner
        self._neighbour = lru_cache(MOST_NEIGHBOURS)(masked_neighbour)
        self._around = (Surroundings(), Surroundings())  # the last ones, and how they are shown

    def complete(
        self, context: Context, sampling: Sampling, stop: Event
    ) -> Iterator[Piece | Usage]:
        """See `Completer`."""
        return self.inner.complete(self._view(context), sampling, stop)

    def choices(
        self, context: Context, sampling: Sampling, stops: Sequence[Event]
    ) -> Iterator[Piece | Ended | Usage]:
        """See `Completer`."""
        return self.inner.choices(self._view(context), sampling, stops)

    def warm(self, context: Context, stop: Event) -> Usage:
        """See `Completer`."""
        return self.inner.warm(self._view(context), stop)

    @property
    def workspace_budget(self) -> WorkspaceBudget:
        """See `Completer`."""
        return self.inner.workspace_budget

    @property
    def profile(self) -> Profile:
        """See `Completer`."""
        return self.inner.profile

    @property
    def runtime(self) -> Runtime:
        """See `Completer`."""
        return self.inner.runtime

    @property
    def advice(self) -> str:
        """See `Completer`."""
        return self.inner.advice

    def forget(self, files: Collection[FileId]) -> None:
        """See `Completer`."""
        self._neighbour.cache_clear()
        self._around = (Surroundings(), Surroundings())
        self.inner.forget(files)

    def stored_files(self, workspaces: Collection[str]) -> Collection[FileId]:
        """See `Completer`."""
        return self.inner.stored_files(workspaces)

    def held(self) -> Mapping[str, Mapping[str, int]]:
        """See `Completer`."""
        return self.inner.held()

    def _view(self, context: Context) -> View:
        return view_of(context, self._shown)

    def _shown(self, around: Surroundings) -> Surroundings:
        """While somebody types neighbours are the same: they are looked at when they change."""
        last, shown = self._around
        if around.read is not last.read or around.recalled is not last.recalled:
            shown = masked_around(around, self._neighbour)
            self._around = around, shown
        return replace(around, read=shown.read, recalled=shown.recalled)
