"""The measures: what counts as right, where cursors stand, what is asked for, and the picture."""

import gzip
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from stateline.lsp_server.commands.verbs import app
from stateline.model.completer import Context, Piece, Scripted
from stateline.model.languages import PYTHON
from stateline.model.profile import Profile
from stateline.model.training.corpus.corpus import CorpusError, SourceFile
from stateline.model.training.judging.calibration import (
    calibration_error,
    gate_row,
    lowest_threshold,
    reliability,
)
from stateline.model.training.judging.cases import Cases, cases_of
from stateline.model.training.judging.cursors import (
    PAGE_CHARS,
    Cursor,
    Trial,
    is_comment,
    kept,
    line_start_cursors,
    mid_line_cursors,
    pages,
    rest_of_line,
    trial_of,
)
from stateline.model.training.judging.evaluate import MEASURES, answers_by_kind, measure
from stateline.model.training.judging.holes import Filled, fill, hole_cursors, hole_report, parses
from stateline.model.training.judging.intervals import ratio_of, share_of, wilson
from stateline.model.training.judging.judges import Judges, judges_of
from stateline.model.training.judging.subjects import Subject
from stateline.model.training.judging.typing_saved import Typed, pauses, type_line, typing_report
from stateline.model.training.run.curve import draw
from tiny_model import tiny_folder
from typer.testing import CliRunner

TEXT = "# head\n\n\ndef add(a, b):\n    # why\n    return a + b\n"
FILE = SourceFile("a.py", TEXT)
SOME = [SourceFile(f"f{i}.py", TEXT * 4) for i in range(4)]


def steps(name, answers, count):
    return answers


def oracle(cursor_texts: list[SourceFile]):
    """A completer that has read the files, and writes what stands there to the line's end."""

    def script(context: Context) -> list[Piece]:
        for file in cursor_texts:
            at = file.text.find(context.prefix)
            if file.path == context.uri.partition(":")[0] and at >= 0:
                line = file.text[at + context.offset :].partition("\n")[0]
                return [Piece(line, 0.9), Piece("\n", 0.5)]
        return []

    return Scripted(script)


def line(truth: str, written: str, confidence: float = 0.9) -> Trial:
    return Trial(truth, written, confidence, confidence)


@pytest.mark.parametrize(
    ("truth", "written", "exact", "right"),
    [
        ("a + b", "a + b  ", True, True),
        ("a + b", " a + b", False, False),
        ("f(a)", "f(a", False, True),
        ('f("a")', 'f("a', False, True),
        ("a + b", "a + c", False, False),
        ("if a:", "if a", False, False),
        ("", "", True, True),
    ],
)
def test_a_line_is_right_up_to_what_a_user_would_keep(truth, written, exact, right):
    assert (line(truth, written).exact, line(truth, written).right) == (exact, right)


def test_what_editors_close_is_not_kept():
    assert kept('print(f("x")) \n') == 'print(f("x'
    assert kept(")") == ""
    assert kept("f(`x`)") == "f(`x"
    assert kept("a[0]:") == "a[0]:"


def test_the_confidence_is_that_of_the_text_shown():
    pieces = [Piece("a", 0.5), Piece("", 0.5), Piece("b", 1.0), Piece("\n  ", 0.1), Piece("c", 0.1)]
    assert trial_of("ab", pieces) == Trial("ab", "ab", 0.25, pytest.approx(0.025))
    joined = trial_of("a)", [Piece("a", 0.5), Piece(")\n", 0.5)])
    assert (joined.written, joined.confidence, joined.with_end) == ("a)", 0.25, 0.25)


def test_cursors_stand_inside_code():
    for cursor in mid_line_cursors(pages([[FILE]], 0), 9, seed=0):
        before = TEXT[: cursor.offset].rpartition("\n")[2]
        assert before.strip()
        assert cursor.truth.strip()
        assert not before.lstrip().startswith("#")


def test_line_starts_stand_after_the_indentation():
    found = [cursor.truth for cursor in line_start_cursors(pages([[FILE]], 0), 2, seed=0)]
    assert sorted(found) == ["def add(a, b):", "return a + b"]


def test_cursors_depend_on_the_seed_alone():
    judged = pages([SOME], 0)
    assert mid_line_cursors(judged, 9, 1) == mid_line_cursors(judged, 9, 1)
    assert mid_line_cursors(judged, 9, 1) != mid_line_cursors(judged, 9, 2)


def test_projects_take_turns_and_a_few_cursors_share_a_page():
    large = [SourceFile(f"large{i}.py", TEXT * 999) for i in range(9)]
    judged = pages([large, [FILE]], 0)
    assert FILE in [page.file for page in judged[:2]]
    found = mid_line_cursors(judged[:5], 9, 0)
    assert len({cursor.file for cursor in found}) == 5
    for file in large:
        places = [cursor.offset // PAGE_CHARS for cursor in found if cursor.file is file]
        assert len(set(places)) <= 1
    assert len(mid_line_cursors(judged[:2], 60, 0)) == 60, "few pages have more of them"


@pytest.mark.parametrize(
    ("path", "line", "comment"),
    [
        ("a.py", "  # x", True),
        ("a.py", "// x", False),
        ("a.ts", "  // x", True),
        ("a.tsx", "/** x */", True),
        ("a.js", " * @param x", True),
        ("a.js", "# x", False),
        ("a.mjs", "a * b", False),
    ],
)
def test_what_a_comment_is_depends_on_the_language(path: str, line: str, comment: bool):
    text = f"first\n{line}\n// # last"
    assert is_comment(SourceFile(path, text), len("first\n") + len(line)) is comment


@pytest.mark.parametrize("draw_cursors", [mid_line_cursors, line_start_cursors, hole_cursors])
def test_files_without_code_are_a_sentence_not_a_loop(draw_cursors):
    for files in ([], [SourceFile("a.py", "\n\n# only this\n")]):
        with pytest.raises(CorpusError, match="build larger shards"):
            draw_cursors(pages([files], 0), 3, 0)


def test_the_truth_is_hidden_from_the_model():
    completer = Scripted(lambda context: [])
    offset = TEXT.index("a + b")
    trial = rest_of_line(completer, Cursor(FILE, offset, offset + 5))
    assert trial.truth == "a + b"
    asked = [*completer.asked, *completer.warmed]
    assert len(asked) == 2
    assert all("a + b" not in context.text for context in asked)


def test_writing_stops_at_the_end_of_the_line():
    completer = Scripted(lambda context: [Piece("x\n", 0.5), Piece("y", 0.1)])
    assert rest_of_line(completer, Cursor(FILE, 0, 6)).written == "x"


def hole(text: str, truth: str) -> Cursor:
    start = text.index(truth)
    return Cursor(SourceFile("a.py", text), start, start + len(truth))


def test_holes_are_whole_lines_of_code():
    for cut in hole_cursors(pages([SOME], 0), 12, seed=0):
        text = cut.file.text
        assert not text[: cut.offset].rpartition("\n")[2].strip()
        assert text[cut.end : cut.end + 1] in ("\n", "")
        assert 1 <= cut.truth.count("\n") <= 5
        assert not cut.truth.startswith("#")


@pytest.mark.parametrize(
    ("around", "truth", "written", "exact", "parse"),
    [
        ("def f():\n    HOLE\n", "a = 1\n    return a", "a = 1\n    return a\n", True, True),
        ("def f():\n    HOLE\n", "a = 1\n    return a", "return (", False, False),
        ("print 'two'\ndef f():\n    HOLE\nx = 1\n", "a = 1\n    b = 2", "pass", False, True),
        ("print 'two'\ndef f():\n    HOLE\nx = 1\n", "a = 1\n    b = 2", "pass(", False, False),
        ("def f(:\n    HOLE\n", "a = 1\n    b = 2", "pass", False, None),
    ],
)
def test_a_filled_hole(around, truth, written, exact, parse):
    filled = Filled(hole(around.replace("HOLE", truth), truth), written)
    assert (filled.exact, filled.parses) == (exact, parse)


def test_only_python_is_parsed():
    cut = Cursor(SourceFile("a.ts", "let a = 1;\nlet b = 2;\n"), 0, 21)
    assert Filled(cut, "let a = 1;").parses is None


def test_null_bytes_and_deep_nesting_do_not_parse():
    assert parses("x = 1")
    assert not parses("x = \0")
    assert not parses("(" * 10_000)


def test_an_endless_writer_is_stopped_in_a_hole():
    completer = Scripted(lambda context: [Piece("x\n", 1.0)] * 1_000)
    filled = fill(completer, hole(TEXT, "def add(a, b):\n    # why"))
    assert filled.written.count("\n") == 8
    assert hole_report([filled])["exact_match"]["value"] == 0


def test_pauses_are_the_start_and_after_each_word():
    cut = hole(TEXT, "return a + b")
    assert [c.truth for c in pauses(cut)] == ["return a + b", " a + b", " + b", " b"]
    closing = hole("x = f(a)\n", "x = f(a)")
    assert [c.truth for c in pauses(closing)][-1] == "a)", "nothing to type before a closer"


def test_a_typist_accepts_what_is_right_and_types_past_what_is_wrong():
    trials = (line("ab cd", "xx", 0.9), line(" cd", " cd", 0.5), line("d", "d", 0.4))
    typed = Typed(5, trials)
    assert typed.walk(0.0) == (2, [False, True])
    assert typed.walk(0.5) == (2, [False, True])
    assert typed.walk(0.6) == (0, [False])
    assert typed.walk(0.95) == (0, [])
    report = typing_report([typed, Typed(15, ())], 0.5)
    assert report["saved"]["value"] == pytest.approx(0.1)
    assert report["shown_per_100"]["value"] == pytest.approx(10)
    assert report["precision"]["value"] == 0.5


def test_a_perfect_model_saves_all_but_a_key():
    typed = type_line(oracle([FILE]), hole(TEXT, "return a + b"))
    assert typed.walk(0.8) == (11, [True])


def test_reliability_and_its_error():
    cases = [(0.95, True)] * 9 + [(0.95, False)] + [(0.15, False)] * 10 + [(1.0, True)]
    rows = reliability(cases)
    assert [row["right"]["n"] for row in rows] == [0, 10, 0, 0, 0, 0, 0, 0, 0, 11]
    assert calibration_error([(0.75, True), (0.75, False)]) == pytest.approx(0.25)
    assert calibration_error([]) is None


def test_the_gate_trades_coverage_for_precision():
    cases = [(0.95, True), (0.45, False), (0.45, True)]
    low, high = gate_row(cases, 4, 0.0), gate_row(cases, 4, 0.5)
    assert (low["coverage"]["value"], low["precision"]["value"]) == (0.75, pytest.approx(2 / 3))
    assert (high["coverage"]["value"], high["precision"]["value"]) == (0.25, 1.0)


@pytest.mark.parametrize(
    ("cases", "threshold"),
    [
        ([(0.8, True)] * 40 + [(0.3, False)] * 40, 0.31),
        ([(0.8, True)] * 39 + [(0.3, False)] * 40, None),
        ([(0.8, True)] * 65 + [(0.3, False)] * 35, 0.0),
        ([(0.8, False)] * 40 + [(0.3, True)] * 400, None),
        ([], None),
    ],
)
def test_the_threshold_is_the_lowest_that_holds_from_there_on(cases, threshold):
    assert lowest_threshold(cases) == threshold


def test_intervals():
    low, high = wilson(4, 100)
    assert (low, high) == (pytest.approx(0.0157, abs=1e-4), pytest.approx(0.0984, abs=1e-4))
    assert wilson(0, 0) == (0.0, 1.0)
    assert share_of([])["value"] is None
    assert ratio_of([1, 2], [2, 4])["value"] == 0.5
    assert ratio_of([1, 2], [2, 4]) == ratio_of([1, 2], [2, 4])
    assert ratio_of([], [])["value"] is None


def test_every_model_gets_the_same_measures_and_cases(tmp_path: Path):
    right, silent = oracle(SOME), Scripted(lambda context: [])
    names = [name for name in MEASURES if name != "humaneval"]
    cases = Cases(PYTHON, [SOME], tmp_path, 6, 0)
    reports = [
        measure(Judges(Subject("x", completer, len), steps), cases, names)
        for completer in (right, silent)
    ]
    assert list(reports[0]) == ["bits", "mid-line", "line-start", "holes", "typing", "calibration"]
    assert reports[0]["mid-line"]["exact_match"]["value"] == 1
    assert reports[1]["mid-line"]["exact_match"]["value"] == 0
    assert right.asked[0] == silent.asked[0]
    json.dumps(reports)


def test_cursors_of_a_file_are_asked_in_order_and_answered_in_theirs():
    asked = mid_line_cursors(pages([SOME], 0), 8, 0)
    completer = oracle(SOME)
    kinds = {"mid_line": asked, "line_starts": asked[::-1]}
    found = answers_by_kind(Judges(Subject("x", completer, len), steps), "x", kinds)
    assert [trial.truth for trial in found["mid_line"]] == [cursor.truth for cursor in asked]
    assert found["line_starts"] == found["mid_line"][::-1]
    places = [context.uri.split(":") for context in completer.asked]
    for one, other in pairwise(places):
        assert one[0] != other[0] or int(one[1]) <= int(other[1])


def test_the_gate_is_the_models_own_for_the_language(tmp_path: Path):
    low, high = Profile(), Profile(("python",), {"python": 0.95})
    cases = Cases(PYTHON, [SOME], tmp_path, 6, 0)
    for profile, shown in ((low, 1), (high, 0)):
        subject = Subject("x", oracle(SOME), len, profile)
        report = measure(Judges(subject, steps), cases, ["calibration"])
        assert report["calibration"]["at_gate"]["mid_line"]["coverage"]["value"] == shown


def test_languages_are_judged_apart(tmp_path: Path):
    scripts = [SourceFile(f"f{i}.mjs", TEXT) for i in range(3)]
    write_corpus(tmp_path / "corpus", [*SOME, *scripts, SourceFile("a.txt", TEXT)])
    found = cases_of([tmp_path / "corpus" / "heldout" / "some.jsonl.gz"], tmp_path, 2, 0)
    assert [cases.language.name for cases in found] == ["python", "javascript"]
    assert {page.file.path for page in found[1].pages} == {file.path for file in scripts}
    assert found[1].mid_line[0].context.language == "javascript"
    assert found[1].tasks == []


def ends(subject: Subject, case: int) -> None:
    os._exit(1)


def test_a_judge_that_ends_is_a_sentence(tmp_path: Path):
    refused = pytest.raises(SystemExit, match="fewer --workers")
    with judges_of(tiny_folder(tmp_path / "model"), steps, 2) as judges, refused:
        judges.ask("x", ends, [1, 2, 3])


ENDLESS = """
import sys, time
from pathlib import Path
from stateline.model.training.judging.judges import judges_of
from test_evaluate import number_of

if __name__ == "__main__":
    with judges_of(Path(sys.argv[1]), lambda name, answers, count: answers, 2) as judges:
        print(*judges.ask("x", number_of, [1]), flush=True)
        sys.stdin.read()
"""


def number_of(subject: Subject, case: int) -> int:
    return os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_judges_end_with_a_parent_that_is_killed(tmp_path: Path):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    folder = tiny_folder(tmp_path / "model")
    with subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as parent:
        assert parent.stdout
        judge = Path("/proc", parent.stdout.readline().strip())
        assert judge.name.isdigit()
        parent.kill()
        parent.communicate(timeout=60)  # until the last of those who may write there has ended
    assert not judge.exists() or "Z" in (judge / "stat").read_text()


def test_figures_do_not_depend_on_how_many_judge(tmp_path: Path):
    folder, cases = tiny_folder(tmp_path / "model"), Cases(PYTHON, [SOME], tmp_path, 4, 0)
    names = ["bits", "mid-line", "typing", "anchors", "cold"]
    reports = []
    for workers in (1, 2):
        with judges_of(folder, steps, workers) as judges:
            reports.append(measure(judges, cases, names))
    assert reports[0] == reports[1]


def write_corpus(out: Path, files: list[SourceFile]) -> Path:
    (out / "heldout").mkdir(parents=True)
    rows = "".join(json.dumps({"path": f.path, "text": f.text}) + "\n" for f in files)
    (out / "heldout" / "some.jsonl.gz").write_bytes(gzip.compress(rows.encode()))
    return out


def test_the_verb_measures_a_model_and_its_baselines(tmp_path: Path):
    corpus, model = write_corpus(tmp_path / "corpus", SOME), tiny_folder(tmp_path / "model")
    arguments = ["evaluate", str(model), "--corpus", str(corpus), "--count", "2", "--workers", "1"]
    for name in ("bits", "mid-line", "anchors"):
        arguments += ["--measure", name]
    arguments += ["--baseline", str(tiny_folder(tmp_path / "other")), "--float", str(model)]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "report.json")])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout.splitlines()[-1])
    assert list(report["subjects"]) == [str(model), str(tmp_path / "other")]
    measured = report["subjects"][str(model)]
    assert {name: list(found) for name, found in measured.items()} == {
        "python": ["bits", "mid-line", "anchors"]
    }
    assert report["float"]["relative_change"]["value"] == 0
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert "bits per byte" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--count", "0", "--corpus", "{corpus}"], "1 or more"),
        (["--measure", "speed", "--corpus", "{corpus}"], "no measure speed"),
        (["--measure", "bits"], "--corpus"),
        ([], "--corpus"),
        (["--corpus", "{tmp}"], "No held-out shards"),
        (["--corpus", "{corpus}", "--measure", "bits"], "does not exist"),
        (["--corpus", "{corpus}", "--out", "{tmp}/none/x.json"], "cannot be written"),
    ],
)
def test_each_mistake_gets_a_sentence(tmp_path: Path, arguments: list[str], words: str):
    corpus = write_corpus(tmp_path / "corpus", SOME)
    filled = [a.format(corpus=corpus, tmp=tmp_path) for a in arguments]
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path / "nothing"), *filled])
    assert result.exit_code == 2, result.output
    assert words in result.stderr.replace("\n", " ")


def test_the_curve_is_a_picture(tmp_path: Path):
    pytest.importorskip("matplotlib")
    rows = [{"step": i + 1, "loss": 5 - i / 10} for i in range(30)]
    rows[-1]["heldout_bits_per_byte"] = 2.0
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))
    draw(log, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
