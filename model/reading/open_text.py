"""One open text as the engine sees it: its tokens, its anchors, and the files read before it.

Owns `Reading` and `Prompt`, the layout of a text laid on a chain. Knows no state and no model.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import PurePath

from ..completer import Context, FileId, View
from ..languages import language_of
from ..memory.archive import NO_FILES, Archive, Ids
from ..tokens import layout
from ..tokens.chain import Chain
from ..tokens.tokenizer import TokenizedText, Tokenizer

ANCHORS = 8  # of one text that are remembered; a jump back finds its own


@dataclass(frozen=True)
class Prompt:
    """Tokens to read, and the text that the writing must begin with."""

    chain: Chain  # its links are the parts of the layout
    tail: str
    seen: Ids  # what the memory may recall of this text
    workspace: int = 0  # tokens before this text: `[bos] W`
    above: int = 0  # tokens before the anchor
    durable: int = 0  # tokens that may be kept on the disk
    others: Archive = NO_FILES  # other files that the memory may recall


class Reading:
    """One open text: its tokens up to the cursor, and the beginnings it is laid out from."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.prefix = TokenizedText(tokenizer)
        self._tokenizer = tokenizer
        self.named: list[int] = []  # the tokens that say which file this is
        self._path = ""  # that they say
        self._suffix: tuple[str, list[int]] = ("", [])  # what follows the cursor, and its tokens
        self.below = ""  # what follows the cursor
        self.start = 0  # of the window, in the whole text
        self.file = FileId("", "")
        self.workspace: Chain | None = None  # `[bos] W` that answers use; None: not chosen yet
        self.ready = b""  # names the prompt that was last within reach of an answer
        self._held: dict[str, list[list[int]]] = {}  # purpose -> the tokens above its anchors

    def update(self, context: View) -> None:
        """Make this the text around the cursor."""
        self.file = context.around.file or FileId("", context.uri)
        self._name(shown_path(context))
        self.start, self.below = context.start, context.suffix
        self.prefix.update(context.prefix)

    def _name(self, path: str) -> None:
        if path != self._path:
            self._path = path
            # A model without the marker was never told to expect a name.
            marked = self._tokenizer.markers.file is not None
            self.named = self._tokenizer.named(path) if marked else []

    def suffix(self, most: int) -> list[int]:
        """The first tokens of what follows the cursor, which mostly stands still while typing."""
        if self._suffix[0] != self.below:
            self._suffix = self.below, self._tokenizer.encode(self.below)
        return self._suffix[1][:most]

    def anchor(self, purpose: str, longest: int, place: int) -> int:
        """The latest anchor that stands still and leaves M0 short enough, else `place`."""
        ids, settled = self.prefix.ids, self.prefix.settled
        anchors = self._held.setdefault(purpose, [])
        for above in reversed(anchors):
            most = longest if above is anchors[-1] else min(longest, layout.ANCHOR_TOKENS)
            if len(above) <= settled <= len(above) + most and ids[: len(above)] == above:
                break
        else:
            above = ids[:place]
        others = [each for each in anchors if each != above]
        anchors[:] = [*others[-ANCHORS + 1 :], above]
        return len(above)

    def saved_tokens(self, saved_chars: int) -> int:
        """How many tokens spell what the first `saved_chars` of the whole text are."""
        reach = saved_chars - self.start
        return bisect_right(self.prefix.ends, reach, 0, self.prefix.settled)


def shown_path(context: Context) -> str:
    """The path that a model reads of a text: below its workspace folder, else the name alone.

    What has no suffix of its language gets one, for that is what the model knows a language by.
    """
    file = context.around.file or FileId("", context.uri)
    shown = file.path if file.workspace else PurePath(file.path).name
    language = language_of(context.language)
    if language is None or PurePath(shown).suffix.lower() in language.suffixes:
        return shown
    return shown + language.suffixes[0]
