"""Losses after other files and under each anchor, and answers from nearby: of the same text."""

import math

import numpy as np
import pytest
from stateline.model.masked import Masked
from stateline.model.memory import mixing
from stateline.model.memory.mixing import Trust
from stateline.model.networks.torch.torch_network import torch_model
from stateline.model.tokens import layout
from stateline.model.training.corpus.corpus import SourceFile
from stateline.model.training.judging.cursors import Cursor, rest_of_line
from stateline.model.training.judging.layouts import (
    ANCHORS,
    COLD_TOKENS,
    anchor_report,
    cold_report,
    from_nearby,
    under_anchors,
)
from stateline.model.training.judging.likelihood import nats_after, nats_of
from stateline.model.training.judging.workspaces import (
    TOKENS,
    USES,
    Target,
    stream,
    targets,
    workspace_nats,
    workspace_report,
)
from stateline.model.training.run.trainer import bits_per_byte
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
    monkeypatch.setattr("stateline.model.training.judging.likelihood.CHUNK_TOKENS", chunk)
    first = nats_after(ENGINE, [0], ids[:10])
    rest = nats_after(ENGINE, [0, *ids[:10]], ids[10:])
    assert first + rest == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("chunk", [3, 1_024])
def test_the_memory_counts_like_the_model(monkeypatch, chunk: int):
    """However the reading is split, what was recalled is worth the same, and it is worth a lot."""
    trusting = tiny_engine()
    trusting.decoder.trust = Trust(np.full(mixing.SHAPE, 0.5))
    ids = trusting.tokenizer.encode(TEXT * 3)
    monkeypatch.setattr("stateline.model.training.judging.likelihood.CHUNK_TOKENS", chunk)
    whole = nats_of(trusting, TEXT * 3)
    assert whole < 0.7 * nats_of(ENGINE, TEXT * 3)
    bos = trusting.tokenizer.markers.bos
    first = nats_after(trusting, [bos], ids[:20])
    assert first + nats_after(trusting, [bos, *ids[:20]], ids[20:]) == pytest.approx(whole)


def test_the_stream_is_laid_out_as_in_training_and_cut_at_its_head():
    tokenizer = ENGINE.tokenizer
    whole = stream(tokenizer, FILES, 100_000)
    assert tokenizer.named("f0.py") == [tokenizer.markers.file, *tokenizer.encode("f0.py\n")]
    assert whole == [[*tokenizer.named(f.path), *tokenizer.encode(f.text)] for f in FILES]
    cut = stream(tokenizer, FILES, len(whole[2]) + 7)
    assert cut == [whole[1][-7:], whole[2]]
    assert stream(tokenizer, FILES, 0) == []


def test_targets_have_enough_before_them():
    text = "".join(texts())
    longest = 6 * TOKENS[-1]
    project = [SourceFile(f"{i}.py", (text * 99)[: longest // 2]) for i in range(4)]
    found = targets([project, FILES], 9, 0)
    assert {target.file.path for target in found} == {"2.py", "3.py"}
    assert all(sum(len(f.text) for f in target.before) >= longest for target in found)
    assert targets([FILES], 9, 0) == []


def test_a_prefix_changes_the_loss_and_a_short_project_is_read_whole():
    target = Target(tuple(FILES[:2]), FILES[2])
    nats = workspace_nats(ENGINE, target)
    assert nats[0] != nats[1]
    assert nats[1] == nats[2] == nats[3], "there is less than the shortest prefix"
    assert nats[1].recalled == nats[0].recalled == nats[0].read, "there is no memory"
    report = workspace_report([target], [nats])
    assert list(report) == ["0", "1000", "4000", "16000"]
    assert all(report["0"][use]["change"]["value"] == 0 for use in USES)


def test_what_is_read_and_what_is_recalled_are_told_apart():
    trusting = tiny_engine()
    trusting.decoder.trust = Trust(np.full(mixing.SHAPE, 0.5))
    none, some = workspace_nats(trusting, Target(tuple(FILES[:2]), FILES[2]))[:2]
    alone = workspace_nats(ENGINE, Target(tuple(FILES[:2]), FILES[2]))
    assert (none.read, some.read) == (alone[0].read, alone[1].read), "the memory is off"
    assert some.recalled < none.recalled
    assert none.all_recalled == some.recalled, "all that there is, and nothing is read"
    assert some.both == some.all_recalled


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


def test_a_cold_answer_is_that_of_the_window_where_all_is_near():
    text = "x = 1\ntotal = add(a, b)\n"
    cursor = Cursor(SourceFile("a.py", text), text.index("add("), len(text) - 1)
    trials = from_nearby(ENGINE, cursor)
    assert len(trials) == len(COLD_TOKENS)
    assert {trial.truth for trial in trials} == {"add(a, b)"}
    assert len({trial.written for trial in trials}) == 1
    whole = rest_of_line(Masked(ENGINE), cursor)  # eight lines above is the window's start
    assert trials[0].written == whole.written
    assert trials[0].confidence == pytest.approx(whole.confidence)
    assert list(cold_report([trials])) == ["256", "128", "96", "64"]


def test_a_cold_answer_reads_no_more_than_it_may(monkeypatch):
    seen = []
    read = ENGINE.reader.read

    def noting(prompt, stop):
        seen.append(prompt.chain.length)
        return read(prompt, stop)

    monkeypatch.setattr(ENGINE.reader, "read", noting)
    text = "".join(f"x{i} = {i}\n" for i in range(400)) + "total = add(a, b)\n" + TEXT * 60
    offset = text.index("add(a, b)\ndef")
    from_nearby(ENGINE, Cursor(SourceFile("a.py", text), offset, offset + 9))
    markers = 4 + len(ENGINE.tokenizer.named("a.py"))
    assert all(n <= most + markers for n, most in zip(seen, COLD_TOKENS, strict=True))
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] > layout.COLD_TOKENS // 2
