"""Text to tokens, and which of them stand still while the text grows.

Owns `Tokenizer` (a thin face on the `tokenizers` library) and `TokenizedText`, which keeps
the tokens of an edited text in step by encoding only what an edit touched. Knows nothing of
models, prompts or states. Tokens spell the text that they came from and nothing else, so any
part of a text can be encoded by itself; what that takes is in `spelling`.

Settled tokens: appending to a text never changes the tokens of all but its last two
pre-tokens, or the last one where the cutting looks no further. So these may be read into a
state; the rest, the tail, is text still in the making, imposed on the model while it writes (token
healing). A tokenizer that is not byte-level (SentencePiece) may have no pre-tokens; it is cut at
its seams instead, between characters that no token ever joins.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import tokenizers

from ..errors import ModelFolderError
from .shared_start import common_prefix_length
from .spelling import (
    bytes_of,
    exact,
    is_byte_level,
    is_byte_piece,
    unsettled_pre_tokens,
    well_formed,
)

# Names under which tokenizers keep the markers of the layout; the first that exists counts.
_MARKERS: dict[str, tuple[str, ...]] = {
    "bos": ("<|bos|>", "<s>", "<|begin_of_text|>", "<|endoftext|>"),
    "pre": ("<|pre|>", "<|fim_prefix|>", "<fim_prefix>", "<|prefix|>"),
    "suf": ("<|suf|>", "<|fim_suffix|>", "<fim_suffix>", "<|suffix|>"),
    "mid": ("<|mid|>", "<|fim_middle|>", "<fim_middle>", "<|middle|>"),
    "eom": ("<|eom|>", "</s>", "<|endoftext|>", "<|end_of_text|>"),
    "file": ("<|file|>", "<|file_sep|>"),
}
# One more than the rule needs: a cut inside a text can split a run of spaces once more.
_RESTART_PRE_TOKENS = 3
# A pre-token may be a megabyte of base64; imposing it byte by byte would never end.
_LONGEST_TAIL_CHARS = 96
# Beyond even this, for a line of letters where every token ends inside one, text is left out.
_WHOLE_TAIL_CHARS = 4 * _LONGEST_TAIL_CHARS
_MOST_TOKENS = 1 << 20  # four times the largest vocabulary known; a table is made of all
# Every character is in one of these classes; seams lie between classes.
_CLASSES = ("[ ▁]", r"\n", r"\w", r"[^\w\s▁]", r"[^\S \n]")


@dataclass(frozen=True)
class Markers:
    """Token ids of the layout's markers; None where the vocabulary has none."""

    bos: int | None
    pre: int | None
    suf: int | None
    mid: int | None
    eom: int | None
    file: int | None  # stands before the path of a file of the workspace part

    @property
    def fills_in_the_middle(self) -> bool:
        return None not in (self.pre, self.suf, self.mid)


@dataclass(frozen=True)
class Encoded:
    """Tokens of a text, and offsets into it in code points."""

    ids: list[int]
    ends: list[int]  # of each token; tokens that share a character end where the last of them does
    starts: list[int]  # of each pre-token


class Tokenizer:
    """A loaded `tokenizer.json`."""

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        spec = exact(json.loads(inner.to_str()))
        self._byte_level = is_byte_level(spec)
        self.unsettled_pre_tokens = unsettled_pre_tokens(spec)
        self._inner = tokenizers.Tokenizer.from_str(json.dumps(spec))
        # A workspace file that spells a marker must not be able to speak to the model.
        self._inner.encode_special_tokens = True

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read a `tokenizer.json`; ModelFolderError if it is none, or none that can be used."""
        try:
            inner = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ModelFolderError(
                f"{path} is not a tokenizer that the tokenizers library can read ({error}); "
                "put the model's own tokenizer.json there."
            ) from error
        kind = type(inner.model).__name__
        largest = max(inner.get_vocab(with_added_tokens=True).values(), default=-1)
        if kind != "BPE" or not 0 <= largest < _MOST_TOKENS:
            raise ModelFolderError(
                f"{path} holds a {kind} vocabulary whose largest token id is {largest}, but "
                f"Stateline reads byte-pair encodings (BPE) of 1 to {_MOST_TOKENS} tokens; "
                "choose a model that has one."
            )
        return cls(inner)

    @property
    def vocab_size(self) -> int:
        return int(self._inner.get_vocab_size())

    @cached_property
    def markers(self) -> Markers:
        # Only among added tokens: a vocabulary may hold `<s>` as a piece of HTML.
        ids = {token.content: i for i, token in self._inner.get_added_tokens_decoder().items()}
        found = {
            role: next((ids[name] for name in names if name in ids), None)
            for role, names in _MARKERS.items()
        }
        return Markers(**found)

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Tokens that stand for no text and must never be written."""
        added = self._inner.get_added_tokens_decoder()
        return frozenset(i for i, token in added.items() if token.special)

    def encode(self, text: str) -> list[int]:
        """The tokens of `text`; a lone surrogate, which no bytes can spell, is read as U+FFFD."""
        return list(self._inner.encode(well_formed(text), add_special_tokens=False).ids)

    def named(self, path: str) -> list[int]:
        """The marker of a file, if there is one, and its path: what stands before its text."""
        marker = self.markers.file
        # Encoded apart, so that no token spans both the path and the text.
        return [*([] if marker is None else [marker]), *self.encode(path + "\n")]

    def encode_with_offsets(self, text: str) -> Encoded:
        """As `encode`, with where tokens end and pre-tokens start."""
        encoding = self._inner.encode(well_formed(text), add_special_tokens=False)
        offsets = encoding.offsets
        if self._seams is None:
            starts = _word_starts(encoding.word_ids, offsets)
        else:
            starts = [match.start() for match in self._seams.finditer(text)] if text else []
        return Encoded(list(encoding.ids), _character_ends(offsets), starts)

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(self.token_bytes[i] for i in ids).decode("utf-8", "replace")

    @cached_property
    def _seams(self) -> re.Pattern[str] | None:
        """Matches where a text can be cut because no token reaches across; None: at its words.

        A token is made by joining neighbours. So if no token of the vocabulary has, say, a
        letter before a space, nothing on one side of such a place changes what is on the other.
        """
        if self._byte_level:
            return None
        vocab = self._inner.get_vocab(with_added_tokens=False)
        pieces = [piece for piece in vocab if len(piece) > 1 and not is_byte_piece(piece)]
        parted = [
            f"(?<={before})(?={after})"
            for before, after in product(_CLASSES, repeat=2)
            if not any(re.search(before + after, piece) for piece in pieces)
        ]
        return re.compile("|".join([r"\A", *parted]))

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes that each token writes; empty for special tokens."""
        vocab = self._inner.get_vocab(with_added_tokens=True)
        table = [b""] * (max(vocab.values()) + 1)
        added = self._inner.get_added_tokens_decoder()
        for text, token in vocab.items():
            if token in added:
                table[token] = b"" if added[token].special else text.encode()
            else:
                table[token] = bytes_of(text, byte_level=self._byte_level)
        return table


def _character_ends(offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Where each token ends; one that ends inside a character is counted to that character's end.

    The library gives a token every character of which it has a byte.
    """
    ends = [end for _, end in offsets]
    for i in range(len(ends) - 2, -1, -1):
        if offsets[i + 1][0] < ends[i]:
            ends[i] = ends[i + 1]
    return ends


def _word_starts(words: Sequence[int | None], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Where each pre-token starts: the library numbers them."""
    changes = (i for i, word in enumerate(words) if i == 0 or word != words[i - 1])
    return [offsets[i][0] for i in changes]


class TokenizedText:
    """The tokens of one text that is being edited; `update` costs what the edit touched."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.text = ""
        self._tokens = Encoded([], [], [])

    def update(self, text: str) -> None:
        """Make this the tokens of `text`; equal to encoding it whole."""
        text = well_formed(text)
        start = self._restart(common_prefix_length(self.text, text))
        old, new = self._tokens, self._tokenizer.encode_with_offsets(text[start:])
        kept_tokens = bisect_right(old.ends, start)
        kept_starts = bisect_right(old.starts, start - 1)
        self.text = text
        self._tokens = Encoded(
            old.ids[:kept_tokens] + new.ids,
            old.ends[:kept_tokens] + [start + end for end in new.ends],
            old.starts[:kept_starts] + [start + s for s in new.starts],
        )

    def _restart(self, keep: int) -> int:
        """The last pre-token start that an edit at `keep` cannot have moved."""
        index = bisect_right(self._tokens.starts, keep) - 1 - _RESTART_PRE_TOKENS
        return self._tokens.starts[index] if index > 0 else 0

    @property
    def ids(self) -> list[int]:
        return self._tokens.ids

    @property
    def ends(self) -> list[int]:
        """Where each token ends, in code points; equal ends share one character."""
        return self._tokens.ends

    @property
    def settled(self) -> int:
        """How many of `ids` no appended text can change (unless a word is absurdly long)."""
        starts = self._tokens.starts
        last = self._tokenizer.unsettled_pre_tokens
        cut = starts[-last] if len(starts) > last else 0
        cut = max(cut, len(self.text) - _LONGEST_TAIL_CHARS)
        return bisect_right(self._tokens.ends, cut)

    @property
    def tail(self) -> str:
        """The text after the settled tokens (the last of it, if a word is absurdly long)."""
        settled = self.settled
        start = self._tokens.ends[settled - 1] if settled else 0
        return self.text[max(start, len(self.text) - _WHOLE_TAIL_CHARS) :]
