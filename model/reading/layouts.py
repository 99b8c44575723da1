"""The prompts of open texts: the one to answer from now, and those to read meanwhile.

Owns per open text its `Reading`, the files before it, and the choice among layouts: the whole one,
the nearest text where that would take long, and which workspace part comes first. Knows the reader
only by what it has read already, and no network. One thread at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from threading import Event

from ..completer import FileId, View
from ..memory import mixing
from ..memory.archive import NO_FILES, Ids
from ..tokens import layout
from ..tokens.chain import Chain
from ..tokens.tokenizer import Tokenizer
from .open_text import Prompt, Reading
from .reader import Reader
from .workspace_part import WorkspacePart

OPEN_TEXTS = 16
COLD_UNREAD_TOKENS = layout.COLD_TOKENS  # with more than this unread, answer from nearby text
# Where there is a memory, P0 begins at a multiple of this and has once or twice as many tokens:
# what stands farther above is recalled all the same, and a state that has read it too writes 433
# of 2,400 lines exactly where this one writes 431.
ABOVE_TOKENS = 256
# A new workspace part is read first only if that delays the open file by no more than this.
WORKSPACE_FIRST_TOKENS = 2048
ROOM_FOR_TWO_STATES = 4  # with room for fewer, what is read of one layout is lost to the other


@dataclass(frozen=True)
class Unread:
    """A prompt that is to be read ahead, and what becomes of it then."""

    prompt: Prompt
    workspace: Chain  # `[bos] W` of it
    reading: Reading

    @property
    def name(self) -> bytes:
        """Of all its tokens."""
        return self.prompt.chain.name(self.prompt.chain.length)

    def was_read(self) -> None:
        """From now on answers come from this workspace part."""
        self.reading.workspace, self.reading.ready = self.workspace, self.name


class Layouts:
    """Of one model; `remembers`: it has a memory, which sees what is not read."""

    def __init__(self, tokenizer: Tokenizer, reader: Reader, *, remembers: bool) -> None:
        self.remembers = remembers
        self.reader = reader
        self._tokenizer = tokenizer
        self._part = WorkspacePart(tokenizer)
        self._readings: OrderedDict[str, Reading] = OrderedDict()

    def to_answer(self, context: View) -> tuple[Prompt, bool]:
        """What to read before writing; whether it is a cold layout, for the whole takes long."""
        reading = self._reading(context)
        workspace = reading.workspace or self._known_workspace(context)
        prompt = self._prompt(context, reading, workspace, layout.LONGEST_TOKENS)
        cold = self.reader.unread(prompt) > COLD_UNREAD_TOKENS
        seen = self._seen(reading)
        others = self._part.archive(context.around) if self.remembers else NO_FILES
        prompt = self._cold_prompt(context, reading) if cold else prompt
        return replace(prompt, seen=seen, others=others), cold

    def to_read(self, context: View, stop: Event) -> list[Unread] | None:
        """The layouts to read ahead, the wanted one last; None: stopped before that was known.

        While the wanted one is far away, the text is read after what stood before it until now.
        """
        reading = self._reading(context)
        if not self._part.tokenise(context.around, stop):
            return None
        wanted = self._part.chain(context.around.read)
        last = self._unread(context, reading, wanted)
        if self.reader.room < ROOM_FOR_TWO_STATES:
            return [last]
        now = reading.workspace or self._known_workspace(context)
        if now is wanted:
            return [last]
        first = self._unread(context, reading, now)
        left = self.reader.unread(first.prompt)
        if left <= COLD_UNREAD_TOKENS:
            reading.ready = first.name
        far = self.reader.unread(last.prompt) > left + WORKSPACE_FIRST_TOKENS
        # Once only: where memory is small they push each other out, for ever.
        return [first, last] if far and reading.ready != first.name else [last]

    def forget(self, files: Collection[FileId]) -> None:
        """Drop the tokens of these files."""
        self._part.forget(files)
        for uri, reading in list(self._readings.items()):
            reading.workspace = None  # chains remember what they were last gone on with
            if reading.file in files:
                del self._readings[uri]

    def past(self, tokens: Sequence[int]) -> Ids:
        """What the memory may recall of a prompt."""
        if not self.remembers:
            return mixing.NOTHING
        return mixing.history(tokens, self._tokenizer.markers)

    def _unread(self, context: View, reading: Reading, workspace: Chain) -> Unread:
        prompt = self._prompt(context, reading, workspace, layout.LONG_TOKENS)
        return Unread(prompt, workspace, reading)

    def _known_workspace(self, context: View) -> Chain:
        """The longest beginning of the wanted workspace part that has been read."""
        wanted = self._part.chain(context.around.read)
        known = self.reader.known(wanted)
        return next(link for link in wanted.links() if link.length <= known or not link.parent)

    def _prompt(self, context: View, reading: Reading, workspace: Chain, longest: int) -> Prompt:
        prefix = reading.prefix
        place = layout.place_anchor(prefix.text, prefix.ends[: prefix.settled])
        anchor = reading.anchor("warm", longest, place)
        start = max(0, anchor // ABOVE_TOKENS - 1) * ABOVE_TOKENS if self.remembers else 0
        return self._laid_out(
            context, reading, workspace, start, anchor - start, layout.SUFFIX_TOKENS
        )

    def _cold_prompt(self, context: View, reading: Reading) -> Prompt:
        """Nothing but the nearest text; its start stands still while the user types on."""
        suffix_tokens = layout.COLD_TOKENS // 4
        first = max(0, reading.prefix.settled - (layout.COLD_TOKENS - suffix_tokens))
        ends = reading.prefix.ends
        place = layout.boundary(ends, ends[first - 1]) if first else 0
        start = reading.anchor("cold", layout.COLD_TOKENS, place)
        return self._laid_out(context, reading, self._part.root, start, 0, suffix_tokens)

    def _laid_out(
        self,
        context: View,
        reading: Reading,
        workspace: Chain,
        start: int,
        anchor: int,
        suffix_tokens: int,
    ) -> Prompt:
        """The layout of the settled tokens from `start` on, with so much of the suffix."""
        prefix, markers = reading.prefix, self._tokenizer.markers
        suffix = reading.suffix(suffix_tokens)
        tokens, marks = layout.anchored(markers, prefix.ids[start : prefix.settled], anchor, suffix)
        tokens[marks[0] : marks[0]] = named = reading.named
        marks = (marks[0], *(mark + len(named) for mark in marks[1:]))
        chain = workspace  # which has the [bos] that `anchored` puts first
        for first, end in pairwise((*marks, len(tokens))):
            chain = chain.then(tokens[first:end], reading.file if chain is workspace else None)
        above = workspace.length + (marks[1] if len(marks) > 1 else len(tokens)) - marks[0]
        saved = max(0, reading.saved_tokens(context.around.saved_chars) - start)
        named_until = workspace.length + len(named) + (markers.pre is not None)
        durable = min(named_until + saved, above) if saved else 0
        durable = max(durable, workspace.length)
        return Prompt(chain, prefix.tail, mixing.NOTHING, workspace.length, above, durable)

    def _seen(self, reading: Reading) -> Ids:
        """What the memory may recall: the whole window, however little is read of it."""
        settled, suffix = reading.prefix.settled, reading.suffix(layout.SUFFIX_TOKENS)
        markers, ids = self._tokenizer.markers, reading.prefix.ids[:settled]
        return self.past(layout.anchored(markers, ids, 0, suffix)[0])

    def _reading(self, context: View) -> Reading:
        """The reading of the context's text, brought up to its cursor."""
        reading = self._readings.setdefault(context.uri, Reading(self._tokenizer))
        self._readings.move_to_end(context.uri)
        if len(self._readings) > OPEN_TEXTS:
            self._readings.popitem(last=False)
        reading.update(context)
        return reading
