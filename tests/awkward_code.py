"""Text that looks like code and holds what tokenizers trip over.

Owns the pieces and how they are strung together; real code is this repository's own. Knows
nothing of what is made of them.
"""

import random
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

MARKER_NAMES = ["<s>", "</s>", "<unk>", "<|mid|>", "<|bos|>", "<|endoftext|>", "<|pad|>"]
AWKWARD = (
    *"abcxyzABZ_019 (){}[]'\".,:;=+-*/<>|#@!\n\n\n\t\f\v\x00\x85\xa0\u2028\u3000\u0301",
    *("    ", " " * 7, " " * 30, "\n    ", "\n\n\n", " \n", "'ll", "'s", "don't", "== ", "self."),
    *(
        "é",
        "e\u0301",
        "ß",
        "İ",
        "ǅ",
        "日本",
        "語",
        "🙂",
        "👩‍👩‍👧",
        "٣",
        "½",
        "├──",
        "─┬",
        "▁",
        "▁▁",
    ),
    *("<0x0A>", "|||PHONE|||", "return ", "def f(x):\n    "),
    *MARKER_NAMES,
)
CONTESTED = "al'lve \n\n  .1"  # contractions, runs of spaces before and after line breaks
codelike = st.lists(st.sampled_from((*AWKWARD, *CONTESTED)), max_size=25).map("".join)


_MODEL = Path(__file__).parents[1] / "model"
_ALL = [_MODEL / "__init__.py", *(p for p in _MODEL.rglob("*.py") if p.stem != "__init__")]
FILES = sorted((p for p in _ALL if "training" not in p.parts), key=lambda p: p.name)


@cache
def code() -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in FILES)


def piece(rng: random.Random) -> str:
    """A few awkward characters, or what pre-tokenizers cut by several rules, or real code."""
    match rng.randrange(3):
        case 0:
            return "".join(rng.choices(AWKWARD, k=rng.randint(1, 5)))
        case 1:
            return "".join(rng.choices(CONTESTED, k=rng.randint(1, 5)))
        case _:
            text = rng.choice(code())
            start = rng.randrange(len(text))
            return text[start : start + int(2 ** rng.uniform(0, 6))]


def some_text(rng: random.Random) -> str:
    return "".join(piece(rng) for _ in range(rng.randint(0, 12)))
