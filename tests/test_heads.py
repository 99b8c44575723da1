"""The workspace part: each neighbour is a link, made once; a forgotten one leaves nothing."""

from dataclasses import replace
from threading import Event

import pytest
from stateline.model.completer import Neighbour, Surroundings
from stateline.model.memory.archive import NO_FILES, Archive
from stateline.model.reading import heads as heads_module
from stateline.model.reading.heads import Heads
from tiny_model import ours

A, B, C = (Neighbour(f"{n}.py", f"{n} = 1\n" * 9, f"/project/{n}.py") for n in "abc")
SECRET = "ghp_" + "a1B2" * 9


def made(*neighbours: Neighbour) -> Heads:
    heads = Heads(ours())
    assert heads.tokenise(Surroundings(neighbours), Event())
    return heads


def spelt(heads: Heads, *neighbours: Neighbour) -> str:
    chain = heads.chain(neighbours)
    return b"".join(ours().token_bytes[i] for i in chain.between(0, chain.length)).decode()


def test_each_neighbour_is_a_link_with_its_path_before_its_text():
    heads = made(A, B)
    chain = heads.chain((A, B))
    assert chain.files == ("/project/a.py", "/project/b.py")
    assert len(chain.ends(0)) == 3  # with [bos]
    before_b = heads.chain((A,)).length
    assert chain.between(before_b, before_b + 1) == [ours().markers.file]
    assert spelt(heads, A, B) == f"a.py\n{A.text}b.py\n{B.text}"
    assert heads.chain(()) is heads.root


def test_the_same_neighbours_have_the_same_chain():
    heads = made(A, B)
    first = heads.chain((A, B))
    assert heads.chain((replace(A), replace(B))) is first
    assert heads.chain((B, A)).name(first.length) != first.name(first.length)


def test_secrets_are_masked():
    heads = made(spy := replace(A, text=f"token = '{SECRET}'\n"))
    assert "token" in spelt(heads, spy)
    assert SECRET[8:] not in spelt(heads, spy)


def test_what_is_no_token_yet_is_left_out_until_it_is():
    heads = made(A)
    assert heads.chain((A, B)).files == (A.file,)
    assert heads.tokenise(Surroundings((B,)), Event())
    assert heads.chain((A, B)).files == (A.file, B.file)


def test_whoever_is_stopped_says_so():
    heads, stop = Heads(ours()), Event()
    stop.set()
    assert not heads.tokenise(Surroundings((A,)), stop)
    assert heads.chain((A,)) is heads.root


def test_the_archive_has_the_nearest_last_and_is_made_once():
    heads = made(A, B, C)
    around = Surroundings(read=(A,), recalled=(B, C))
    archive = heads.archive(around)
    expected = Archive([heads.chain((n,)).link(9).tokens for n in (B, C, A)])
    assert archive.ids.tolist() == expected.ids.tolist()
    # What is known of the text itself changes with each reading, the neighbours do not.
    assert heads.archive(replace(around, saved_chars=7)) is archive
    assert len(heads.archive(Surroundings())) == len(NO_FILES)


def test_a_neighbour_that_comes_later_is_recalled_then():
    heads, around = made(A), Surroundings(read=(A,), recalled=(B,))
    before = heads.archive(around)
    heads.tokenise(around, Event())
    assert len(heads.archive(around)) > len(before)


def test_nothing_is_left_of_a_forgotten_file():
    heads, nameless = Heads(ours()), replace(C, file="")
    around = Surroundings((A, B, nameless))
    heads.tokenise(around, Event())
    heads.chain(around.read), heads.archive(around)
    root = heads.root
    heads.forget([A.file, nameless.path])
    assert heads.root is not root  # which remembers its last child
    assert heads.chain(around.read).files == (B.file,)
    assert "a = 1" not in spelt(heads, *around.read)
    left = heads.archive(around).ids.tolist()
    assert left == heads.archive(Surroundings((B,))).ids.tolist()


def test_tokens_are_bounded_and_the_last_used_stay(monkeypatch: pytest.MonkeyPatch):
    heads = made(A, B)
    monkeypatch.setattr(heads_module, "MOST_TOKENS", heads.chain((A, B)).length)
    heads.tokenise(Surroundings((A,)), Event())
    heads.tokenise(Surroundings((C,)), Event())
    assert heads.chain((A, B, C)).files == (A.file, C.file)
