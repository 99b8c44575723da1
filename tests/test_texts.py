"""Texts on the disk: what is read, what is refused, and that a change is never missed."""

import os
import socket
import stat
import time

import pytest
from stateline.lsp_server.access.texts import MAX_FILE_BYTES, Stamp, Texts, read

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"a\r\nb\rc\n", "a\nb\nc\n"),
        (b"\xef\xbb\xbfx = 1", "x = 1"),
        ("é\U0001f600".encode(), "é\U0001f600"),
        (b"\xff\xfe", None),
        (b"a\0b", None),
        (b"x" * MAX_FILE_BYTES, "x" * MAX_FILE_BYTES),
        (b"x" * (MAX_FILE_BYTES + 1), None),
    ],
    ids=range(8),
)
def test_utf8_of_bounded_size_is_text(tmp_path, content, text):
    file = tmp_path / "a.py"
    file.write_bytes(content)
    assert Texts().get(str(file)) == read(str(file)) == text


@pytest.mark.parametrize("path", ["", "missing.py", ".", "nul\0.py"])
def test_what_is_no_file_has_no_text(tmp_path, path):
    assert Texts().get(os.path.join(tmp_path, path)) is None
    assert read(os.path.join(tmp_path, path)) is None


@posix
def test_a_fifo_a_socket_and_a_device_hang_nobody(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    os.mkfifo("fifo.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        for path in ("fifo.py", "socket.py", "/dev/zero"):
            assert Texts().get(path) is None
            assert read(path) is None  # also if it became one after it was looked at


@posix
def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "a.py").symlink_to("secret.txt")
    assert Texts().get(str(tmp_path / "a.py")) is None
    assert read(str(tmp_path / "a.py")) is None


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_without_permission_has_no_text(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("x")
    file.chmod(0)
    assert Texts().get(str(file)) is None


def test_a_change_within_a_tick_of_the_file_systems_clock_is_seen(tmp_path, monkeypatch):
    texts, file = Texts(), tmp_path / "a.py"
    now_ns = time.time_ns()
    stamp = Stamp(now_ns, now_ns, size_bytes=3, inode=1)
    monkeypatch.setattr("stateline.lsp_server.access.texts._stamp", lambda path: stamp)
    monkeypatch.setattr("time.time_ns", lambda: now_ns + 1000)
    for text in ("one", "two"):
        file.write_text(text)
        assert texts.get(str(file)) == text


def test_a_settled_file_is_read_once(tmp_path, monkeypatch):
    texts, file = Texts(), tmp_path / "a.py"
    file.write_text("x = 1")
    later = os.lstat(file).st_mtime_ns + 10**9
    monkeypatch.setattr("time.time_ns", lambda: later)
    assert texts.get(str(file)) == "x = 1"
    monkeypatch.setattr(
        "stateline.lsp_server.access.texts.read", lambda path: pytest.fail("read twice")
    )
    assert texts.get(str(file)) == "x = 1"


def test_another_file_put_in_its_place_is_seen_though_it_is_older(tmp_path):
    texts, file, other = Texts(), tmp_path / "a.py", tmp_path / "b.tmp"
    for each, text, when in ((file, "one", 2000), (other, "two", 1000)):
        each.write_text(text)
        os.utime(each, (when, when))
    assert texts.get(str(file)) == "one"
    os.replace(other, file)
    assert texts.get(str(file)) == "two"
    file.unlink()
    assert texts.get(str(file)) is None


def test_the_cache_is_bounded_and_right_all_the_same(tmp_path):
    texts = Texts(cache_chars=5000)
    files = [tmp_path / f"{number}.py" for number in range(20)]
    for file in files:
        file.write_text(file.name * 100)
    for file in files * 2:
        assert texts.get(str(file)) == file.name * 100
    assert texts._chars <= 5000
    for file in files:
        file.unlink()
        assert texts.get(str(file)) is None
    assert texts._chars == 0


@posix
def test_the_kind_is_checked_after_opening(tmp_path, monkeypatch):
    file = tmp_path / "a.py"
    file.write_text("x")
    as_folder = os.stat_result((stat.S_IFIFO, *os.lstat(file)[1:]))
    monkeypatch.setattr(os, "fstat", lambda descriptor: as_folder)
    assert read(str(file)) is None
