"""What is read of an archive, and what is refused."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from stateline.model.training.corpus import archives
from stateline.model.training.corpus.archives import source_members
from stateline.model.training.corpus.sources import CorpusError
from wheels import make_tarball, make_wheel

MAKERS = {"w.whl": make_wheel, "w.tgz": make_tarball}


def test_only_sources_of_sane_size_are_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 100)
    files = {"b.py": "b", "a.py": "a", "c.so": "c", "huge.py": "h" * 101, "a.pyc": "z", "x.ts": ""}
    make_wheel(tmp_path / "w.whl", files)
    assert list(source_members(tmp_path / "w.whl")) == [("a.py", b"a"), ("b.py", b"b")]
    files = {"b.ts": "b", "a/c.mjs": "a", "d.json": "c", "huge.js": "h" * 101, "e.tsx": "e"}
    make_tarball(tmp_path / "w.tgz", files)
    found = [("a/c.mjs", b"a"), ("b.ts", b"b"), ("e.tsx", b"e")]
    assert list(source_members(tmp_path / "w.tgz")) == found


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    ("limit", "value", "complaint"),
    [("MAX_MEMBERS", 1, "members"), ("MAX_ARCHIVE_BYTES", 3, "unpacks to over")],
)
def test_an_archive_beyond_the_limits_is_refused(
    tmp_path: Path, monkeypatch, name: str, limit: str, value: int, complaint: str
):
    suffix = "py" if name.endswith(".whl") else "js"
    MAKERS[name](tmp_path / name, {f"a.{suffix}": "aa", f"b.{suffix}": "bb"})
    monkeypatch.setattr(archives, limit, value)
    with pytest.raises(CorpusError, match=complaint):
        list(source_members(tmp_path / name))


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("damage", ["cut", "flip", "other"])
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str, damage: str):
    path = tmp_path / name
    text = "".join(f"a{number * 7919} = 1\n" for number in range(400))
    MAKERS[name](path, {"a.py": text, "a.js": text})
    data = path.read_bytes()
    middle = len(data) // 4  # in the first member of either kind
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    path.write_bytes({"cut": data[:200], "flip": flipped, "other": b"hello"}[damage])
    with pytest.raises(CorpusError, match="cannot be read"):
        list(source_members(path))


def test_links_in_a_tarball_are_not_followed(tmp_path: Path):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, kind in (("package/a.js", tarfile.SYMTYPE), ("package/b.js", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    (tmp_path / "w.tgz").write_bytes(gzip.compress(stream.getvalue()))
    assert list(source_members(tmp_path / "w.tgz")) == []
