"""Editing traces: whatever happens on the way, the new text comes out. How releases are read."""

import tarfile
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.lsp_server.client import typist
from stateline.lsp_server.edit import documents
from stateline.lsp_server.suggestions import answer, ends, session, shape
from wheels import make_wheel

from benchmarks.replay import keyboard
from benchmarks.replay import releases as releases_module
from benchmarks.replay.actions import KEYSTROKES, NEAR_LINES, Action, ActionKind, Buffer, TextEdit
from benchmarks.replay.keyboard import typed
from benchmarks.replay.releases import ReleaseError, changes, language_id, texts
from benchmarks.replay.traces import Change, hunks_of, shortened, trace

ROWS = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "    ", "        ", "\t", " "]),
        st.sampled_from(
            ["", "x = 1", "if x:", "return", "f(a,", "b)", "]", "'é😀'", '"""', "don't", "ab" * 20]
        )
        | st.sampled_from(["f(() => {", "}", "})", "`${"]),
        st.sampled_from(["\n", "\n", "\n", "", "\r\n", "\r"]),
    ),
    max_size=14,
)
TEXTS = st.one_of(ROWS.map("".join), st.text(max_size=60))
NAMES = st.sampled_from([".py", ".ts", ".txt"])


def replayed(changes, seed):
    """All actions, and the texts after them."""
    now = {change.path: change.old for change in changes}
    actions = list(trace(changes, Random(seed)))
    for action in actions:
        if action.edit is not None:
            now[action.path] = action.edit.applied(now[action.path])
        assert 0 <= action.cursor <= len(now[action.path])
    return actions, now


@given(st.lists(st.tuples(TEXTS, TEXTS, NAMES), max_size=3), st.integers(0, 2**32))
def test_all_actions_make_the_new_texts(pairs, seed):
    given_ = [Change(f"{index}{name}", old, new) for index, (old, new, name) in enumerate(pairs)]
    _, now = replayed(given_, seed)
    assert now == {change.path: change.new for change in given_}


SOURCES = [
    Path(module.__file__).read_text(encoding="utf-8")
    for module in (documents, answer, ends, session, shape, typist)
]
REAL = [Change(f"{n}.py", old, new) for n, (old, new) in enumerate(pairwise(SOURCES))]


@pytest.mark.parametrize("seed", range(2))
def test_all_actions_make_the_new_texts_of_real_files(seed):
    actions, now = replayed(REAL, seed)
    assert now == {change.path: change.new for change in REAL}
    # Nobody offers here.
    assert {action.kind for action in actions} == set(ActionKind) - {ActionKind.ACCEPT}


def test_a_seed_makes_one_trace():
    one, same, other = ([*trace(REAL, Random(seed))] for seed in (1, 1, 2))
    assert one == same != other


def test_a_file_is_opened_first_and_closed_last():
    actions, _ = replayed(REAL, 0)
    for change in REAL:
        kinds = [action.kind for action in actions if action.path == change.path]
        assert (kinds[0], kinds[-2:]) == (ActionKind.OPEN, [ActionKind.SAVE, ActionKind.CLOSE])
        assert kinds.count(ActionKind.OPEN) == kinds.count(ActionKind.CLOSE) == 1
    for before, after in pairwise(actions):
        if before.path != after.path:
            assert after.kind in (ActionKind.OPEN, ActionKind.SWITCH, ActionKind.SAVE)


def test_an_undo_brings_the_text_before_back():
    now, earlier, undone = {c.path: c.old for c in REAL}, {c.path: [] for c in REAL}, 0
    for action in trace(REAL, Random(0)):
        if action.edit is None:
            continue
        earlier[action.path].append(now[action.path])
        now[action.path] = action.edit.applied(now[action.path])
        if action.kind is ActionKind.UNDO:
            undone += 1
            assert now[action.path] in earlier[action.path][-100:]
    assert undone > 5


def test_a_jump_is_far_and_a_move_is_near():
    now, cursor = {c.path: c.old for c in REAL}, {}
    for action in trace(REAL, Random(0)):
        path = action.path
        if action.edit is not None:
            now[path] = action.edit.applied(now[path])
        elif action.kind in (ActionKind.JUMP, ActionKind.MOVE):
            lines = now[path].count("\n", *sorted((cursor[path], action.cursor)))
            assert (lines > NEAR_LINES) is (action.kind is ActionKind.JUMP)
        cursor[path] = action.cursor


def test_an_edit_elsewhere_leaves_the_cursor_at_its_text():
    now, cursor, seen = {c.path: c.old for c in REAL}, {}, 0
    for action in trace(REAL, Random(0)):
        path, before = action.path, now[action.path]
        if action.edit is not None:
            now[path] = action.edit.applied(before)
        if action.kind is ActionKind.ELSEWHERE:
            seen += 1
            assert before[cursor[path] :][:20] == now[path][action.cursor :][:20]
            assert before.count("\n", *sorted((action.edit.start, cursor[path]))) > NEAR_LINES
        cursor[path] = action.cursor
    assert seen


@pytest.mark.parametrize("keystrokes", [1, 50])
def test_a_trace_is_cut_after_so_many_keystrokes(keystrokes):
    actions = list(shortened(trace(REAL, Random(0)), keystrokes))
    assert sum(action.kind in KEYSTROKES for action in actions) == keystrokes
    assert actions[-1].kind in KEYSTROKES
    whole = list(trace(REAL, Random(0)))
    assert actions == whole[: len(actions)]
    assert list(shortened(whole, 0)) == whole


@pytest.mark.parametrize(
    ("old", "new", "hunks"),
    [
        ("", "", []),
        ("a\nb\n", "a\nb\n", []),
        ("a\nb\n", "a\nx\nb\n", [TextEdit(2, 2, "x\n")]),
        ("a\nb\nc", "a\nc", [TextEdit(2, 4, "")]),
        ("a\nb\nc\n", "x\nb\ny\n", [TextEdit(0, 2, "x\n"), TextEdit(4, 6, "y\n")]),
        ("a", "a\n", [TextEdit(0, 1, "a\n")]),
    ],
)
def test_hunks_are_lines(old, new, hunks):
    assert hunks_of(old, new) == hunks


class Never(Random):
    """Nothing of what may happen does."""

    def random(self):
        return 1.0


class Middle(Random):
    """Of what is chosen by its share, the middle."""

    def random(self):
        return 0.5


def keys(above, text, below, path="a.py"):
    """Each edit as a short word: a minus for each character that it takes, and what it puts."""
    buffer = Buffer(path, above + below)
    buffer.cursor = len(above)
    actions = list(typed(buffer, text, Never()))
    assert buffer.text == above + text + below
    assert buffer.cursor == len(above + text)
    return [
        "-" * (each.edit.end - each.edit.start) + each.edit.new for each in actions if each.edit
    ]


@pytest.mark.parametrize(
    ("above", "text", "below", "words"),
    [
        ("", "f(a)", "", ["f", "()", "a", "-)"]),
        ("", "f(a", "", ["f", "()", "a", "-"]),  # the editor's bracket is taken out again
        ("", "f(", "x", ["f", "("]),  # nothing is closed before a word
        ("", "([])", "\n", ["()", "[]", "-]", "-)"]),
        ("", "s = 'a'", "", ["s", " ", "=", " ", "''", "a", "-'"]),
        ("", "f'a'", "", ["f", "''", "a", "-'"]),
        ("# don", "'t", "", ["'", "t"]),
        ("", '"""', "", ['""', '-"', '"']),
        ("", "'\nx", "", ["''", "-", "\n", "x"]),  # a string ends with its line
        ("f", "(\n    a,\n)", "", ["()", "\n    ", "a", ",", "\n    ", "----", "-)"]),
        ("if x:", "\n    y", "", ["\n    ", "y"]),
        ("    y", "\n\n    z", "", ["\n    ", "----\n    ", "z"]),
        ("    y", "\n", "", ["\n    ", "----"]),
    ],
)
def test_keys_do_what_they_do_in_an_editor(above, text, below, words):
    assert keys(above, text, below) == words


@pytest.mark.parametrize(
    ("above", "text", "below", "words"),
    [
        ("x = ", "`$a`", "", ["``", "$", "a", "-`"]),
        ("", "`it's`", "", ["``", "i", "t", "'", "s", "-`"]),
        ("", "f(a)", "", ["f", "()", "a", "-)"]),
        # Enter between braces puts the second one on a line of its own; End and Down pass it.
        ("f() ", "{\n    g\n}\nx", "", ["{}", "\n    \n", "g", "\n", "x"]),
        ("    f(", "{\n        g\n    })", "", ["{}", "\n        \n    ", "g", ")"]),
        ("f(", "{\n  g }", "", ["{}", "\n    \n", "--", "g", " ", "}", "-", "-"]),
        ("", "{}", "", ["{}", "-}"]),
    ],
)
def test_keys_do_what_they_do_where_blocks_stand_in_braces(above, text, below, words):
    assert keys(above, text, below, "a.ts") == words


def always(monkeypatch, *names):
    for name in ("TYPO", "INSERTED", "UNDONE_WORD"):
        monkeypatch.setattr(keyboard, name, 1.0 if name in names else 0.0)


def test_a_typo_is_taken_back_and_typed_again(monkeypatch):
    always(monkeypatch, "TYPO")
    buffer = Buffer("a.py", "")
    kinds = Counter(action.kind for action in typed(buffer, "word", Random(1)))
    assert buffer.text == "word"
    assert kinds[ActionKind.BACKSPACE] == kinds[ActionKind.RETYPE] == 4


def test_an_undone_word_is_typed_again(monkeypatch):
    always(monkeypatch, "UNDONE_WORD")
    buffer = Buffer("a.py", "")
    said = [(each.kind, each.edit) for each in typed(buffer, "abc d", Random(1))]
    assert buffer.text == "abc d"
    assert said[3] == (ActionKind.UNDO, TextEdit(0, 3, ""))
    assert [kind for kind, _ in said[4:]] == [ActionKind.RETYPE] * 3 + [ActionKind.TYPE] * 2


def test_what_is_inserted_takes_the_place_of_what_the_editor_closed(monkeypatch):
    always(monkeypatch)
    buffer = Buffer("a.py", "\nbelow")
    actions = typed(buffer, "f(argument_one)\n", Middle())
    assert [next(actions).edit.new for _ in range(2)] == ["f", "()"]
    always(monkeypatch, "INSERTED")
    assert next(actions) == Action(ActionKind.INSERT, "a.py", 15, TextEdit(2, 3, "argument_one)"))
    assert [each.edit.new for each in actions] == ["\n"]
    assert buffer.text == "f(argument_one)\n\nbelow"


def test_what_is_inserted_leaves_the_brace_below_alone(monkeypatch):
    always(monkeypatch)
    buffer = Buffer("a.ts", "\nbelow")
    actions = typed(buffer, "if x {\n    argument_one\n}\n", Middle())
    while buffer.text != "if x {\n    \n}\nbelow":
        next(actions)
    always(monkeypatch, "INSERTED")
    assert next(actions) == Action(ActionKind.INSERT, "a.ts", 23, TextEdit(11, 11, "argument_one"))
    assert next(actions) == Action(ActionKind.MOVE, "a.ts", 25)
    assert [each.edit.new for each in actions] == ["\n"]
    assert buffer.text == "if x {\n    argument_one\n}\n\nbelow"


# Releases.


def files(version):
    return {
        "pkg/a.py": f"x = {version}\r\ny = 2\r",
        "pkg/same.py": "z = 1\n",
        f"pkg/only_in_{version}.py": "",
        "pkg/data.txt": version,
        "pkg/latin.py": f"# {version} \xe9".encode("latin-1"),
        "../outside.py": version,
        "/absolute.py": version,
    }


def wheel(folder, version):
    path = folder / f"pkg-{version}-py3-none-any.whl"
    make_wheel(path, files(version))
    return path


def unpacked(folder, version):
    root = folder / f"pkg-{version}"
    for name, content in list(files(version).items())[:5]:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def source_archive(folder, version):
    path = folder / f"pkg-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(unpacked(folder, version), f"pkg-{version}")
    return path


@pytest.mark.parametrize("old", [wheel, unpacked, source_archive])
@pytest.mark.parametrize("new", [wheel, unpacked, source_archive])
def test_two_releases_in_any_form_are_compared(tmp_path, old, new):
    found = changes(old(tmp_path, "1"), new(tmp_path, "2"))
    assert found == [Change("pkg/a.py", "x = 1\ny = 2\n", "x = 2\ny = 2\n")]


def test_the_source_of_a_package_of_npm_is_read(tmp_path):
    root = tmp_path / "package"
    kept = {"src/a.ts": "1", "src/deep/b.tsx": "2", "src/c.mjs": "3"}
    for path in (*kept, "dist/a.js", "src/a.d.ts", "src/b.pyi", "src/readme.md", "srcs/d.ts"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(kept.get(path, "made"))
    archive = tmp_path / "name-1.0.0.tgz"
    with tarfile.open(archive, "w:gz") as writer:
        writer.add(root, "package")
    assert texts(archive, "src") == kept
    assert texts(archive).keys() == {*kept, "dist/a.js", "srcs/d.ts"}


@pytest.mark.parametrize(
    ("path", "identifier"),
    [
        ("a.py", "python"),
        ("a.pyi", ""),
        ("src/a.ts", "typescript"),
        ("a.mts", "typescript"),
        ("a.tsx", "typescriptreact"),
        ("a.d.ts", ""),
        ("a.js", "javascript"),
        ("a.jsx", "javascriptreact"),
        ("x", ""),
        ("readme.md", ""),
    ],
)
def test_a_document_has_its_language(path, identifier):
    assert language_id(path) == identifier


def test_links_in_a_folder_are_not_followed(tmp_path):
    root = unpacked(tmp_path, "1")
    (tmp_path / "secret.py").write_text("secret\n")
    try:
        (root / "link.py").symlink_to(tmp_path / "secret.py")
    except OSError:
        pytest.skip("no links here")
    assert set(texts(root)) == {"pkg/a.py", "pkg/same.py", "pkg/only_in_1.py"}


def test_a_file_too_large_is_left_out_and_a_release_too_large_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(releases_module, "MOST_BYTES_OF_FILE", 7)
    assert set(texts(wheel(tmp_path, "1"))) == {"pkg/same.py", "pkg/only_in_1.py"}
    monkeypatch.setattr(releases_module, "MOST_FILES", 2)
    with pytest.raises(ReleaseError, match="more than 2 source files"):
        texts(wheel(tmp_path, "1"))


def test_what_is_no_release_is_refused(tmp_path):
    (tmp_path / "text.whl").write_text("no archive")
    for name in ("text.whl", "nothing"):
        with pytest.raises(ReleaseError, match="name a folder, a wheel or a source archive"):
            texts(tmp_path / name)
    with pytest.raises(ReleaseError, match="no source file that differs"):
        changes(wheel(tmp_path, "1"), wheel(tmp_path, "1"))
