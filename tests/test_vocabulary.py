"""The vocabulary that is trained: its size, its markers, and where its pattern cuts code."""

from itertools import pairwise

import pytest
import tiny_model
from stateline.model.tokens.tokenizer import Tokenizer
from stateline.model.training.run.vocabulary import MARKERS, train_vocabulary

OURS = tiny_model.ours()


def test_the_vocabulary_has_its_size_and_begins_with_the_markers():
    inner = train_vocabulary(tiny_model.texts(), 400)
    assert inner.get_vocab_size() == 400
    assert [inner.token_to_id(name) for name in MARKERS] == [*range(len(MARKERS))]
    assert max(map(len, Tokenizer(inner).token_bytes)) <= 32


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("if x:\n\n    y", ["if", " x", ":", "\n\n    ", "y"]),
        ("a_name.append", ["a", "_name", ".append"]),
        ("x==12", ["x", "==", "1", "2"]),
        ("f(  a)", ["f", "(", " ", " a", ")"]),
        ("x \t\n y", ["x", " \t\n ", "y"]),
        ("a   ", ["a", "   "]),
        ("'größe'", ["'größe", "'"]),
        ("\f\u2028x", ["\f", "\u2028x"]),
    ],
)
def test_the_pattern_cuts_code_where_it_says(text: str, cut: list[str]):
    starts = [*OURS.encode_with_offsets(text).starts, len(text)]
    assert [text[a:b] for a, b in pairwise(starts)] == cut
