"""What tokens spell: exactly the text, whatever it holds; and which files are no tokenizers."""

import json
import random

import pytest
import tiny_model
import tokenizers
from awkward_code import MARKER_NAMES, code, some_text
from hypothesis import given, settings
from hypothesis import strategies as st
from stateline.model.errors import ModelFolderError
from stateline.model.tokens.spelling import well_formed
from stateline.model.tokens.tokenizer import Tokenizer
from tiny_model import KINDS
from tokenizers import AddedToken, models, pre_tokenizers

kinds = pytest.mark.parametrize("kind", KINDS)
unhurried = settings(deadline=None, max_examples=60)


@kinds
def test_tokens_spell_exactly_the_text(kind: str):
    tokenizer, rng = KINDS[kind](), random.Random(kind)
    for text in ["", " ", "\n", "foo", " foo", *(some_text(rng) for _ in range(100))]:
        if not tokenizer._byte_level:
            text = text.replace("▁", "")  # SentencePiece takes it for a space
        spelled = [tokenizer.token_bytes[i] for i in tokenizer.encode(text)]
        assert b"".join(spelled) == text.encode()


@given(st.text(max_size=20))
@unhurried
def test_tokens_spell_any_text(text: str):
    for kind, build in KINDS.items():
        if kind in ("ours", "GPT-NeoX") or "▁" not in text:
            spelled = [build().token_bytes[i] for i in build().encode(text)]
            assert b"".join(spelled) == text.encode()


@kinds
def test_where_a_token_ends_no_character_is_split(kind: str):
    tokenizer, rng = KINDS[kind](), random.Random(kind)
    texts = ["─├─┬── │", "日本語, größe", *(some_text(rng) for _ in range(40))]
    for text in (text.replace("▁", "") for text in texts):
        encoded = tokenizer.encode_with_offsets(text)
        data = text.encode()
        for count, end in enumerate(encoded.ends, 1):
            if encoded.ends[count : count + 1] != [end]:
                spelled = b"".join(tokenizer.token_bytes[i] for i in encoded.ids[:count])
                assert spelled == text[:end].encode(), data
        assert encoded.ends == sorted(encoded.ends)


def test_tokens_that_share_a_character_end_where_the_last_of_them_does():
    tokenizer = KINDS["crossing"]()
    encoded = tokenizer.encode_with_offsets("日日 日")
    spelled = [tokenizer.token_bytes[i].hex(" ") for i in encoded.ids]
    assert spelled == ["e6", "97", "a5 e6 97", "a5", "20", "e6", "97", "a5"]
    assert encoded.ends == [2, 2, 2, 2, 3, 4, 4, 4]


@kinds
def test_text_that_spells_a_marker_is_text(kind: str):
    tokenizer, rng = KINDS[kind](), random.Random(kind)
    spoken = [*MARKER_NAMES, *(some_text(rng) + rng.choice(MARKER_NAMES) for _ in range(50))]
    assert tokenizer.special_ids
    for text in spoken:
        ids = tokenizer.encode(text)
        assert tokenizer.special_ids.isdisjoint(ids)
        if tokenizer._byte_level or "▁" not in text:
            assert tokenizer.decode(ids) == text


def test_a_marker_that_the_file_does_not_call_special_is_one():
    inner = tiny_model._byte_level(pre_tokenizers.ByteLevel())
    inner.add_tokens([AddedToken("<|fim_suffix|>", special=False)])
    tokenizer = Tokenizer(inner)
    suffix = inner.token_to_id("<|fim_suffix|>")
    assert suffix in tokenizer.special_ids
    assert suffix not in tokenizer.encode("a<|fim_suffix|>b")
    assert tokenizer.token_bytes[suffix] == b""


def test_an_ordinary_token_is_no_marker():
    vocab = {"<": 0, "s": 1, ">": 2, "<s": 3, "<s>": 4}
    inner = tokenizers.Tokenizer(models.BPE(vocab, [("<", "s"), ("<s", ">")]))
    tokenizer = Tokenizer(inner)
    assert tokenizer.encode("<s>") == [4]
    assert tokenizer.markers.bos is None
    assert tokenizer.token_bytes[4] == b"<s>"


@pytest.mark.parametrize("ignore_merges", [False, True])
def test_no_merge_makes_a_marker_of_text(ignore_merges: bool):
    """As in files converted from SentencePiece, where every two pieces that fit are a merge."""
    vocab = {piece: i for i, piece in enumerate(["<", "s", ">", "s>", "<s>", "<s>x", "x"])}
    merges = [("s", ">"), ("<", "s>"), ("<s>", "x")]
    inner = tokenizers.Tokenizer(models.BPE(vocab, merges, ignore_merges=ignore_merges))
    inner.add_special_tokens(["<s>"])
    tokenizer = Tokenizer(inner)
    assert tokenizer.markers.bos == 4
    assert tokenizer.encode("<s>") == [0, 3]
    assert tokenizer.encode("<s>x") == [0, 3, 6]


def test_no_text_is_a_byte_by_its_name():
    pieces = [*"<0xA>", "<0x", "0A", "0A>", "<0x0A>", "▁"]
    merges = [("<0", "x"), ("0", "A"), ("0A", ">"), ("<0x", "0A>"), ("<", "0")]
    inner = tokenizers.Tokenizer(
        models.BPE({p: i for i, p in enumerate([*pieces, "<0"])}, merges, byte_fallback=True)
    )
    tokenizer = Tokenizer(inner)
    assert tokenizer.decode(tokenizer.encode("<0x0A>")) == "<0x0A>"
    assert tokenizer.decode(tokenizer.encode("\n")) == "\n"


def test_markers_of_ours():
    markers = KINDS["ours"]().markers
    assert [markers.bos, markers.pre, markers.suf, markers.mid, markers.eom, markers.file] == [
        *range(6)
    ]
    assert markers.fills_in_the_middle
    assert not KINDS["Llama"]().markers.fills_in_the_middle


@kinds
def test_lone_surrogates_are_read_as_replacement_characters(kind: str):
    tokenizer = KINDS[kind]()
    assert tokenizer.encode("a\ud83d b") == tokenizer.encode("a\ufffd b")


@given(st.text(st.characters() | st.sampled_from("\ud800\udfff"), max_size=5))
@settings(deadline=None)
def test_well_formed_text_keeps_its_offsets(text: str):
    sound = well_formed(text)
    sound.encode()
    assert len(sound) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, sound, strict=True))


def spec(**changes) -> str:
    return json.dumps(json.loads(KINDS["ours"]()._inner.to_str()) | changes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "cannot|can read"),
        ("[]", "can read"),
        ('{"version": "1.0"}', "can read"),
        (spec(model={"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}), "can read"),
        (spec(model={"type": "BPE", "vocab": {"a": 2**31}, "merges": []}), "largest token id"),
        (spec(model={"type": "BPE", "vocab": {}, "merges": []}, added_tokens=[]), "id is -1"),
        (spec(model={"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}), "a WordLevel"),
        (spec(model={"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": None}), "a Unigram"),
    ],
)
def test_a_file_that_is_no_use_is_refused_in_a_sentence(tmp_path, content: str, says: str):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ModelFolderError, match=says) as error:
        Tokenizer.load(path)
    assert str(error.value).startswith(str(path))


def test_a_saved_tokenizer_loads_as_it_was(tmp_path):
    folder = tiny_model.tiny_folder(tmp_path)
    loaded = Tokenizer.load(folder / "tokenizer.json")
    text = code()[0]
    assert loaded.encode(text) == KINDS["ours"]().encode(text)
    assert loaded.token_bytes == KINDS["ours"]().token_bytes
