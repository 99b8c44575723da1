"""Examples: chunks of lanes, and holes that can be taken apart into the file's text again."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import awkward_code
import pytest
import tiny_model
from stateline.model import fim
from stateline.model.training.corpus import SourceFile
from stateline.model.training.examples import Lane, Mix, segments_of

OURS = tiny_model.ours()
M = OURS.markers
FILES = [
    SourceFile(f"pkg/{path.name}", path.read_text(encoding="utf-8")) for path in awkward_code.FILES
]
ONLY_HOLES = Mix(left_to_right=0.0, reset=0.0)


def lane(mix: Mix = Mix(), seed: str = "0/0", files: list[SourceFile] = FILES) -> Lane:  # noqa: B008
    return Lane(segments_of(files), OURS, mix, seed)


def test_chunks_overlap_by_one_token_unless_the_state_is_fresh():
    some = lane()
    chunks = [some.chunk(64) for _ in range(200)]
    assert chunks[0][1], "the first state is empty"
    for (before, _), (after, fresh) in pairwise(chunks):
        assert len(after) == 65
        assert after[0] == (M.bos if fresh else before[-1])
    assert 20 < sum(fresh for _, fresh in chunks) < 90


def test_a_lane_is_a_function_of_its_seed():
    def some(seed: str) -> list[tuple[list[int], bool]]:
        found = lane(seed=seed)
        return [found.chunk(50) for _ in range(40)]

    assert some("1/0") == some("1/0")
    assert some("1/0") != some("1/1")


def test_a_lane_without_resets_leaves_nothing_out():
    some = lane(Mix(left_to_right=1.0, reset=0.0), files=FILES[:2])
    text = "".join(f"{file.path}\n{file.text}" for file in FILES[:2])
    tokens = some.chunk(100)[0]
    while M.file not in tokens[-100:] or tokens.count(M.file) < 3:
        tokens += some.chunk(100)[0][1:]
    assert tokens[0] == M.bos
    assert OURS.decode(tokens).startswith(text), "files follow each other, without gaps, again"


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
            if len(suffix) < fim.SUFFIX_TOKENS:
                assert after == text[at : at + fim.SUFFIX_CHARS].encode()
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


def test_most_holes_end_where_a_line_ends():
    def share(mix: Mix) -> float:
        holes = [OURS.decode(suffix) for _, suffix, *_ in some_holes(mix) if suffix]
        return sum(suffix.startswith("\n") for suffix in holes) / len(holes)

    assert share(replace(ONLY_HOLES, end_of_line=1.0)) == 1.0
    assert share(replace(ONLY_HOLES, end_of_line=0.0)) < 0.2


def test_anchors_stand_at_most_so_far_from_the_end():
    cursor_tokens = 256  # at most so many characters, hence tokens, are left to be written
    for mix in (ONLY_HOLES, replace(ONLY_HOLES, anchor_at_start=1.0)):
        below = [len(near) for _, _, near, _ in some_holes(mix)]
        assert max(below) <= fim.LONGEST_TOKENS + cursor_tokens
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
