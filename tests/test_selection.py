"""Which files of a project are kept: no copies, tests a minor part, the sum capped."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateline.model.training.corpus.cleaning import Drop, SourceFile
from stateline.model.training.corpus.copies import SeenLines, telling_lines
from stateline.model.training.corpus.selection import Candidate, Seen, candidates, select
from wheels import distribution, package, scripts, words


def candidate(path: str, text: str) -> Candidate:
    return Candidate(SourceFile(path, text), telling_lines(text))


def seen_of(*texts: str) -> SeenLines:
    seen = SeenLines()
    for text in texts:
        seen.add(telling_lines(text))
    return seen


def test_the_share_of_a_text_is_that_of_its_telling_lines():
    seen = seen_of(words(1, 50))
    assert seen.share(telling_lines(words(1, 50).replace("    ", "\t"))) == 1
    assert seen.share(telling_lines("else:\npass\n" + words(1, 50))) == 1
    half = telling_lines(words(1, 50) + words(2, 50))
    assert seen.share(half) == pytest.approx(0.5, abs=0.02)
    assert seen.share(telling_lines(words(2, 50))) < 0.02
    assert seen.share(telling_lines("else:\n")) == 1, "what says nothing is no news"


@given(st.text(alphabet="ab \t\n", max_size=300))
def test_white_space_tells_nothing(text: str):
    assert seen_of(text).share(telling_lines(text.replace(" ", "\t "))) == 1


def select_of(files: list[Candidate], cap_bytes: int, **seen: SeenLines):
    dropped: Counter[Drop] = Counter()
    compared = Seen(seen.get("kept", SeenLines()), seen.get("other", SeenLines()))
    kept = select(files, compared, cap_bytes, dropped)
    return [file.path for file in kept], dropped


def test_the_cap_counts_bytes_and_tests_stay_a_minor_part():
    files = [candidate(f"p/{n}.py", words(n, 20)) for n in range(2, 8)]
    files = [candidate("p/test_a.py", words(1, 20)), *files]
    size_bytes = files[0].size_bytes
    paths, dropped = select_of(files, 5 * size_bytes)
    assert paths == [f"p/{n}.py" for n in range(2, 7)]
    assert dropped == {Drop.CAP: 2}
    files += [candidate("p/test_b.py", words(9, 20)), candidate("p/test_c.py", words(10, 20))]
    files += [candidate("p/z.py", words(2, 20))]
    paths, dropped = select_of(files, 100 * size_bytes)
    assert paths[-2:] == ["p/test_a.py", "p/test_b.py"]
    assert dropped == {Drop.TESTS: 1, Drop.DUPLICATE: 1}


def test_a_file_that_the_other_side_has_in_part_is_on_neither():
    other = seen_of(words(1, 50))
    files = [
        candidate("a.py", words(1, 50) + words(2, 50)),
        candidate("b.py", words(1, 50) + words(3, 100)),
    ]
    paths, dropped = select_of(files, 10**6, other=other)
    assert paths == ["b.py"]
    assert dropped == {Drop.OTHER_SIDE: 1}
    paths, dropped = select_of(files, 10**6, kept=other)
    assert paths == ["a.py", "b.py"], "within a side only copies of most of a file go"


def test_candidates_are_clean_and_in_import_order(tmp_path: Path):
    text = "from p.b import x\n" + words(1)
    files = {"p/a.py": text, "p/b.py": words(2), "p/c.py": b"\xff", "p/d.txt": "d"}
    source = distribution(tmp_path, "rich", files)
    found, dropped = candidates(tmp_path / source.stem / source.file)
    assert [each.file for each in found] == [
        SourceFile("p/b.py", words(2)),
        SourceFile("p/a.py", text),
    ]
    assert dropped == {Drop.ENCODING: 1}


def test_what_was_compiled_beside_its_source_is_no_candidate(tmp_path: Path):
    files = {"src/a.ts": scripts(1), "lib/a.js": scripts(2), "lib/b.js": scripts(3)}
    source = package(tmp_path, "@scope/mitt", files)
    found, dropped = candidates(tmp_path / source.stem / source.file)
    assert [each.file.path for each in found] == ["lib/b.js", "src/a.ts"]
    assert dropped == {Drop.BESIDE_SOURCE: 1}
