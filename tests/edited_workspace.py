"""A workspace that is edited, and an engine that is checked at everything it reads.

Owns the texts, what of them stands on the disk, and what must be true of a prompt and of the state
after it. Whoever uses it decides what happens. `SMALL` makes everything small, so that windows
hop, anchors move and answers are cold within texts of some hundred characters.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from threading import Event

import numpy as np
from awkward_code import code
from stateline.model import engine
from stateline.model.completer import Context, FileId, Neighbour, Sampling, Surroundings, Usage
from stateline.model.engine import Engine
from stateline.model.masked import Masked
from stateline.model.memory import mixing
from stateline.model.reading import layouts, open_text, reader
from stateline.model.reading.open_text import Prompt, shown_path
from stateline.model.reading.reader import Read, Reader
from stateline.model.secrets.masking import masked
from stateline.model.states import checkpoints
from stateline.model.states.checkpoints import Place
from stateline.model.states.statefolder import entries
from stateline.model.states.storage import Remembered, StateStorage
from stateline.model.states.store import Store
from stateline.model.tokens import layout, tokenizer
from stateline.model.tokens.chain import Chain
from tiny_model import ours, tiny_network

SMALL = (
    (layout, {"WINDOW_CHARS": 480, "SUFFIX_TOKENS": 12, "SUFFIX_CHARS": 60, "COLD_TOKENS": 32}),
    (layout, {"ANCHOR_LINES": 2, "ANCHOR_TOKENS": 32, "LONG_TOKENS": 24, "LONGEST_TOKENS": 64}),
    (checkpoints, {"GRID_TOKENS": 8}),
    (reader, {"GRID_TOKENS": 8, "BACK_TOKENS": 4, "WORKSPACE_GRID_TOKENS": 32}),
    (reader, {"STORED_GRID_TOKENS": 16, "LEAST_STORED_TOKENS": 8}),
    (engine, {"WARM_TOKENS": 40}),
    (layouts, {"COLD_UNREAD_TOKENS": 64, "WORKSPACE_FIRST_TOKENS": 64, "OPEN_TEXTS": 2}),
    (open_text, {"ANCHORS": 3}),
    (tokenizer, {"_LONGEST_TAIL_CHARS": 24, "_WHOLE_TAIL_CHARS": 96}),
)
FOLDER = "/project"
OPEN = ("a.py", "b.py", "c.py")
CLOSED = ("d.py", "e.py", "f.py")
FINGERPRINT = "0123456789abcdef" * 2
TRUST = mixing.Trust(np.full(mixing.SHAPE, 0.9))


def word(file: str) -> str:
    """Stands in this file's text alone."""
    return f"zq{Path(file).stem}zq"


class After(Event):
    """Set once it was looked at so many times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


@lru_cache(1)
def network():
    return tiny_network()


@lru_cache(400)
def from_nothing(tokens: tuple[int, ...]) -> Remembered:
    """The state after `tokens`, in one piece from no state at all."""
    logits, state = network().advance(tokens, network().zero_state())
    return Remembered(state, logits)


STATE_BYTES = from_nothing((0,)).nbytes


def greedy(prompt: Prompt, max_tokens: int) -> str:
    """What an engine that keeps nothing writes after this prompt."""
    fresh = Engine(network(), ours(), budget_bytes=0, trust=TRUST)
    again = Prompt(Chain(flat(prompt.chain)), prompt.tail, prompt.seen, others=prompt.others)
    *pieces, _ = fresh._answer(again, Usage(), Sampling(max_tokens=max_tokens), Event())
    return "".join(piece.text for piece in pieces)


def flat(chain: Chain) -> list[int]:
    return [token for link in reversed(list(chain.links())) for token in link.tokens]


@dataclass
class Text:
    """One open text; `saved` is what its file holds."""

    text: str
    saved: str
    cursor: int = 0
    undone: list[tuple[str, int]] = field(default_factory=list)

    def replace(self, start: int, end: int, new: str) -> None:
        self.undone.append((self.text, self.cursor))
        self.text = self.text[:start] + new + self.text[end:]
        self.cursor = start + len(new)

    @property
    def saved_chars(self) -> int:
        pairs = zip(self.text, self.saved, strict=False)
        same = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
        return min(len(self.text), len(self.saved)) if same is None else same


class Workspace:
    """Texts, the one that is edited, and the files around it."""

    def __init__(self) -> None:
        sources = [f"# {word(file)}\n" + text for file, text in zip(OPEN, code(), strict=False)]
        sizes = (900, 250, 60)  # more than a window, less than one, less than an answer's cold part
        texts = [source[:size] for source, size in zip(sources, sizes, strict=True)]
        self.texts = {
            file: Text(text, text, len(text)) for file, text in zip(OPEN, texts, strict=True)
        }
        self.closed = {f: f"{word(f)} = {i}\n" * 5**i for i, f in enumerate(CLOSED)}
        self.here = OPEN[0]
        self.read: tuple[str, ...] = ()
        self.recalled: tuple[str, ...] = ()

    @property
    def text(self) -> Text:
        return self.texts[self.here]

    def neighbour(self, file: str) -> Neighbour:
        text = self.closed[file] if file in self.closed else self.texts[file].saved
        return Neighbour(file, text, FileId(FOLDER, file))

    def context(self) -> Context:
        read, recalled = (
            tuple(self.neighbour(file) for file in files if file != self.here)
            for files in (self.read, self.recalled)
        )
        text = self.text
        around = Surroundings(read, recalled, FileId(FOLDER, self.here), text.saved_chars)
        return Context(text.text, text.cursor, self.here, around=around)


class CheckedReader(Reader):
    """Compares every state that it hands out with one that was computed from nothing."""

    def __init__(self, budget_bytes: int, storage: StateStorage) -> None:
        super().__init__(network(), budget_bytes, storage)
        self.context = Context("", 0, "")
        self.forgotten: set[FileId] = set()
        self.prompts: list[Prompt] = []  # since the context was set

    def read(self, prompt: Prompt, stop: Event, most: int = 1 << 60) -> Read:
        self.prompts.append(prompt)
        check_prompt(prompt, self.context)
        check_forgotten(prompt, self.forgotten)
        read = super().read(prompt, stop, most)
        if read.at is not None:
            check_state(read.at, from_nothing(tuple(flat(prompt.chain)[: read.end])))
        return read


def check_state(got: Remembered, want: Remembered) -> None:
    pairs = [(got.logits, want.logits)]
    arrays = want.state.arrays()
    pairs += [(array, arrays[name]) for name, array in got.state.arrays().items()]
    for one, other in pairs:
        assert abs(one - other).max() <= 1e-9 * abs(other).max()


def parts(prompt: Prompt, named: list[int]) -> tuple[list[int], list[int]]:
    """The tokens of the open text before the cursor, and those after it."""
    tokens, markers = flat(prompt.chain)[prompt.workspace :], ours().markers
    assert tokens[: len(named) + 1] == [*named, markers.pre]
    tokens = tokens[len(named) :]
    suf, mid = tokens.index(markers.suf), tokens.index(markers.mid)
    return tokens[1:suf] + tokens[mid + 1 :], tokens[suf + 1 : mid]


def check_prompt(prompt: Prompt, context: Context) -> None:
    """It is the text around the cursor, as tokens that stand still, without its secrets."""
    text, offset = context.text, context.offset
    named = ours().named(shown_path(context))
    before, after = parts(prompt, named)
    above = ours().decode(before) + prompt.tail
    start = layout.window_start(text, offset)
    check_shown(above, text, max(start, offset - len(above)), offset)
    below = ours().decode(after).rstrip("\ufffd")  # it may be cut inside a character
    first = layout.suffix_start(text, offset)
    check_shown(below, text, first, first + len(below))
    if len(above) == offset - start:
        assert ours().encode(above)[: len(before)] == before
    else:  # a cold answer, or of a word without end not even all of the tail
        assert prompt.above == prompt.workspace + len(named) + 1 or len(prompt.tail) == 96


def check_shown(shown: str, text: str, start: int, end: int) -> None:
    """It is this part of the text, but for asterisks, and these stand for whatever is secret."""
    assert len(shown) == end - start
    for seen, is_, public in zip(shown, text[start:end], masked(text)[start:end], strict=True):
        assert seen in ("*", is_)
        assert seen == public or is_ == public


def check_forgotten(prompt: Prompt, forgotten: set[FileId]) -> None:
    assert forgotten.isdisjoint(prompt.chain.files)
    recalled = [*prompt.seen.tolist(), *prompt.others.ids.tolist()]
    seen = [token for token in [*flat(prompt.chain), *recalled] if token >= 0]
    written = ours().decode(seen)
    assert not [file for file in forgotten if word(file.path) in written]


def durable_names(prompt: Prompt, context: Context) -> set[bytes]:
    """Of the beginnings that hold nothing but what stands on the disk."""
    tokens, start = flat(prompt.chain), layout.window_start(context.text, context.offset)
    named = ours().named(shown_path(context))
    own, _ = parts(prompt, named)
    begun = prompt.workspace + len(named) + 1
    whole = list(range(prompt.workspace, begun + 1))
    for n in range(1, prompt.above - begun + 1):
        # Of a character that is cut, as of one that is whole, there is a first byte.
        written = b"".join(ours().token_bytes[token] for token in own[:n])
        chars = len(re.findall(rb"[^\x80-\xbf]", written))
        if start + chars <= context.around.saved_chars:
            whole.append(begun + n)
    lengths = {*range(prompt.workspace), *whole}
    packed = np.array(tokens, np.uint32).tobytes()
    return {blake2b(packed[: 4 * n], digest_size=16).digest() for n in lengths}


class CheckedEngine:
    """An engine on a folder of states that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forgotten: set[FileId] = set()
        self.start(1 << 20)

    def start(self, budget_bytes: int) -> None:
        """A new process, so to speak."""
        storage = StateStorage(Store(self.folder, FINGERPRINT), network())
        self.engine = Engine(network(), ours(), budget_bytes, TRUST)
        self.completer = Masked(self.engine)
        self.engine.reader = self.reader = CheckedReader(budget_bytes, storage)
        self.engine.layouts.reader = self.reader
        self.reader.forgotten = self.forgotten

    @property
    def room(self) -> int:
        """How many states fit into memory."""
        return self.reader.checkpoints.budget_bytes // STATE_BYTES

    def ask(self, context: Context, max_tokens: int, stop: Event) -> tuple[str, Usage]:
        """What is written, which has been checked."""
        self._given(context)
        answer = self.completer.complete(context, Sampling(max_tokens=max_tokens), stop)
        *pieces, usage = answer
        (prompt,) = self.reader.prompts
        written = "".join(piece.text for piece in pieces)
        expected = greedy(prompt, max_tokens)
        assert expected.startswith(written)
        assert written == expected or stop.is_set()
        unread = usage.tokens_read - len(prompt.tail.encode())
        assert unread <= (2 * layout.COLD_TOKENS if usage.cold else layouts.COLD_UNREAD_TOKENS)
        return written, usage

    def warm(self, context: Context, stop: Event) -> Usage:
        self._given(context)
        before = {entry.key for entry in entries(self.folder)}
        usage = self.completer.warm(context, stop)
        new = {entry.key for entry in entries(self.folder)} - before
        assert new <= set().union(*(durable_names(p, context) for p in self.reader.prompts))
        return usage

    def settle(self, context: Context) -> list[Usage]:
        """Read ahead until nothing is left, which must have an end."""
        usages = [self.warm(context, Event())]
        while usages[-1].tokens_left:
            assert usages[-1].tokens_read
            usages.append(self.warm(context, Event()))
            assert len(usages) < 60
        return usages

    def forget(self, files: set[FileId]) -> None:
        self.forgotten |= files
        self.completer.forget(files)

    def check(self) -> None:
        kept = self.reader.checkpoints
        assert kept.nbytes == sum(held.state.nbytes for held in kept.held()) <= kept.budget_bytes
        assert len(kept._written) == sum(held.place is Place.WRITTEN for held in kept.held())
        for held in kept.held():
            assert self.forgotten.isdisjoint(held.files)
        for entry in entries(self.folder):
            assert self.forgotten.isdisjoint(entry.sources)

    def _given(self, context: Context) -> None:
        around = context.around
        self.forgotten -= {around.file, *(n.file for n in (*around.read, *around.recalled))}
        self.reader.context = context
        self.reader.prompts = []
