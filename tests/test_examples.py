"""Examples: chunks of lanes, and holes that can be taken apart into the file's text again."""

from dataclasses import replace
from functools import cache
from itertools import groupby, pairwise

import awkward_code
import pytest
import tiny_model
from stateline.model.tokens import layout
from stateline.model.training.corpus.corpus import SourceFile
from stateline.model.training.run.examples import Lane, Mix, block_end, runs_of

OURS = tiny_model.ours()
M = OURS.markers
FILES = [
    SourceFile(f"pkg/{path.name}", path.read_text(encoding="utf-8")) for path in awkward_code.FILES
]
NEVER_EMPTIED = 1 << 40
ONLY_HOLES = Mix(whole_file=0.0, left_to_right=0.0, fewest_tokens=NEVER_EMPTIED)


def lane(mix: Mix = Mix(), seed: str = "0/0", files: list[SourceFile] = FILES) -> Lane:  # noqa: B008
    return Lane(segments_of(files), OURS, mix, seed)


def segments_of(files: list[SourceFile]) -> list[list[SourceFile]]:
    return [[files[i] for i in run] for run in runs_of([len(file.text) for file in files])]


def test_chunks_overlap_by_one_token_unless_the_state_is_fresh():
    some = lane(Mix(fewest_tokens=100, most_tokens=600))
    chunks = [some.chunk(64) for _ in range(200)]
    assert chunks[0][1], "the first state is empty"
    for (before, _), (after, fresh) in pairwise(chunks):
        assert len(after) == 65
        assert after[0] == (M.bos if fresh else before[-1])
    lengths = [len(list(run)) for fresh, run in groupby(chunks, key=lambda c: c[1]) if not fresh]
    assert 20 < sum(fresh for _, fresh in chunks) < 90
    assert 6 < max(lengths) <= 9, "600 tokens take ten chunks, the first of which is fresh"


def test_a_lane_is_a_function_of_its_seed():
    def some(seed: str) -> list[tuple[list[int], bool]]:
        found = lane(seed=seed)
        return [found.chunk(50) for _ in range(40)]

    assert some("1/0") == some("1/0")
    assert some("1/0") != some("1/1")


def test_a_lane_without_resets_leaves_nothing_out():
    mix = replace(ONLY_HOLES, left_to_right=1.0)
    some = lane(mix, files=FILES[:2])
    text = "".join(f"{file.path}\n{file.text}" for file in FILES[:2])
    tokens = some.chunk(100)[0]
    while M.file not in tokens[-100:] or tokens.count(M.file) < 3:
        tokens += some.chunk(100)[0][1:]
    assert tokens[0] == M.bos
    assert OURS.decode(tokens).startswith(text), "files follow each other, without gaps, again"


def test_whole_files_are_read_as_files_of_the_workspace_are():
    some = lane(replace(ONLY_HOLES, whole_file=1.0), files=FILES[:3])
    tokens = some.chunk(20_000)[0]
    expected = [M.bos]
    for file in FILES[:3] * 9:
        expected += [M.file, *OURS.encode(file.path + "\n"), *OURS.encode(file.text)]
    assert tokens == expected[:20_001]


def test_the_path_stands_before_a_files_first_piece_and_some_first_pieces():
    long = [SourceFile("long.py", "".join(file.text for file in FILES) * 4)]
    for share, least, most in ((0.0, 0.0, 0.05), (0.75, 0.6, 0.9), (1.0, 1.0, 1.0)):
        mix = replace(ONLY_HOLES, path=share, fewest_tokens=64, most_tokens=128)
        some = lane(mix, files=long)
        chunks = [some.chunk(64) for _ in range(400)]
        starts = [tokens[1] == M.file for tokens, fresh in chunks if fresh]
        assert least <= sum(starts) / len(starts) <= most


def test_segments_keep_files_in_order_and_are_not_too_long():
    files = [SourceFile(f"{n}.py", "x" * size) for n, size in enumerate([30_000, 9_000, 2_000] * 4)]
    files.append(SourceFile("large.py", "x" * 90_000))
    segments = segments_of(files)
    assert [file for segment in segments for file in segment] == files
    assert all(segments)
    for segment in segments:
        assert len(segment) == 1 or sum(len(file.text) for file in segment) <= 40_000
    assert segments_of([]) == []


def streamed(text: str, mix: Mix, seed: int) -> list[list[int]]:
    """The pieces of one file, as the lane cuts it."""
    return list(lane(mix, str(seed))._file(text))


def taken_apart(tokens: list[int]) -> tuple[list[int], list[int], list[int], bool]:
    """P0, S, M0 and the middle together, and whether it ends with the end marker."""
    marks = [tokens.index(mark) for mark in (M.bos, M.pre, M.suf, M.mid)]
    assert marks[:2] == [0, 1]
    assert marks == sorted(marks)
    _, *marks = marks
    ended = tokens[-1] == M.eom
    middle = tokens[marks[2] + 1 : len(tokens) - ended]
    parts = tokens[marks[0] + 1 : marks[1]], tokens[marks[1] + 1 : marks[2]], middle
    for part in parts:
        assert OURS.special_ids.isdisjoint(part)
    return (*parts, ended)


TEXTS = [
    *(file.text for file in FILES[:4]),
    "x = '日本語'  # 🙂──┬──\n" * 60,
    "a\n\f\nb\u2028" * 90,
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_hole_taken_apart_is_the_text_of_the_file(text: str):
    for seed in range(5):
        at = 0
        for tokens in streamed(text, ONLY_HOLES, seed):
            above, suffix, below, ended = taken_apart(tokens)
            whole = OURS.decode(above + below)
            assert text[at : at + len(whole)] == whole
            # The same tokens as without an anchor: P0, M0 and the middle are one string.
            assert above + below == OURS.encode(whole)
            at += len(whole)
            # The last of SUFFIX_TOKENS may end inside a character.
            after = b"".join(OURS.token_bytes[i] for i in suffix)
            assert text[at:].encode().startswith(after)
            assert ended or not suffix
            if not ended:
                continue
            if len(suffix) < layout.SUFFIX_TOKENS:
                assert after == text[at : at + layout.SUFFIX_CHARS].encode()
            read = at + len(after.decode(errors="ignore"))
            line = text.find("\n", read)
            at = len(text) if line < 0 else line + 1
        assert at == len(text)


@cache
def some_holes(mix: Mix) -> list[tuple[list[int], list[int], list[int], bool]]:
    return [
        taken_apart(tokens)
        for seed in range(3)
        for file in FILES
        for tokens in streamed(file.text, mix, seed)
    ]


def test_the_end_marker_stands_only_where_a_suffix_was_given():
    holes = some_holes(replace(ONLY_HOLES, no_suffix=0.5))
    ended = [hole for hole in holes if hole[3]]
    assert all(not suffix for _, suffix, _, end in holes if not end)
    assert 0.3 < len(ended) / len(holes) < 0.8
    assert all(end for *_, end in some_holes(replace(ONLY_HOLES, no_suffix=0.0)))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("if x:\n    a|b\n    c\n\n    d\n\ne\n", "    d"),
        ("if x:\n    a|b\n        c\n  d\n", "        c"),
        ("a|b\ncd", "cd"),
        ("a|b", "ab"),
        ("    a|b\n" + "    x = 1\n" * 200, "    ab"),
        ("    ab|\n\n\n", "    ab"),
        ("", ""),
    ],
)
def test_a_block_ends_where_the_text_is_indented_less(text: str, end: str):
    offset = max(text.find("|"), 0)
    text = text.replace("|", "")
    found = block_end(text, offset)
    assert text[:found].rpartition("\n")[2] == end
    assert found == len(text) or text[found] == "\n"


def test_most_holes_end_where_a_line_ends():
    def share(mix: Mix) -> float:
        holes = [OURS.decode(suffix) for _, suffix, *_ in some_holes(mix) if suffix]
        return sum(suffix.startswith("\n") for suffix in holes) / len(holes)

    assert share(replace(ONLY_HOLES, end_of_line=1.0)) == 1.0
    assert share(replace(ONLY_HOLES, end_of_line=0.0, end_of_block=1.0)) == 1.0
    assert share(replace(ONLY_HOLES, end_of_line=0.0, end_of_block=0.0)) < 0.2


def test_anchors_stand_at_most_so_far_from_the_end():
    cursor_tokens = 256  # at most so many characters, hence tokens, are left to be written
    for mix in (ONLY_HOLES, replace(ONLY_HOLES, anchor_at_start=1.0)):
        below = [len(near) for _, _, near, _ in some_holes(mix)]
        assert max(below) <= layout.LONGEST_TOKENS + cursor_tokens
        assert max(below) > 100


def test_an_anchor_at_the_cursor_leaves_the_middle_alone():
    mix = replace(ONLY_HOLES, anchor_at_start=0.0, anchor_at_cursor=1.0)
    for _, _, near, _ in some_holes(mix):
        assert len(OURS.decode(near)) <= 256


def test_other_anchors_stand_at_line_starts():
    mix = replace(ONLY_HOLES, anchor_at_start=0.0, anchor_at_cursor=0.0)
    holes = [(OURS.decode(above), len(near)) for above, _, near, _ in some_holes(mix)]
    at_line = [not above or above.rstrip(" ").endswith("\n") for above, _ in holes]
    # Some are pushed down because they would stand too far up.
    assert sum(at_line) / len(at_line) > 0.6
