"""Which flags and which layout serve llama-server best: tokens read by kind of action.

`python -m benchmarks.peer.trial`. Two files of 3,000 tokens: keys at the end of the first, jumps in
it, switches between both. Owns the variants that were tried; `llama.BEST_FLAGS` is the best one.
"""

from __future__ import annotations

import argparse
import configparser
import inspect
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import ModuleType

from stateline.model.folder.files import tokenizer_path
from stateline.model.tokens.tokenizer import Tokenizer

from . import PeerError
from .build import BUILD
from .gguf import PRETRAINED, FileType
from .layouts import Layout, anchored, by_line, place, suffix_first
from .llama import BEST_FLAGS, Llama, LlamaAnswer, started

FILE_TOKENS, KEYS, JUMPS, SWITCHES, WRITTEN_TOKENS = 3000, 30, 10, 5, 16
KINDS = ("open", "key", "jump", "switch")


@dataclass(frozen=True)
class Variant:
    """One way of using the server. With `planted_tokens` a new file is read in steps of so many,
    each a request of its own, since the server keeps a checkpoint near the end of every prompt."""

    name: str
    flags: tuple[str, ...]
    layout: Layout = anchored
    planted_tokens: int = 0


# A prefix read further must find the slot of the shorter one.
_UNLIKE = (*BEST_FLAGS, "--slot-prompt-similarity", "0.02")

VARIANTS = (
    Variant("as it comes", ()),
    Variant("one slot", ("--parallel", "1")),
    Variant("one slot, more checkpoints", ("--parallel", "1", *BEST_FLAGS[4:])),
    Variant("best", BEST_FLAGS),
    Variant("best, no cache beside the slots", (*BEST_FLAGS, "--cache-ram", "0")),
    Variant("best, slots by likeness of 0.02", _UNLIKE),
    Variant("best, slots by likeness of 0.5", (*BEST_FLAGS, "--slot-prompt-similarity", "0.5")),
    Variant("best, chunk reuse", (*BEST_FLAGS, "--cache-reuse", "64")),
    Variant("best, batches of 128", (*BEST_FLAGS, "--ubatch-size", "128")),
    Variant("best, batches of 1,024", (*BEST_FLAGS, "--ubatch-size", "1024")),
    Variant("best, by line", BEST_FLAGS, by_line),
    Variant("best, suffix first", BEST_FLAGS, suffix_first),
    Variant("best, planted every 256", _UNLIKE, planted_tokens=256),
    Variant("best, planted every 128", _UNLIKE, planted_tokens=128),
)


@dataclass
class TrialEditor:
    """Two open files, and the server that is asked about them."""

    variant: Variant
    server: Llama
    tokenizer: Tokenizer
    texts: dict[str, str]
    above: dict[str, tuple[int, ...]] = field(default_factory=dict)  # the anchor of each

    def ask(self, name: str, offset: int) -> LlamaAnswer:
        """Complete at `offset` of a file."""
        at = place(self.tokenizer, self.texts[name], offset, self.above.get(name, ()))
        prompt = self.variant.layout(self.tokenizer.markers, at)
        step = self.variant.planted_tokens if name not in self.above else 0
        planted = self.server.read(prompt, step) if step else 0
        self.above[name] = at.prefix[: at.anchor]
        answer = self.server.complete(prompt, WRITTEN_TOKENS)
        read = answer.read + planted
        return LlamaAnswer(answer.tokens, read, answer.prompt_ms, answer.predicted_ms)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.peer.trial", description=__doc__)
    parser.add_argument("--only", default="", help="the variants whose name holds this")
    chosen = parser.parse_args(arguments)
    tokenizer, model = (
        Tokenizer.load(tokenizer_path(PRETRAINED)),
        BUILD / f"{FileType.Q8_0.name}.gguf",
    )
    _show("tokens read: median, most", *KINDS, "read t/s", "write t/s", "CPU-s")
    try:
        for variant in VARIANTS:
            if chosen.only in variant.name:
                _show(variant.name, *tried(variant, tokenizer, model))
    except PeerError as error:
        raise SystemExit(str(error)) from None
    return 0


def _show(name: str, *cells: str) -> None:
    print(f"{name:32}", *(f"{cell:>14}" for cell in cells), flush=True)


def tried(variant: Variant, tokenizer: Tokenizer, model: Path) -> Iterator[str]:
    """The cells of a variant's row."""
    first, typed = cut(tokenizer, argparse)
    second, _ = cut(tokenizer, configparser)
    answers: dict[str, list[LlamaAnswer]] = defaultdict(list)
    with started(model, variant.flags) as server:
        editor = TrialEditor(variant, server, tokenizer, {"first": first, "second": second})
        for kind, answer in played(editor, typed):
            answers[kind].append(answer)
        cpu_s = server.cpu_seconds()
    for kind in KINDS:
        reads = [answer.read for answer in answers[kind]]
        yield f"{statistics.median(reads):,.0f}, {max(reads):,}"
    every = [answer for kind in KINDS for answer in answers[kind]]
    read_s = sum(answer.prompt_ms for answer in answers["jump"]) / 1000
    written_s = sum(answer.predicted_ms for answer in every) / 1000
    read, written = sum(a.read for a in answers["jump"]), sum(len(a.tokens) for a in every)
    yield f"{read / read_s:,.0f}"
    yield f"{written / written_s:,.0f}"
    yield "" if cpu_s is None else f"{cpu_s:.1f}"


def played(editor: TrialEditor, typed: str) -> Iterator[tuple[str, LlamaAnswer]]:
    """The actions, seeded; each with what it cost."""
    rng, texts = Random(0), editor.texts
    yield "open", editor.ask("first", len(texts["first"]))
    for key in typed:
        texts["first"] += key
        yield "key", editor.ask("first", len(texts["first"]))
    lines = [i for i, character in enumerate(texts["first"]) if character == "\n"]
    cursors = {"first": 0, "second": len(texts["second"])}
    for cursor in rng.choices(lines, k=JUMPS):
        cursors["first"] = cursor
        yield "jump", editor.ask("first", cursor)
    yield "open", editor.ask("second", cursors["second"])
    for i in range(SWITCHES):
        name = ("first", "second")[i % 2]
        yield "switch", editor.ask(name, cursors[name])


def cut(tokenizer: Tokenizer, module: ModuleType) -> tuple[str, str]:
    """A file of FILE_TOKENS tokens, and the KEYS characters that follow there."""
    text = inspect.getsource(module)
    end = tokenizer.encode_with_offsets(text).ends[FILE_TOKENS - 1]
    return text[:end], text[end : end + KEYS]


if __name__ == "__main__":
    sys.exit(main())
