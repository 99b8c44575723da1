"""The engine: the same text from any checkpoint, stopping, cold answers, healing, budgets."""

import random
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stateline.model import PRETRAINED
from stateline.model.completer import Context, Ended, FileId, Piece, Sampling, Surroundings, Usage
from stateline.model.engine import Engine
from stateline.model.errors import ModelFolderError
from stateline.model.folder.config import Mamba2Config
from stateline.model.masked import view_of
from stateline.model.memory import mixing
from stateline.model.networks.native import native_network
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.networks.torch.torch_network import TorchNetwork
from stateline.model.reading.layouts import ABOVE_TOKENS
from stateline.model.reading.open_text import Prompt
from stateline.model.states.checkpoints import Checkpoints
from stateline.model.tokens import layout
from stateline.model.tokens.tokenizer import Tokenizer
from tiny_model import tiny_folder

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path for room in ("lsp_server", "model", "tests") for path in (ROOT / room).rglob("*.py")
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(PRETRAINED / "tokenizer.json")


@pytest.fixture
def engine(tokenizer: Tokenizer) -> Engine:
    """A random model in float64 under the shipped vocabulary."""
    torch.manual_seed(0)
    config = Mamba2Config(16, 2, tokenizer.vocab_size, d_state=8, headdim=8)
    return Engine(TorchNetwork(Mamba2(config).double()), tokenizer)


def source(chars: int) -> str:
    return "\n".join(path.read_text() for path in FILES)[:chars]


def ask(engine: Engine, text: str, **sampling) -> tuple[str, Usage]:
    """Complete at the cursor mark."""
    prefix, _, suffix = text.partition("█")
    context = view_of(Context(prefix + suffix, len(prefix), "a.py"))
    *pieces, usage = engine.complete(context, Sampling(**({"max_tokens": 8} | sampling)), Event())
    return "".join(piece.text for piece in pieces), usage


def read_all(engine: Engine, context: Context) -> int:
    """Read ahead until nothing is left; how many tokens that took."""
    read, usage = 0, Usage(tokens_left=1)
    while usage.tokens_left:
        usage = engine.warm(view_of(context), Event())
        assert usage.tokens_read or not usage.tokens_left
        read += usage.tokens_read
    return read


def test_the_same_from_any_checkpoint_and_from_none(tokenizer: Tokenizer):
    """200 random places of real files, float32, greedy, on the shipped model."""
    shipped = Engine.open(PRETRAINED)
    rng = random.Random(1)
    for _ in range(200):
        ids = tokenizer.encode(rng.choice(FILES).read_text()[:20_000])
        start = rng.randrange(max(1, len(ids) - 60))
        tokens = ids[start : start + rng.randint(2, 150)]
        tail = rng.choice(["", "se", "\n    "])
        answers = []
        for known in (0, rng.randrange(1, len(tokens)), len(tokens)):
            shipped.reader.checkpoints = Checkpoints(1 << 30)
            if known:
                list(shipped.complete_tokens(tokens[:known], "", Sampling(max_tokens=1), Event()))
            *pieces, usage = shipped.complete_tokens(tokens, tail, Sampling(max_tokens=6), Event())
            assert usage.tokens_reused == known
            answers.append("".join(piece.text for piece in pieces))
        assert answers[0] == answers[1] == answers[2]


def test_typing_reads_only_what_is_new(engine: Engine):
    text = source(3_000)
    _, first = ask(engine, text + "█")
    read_all(engine, Context(text, len(text), "a.py"))
    assert first.tokens_read > layout.COLD_TOKENS // 2
    for typed in ("x", "x =", "x = f", "x = foo", "x = foo(", "x = foo(a"):
        _, usage = ask(engine, text + typed + "█")
        assert usage.tokens_read <= 8
        assert usage.tokens_reused > 500


def test_typing_in_the_middle_reads_only_what_is_new(engine: Engine):
    above, below = source(2_000), source(4_000)[2_000:]
    ask(engine, above + "█\n" + below)
    read_all(engine, Context(above + "\n" + below, len(above), "a.py"))
    for typed in ("y", "y =", "y = g(1"):
        _, usage = ask(engine, above + typed + "█\n" + below)
        assert usage.tokens_read <= 8


def test_the_text_is_what_a_fresh_engine_says(engine: Engine, tokenizer: Tokenizer):
    text = source(1_500)
    for cut in (400, 401, 402, 900, 901, 700, 1_499):
        fresh = Engine(engine.network, tokenizer)
        for one in (engine, fresh):  # the same anchor, or the layouts would differ
            read_all(one, Context(text, cut, f"{cut}.py"))
        view = view_of(Context(text, cut, f"{cut}.py"))
        got, want = (
            [p.text for p in list(e.complete(view, Sampling(), Event()))[:-1]]
            for e in (engine, fresh)
        )
        assert got == want


def test_a_cold_answer_reads_little_and_warming_makes_up(engine: Engine):
    text = source(11_000)
    _, usage = ask(engine, text + "█")
    assert usage.cold
    assert usage.tokens_read <= layout.COLD_TOKENS + 16
    _, again = ask(engine, text + "x█")
    assert again.cold
    assert again.tokens_read <= 8, "typing on while cold must not read the nearby text again"
    assert read_all(engine, Context(text + "x", len(text) + 1, "a.py")) > layout.COLD_TOKENS
    _, warm = ask(engine, text + "xy█")
    assert not warm.cold
    assert warm.tokens_read <= 8


def trust(engine: Engine, memory: mixing.Trust | None) -> None:
    engine.decoder.trust, engine.layouts.remembers = memory, memory is not None


@pytest.fixture
def trusting(engine: Engine) -> Engine:
    """With a memory that says more than the random model does."""
    trust(engine, mixing.Trust(np.full(mixing.SHAPE, 0.9)))
    return engine


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("first = make_first_thing(one, two)\nsecond = make_f█", "irst_thing(one, two)\n"),
        ("other = make_f█\n\nthing = make_first_thing(one)\n", "irst_thing(one)\n"),
        ("\n".join(f"x{i} = {i}" for i in range(700)) + "\nlong_name = 1\nlong_█", "name = 1\n"),
    ],
    ids=["above", "below", "far below the window's start"],
)
def test_the_memory_copies_what_stands_around(trusting: Engine, text: str, written: str):
    assert ask(trusting, text, max_tokens=12)[0].startswith(written)


def test_the_memory_of_a_cold_answer_is_the_whole_windows(trusting: Engine):
    """What stands too far above the cursor to be read in time is recalled all the same."""
    text = "def a_peculiar_name(argument):\n    pass\n" + "x = 1\n" * 1_500 + "def a_peculiar_name█"
    written, usage = ask(trusting, text, max_tokens=6)
    assert usage.cold
    assert written.startswith("(argument")


def laid_out(engine: Engine, context: Context) -> Prompt:
    layouts, view = engine.layouts, view_of(context)
    return layouts._prompt(view, layouts._reading(view), layouts._part.root, 512)


def test_a_model_with_a_memory_reads_no_more_above_its_anchor_than_helps(trusting: Engine):
    text = "".join(f"value_{n} = {n}\n" for n in range(900))
    first = laid_out(trusting, Context(text, len(text), "a.py"))
    around = len(trusting.tokenizer.named("a.py")) + 1
    assert ABOVE_TOKENS <= first.above - first.workspace - around <= 2 * ABOVE_TOKENS
    longer = text + "x = 1\n" * 9
    then = laid_out(trusting, Context(longer, len(longer), "a.py"))
    assert then.chain.name(first.above) == first.chain.name(first.above)  # it stands still
    trust(trusting, None)
    everything = laid_out(trusting, Context(text, len(text), "a.py"))
    assert everything.above > 3 * ABOVE_TOKENS


@pytest.mark.parametrize("saved", [0, 8_000, 10_500])
def test_what_may_be_kept_on_the_disk_is_what_is_saved(trusting: Engine, saved: int):
    text = "".join(f"value_{n} = {n}\n" for n in range(700))
    around = Surroundings((), (), FileId("/project", "a.py"), saved)
    prompt = laid_out(trusting, Context(text, len(text), "a.py", "python", around))
    name = trusting.tokenizer.named("a.py")
    above = prompt.chain.between(prompt.workspace + len(name) + 1, prompt.durable)
    kept = trusting.tokenizer.decode(above)
    assert not kept or text.index(kept) + len(kept) <= saved
    assert bool(kept) == (saved > text.index("value_650"))


def test_without_trust_nothing_is_recalled(engine: Engine, trusting: Engine):
    text = "first = make_first_thing(one, two)\nsecond = make_f█"
    recalled = ask(trusting, text)[0]
    trust(engine, None)
    assert ask(engine, text)[0] != recalled


def test_stopping_while_reading_keeps_what_was_read(engine: Engine):
    class AfterThree(Event):
        """Set from the fourth look on."""

        looks = 0

        def is_set(self) -> bool:
            self.looks += 1
            return self.looks > 3

    text = source(8_000)
    context = view_of(Context(text, len(text), "a.py"))
    stopped = engine.warm(context, AfterThree())
    assert 0 < stopped.tokens_read <= 3 * 64
    resumed = engine.warm(context, Event())
    assert resumed.tokens_reused == stopped.tokens_read


def test_stopping_while_writing_ends_at_once_with_the_usage(engine: Engine):
    stop = Event()
    answers = []
    context = view_of(Context("a = 1\n", 6, "a.py"))
    for piece in engine.complete(context, Sampling(max_tokens=50), stop):
        answers.append(piece)
        stop.set()
    assert isinstance(answers[-1], Usage)
    assert len(answers) == 2


@pytest.mark.parametrize("tail", ["", "d", "de", "def", "    re", "é", "💡", "'''", "\n\n\n"])
def test_what_is_written_agrees_with_the_tail(engine: Engine, tail: str):
    tokens = engine.tokenizer.encode("x = 1\n")
    *pieces, usage = engine.complete_tokens(tokens, tail, Sampling(max_tokens=5), Event())
    assert usage.tokens_read >= (1 if tail else 0)
    assert all(isinstance(p, Piece) and 0 <= p.confidence <= 1 for p in pieces)


@pytest.mark.parametrize("text", ["a", "x = [1, 2", "if ", "def f(x):\n    return "])
def test_what_only_repeats_itself_is_stopped(engine: Engine, text: str):
    """The tiny model knows nothing else to write."""
    context = view_of(Context(text, len(text), "a"))
    *pieces, usage = engine.complete(context, Sampling(max_tokens=160), Event())
    written = "".join(piece.text for piece in pieces)
    assert usage.tokens_generated < 40
    assert 0 < usage.repeated_chars < len(written)
    kept, repeated = written[: -usage.repeated_chars], written[-usage.repeated_chars :]
    assert any(
        repeated == (kept[-period:] * len(repeated))[: len(repeated)]
        for period in range(1, len(kept) + 1)
    )
    *told, _ = engine.choices(context, Sampling(max_tokens=160), [Event(), Event()])
    ended = {each.candidate: each for each in told if isinstance(each, Ended)}
    assert ended[0].repeated_chars == usage.repeated_chars
    assert all(each.repeated_chars for each in ended.values() if each.tokens_generated)


def test_a_text_that_nobody_has_masked_is_refused(engine: Engine):
    context = Context("a = 1\n", 6, "a.py")
    for asked in (
        lambda: engine.warm(context, Event()),
        lambda: list(engine.complete(context, Sampling(), Event())),
        lambda: list(engine.choices(context, Sampling(), [Event()])),
    ):
        with pytest.raises(TypeError, match="views only"):
            asked()


def test_no_text_at_all(engine: Engine):
    text, usage = ask(engine, "█")
    assert usage.tokens_generated > 0 or text == ""


def test_a_megabyte_on_one_line(engine: Engine):
    _, usage = ask(engine, "x = '" + "a" * 1_000_000 + "█'")
    assert usage.tokens_read < 6_000


def test_memory_stays_within_its_budget(engine: Engine, tokenizer: Tokenizer):
    small = Engine(engine.network, tokenizer, budget_bytes=400_000)
    for cut in range(500, 6_000, 500):
        read_all(small, Context(source(6_000), cut, f"{cut}.py"))
        assert small.reader.checkpoints.nbytes <= 400_000


def test_who_gave_too_little_memory_is_told(engine: Engine, tokenizer: Tokenizer):
    needed = engine.network.state_bytes(1)
    assert Engine(engine.network, tokenizer, budget_bytes=100 * needed).advice == ""
    advice = Engine(engine.network, tokenizer, budget_bytes=3 * needed).advice
    assert "for 3 states" in advice
    told = int(advice.split("memoryMiB to ")[1].split()[0])
    assert Engine(engine.network, tokenizer, budget_bytes=told << 20).advice == ""


def test_samples_repeat_for_a_seed_and_differ_between_seeds(engine: Engine):
    def sampled(seed: int) -> str:
        return ask(engine, "import os\n█", temperature=1.0, top_p=0.95, seed=seed)[0]

    assert sampled(1) == sampled(1)
    assert len({sampled(seed) for seed in range(6)}) > 1


def test_a_model_without_markers_reads_the_prefix_only(engine: Engine):
    class Plain(Tokenizer):
        markers = type(engine.tokenizer.markers)(None, None, None, None, None, None)

    plain = Engine(engine.network, Plain(engine.tokenizer._inner))
    _, usage = ask(plain, "import os\n\nprint(os.getcwd()█)\nnothing = 1\n")
    assert usage.tokens_read < len(plain.tokenizer.encode("import os\n\nprint(os.getcwd()")) + 4


@pytest.mark.parametrize("isa", ["", "none"])
def test_weights_that_give_no_numbers_are_refused(tmp_path, monkeypatch, isa):
    monkeypatch.setenv("STATELINE_ISA", isa)
    folder = tiny_folder(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights["backbone.layers.0.norm.weight"][2] = float("nan")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelFolderError, match="give no numbers"):
        Engine.open(folder)


@pytest.mark.parametrize("isa", ["", "none"])
def test_a_small_model_computes_on_one_thread_unless_told(monkeypatch, isa):
    monkeypatch.setenv("STATELINE_ISA", isa)
    monkeypatch.setattr(native_network, "_usable", lambda: 4)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: chosen.append(n))
    chosen: list[int] = []
    for threads in (0, 3):
        network = Engine.open(PRETRAINED, threads=threads).network
        chosen += [] if isa else [network.threads]
    assert chosen == [1, 3]
