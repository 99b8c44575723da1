"""The workspace part: each neighbour is a link, made once; a forgotten one leaves nothing."""

from dataclasses import replace
from threading import Event

import pytest
from stateline.model.completer import FileId, Neighbour, Surroundings
from stateline.model.memory.archive import NO_FILES, Archive
from stateline.model.reading import workspace_part as part_module
from stateline.model.reading.workspace_part import WorkspacePart
from tiny_model import ours

A, B, C = (Neighbour(f"{n}.py", f"{n} = 1\n" * 9, FileId("/project", f"{n}.py")) for n in "abc")


def made(*neighbours: Neighbour) -> WorkspacePart:
    part = WorkspacePart(ours())
    assert part.tokenise(Surroundings(neighbours), Event())
    return part


def spelt(part: WorkspacePart, *neighbours: Neighbour) -> str:
    chain = part.chain(neighbours)
    return b"".join(ours().token_bytes[i] for i in chain.between(0, chain.length)).decode()


def test_each_neighbour_is_a_link_with_its_path_before_its_text():
    part = made(A, B)
    chain = part.chain((A, B))
    assert chain.files == (A.file, B.file)
    assert len(chain.ends(0)) == 3  # with [bos]
    before_b = part.chain((A,)).length
    assert chain.between(before_b, before_b + 1) == [ours().markers.file]
    assert spelt(part, A, B) == f"a.py\n{A.text}b.py\n{B.text}"
    assert part.chain(()) is part.root


def test_the_same_neighbours_have_the_same_chain():
    part = made(A, B)
    first = part.chain((A, B))
    assert part.chain((replace(A), replace(B))) is first
    assert part.chain((B, A)).name(first.length) != first.name(first.length)


def test_what_is_no_token_yet_is_left_out_until_it_is():
    part = made(A)
    assert part.chain((A, B)).files == (A.file,)
    assert part.tokenise(Surroundings((B,)), Event())
    assert part.chain((A, B)).files == (A.file, B.file)


def test_whoever_is_stopped_says_so():
    part, stop = WorkspacePart(ours()), Event()
    stop.set()
    assert not part.tokenise(Surroundings((A,)), stop)
    assert part.chain((A,)) is part.root


def test_the_archive_has_the_nearest_last_and_is_made_once():
    part = made(A, B, C)
    around = Surroundings(read=(A,), recalled=(B, C))
    archive = part.archive(around)
    expected = Archive([part.chain((n,)).link(9).tokens for n in (B, C, A)])
    assert archive.ids.tolist() == expected.ids.tolist()
    # What is known of the text itself changes with each reading, the neighbours do not.
    assert part.archive(replace(around, saved_chars=7)) is archive
    assert len(part.archive(Surroundings())) == len(NO_FILES)


def test_a_neighbour_that_comes_later_is_recalled_then():
    part, around = made(A), Surroundings(read=(A,), recalled=(B,))
    before = part.archive(around)
    part.tokenise(around, Event())
    assert len(part.archive(around)) > len(before)


def test_nothing_is_left_of_a_forgotten_file():
    part, nameless = WorkspacePart(ours()), replace(C, file=FileId("", C.name))
    around = Surroundings((A, B, nameless))
    part.tokenise(around, Event())
    part.chain(around.read), part.archive(around)
    root = part.root
    part.forget([A.file, nameless.file])
    assert part.root is not root  # which remembers its last child
    assert part.chain(around.read).files == (B.file,)
    assert "a = 1" not in spelt(part, *around.read)
    left = part.archive(around).ids.tolist()
    assert left == part.archive(Surroundings((B,))).ids.tolist()


def test_tokens_are_bounded_and_the_last_used_stay(monkeypatch: pytest.MonkeyPatch):
    part = made(A, B)
    monkeypatch.setattr(part_module, "MOST_TOKENS", part.chain((A, B)).length)
    part.tokenise(Surroundings((A,)), Event())
    part.tokenise(Surroundings((C,)), Event())
    assert part.chain((A, B, C)).files == (A.file, C.file)
