"""The order of a workspace's files: what was saved is found, by its user alone, or nothing is."""

import json
import logging
import os
import stat
import sys
from pathlib import Path

import platformdirs
import pytest
from stateline.lsp_server.workspace.cache import (
    Order,
    cache_folder,
    forget_orders,
    load_order,
    save_order,
    states_folder,
)

ROOT = Path(os.path.abspath("/project"))
A, B = str(ROOT / "a.py"), str(ROOT / "b.py")
ORDER = Order((A, B), {A: (B,), B: ()})
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache" / "stateline"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: folder)
    return folder


def orders(cache: Path) -> list[Path]:
    return sorted((cache / "workspaces").iterdir())


@pytest.fixture
def file(cache: Path) -> Path:
    """Where the order of `ROOT` is."""
    save_order([ROOT], ORDER)
    (path,) = orders(cache)
    return path


def test_what_was_saved_is_found_by_its_workspace_alone(file: Path):
    assert load_order([ROOT]) == ORDER
    assert load_order([ROOT / "a"]) == Order()
    assert load_order([ROOT, ROOT / "a"]) == Order()


def test_the_folders_of_a_workspace_have_no_order(cache: Path):
    save_order([ROOT, ROOT / "a"], ORDER)
    assert load_order([ROOT / "a", ROOT]) == ORDER
    save_order([], Order((B,)))
    assert load_order([]) == Order((B,))


@POSIX
def test_it_is_private(file: Path, cache: Path):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


@POSIX
def test_names_that_are_no_unicode_come_back():
    root = Path(os.fsdecode(b"/caf\xe9"))
    order = Order((str(root / "a.py"),))
    save_order([root], order)
    assert load_order([root]) == order


def damage(**changes: object) -> str:
    return json.dumps({"recent": [A], "read": {A: [B]}} | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 50_000,
        "\xff",
        damage(recent=None),
        damage(recent=[1]),
        damage(recent="/a"),
        damage(recent=["a.py"]),
        damage(recent=[A + "\0"]),
        pytest.param(damage(recent=[A + "\ud83d"]), marks=POSIX),
        damage(read=[]),
        damage(read={A: B}),
        damage(read={"a.py": [B]}),
        damage() + " " * (1 << 20),
    ],
)
def test_a_damaged_file_is_ignored_with_a_line_in_the_log_and_replaced(
    file: Path, text: str, caplog: pytest.LogCaptureFixture
):
    file.write_text(text, encoding="latin-1")
    assert load_order([ROOT]) == Order()
    assert len(caplog.records) == 1
    assert "project" not in caplog.text
    save_order([ROOT], ORDER)
    assert load_order([ROOT]) == ORDER


@POSIX
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_plain_file_is_never_opened(file: Path, kind: str):
    text = file.read_text()
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        (file.parent / "other").write_text(text)
        file.symlink_to(file.parent / "other")
    else:
        file.mkdir()
    assert load_order([ROOT]) == Order()
    save_order([ROOT], Order((A,)))
    assert load_order([ROOT]) == (Order() if kind == "folder" else Order((A,)))
    assert kind != "link" or (file.parent / "other").read_text() == text


@POSIX
def test_a_folder_that_is_a_link_is_not_written_to(cache: Path, tmp_path: Path, caplog):
    (tmp_path / "elsewhere").mkdir()
    cache.mkdir(parents=True)
    (cache / "workspaces").symlink_to(tmp_path / "elsewhere")
    save_order([ROOT], ORDER)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert len(caplog.records) == 1


def test_where_nothing_can_be_written_there_is_a_line_in_the_log(cache: Path, caplog):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        save_order([ROOT], ORDER)
    assert len(caplog.records) == 1
    assert load_order([ROOT]) == Order()
    forget_orders(lambda path: True)


def test_two_servers_leave_one_whole_order(file: Path, cache: Path, monkeypatch):
    """The other one saves while this one is about to."""
    replace, others = os.replace, Order((B,))

    def late(source, target):
        monkeypatch.setattr(os, "replace", replace)
        save_order([ROOT], others)
        assert load_order([ROOT]) == others
        replace(source, target)

    monkeypatch.setattr(os, "replace", late)
    save_order([ROOT], Order((A,)))
    assert load_order([ROOT]) == Order((A,))
    assert orders(cache) == [file]


def test_a_long_list_keeps_what_was_used_last(cache: Path):
    many = tuple(str(ROOT / f"{n}.py") for n in range(600))
    save_order([ROOT], Order(many))
    assert load_order([ROOT]).recent == many[-512:]


@pytest.mark.parametrize(
    ("order", "stays"),
    [
        (Order((B,), {B: (B,)}), True),
        (Order((B, A)), False),
        (Order((), {A: ()}), False),
        (Order((), {B: (B, A)}), False),
    ],
)
def test_an_order_is_forgotten_with_any_of_its_files(file: Path, order: Order, stays: bool):
    save_order([ROOT, ROOT / "more"], order)
    forget_orders(lambda path: path == A)
    assert load_order([ROOT]) == Order()
    assert load_order([ROOT, ROOT / "more"]) == (order if stays else Order())


def test_what_cannot_be_read_is_forgotten_too(file: Path, cache: Path):
    file.write_text("{")
    file.with_name(file.name + ".0123.part").write_text(A)
    forget_orders(lambda path: False)
    assert orders(cache) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a place of their own")
def test_the_place_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "stateline"
    assert states_folder() == tmp_path / "xdg" / "stateline" / "states"
