"""`stateline state` lists what is kept, prints paths as plain text, forgets what is named."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import platformdirs
import pytest
from rich.console import Console
from stateline.lsp_server.commands.state import report, show
from stateline.lsp_server.commands.verbs import app
from stateline.lsp_server.workspace.cache import Order, load_order, save_order, states_folder
from stateline.lsp_server.workspace.folders import Folders
from stateline.model.states.statefile import About, Slot, checksum, encode
from stateline.model.states.statefolder import entries, file_name, make_folder, write_whole
from typer.testing import CliRunner

MODEL = "0" * 32
LINKS = pytest.mark.skipif(os.name != "posix", reason="making links needs rights there")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache" / "stateline"
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "src").mkdir(parents=True)
    for name in ("a.py", "src/b.py"):
        (folder / name).touch()
    return folder


def keep(number: int, workspace: object, *files: object) -> None:
    """Put a state of so many tokens onto the disk, used so many seconds after another time."""
    sources = tuple(
        Folders([Path(workspace)] if workspace else []).identity(str(file)) for file in files
    )
    data = bytes(16)
    about = About(MODEL, number.to_bytes(16, "big"), number, str(workspace), sources)
    folder = states_folder() / MODEL
    make_folder(folder)
    path = folder / file_name(about.key, number)
    write_whole(path, [encode(about, checksum([data]), [Slot("a", "F32", (4,), 0, 16)]), data])
    os.utime(path, (1_000_000 + number,) * 2)


def left() -> list[int]:
    return sorted(entry.tokens for entry in entries(states_folder()))


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["state", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def workspaces(*arguments: object) -> dict[str, list[dict[str, object]]]:
    """The rows of each workspace that the command tells of."""
    found = json.loads(run("--json", *arguments))["workspaces"]
    return {each["workspace"]: each["files"] for each in found}


def test_nothing_is_kept_at_first(project: Path):
    assert "Nothing is kept." in run()
    assert workspaces() == workspaces("--workspace", project) == {}
    assert "0 states" in run("forget", "--all")
    assert "0 states" in run("forget", project)


def test_the_table_has_a_row_for_each_file_the_one_used_last_first(project: Path, cache: Path):
    a, b = project / "a.py", project / "src" / "b.py"
    keep(10, project, a)
    keep(30, project, a, b)
    keep(20, project, b)
    rows = workspaces()[str(project)]
    assert [(row["file"], row["states"], row["tokens"]) for row in rows] == [
        (str(a), 2, 30),
        (str(b), 2, 30),
    ]
    assert rows[0]["used_s"] == 1_000_030
    sizes = {entry.tokens: entry.nbytes for entry in entries(states_folder())}
    assert rows[0]["nbytes"] == sizes[10] + sizes[30]
    shown = run()
    assert "3 states" in shown
    assert f" {os.path.join('src', 'b.py')} " in shown
    assert shown.index("a.py") < shown.index("b.py")
    assert f"Kept in {cache}" in shown.replace("\n", "")


def test_only_the_workspace_around_a_folder(project: Path, tmp_path: Path, monkeypatch):
    inner = project / "src"
    keep(1, project, project / "a.py")
    keep(2, tmp_path / "other", tmp_path / "other" / "c.py")
    keep(3, "", tmp_path / "d.py")
    assert set(workspaces()) == {str(project), str(tmp_path / "other"), ""}
    assert set(workspaces("--workspace", inner)) == {str(project)}
    monkeypatch.chdir(inner)
    assert set(workspaces("--workspace", ".")) == {str(project)}
    assert workspaces("--workspace", tmp_path) == {}  # not those below, nor that of none
    keep(4, inner, inner / "b.py")
    assert set(workspaces("--workspace", inner)) == {str(inner)}


def test_a_path_outside_its_workspace_is_shown_whole(project: Path):
    outside = f"{project}s{os.sep}c.py"
    keep(1, project, outside)
    assert outside in printed()


def printed() -> str:
    console = Console(width=500, force_terminal=True, color_system="truecolor")
    with console.capture() as capture:
        show(report(None), console)
    return capture.get()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("[bold red]x[/]", "[bold red]x[/]"),
        ("[/nothing]", "[/nothing]"),
        (":warning:", ":warning:"),
        ("a\x1b]0;title\x07", "a?]0;title?"),
        ("a\nb\r\tc\x9b2J", "a?b??c?2J"),
        ("\u202eyp.a", "?yp.a"),
        ("\udcff\ud83d", "??"),
        ("nul\0", "nul?"),
        ("back\\", "back\\"),
    ],
)
def test_a_hostile_path_says_nothing_to_the_terminal(name: str, shown: str, tmp_path: Path):
    keep(1, f"/w{name}", f"/w{name}/{name}.py")
    assert f"/w{shown}: 1 states" in printed()
    assert f" {shown}.py" in printed()
    workspaces()
    workspaces("--workspace", tmp_path)
    run("forget", tmp_path)
    assert left() == [1]


def test_times_of_clocks_that_differ(project: Path, monkeypatch):
    keep(1, project, project / "a.py")
    for age_s, said in ((-5, "0 s"), (1, "1 s"), (150, "2 min"), (7200, "2 h"), (864_000, "10 d")):
        monkeypatch.setattr(time, "time", lambda age_s=age_s: 1_000_001 + age_s)
        assert f" {said} ago" in printed()


def test_forgetting_a_file_takes_whatever_has_read_it(project: Path):
    a, b = project / "a.py", project / "src" / "b.py"
    keep(1, project, a)
    keep(2, project, b)
    keep(3, project, b, a)
    save_order([project], Order((str(b), str(a))))
    assert "2 states" in run("forget", a)
    assert left() == [2]
    assert load_order([project]) == Order()


def test_a_file_that_has_gone_can_be_forgotten_and_takes_nothing_else(project: Path):
    keep(1, project, project / "old.py")
    keep(2, project, project / "a.py")
    run("forget", project / "old.py")
    assert left() == [2]


def test_forgetting_a_workspace_from_anywhere_in_it(project: Path, tmp_path: Path, monkeypatch):
    other = tmp_path / "projects"
    keep(1, project, project / "a.py")
    keep(2, project)
    keep(3, other, other / "c.py")
    keep(4, other, other / "c.py", project / "a.py")
    save_order([project, other], Order((str(project / "a.py"),)))
    save_order([other], Order((str(other / "c.py"),)))
    monkeypatch.chdir(project / "src")
    assert "3 states" in run("forget", ".")
    assert left() == [3]
    assert load_order([project, other]) == Order()
    assert load_order([other]) != Order()


def test_a_workspace_that_has_gone_can_be_forgotten(tmp_path: Path):
    keep(1, tmp_path / "gone", tmp_path / "gone" / "a.py")
    assert "1 states" in run("forget", tmp_path / "gone")


@LINKS
def test_a_workspace_and_a_file_are_known_by_every_name(project: Path, tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(project)
    keep(1, link, link / "a.py")
    assert set(workspaces("--workspace", project)) == {str(link)}
    assert set(workspaces("--workspace", link / "src")) == {str(link)}
    (project / "b.py").symlink_to(project / "a.py")
    assert "1 states" in run("forget", project / "b.py")
    keep(2, link, link / "a.py")
    assert "1 states" in run("forget", project)
    assert left() == []


def test_forgetting_what_is_unknown_forgets_nothing(project: Path, tmp_path: Path):
    keep(1, project, project / "a.py")
    keep(2, "", tmp_path / "d.py")
    for place in (project / "src" / "b.py", tmp_path / "cache", tmp_path / "nowhere"):
        assert "0 states" in run("forget", place)
    assert left() == [1, 2]


def test_forgetting_all(project: Path, tmp_path: Path):
    keep(1, project, project / "a.py")
    keep(2, "", tmp_path / "d.py")
    save_order([project], Order((str(project / "a.py"),)))
    assert "2 states" in run("forget", "--all")
    assert left() == []
    assert load_order([project]) == Order()


@pytest.mark.parametrize("arguments", [["forget"], ["forget", ".", "--all"]])
def test_what_to_forget_has_to_be_said(project: Path, arguments: list[str]):
    keep(1, project, project / "a.py")
    assert "--all" in run(*arguments, code=2)
    assert left() == [1]


def test_torch_is_not_needed(tmp_path: Path):
    program = (
        "import sys\n"
        "from stateline.lsp_server.commands.verbs import app\n"
        "for arguments in (['state'], ['state', '--json'], ['state', 'forget', '--all']):\n"
        "    app(arguments, standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    home = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr or "torch was imported"
    assert "Nothing is kept." in done.stdout
