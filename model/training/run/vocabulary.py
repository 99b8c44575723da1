"""The embedded model's tokenizer: a byte-level BPE trained on the corpus.

Owns the cut of text into pre-tokens and the list of markers. Knows no model.

Pre-tokens are, in this order: a run of white space that holds a line break (so that a line
break and the indentation after it are one token), a word with at most one character before
it (` if`, `_name`, `.append`), one digit, a run of punctuation, a run of spaces.
"""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from ...tokens.spelling import PATTERN

MARKERS = ["<|bos|>", "<|pre|>", "<|suf|>", "<|mid|>", "<|eom|>", "<|file|>", "<|pad|>"]


def train_vocabulary(texts: Iterable[str], size: int) -> Tokenizer:
    """A tokenizer of `size` entries, markers included."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=MARKERS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        max_token_length=32,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
