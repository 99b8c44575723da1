"""The watch: each change is told soon, a burst once, and the clock serves where events fail."""

import os
import threading
import time

import pytest
from stateline.lsp_server.workspace import watch
from stateline.lsp_server.workspace.watch import MAX_HINTS, Pace, Subjects, Watch
from watchdog.observers import Observer

SOON_S = 30.0
EVENTS_ONLY = Pace(quiet_s=0.05, burst_s=1.0, poll_s=3600, glance_s=3600)
CLOCK_ONLY = Pace(quiet_s=0.05, burst_s=1.0, poll_s=0.02, glance_s=3600)


class Looks:
    """What a watch asked to look at."""

    def __init__(self):
        self.all = []
        self.changed = threading.Condition()

    def __call__(self, paths):
        with self.changed:
            self.all.append(paths)
            self.changed.notify_all()

    def waited_for(self, path):
        with self.changed:
            return self.changed.wait_for(lambda: any(path in (p or ()) for p in self.all), SOON_S)

    def wait_for_any(self):
        with self.changed:
            assert self.changed.wait_for(lambda: self.all, SOON_S)
            return self.all[0]

    def clear(self):
        with self.changed:
            self.all.clear()


class NoWatcher:
    """A system that gives no events."""

    def start(self):
        pass

    def stop(self):
        pass

    def schedule(self, *arguments, **options):
        raise OSError("inotify watch limit reached")

    def unschedule(self, watch):
        raise AssertionError("nothing was scheduled")


@pytest.fixture
def watching():
    opened = []

    def start(looks, pace=EVENTS_ONLY, watcher=Observer, matters=lambda path: path.endswith(".py")):
        opened.append(Watch(looks, matters, pace, watcher))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def following(watching, folder, *files, pace=EVENTS_ONLY, watcher=Observer):
    """A watch that has looked at its files for the first time, and what it looks at from now on."""
    looks = Looks()
    started = watching(looks, pace, watcher)
    started.follow(Subjects(frozenset(map(str, files)), (str(folder),)))
    assert looks.waited_for(str(folder) if watcher is Observer else str(files[0]))
    looks.clear()
    return started, looks


def saved(file, other):
    file.write_text("two")


def replaced(file, other):
    other.write_text("two")
    os.replace(other, file)


def moved_away(file, other):
    os.replace(file, other)


def deleted(file, other):
    file.unlink()


@pytest.mark.parametrize("change", [saved, replaced, moved_away, deleted])
@pytest.mark.parametrize(
    ("pace", "watcher"), [(EVENTS_ONLY, Observer), (CLOCK_ONLY, NoWatcher)], ids=["events", "clock"]
)
def test_each_change_is_told(watching, tmp_path, change, pace, watcher):
    file = tmp_path / "a.py"
    file.write_text("one")
    _, looks = following(watching, tmp_path, file, pace=pace, watcher=watcher)
    change(file, tmp_path / "b.tmp")
    assert looks.waited_for(str(file))


def test_new_files_are_told_if_they_matter(watching, tmp_path):
    (tmp_path / "a.py").write_text("one")
    _, looks = following(watching, tmp_path, tmp_path / "a.py")
    (tmp_path / "noise.log").write_text("one")
    (tmp_path / "b.py").write_text("one")
    assert looks.waited_for(str(tmp_path / "b.py"))
    assert not any(str(tmp_path / "noise.log") in paths for paths in looks.all)


def test_reading_a_file_is_no_change(watching, tmp_path):
    file, other = tmp_path / "a.py", tmp_path / "b.py"
    file.write_text("one")
    other.write_text("one")
    _, looks = following(watching, tmp_path, file, other)
    file.read_text()
    other.write_text("two")
    assert looks.waited_for(str(other))
    assert not any(str(file) in paths for paths in looks.all)


def test_a_folder_that_was_removed_and_made_anew_is_watched_again(watching, tmp_path):
    folder = tmp_path / "sub"
    folder.mkdir()
    file = folder / "a.py"
    file.write_text("one")
    looks = Looks()
    started = watching(looks)
    started.follow(Subjects(frozenset([str(file)]), (str(folder), str(tmp_path))))
    assert looks.waited_for(str(folder))
    for text in ("two", "three"):
        looks.clear()
        file.unlink()
        folder.rmdir()
        folder.mkdir()  # Often with the same number, so that nothing but the event tells.
        assert looks.waited_for(str(folder))
        looks.clear()
        file.write_text(text)
        assert looks.waited_for(str(file))


def test_what_changed_before_its_folder_was_watched_is_told(watching, tmp_path):
    following(watching, tmp_path, tmp_path / "a.py")  # waits for that very look


def test_a_burst_is_told_at_once_and_ends_by_and_by(watching, tmp_path):
    looks = Looks()
    # Each hint comes before the last one's quiet is over, so only the bound ends the burst.
    started = watching(looks, Pace(quiet_s=3600, burst_s=1.0, poll_s=3600, glance_s=3600))
    paths = [str(tmp_path / f"{number}.py") for number in range(100)]
    started.hint(paths)
    assert looks.wait_for_any() == frozenset(paths)


def test_a_storm_is_told_as_everything_and_takes_no_memory(watching, tmp_path):
    looks = Looks()
    started = watching(looks, Pace(quiet_s=3600, burst_s=3.0, poll_s=3600, glance_s=3600))
    started.hint(str(tmp_path / f"{number}.py") for number in range(20 * MAX_HINTS))
    assert len(started._hints.paths) <= MAX_HINTS
    assert looks.wait_for_any() is None


def test_files_beyond_the_watches_are_polled(watching, tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "MAX_WATCHES", 1)
    near, far = tmp_path / "near", tmp_path / "far"
    for folder in (near, far):
        folder.mkdir()
        (folder / "a.py").write_text("one")
    looks = Looks()
    started = watching(looks, CLOCK_ONLY)
    files = frozenset(str(folder / "a.py") for folder in (near, far))
    started.follow(Subjects(files, (str(near), str(far))))
    assert looks.waited_for(str(near))
    looks.clear()
    assert looks.wait_for_any() == frozenset([str(far / "a.py")])


def test_even_watched_files_get_a_glance_now_and_then(watching, tmp_path):
    (tmp_path / "a.py").write_text("one")
    pace = Pace(quiet_s=3600, burst_s=3600, poll_s=3600, glance_s=0.05)
    started, looks = following(watching, tmp_path, tmp_path / "a.py", pace=pace)
    assert looks.waited_for(str(tmp_path / "a.py"))
    started.follow(Subjects(others=frozenset(["other"])))
    assert looks.waited_for("other")


def test_folders_are_no_longer_watched_once_they_are_not_followed(watching, tmp_path):
    started, looks = following(watching, tmp_path, tmp_path / "a.py")
    started.follow(Subjects())
    started.hint(["told"])
    assert looks.waited_for("told")
    assert started._armed._watches == {}
    assert not started._armed.holds(str(tmp_path / "a.py"))


def test_a_look_that_fails_does_not_end_the_watch(watching, tmp_path, caplog):
    looks = Looks()

    def failing_first(paths):
        looks(paths)
        if len(looks.all) == 1:
            raise ValueError("secret text")

    started = watching(failing_first)
    started.hint(["one"])
    assert looks.waited_for("one")
    started.hint(["two"])
    assert looks.waited_for("two")
    assert "ValueError" in caplog.text


def test_a_watcher_that_cannot_even_be_made_is_done_without(watching, tmp_path):
    def none():
        raise ImportError("no events on this system")

    following(watching, tmp_path, tmp_path / "a.py", pace=CLOCK_ONLY, watcher=none)


def test_no_thread_stays_after_closing(tmp_path):
    before = set(threading.enumerate())
    looks = Looks()
    started = Watch(looks, lambda path: True, EVENTS_ONLY)
    started.follow(Subjects(frozenset([str(tmp_path / "a.py")]), (str(tmp_path),)))
    assert looks.waited_for(str(tmp_path))
    started.close()
    for thread in set(threading.enumerate()) - before:
        if not isinstance(thread, threading.Timer) and "InotifyFD" not in type(thread).__name__:
            thread.join(SOON_S)  # watchdog shares one thread among all of its observers
            assert not thread.is_alive()


def test_idle_a_watch_sleeps(watching, tmp_path):
    started, _ = following(watching, tmp_path, tmp_path / "a.py")
    with started._woken:
        left_s = started._next_poll_s() - time.monotonic()
    assert left_s > 60
