"""Text to tokens, and which of them stand still while the text grows.

Owns `Tokenizer` (a thin face on the `tokenizers` library) and `TokenizedText`, which keeps
the tokens of an edited text in step by encoding only what an edit touched. Knows nothing of
models, prompts or states.

Settled tokens: appending to a text never changes the tokens of all but its last two
pre-tokens. So these may be read into a state; the rest, the tail, is text still in the
making, imposed on the model while it writes (token healing). A tokenizer without
pre-tokens (SentencePiece) settles at line breaks instead, two lines up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tokenizers

from .errors import ModelFolderError

# Names under which tokenizers keep the markers of the layout; the first that exists counts.
_MARKERS: dict[str, tuple[str, ...]] = {
    "bos": ("<|bos|>", "<s>", "<|begin_of_text|>", "<|endoftext|>"),
    "pre": ("<|pre|>", "<|fim_prefix|>", "<fim_prefix>", "<|prefix|>"),
    "suf": ("<|suf|>", "<|fim_suffix|>", "<fim_suffix>", "<|suffix|>"),
    "mid": ("<|mid|>", "<|fim_middle|>", "<fim_middle>", "<|middle|>"),
    "eom": ("<|eom|>", "</s>", "<|endoftext|>", "<|end_of_text|>"),
    "file": ("<|file|>", "<|file_sep|>"),
}
_SETTLE_PRE_TOKENS = 2
# One more than the rule needs: a cut inside a text can split a run of spaces once more.
_RESTART_PRE_TOKENS = 3
# A pre-token may be a megabyte of base64; imposing it byte by byte would never end.
_LONGEST_TAIL_CHARS = 96


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
    """Tokens of a text: `ids`, the code point offset where each ends, and pre-token starts."""

    ids: list[int]
    ends: list[int]
    starts: list[int]


class Tokenizer:
    """A loaded `tokenizer.json`."""

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        self._inner = inner
        # A workspace file that spells a marker must not be able to speak to the model.
        inner.encode_special_tokens = True
        inner.no_truncation()
        inner.no_padding()

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read a `tokenizer.json`; ModelFolderError if it is none."""
        try:
            return cls(tokenizers.Tokenizer.from_file(str(path)))
        except Exception as error:  # the library raises bare Exception
            raise ModelFolderError(
                f"{path} is not a tokenizer that the tokenizers library can read ({error}); "
                "put the model's own tokenizer.json there."
            ) from error

    @property
    def vocab_size(self) -> int:
        return int(self._inner.get_vocab_size())

    @cached_property
    def markers(self) -> Markers:
        ids = {
            role: next((i for n in names if (i := self._inner.token_to_id(n)) is not None), None)
            for role, names in _MARKERS.items()
        }
        return Markers(**ids)

    @cached_property
    def special_ids(self) -> frozenset[int]:
        """Tokens that stand for no text and must never be written."""
        added = self._inner.get_added_tokens_decoder()
        return frozenset(i for i, token in added.items() if token.special)

    @cached_property
    def splits(self) -> bool:
        """Whether text is cut into pre-tokens that merges never cross."""
        pre = self._inner.pre_tokenizer
        return pre is not None and len(pre.pre_tokenize_str("a b\nc")) > 1

    def encode(self, text: str) -> list[int]:
        return list(self._inner.encode(text, add_special_tokens=False).ids)

    def encode_with_offsets(self, text: str) -> Encoded:
        encoding = self._inner.encode(text, add_special_tokens=False)
        ends = [end for _, end in encoding.offsets]
        return Encoded(list(encoding.ids), ends, self._starts(text))

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(self.token_bytes[i] for i in ids).decode("utf-8", "replace")

    def _starts(self, text: str) -> list[int]:
        if self.splits:
            pieces = self._inner.pre_tokenizer.pre_tokenize_str(text)
            return [start for _, (start, _) in pieces]
        return [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes that each token writes; empty for special tokens."""
        vocab = self._inner.get_vocab(with_added_tokens=True)
        table = [b""] * (max(vocab.values()) + 1)
        added = self._inner.get_added_tokens_decoder()
        byte_level = "ByteLevel" in repr(self._inner.decoder)
        for text, token in vocab.items():
            if token in added:
                table[token] = b"" if added[token].special else text.encode()
            else:
                table[token] = _from_byte_level(text) if byte_level else _from_pieces(text)
        return table


def _byte_level_alphabet() -> dict[str, int]:
    """GPT-2's printable stand-in for each byte, inverted."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in set(shown)]
    return {chr(b): b for b in shown} | {chr(256 + i): b for i, b in enumerate(hidden)}


_ALPHABET = _byte_level_alphabet()


def _from_byte_level(text: str) -> bytes:
    try:
        return bytes(_ALPHABET[c] for c in text)
    except KeyError:
        return text.encode()


def _from_pieces(text: str) -> bytes:
    """A SentencePiece token: `▁` is a space, `<0x0A>` a byte."""
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return bytes([int(text[3:5], 16)])
    return text.replace("▁", " ").encode()


def common_prefix_length(a: str, b: str) -> int:
    """Code points that two texts share at their start; comparing slices, not characters."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class TokenizedText:
    """The tokens of one text that is being edited; `update` costs what the edit touched."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.text = ""
        self._tokens = Encoded([], [], [])

    def update(self, text: str) -> None:
        """Make this the tokens of `text`; equal to encoding it whole."""
        keep = common_prefix_length(self.text, text)
        start = self._restart(keep) if self._tokenizer.splits else 0
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
        cut = starts[-_SETTLE_PRE_TOKENS] if len(starts) > _SETTLE_PRE_TOKENS else 0
        cut = max(cut, len(self.text) - _LONGEST_TAIL_CHARS)
        return bisect_right(self._tokens.ends, cut)

    @property
    def tail(self) -> str:
        """The text after the settled tokens."""
        settled = self.settled
        return self.text[self._tokens.ends[settled - 1] if settled else 0 :]
