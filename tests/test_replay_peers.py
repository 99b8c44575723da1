"""The engines that the server is compared with: the same questions, the same prompts."""

from random import Random
from types import SimpleNamespace

import pytest
from stateline.model.completer import Context, Piece, Usage
from test_traces import REAL
from tiny_model import ours as tokenizer

from benchmarks.replay import reread as reread_module
from benchmarks.replay.actions import Action, ActionKind, TextEdit
from benchmarks.replay.costs import Outcome, QuestionCost
from benchmarks.replay.llama import LlamaPeer
from benchmarks.replay.peers import Written, asked
from benchmarks.replay.player import PlayError
from benchmarks.replay.questions import CACHED, AnswerCache, Prompts, Question, questions
from benchmarks.replay.reread import Forgetful, reread
from benchmarks.replay.targets import LIMITS, OURS, PEER, verdicts
from benchmarks.replay.traces import shortened, trace

OLD = {change.path: change.old for change in REAL}


def context(text, offset=None, path="a.py"):
    return Context(text, len(text) if offset is None else offset, path, "python")


def some_questions(keys=60):
    return list(questions(OLD, shortened(trace(REAL, Random(3)), keys)))


def test_a_question_has_the_text_of_its_moment():
    actions = [
        Action(ActionKind.OPEN, "a.py", 1),
        Action(ActionKind.TYPE, "a.py", 2, TextEdit(1, 1, "b")),
        Action(ActionKind.SAVE, "a.py", 2),
        Action(ActionKind.PAUSE, "a.py", 2),
    ]
    assert list(questions({"a.py": "a"}, actions)) == [
        Question(ActionKind.OPEN, context("a")),
        Question(ActionKind.TYPE, context("ab")),
    ]


def test_a_prompt_spells_the_text_before_the_cursor_and_typing_appends():
    prompts, encoder = Prompts(tokenizer()), tokenizer()
    markers, text = encoder.markers, OLD["0.py"][:3000]
    for end in (2900, 2901, 2950, 3000):
        tokens = prompts.of(context(text + "\nx = 1\n", end))
        pre, suf, mid = (tokens.index(each) for each in (markers.pre, markers.suf, markers.mid))
        spelled = encoder.decode(tokens[pre + 1 : suf]) + encoder.decode(tokens[mid + 1 :])
        assert spelled == text[:end]
    first, later = (prompts.of(context(text[:end])) for end in (2000, 2030))
    mid = first.index(markers.mid)
    assert later[: mid + 1] == first[: mid + 1]


def test_a_cache_answers_what_is_typed_through():
    cache, base = AnswerCache(), context("x = ")
    assert not cache.knows(base)
    cache.add(base, "foo(a)")
    for text, known in (
        ("x = ", True),
        ("x = f", True),
        ("x = foo(a", True),
        ("x = foo(a)", False),  # nothing is left of it
        ("x = g", False),
        ("x =", False),
    ):
        assert cache.knows(context(text)) is known
    assert cache.knows(context("x = foo()", 8))  # the editor closed the bracket
    assert not cache.knows(context("x = f", path="b.py"))
    cache.add(context("y = "), "")
    assert cache.knows(context("y = "))
    for n in range(CACHED):
        cache.add(context(f"z{n} = "), "1")
    assert not cache.knows(base)


class Fake:
    """A peer that writes the same always, and counts."""

    def __init__(self, text="\n"):
        self.prompts, self.text = [], text

    def complete(self, tokens, max_tokens):
        self.prompts.append(list(tokens))
        assert max_tokens == 48
        return Written(self.text, len(tokens))

    def cpu_s(self):
        return 2.0 * len(self.prompts)


def test_a_peer_is_asked_what_its_client_does_not_know():
    told = some_questions()
    peer = Fake("return")
    result = asked(peer, Prompts(tokenizer()), told, 60)
    assert [cost.kind for cost in result.costs] == [question.kind for question in told]
    asks = [cost for cost in result.costs if cost.source == "model"]
    assert [cost.tokens_waiting for cost in asks] == [len(each) for each in peer.prompts]
    assert 0 < len(asks) <= len(told)
    assert (result.cpu_s, result.keystrokes) == (2.0 * len(asks), 60)


class FakeServer:
    """llama-server's answers, as token ids."""

    def __init__(self, text):
        self.text, self.asked = text, []

    def complete(self, tokens, max_tokens, stop=()):
        self.asked.append((tokens, max_tokens, stop))
        return SimpleNamespace(tokens=tuple(tokenizer().encode(self.text)), read=7)

    def cpu_seconds(self):
        return 3.0


def test_llama_server_writes_a_line():
    server = FakeServer("return x\nnext")
    peer = LlamaPeer(server, tokenizer())
    assert peer.complete([1, 2], 48) == Written("return x", 7)
    assert server.asked == [([1, 2], 48, ("\n",))]
    assert peer.cpu_s() == 3.0


class Clean:
    """Writes a line, and says how much it had kept."""

    def __init__(self, reused=0):
        self.prompts, self.reused = [], reused

    def complete_tokens(self, tokens, tail, sampling, stop):
        self.prompts.append((tokens, tail))
        yield Piece("x\n", 1.0)
        assert stop.is_set()
        yield Usage(tokens_reused=self.reused)


def served(told, typed):
    costs = [
        QuestionCost(question.kind, 1.0, "typed" if typed(at) else "model")
        for at, question in enumerate(told)
    ]
    return Outcome(tuple(costs), 60, 1.0)


def test_reading_anew_counts_all_and_times_some():
    told, engine = some_questions(), Clean()
    ours = served(told, lambda at: at % 3 == 0)
    result = reread(Forgetful(tokenizer(), engine), told, ours, Random(0))
    assert [cost.source for cost in result.costs] == [cost.source for cost in ours.costs]
    assert len(engine.prompts) == reread_module.TIMED
    assert sum(cost.answer_ms is not None for cost in result.costs) == reread_module.TIMED
    prompts = Prompts(tokenizer())
    for question, cost in zip(told, result.costs, strict=True):
        tokens = len(prompts.of(question.context))
        assert cost.tokens_waiting == (tokens if cost.source == "model" else 0)
    assert result.cpu_s > 0


def test_an_engine_that_keeps_a_state_is_no_measure():
    told = some_questions(5)
    with pytest.raises(PlayError, match="kept a state"):
        reread(Forgetful(tokenizer(), Clean(1)), told, served(told, lambda at: False), Random(0))


# Targets.


def waited(kind, *tokens, source="model", cpu_s=1.0):
    return Outcome(
        tuple(QuestionCost(kind, 1.0, source, each) for each in tokens), len(tokens), cpu_s
    )


@pytest.mark.parametrize(
    ("kind", "tokens", "met"),
    [
        (ActionKind.TYPE, [6] * 19 + [16], True),
        (ActionKind.TYPE, [7] * 20, False),
        (ActionKind.TYPE, [1] * 18 + [17] * 2, False),
        (ActionKind.BACKSPACE, [16, 64], True),
        (ActionKind.UNDO, [16, 65], False),
        (ActionKind.ACCEPT, [6, 16], True),
        (ActionKind.JUMP, [400, 1024], True),
        (ActionKind.SWITCH, [401, 401], False),
        (ActionKind.PASTE, [5000], None),
    ],
)
def test_a_limit_is_met_or_missed(kind, tokens, met):
    typed = waited(kind, 9999, source="typed")
    judged = verdicts({OURS: [waited(kind, *tokens), typed]})[: len(LIMITS)]
    found = [verdict.met for verdict in judged]
    assert found.count(met) == (len(found) if met is None else 1)


def test_each_model_is_judged_by_its_time_and_memory():
    quick = Outcome(
        (QuestionCost(ActionKind.JUMP, 100.0, "model"),), 1000, 30.0, resident_bytes=200 << 20
    )
    slow = Outcome(
        (QuestionCost(ActionKind.JUMP, 100.5, "model"),), 1000, 30.5, resident_bytes=201 << 20
    )
    found = verdicts({"v5": [quick, quick], "v6": [quick, slow]}, ["v5", "v6"])
    met = {each.what: each.met for each in found if each.what.startswith("v")}
    assert len(met) == 2 * (len(LIMITS) + 3)
    assert met["v5, a jump, p95: 100.0 ms of at most 100"]
    assert met["v5, per 1,000 keystrokes: 30.0 CPU-seconds of at most 30"]
    assert met["v5, resident at the end: 200.0 MiB of at most 200"]
    assert not met["v6, a jump, p95: 100.5 ms of at most 100"]
    assert not met["v6, per 1,000 keystrokes: 30.2 CPU-seconds of at most 30"]
    assert not met["v6, resident at the end: 201.0 MiB of at most 200"]
    assert [each.met for each in verdicts({OURS: []})[-3:]] == [None] * 3


@pytest.mark.parametrize(
    ("kind", "ours", "theirs", "met"),
    [
        (ActionKind.JUMP, 100, 1000, True),
        (ActionKind.JUMP, 101, 1000, False),
        (ActionKind.SWITCH, 100, 999, False),
        (ActionKind.TYPE, 4, 4, True),
        (ActionKind.TYPE, 5, 4, False),
    ],
)
def test_the_peer_is_beaten_or_not(kind, ours, theirs, met):
    both = {OURS: [waited(kind, ours)], PEER: [waited(kind, theirs, cpu_s=2.0)]}
    *_, jump, switch, typing, cpu = verdicts(both)
    judged = {ActionKind.JUMP: jump, ActionKind.SWITCH: switch, ActionKind.TYPE: typing}
    assert judged.pop(kind).met is met
    assert {verdict.met for verdict in judged.values()} == {None}
    assert cpu.met
    both[PEER] = [waited(kind, theirs, cpu_s=None)]
    assert verdicts(both)[-1].met is None
