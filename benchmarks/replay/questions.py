"""The questions of a trace that was played, for engines that speak no LSP.

Owns the keeping of the texts, the prompt's tokens, and the cache that editors' plugins have in
front of such an engine. Knows no engine. The layout is the server's own, as `peer.layouts` has it:
its anchor stays until the text below it has grown long, since nothing is read while idle here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from stateline.model.completer import Context
from stateline.model.tokens import layout
from stateline.model.tokens.tokenizer import Tokenizer

from benchmarks.peer.layouts import Layout, anchored, place

from .actions import Action, ActionKind
from .releases import language_id

LINE_TOKENS = 48  # as many as the server writes of a line, at most
CACHED = 250  # answers that llama.vim keeps


@dataclass(frozen=True)
class Question:
    """A cursor that an editor asks about, and what was done before."""

    kind: ActionKind
    context: Context


def questions(texts: Mapping[str, str], actions: Iterable[Action]) -> Iterator[Question]:
    """Of all actions after which an editor asks, in order."""
    now = dict(texts)
    for action in actions:
        if action.edit is not None:
            now[action.path] = action.edit.applied(now[action.path])
        if action.asks:
            language = language_id(action.path)
            context = Context(now[action.path], action.cursor, action.path, language)
            yield Question(action.kind, context)


class Prompts:
    """The prompts of a trace, one after another, as all the tokens up to the cursor."""

    def __init__(self, tokenizer: Tokenizer, layout: Layout = anchored) -> None:
        self._tokenizer = tokenizer
        self._layout = layout
        self._above: dict[str, Sequence[int]] = {}  # the tokens above each text's anchor

    def of(self, context: Context) -> list[int]:
        """The next one."""
        held = self._above.get(context.uri, ())
        at = place(self._tokenizer, context.text, context.offset, held)
        self._above[context.uri] = at.prefix[: at.anchor]
        return self._layout(self._tokenizer.markers, at)


class AnswerCache:
    """Answers to what is asked again, or asked after typing what was answered: as llama.vim's."""

    def __init__(self) -> None:
        self._answers: deque[tuple[Context, str]] = deque(maxlen=CACHED)

    def add(self, context: Context, written: str) -> None:
        """Remember an answer."""
        self._answers.append((context, written))

    def knows(self, context: Context) -> bool:
        """Whether an answer of before still has something to say."""
        return any(_goes_on(base, written, context) for base, written in reversed(self._answers))


def _goes_on(base: Context, written: str, context: Context) -> bool:
    if base.uri != context.uri or not base.offset <= context.offset <= base.offset + len(written):
        return False
    typed = context.text[base.offset : context.offset]
    if typed and (typed == written or not written.startswith(typed)):
        return False
    # Below the cursor nothing may differ but the brackets that an editor closes.
    return context.text.startswith(base.prefix) and _below(context) == _below(base)


def _below(context: Context) -> str:
    return context.text[layout.suffix_start(context.text, context.offset) :]
