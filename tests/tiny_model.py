"""Tiny tokenizers of every kind, a tiny random Mamba2, and an engine of both, made in memory.

Owns how they are built. Their merges come from this repository's own files and from awkward
text, so that a test may feed either; nothing may depend on what the model says, for it is random.
"""

import json
import random
from functools import cache
from pathlib import Path

import tokenizers
import torch
from awkward_code import AWKWARD, CONTESTED, code
from safetensors.torch import save_file
from stateline.model.engine import DEFAULT_BUDGET_BYTES, Engine
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.dialects import huggingface_config
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.networks.torch.torch_network import TorchNetwork
from stateline.model.tokens.tokenizer import Tokenizer
from stateline.model.training.run.vocabulary import MARKERS, train_vocabulary
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, trainers

SIZE = 500

CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@cache
def texts() -> tuple[str, ...]:
    """What the tokenizers are trained on: without awkward merges the awkward tests are easy."""
    rng = random.Random(0)
    awkward = ("".join(rng.choices(AWKWARD, k=20)) for _ in range(1_000))
    contested = ("".join(rng.choices(CONTESTED, k=20)) for _ in range(1_000))
    return (*code(), *awkward, *contested)


@cache
def ours() -> Tokenizer:
    """Cut as the embedded model's."""
    return Tokenizer(train_vocabulary(texts(), SIZE))


def _byte_level(pre_tokenizer: object, size: int = 1000) -> tokenizers.Tokenizer:
    inner = tokenizers.Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizer
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=MARKERS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(texts(), trainer)
    return inner


@cache
def gpt2_like() -> Tokenizer:
    return Tokenizer(_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=True)))


@cache
def cl100k_like() -> Tokenizer:
    split = pre_tokenizers.Split(Regex(CL100K), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return Tokenizer(_byte_level(pre_tokenizers.Sequence([split, level])))


@cache
def starcoder_like() -> Tokenizer:
    """Digits are cut out first, then the pattern is applied to what is left."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return Tokenizer(_byte_level(pre_tokenizers.Sequence([digits, level])))


@cache
def neox_like() -> Tokenizer:
    """As GPT-NeoX's, which has runs of spaces as added tokens, and composes characters."""
    inner = _byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True))
    inner.normalizer = normalizers.NFC()
    inner.add_tokens([AddedToken(" " * n, normalized=False) for n in range(24, 1, -1)])
    inner.add_tokens([AddedToken("|||PHONE|||", normalized=False)])
    return Tokenizer(inner)


@cache
def crossing() -> Tokenizer:
    """Its only tokens of several bytes reach from the end of one 日 into the next."""
    vocab = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocab |= {"¥æ": 256, "¥æĹ": 257}
    inner = tokenizers.Tokenizer(models.BPE(vocab, [("¥", "æ"), ("¥æ", "Ĺ")]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(MARKERS)
    return Tokenizer(inner)


def _sentence_piece(merge_across_words: bool) -> dict[str, object]:
    """A byte-fallback BPE over `▁` for spaces, as the `tokenizers` library writes it."""
    inner = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    inner.normalizer = normalizers.Replace(" ", "▁")
    lines = pre_tokenizers.Split("\n", "removed")
    words = pre_tokenizers.Split(Regex("▁+[^▁]*"), "isolated")
    inner.pre_tokenizer = pre_tokenizers.Sequence([lines] if merge_across_words else [lines, words])
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=pieces, show_progress=False, max_token_length=16
    )
    inner.train_from_iterator(texts(), trainer)
    spec = json.loads(inner.to_str())
    spec["added_tokens"] = [a for a in spec["added_tokens"] if not a["content"].startswith("<0x")]
    return spec


@cache
def llama_like() -> Tokenizer:
    """SentencePiece as it was first converted: all in the normalizer, a space put before."""
    spec = _sentence_piece(merge_across_words=False)
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    before = {"type": "Prepend", "prepend": "▁"}
    spec["normalizer"] = {"type": "Sequence", "normalizers": [before, replace]}
    spec["pre_tokenizer"] = None
    return Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(spec)))


def _metaspace(split: bool, merge_across_words: bool) -> Tokenizer:
    spec = _sentence_piece(merge_across_words)
    spec["normalizer"] = None
    spec["pre_tokenizer"] = {
        "type": "Metaspace",
        "replacement": "▁",
        "prepend_scheme": "first",
        "split": split,
    }
    return Tokenizer(tokenizers.Tokenizer.from_str(json.dumps(spec)))


@cache
def mistral_like() -> Tokenizer:
    return _metaspace(split=False, merge_across_words=False)


@cache
def metaspace_words() -> Tokenizer:
    """Each space starts a pre-token, line breaks stand inside them."""
    return _metaspace(split=True, merge_across_words=False)


@cache
def seamless() -> Tokenizer:
    """A SentencePiece whose tokens reach across words, so that only line breaks part them."""
    return _metaspace(split=False, merge_across_words=True)


KINDS = {
    "ours": ours,
    "GPT-2": gpt2_like,
    "cl100k": cl100k_like,
    "StarCoder": starcoder_like,
    "GPT-NeoX": neox_like,
    "crossing": crossing,
    "Llama": llama_like,
    "Mistral": mistral_like,
    "Metaspace words": metaspace_words,
    "seamless": seamless,
}


def tiny_config(**changes) -> Mamba2Config:
    sizes = {"d_model": 16, "n_layer": 2, "vocab_size": SIZE, "d_state": 8, "headdim": 8}
    return Mamba2Config(**(sizes | changes))


def tiny_model(dtype: torch.dtype = torch.float64, seed: int = 0) -> Mamba2:
    """Random, and loud enough that what it reads changes what it says."""
    torch.manual_seed(seed)
    model = Mamba2(tiny_config())
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.to(dtype).eval()


def tiny_network(dtype: torch.dtype = torch.float64) -> TorchNetwork:
    return TorchNetwork(tiny_model(dtype))


def tiny_engine(
    dtype: torch.dtype = torch.float64, budget_bytes: int = DEFAULT_BUDGET_BYTES
) -> Engine:
    return Engine(tiny_network(dtype), ours(), budget_bytes)


def tiny_folder(folder: Path) -> Path:
    """A model folder with `tiny_model` in float32 and `ours`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(huggingface_config(tiny_config())))
    train_vocabulary(texts(), SIZE).save(str(folder / "tokenizer.json"))
    save_file(tiny_model(torch.float32).state_dict(), folder / "model.safetensors")
    return folder
