"""A workspace of real files for tests, and what it told."""

import threading
from functools import partial

from stateline.lsp_server.access.rules import Rules
from stateline.lsp_server.workspace.selection import Selection
from stateline.lsp_server.workspace.watch import Pace, Watch
from stateline.lsp_server.workspace.workspace import Workspace
from stateline.model.completer import WorkspaceBudget
from watchdog.observers import Observer

SOON_S = 30.0
EVENTS = (Pace(quiet_s=0.05, burst_s=1.0, poll_s=3600, glance_s=3600), Observer)
CLOCK = (Pace(quiet_s=0.05, burst_s=1.0, poll_s=0.05, glance_s=0.1), None)
HUNGER = WorkspaceBudget(read_tokens=2000, recalled_tokens=8000, chars_per_token=1.0)
NOTHING = Selection()


class Silent:
    """A watcher that cannot be started."""

    def start(self):
        raise OSError("no inotify instance is left")


class Project:
    """A workspace with its folder, and what it told."""

    def __init__(self, root, how=EVENTS):
        self.root, self.rules = root, Rules([root])
        self.told = threading.Condition()
        self.changes, self.gone = 0, set()
        pace, watcher = how
        self.workspace = Workspace(
            self.rules,
            self._changed,
            self._gone,
            partial(Watch, pace=pace, watcher=watcher or Silent),
        )

    def _changed(self):
        with self.told:
            self.changes += 1
            self.told.notify_all()

    def _gone(self, paths):
        with self.told:
            self.gone |= paths
            self.told.notify_all()

    def until(self, told):
        with self.told:
            assert self.told.wait_for(told, SOON_S)

    def walked(self):
        self.until(lambda: self.workspace._survey.index.complete and self.changes)
        return self

    def select(self, file, before=NOTHING, workspace_budget=HUNGER):
        path = self.root / file
        text = path.read_text() if path.exists() else ""
        return self.workspace.select(path, text, workspace_budget, before)

    def read(self, file, before=NOTHING):
        return [each.path for each in self.select(file, before).read]


def write(root, files):
    for name, text in dict(files).items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def selected(project, *files):
    """A project in which these were selected for a.py."""
    write(project.root, {"a.py": "x = 1\n", **{file: f"# {file}\n" for file in files}})
    project.walked()
    for file in files:
        project.workspace.touch(project.root / file)
    assert sorted(project.read("a.py")) == sorted(files)
    # The folders are watched before this is looked at, and it is told once they are.
    write(project.root, {"sign.py": ""})
    with project.told:
        project.changes = 0
    project.workspace.notify([project.root / "sign.py"])
    project.until(lambda: project.changes)
    (project.root / "sign.py").unlink()
    with project.told:
        project.changes = 0
