"""Losses after other files and under each anchor: exact however split, of the same text."""

import math

import numpy as np
import pytest
from stateline.model import memory
from stateline.model.memory import Trust
from stateline.model.torch_network import torch_model
from stateline.model.training.corpus import CorpusError, SourceFile
from stateline.model.training.cursors import Cursor
from stateline.model.training.layouts import (
    ANCHORS,
    WORKSPACE_TOKENS,
    Target,
    anchor_report,
    header,
    stream,
    targets,
    under_anchors,
    workspace_nats,
    workspace_report,
)
from stateline.model.training.likelihood import nats_after, nats_of
from stateline.model.training.trainer import bits_per_byte
from tiny_model import texts, tiny_engine

ENGINE = tiny_engine()
TEXT = "def add(a, b):\n    return a + b\n"
FILES = [SourceFile(f"f{i}.py", TEXT * 3) for i in range(3)]


def test_the_loss_is_the_trainers():
    bits = bits_per_byte(torch_model(ENGINE.network), ENGINE.tokenizer, [TEXT]) * len(TEXT.encode())
    ids = ENGINE.tokenizer.encode(TEXT)
    mine = nats_after(ENGINE, [ENGINE.tokenizer.markers.bos or 0], ids)
    assert mine == pytest.approx(bits * math.log(2), rel=1e-6)


@pytest.mark.parametrize("chunk", [1, 7, 40, 1_024])
def test_only_the_target_counts_wherever_the_reading_is_split(monkeypatch, chunk: int):
    ids = ENGINE.tokenizer.encode(TEXT)
    whole = nats_after(ENGINE, [0], ids)
    monkeypatch.setattr("stateline.model.training.likelihood.CHUNK_TOKENS", chunk)
    first = nats_after(ENGINE, [0], ids[:10])
    rest = nats_after(ENGINE, [0, *ids[:10]], ids[10:])
    assert first + rest == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("chunk", [3, 1_024])
def test_the_memory_counts_like_the_model(monkeypatch, chunk: int):
    """However the reading is split, what was recalled is worth the same, and it is worth a lot."""
    trusting = tiny_engine()
    trusting.decoder.trust = Trust(np.full(memory.SHAPE, 0.5))
    ids = trusting.tokenizer.encode(TEXT * 3)
    monkeypatch.setattr("stateline.model.training.likelihood.CHUNK_TOKENS", chunk)
    whole = nats_of(trusting, TEXT * 3)
    assert whole < 0.7 * nats_of(ENGINE, TEXT * 3)
    bos = trusting.tokenizer.markers.bos
    first = nats_after(trusting, [bos], ids[:20])
    assert first + nats_after(trusting, [bos, *ids[:20]], ids[20:]) == pytest.approx(whole)


def test_the_stream_is_laid_out_as_in_training_and_cut_at_its_head():
    encode = ENGINE.tokenizer.encode
    whole = stream(ENGINE, FILES, 100_000)
    assert whole[: len(header(ENGINE, FILES[0]))] == header(ENGINE, FILES[0])
    assert header(ENGINE, FILES[0]) == [ENGINE.tokenizer.markers.file, *encode("f0.py\n")]
    assert whole[-len(encode(FILES[2].text)) :] == encode(FILES[2].text)
    assert stream(ENGINE, FILES, 30) == whole[-30:]
    assert stream(ENGINE, FILES, 0) == []


def test_targets_have_enough_before_them():
    text = "".join(texts())
    longest = 6 * WORKSPACE_TOKENS[-1]
    project = [SourceFile(f"{i}.py", (text * 99)[: longest // 2]) for i in range(4)]
    found = targets([project, FILES], 9, 0)
    assert {target.file.path for target in found} == {"2.py", "3.py"}
    assert all(sum(len(f.text) for f in target.before) >= longest for target in found)
    with pytest.raises(CorpusError, match="long enough"):
        targets([FILES], 9, 0)


def test_a_prefix_changes_the_loss_and_a_short_project_is_read_whole():
    target = Target(tuple(FILES[:2]), FILES[2])
    nats = workspace_nats(ENGINE, target)
    assert nats[0] != nats[1]
    assert nats[1] == nats[2] == nats[3], "there is less than the shortest prefix"
    report = workspace_report([target], [nats])
    assert list(report) == ["0", "1000", "4000", "16000"]
    assert report["0"]["change"]["value"] == 0


def test_every_anchor_is_judged_by_the_same_text():
    text = "".join(f"x{i} = {i}\n" for i in range(40)) + "total = add(a, b)\n"
    offset = text.index("add(")
    cursor = Cursor(SourceFile("a.py", text), offset, len(text) - 1)
    judged = under_anchors(ENGINE, cursor)
    assert len(judged) == len(ANCHORS)
    assert len({each.bits for each in judged}) == 1
    assert len({each.nats for each in judged}) == len(ANCHORS), "the layouts differ"
    assert all(each.trial.truth == "add(a, b)" for each in judged)
    report = anchor_report([judged])
    assert report["8 lines above"]["change"]["value"] == 0
