"""Tokens: what stands still while a text grows, and the tokens of a text that is edited."""

import random
from functools import cache
from itertools import product

import pytest
from awkward_code import codelike, piece, some_text
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model import PRETRAINED
from stateline.model.tokens.tokenizer import TokenizedText, Tokenizer, common_prefix_length
from tiny_model import KINDS

kinds = pytest.mark.parametrize("kind", KINDS)
unhurried = settings(deadline=None, max_examples=60)


def edited(text: str, rng: random.Random) -> str:
    """Something put in, replaced or deleted anywhere; sometimes another text, or none."""
    start = rng.randint(0, len(text))
    end = start + rng.choice([0, 0, 1, 2, 5, 20])
    match rng.choice(
        ["put in", "replaced", "deleted", "appended", "backspace", "cleared", "other"]
    ):
        case "put in":
            return text[:start] + piece(rng) + text[start:]
        case "replaced":
            return text[:start] + piece(rng) + text[end:]
        case "deleted":
            return text[:start] + text[end:]
        case "appended":
            return text + piece(rng)
        case "backspace":
            return text[:-1]
        case "cleared" if rng.random() < 0.1:
            return ""
        case _:
            return some_text(rng) if rng.random() < 0.1 else text[1:]


def tokenised(tokenizer: Tokenizer, text: str) -> TokenizedText:
    found = TokenizedText(tokenizer)
    found.update(text)
    return found


def agree_with_whole(tokens: TokenizedText, tokenizer: Tokenizer) -> bool:
    """Ids, ends and starts, so that the next update starts from the truth too."""
    return tokens._tokens == tokenizer.encode_with_offsets(tokens.text)


@kinds
def test_appending_never_changes_settled_tokens(kind: str):
    tokenizer, rng = KINDS[kind](), random.Random(f"append {kind}")
    unsettled = []
    for _ in range(20):
        tokens = tokenised(tokenizer, some_text(rng))
        for _ in range(20):
            settled = tokens.ids[: tokens.settled]
            unsettled.append(len(tokens.ids) - len(settled))
            tokens.update(tokens.text + piece(rng))
            assert tokens.ids[: len(settled)] == settled, repr(tokens.text)
    assert sorted(unsettled)[len(unsettled) // 2] <= 12, "typing would impose too many tokens"


def test_every_short_text_settles_in_our_cutting():
    """All texts of few characters, one of each kind that the pattern tells apart."""
    tokenizer = KINDS["ours"]()
    assert tokenizer.unsettled_pre_tokens == 1
    texts = ["".join(parts) for n in range(5) for parts in product("a1. \n\r\té", repeat=n)]
    for text in texts:
        tokens = tokenised(tokenizer, text)
        settled = tokens.ids[: tokens.settled]
        for added in ("a", "1", ".", " ", "\n", "\r", "é", "  a", " \n"):
            assert tokenizer.encode(text + added)[: len(settled)] == settled, repr(text + added)


@given(codelike, codelike)
@unhurried
def test_appending_never_changes_settled_tokens_of_ours(text: str, added: str):
    for kind in ("ours", "Mistral"):
        tokens = tokenised(KINDS[kind](), text)
        settled = tokens.ids[: tokens.settled]
        tokens.update(text + added)
        assert tokens.ids[: len(settled)] == settled


@pytest.mark.parametrize("kind", ["ours", "GPT-2", "cl100k", "StarCoder", "GPT-NeoX"])
def test_no_append_moves_a_start_before_the_last_two(kind: str):
    """All texts of three contested characters, with all that can follow in two."""
    tokenizer, letters = KINDS[kind](), "al' \n."

    @cache
    def starts(text: str) -> list[int]:
        return tokenizer.encode_with_offsets(text).starts

    added = ["".join(chars) for n in (1, 2) for chars in product(letters, repeat=n)]
    for text in map("".join, product(letters, repeat=3)):
        cut = starts(text)[-2:][0]
        for more in added:
            assert [s for s in starts(text + more) if s <= cut] == [
                s for s in starts(text) if s <= cut
            ], (text, more)


@kinds
def test_an_edited_text_has_the_tokens_of_the_whole(kind: str):
    tokenizer, rng = KINDS[kind](), random.Random(f"edit {kind}")
    tokens = TokenizedText(tokenizer)
    for _ in range(300):
        text = edited(tokens.text[:1500], rng)
        before = tokens.text
        tokens.update(text)
        assert agree_with_whole(tokens, tokenizer), (before, text)


@given(st.lists(codelike, min_size=2, max_size=4), st.integers(0, 40), st.integers(0, 40))
@unhurried
def test_a_replaced_part_gives_the_tokens_of_the_whole(parts: list[str], start: int, end: int):
    for kind in ("ours", "GPT-2", "Llama"):
        tokens = tokenised(KINDS[kind](), "".join(parts[:-1]))
        tokens.update(tokens.text[:start] + parts[-1] + tokens.text[end:])
        assert agree_with_whole(tokens, KINDS[kind]())


def test_an_update_encodes_only_what_the_edit_touched():
    class Counting(Tokenizer):
        chars = 0

        def encode_with_offsets(self, text):
            self.chars += len(text)
            return super().encode_with_offsets(text)

    for kind in ("ours", "Mistral"):
        tokenizer = Counting(KINDS[kind]()._inner)
        code = "def f(x):\n    return x + 1\n\n\n" * 200
        tokens = tokenised(tokenizer, code)
        tokenizer.chars = 0
        for typed in ("a", "ab", "ab ", "ab =", "ab = 1"):
            tokens.update(code + typed)
        assert tokenizer.chars < 5 * 40
        tokens.update(code)  # and back
        assert tokenizer.chars < 6 * 40


def check(kind: str, marked: str) -> None:
    """The settled part of a text ends at the mark; the rest is the tail."""
    settled, _, tail = marked.partition("█")
    tokens = tokenised(KINDS[kind](), settled + tail)
    assert tokens.tail == tail
    assert tokens.settled == len(KINDS[kind]().encode(settled))


def test_what_settles():
    check("ours", "█")
    check("ours", "█x")
    check("ours", "x█ =")
    check("ours", "x =█ va")
    check("ours", "x = value█ ")
    check("ours", "if x:\n    return self█.na")
    check("ours", "if x:█\n    ")  # only what begins with white space can still join it
    check("ours", "if x:\n    █r")
    check("ours", "x = 'größe█'日本")
    check("ours", "x = 1█2")
    check("GPT-2", "if x:█\n    r")
    check("GPT-2", "if x█:\n    ")  # the next could be a line break, which joins them
    check("Mistral", "x =█ foo bar")
    check("Mistral", "if x:█\n    r")


@kinds
def test_settled_tokens_and_tail_spell_the_text(kind: str):
    tokenizer, rng = KINDS[kind](), random.Random(kind)
    for _ in range(50):
        tokens = tokenised(tokenizer, some_text(rng).replace("▁", ""))
        settled = tokens.ids[: tokens.settled]
        assert tokenizer.decode(settled) + tokens.tail == tokens.text


@kinds
@pytest.mark.parametrize(
    "text", ["a" * 12_000, " " * 12_000, "日" * 3_000, "\n" * 3_000, "'" * 3_000]
)
def test_an_absurdly_long_word_settles_by_force(kind: str, text: str):
    tokens = tokenised(KINDS[kind](), text)
    spelled = KINDS[kind]().decode(tokens.ids[: tokens.settled])
    if spelled:
        longest = max(map(len, KINDS[kind]().token_bytes))
        assert len(tokens.tail) <= 96 + longest
        assert spelled + tokens.tail == text
    else:  # every token ends inside a character, so there is no place to cut
        assert text[0] == "日"
        assert len(tokens.tail) <= 400
    for _ in range(5):
        tokens.update(tokens.text + text[0])
    assert agree_with_whole(tokens, KINDS[kind]())


def test_lone_surrogates_are_edited_as_replacement_characters():
    tokens = tokenised(KINDS["ours"](), "x = '\udc00")
    assert tokens.text == "x = '\ufffd"
    tokens.update("x = '\udc00'")
    assert agree_with_whole(tokens, KINDS["ours"]())
    tokens.tail.encode()


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_common_prefix(a: str, b: str):
    lengths = (n for n in range(len(a) + 1) if a[:n] == b[:n])
    assert common_prefix_length(a, b) == max(lengths)
    assert common_prefix_length(a + b, a) == len(a)


def test_the_shipped_tokenizer_settles_and_spells():
    tokenizer, rng = Tokenizer.load(PRETRAINED / "tokenizer.json"), random.Random(0)
    assert tokenizer.markers.fills_in_the_middle
    tokens = TokenizedText(tokenizer)
    for _ in range(300):
        settled = tokens.ids[: tokens.settled]
        tokens.update(tokens.text + piece(rng))
        assert tokens.ids[: len(settled)] == settled
        assert tokenizer.decode(tokens.ids) == tokens.text
        if len(tokens.text) > 1_500:
            tokens.update(some_text(rng))
