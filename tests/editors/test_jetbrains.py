"""JetBrains' editors by way of LSP4IJ: its template for Stateline, and the protocol it speaks.

Owns what is expected of both. No IDE is run. The template is read as LSP4IJ reads one, and its
command is started; the protocol is spoken by `jetbrains/Client.java` with LSP4J, the library
that LSP4IJ uses, to the real server with the embedded model.
"""

import json
import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from install import folder
from install_jetbrains import lsp4j_jars

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EDITORS = folder()
TEMPLATE = ROOT / "editors" / "jetbrains"
RECORDED = json.loads((HERE.parent / "recorded_clients.json").read_text("utf-8"))["lsp4ij"]
URI = "file:///tmp/box.py"
# What comes next is plain enough for a very small model.
BOX = (
    "import os\nimport sys\n\n\nclass Box:\n    def __init__(self, value, name):\n"
    "        self.value = value\n        self."
)
SCRIPT = (
    "interface Box {\n  readonly value: number;\n  readonly name: string;\n}\n\n"
    "export function box(value: number, name: string): Box {\n  return { value, name };\n}\n\n"
    "export function other(value: number, name: string): Box {\n  return { value, "
)


def read(name: str) -> dict:
    return json.loads((TEMPLATE / name).read_text("utf-8"))


def language_of(name: str) -> str:
    """What LSP4IJ says that a file is, by the template's patterns."""
    mappings = read("template.json")["fileTypeMappings"]
    (found,) = (
        mapping["languageId"]
        for mapping in mappings
        if any(fnmatch(name, pattern) for pattern in mapping["fileType"]["patterns"])
    )
    return found


def command_of(system: str) -> list[str]:
    """The template's command as LSP4IJ takes it apart: at spaces, but not between quotes."""
    given = read("template.json")["programArgs"]
    parts, quoted = [""], False
    for c in given.get(system, given["default"]):
        if c == '"':
            quoted = not quoted
        elif c == " " and not quoted:
            parts.append("")
        else:
            parts[-1] += c
    return [part for part in parts if part]


def test_the_template_says_what_lsp4ij_reads():
    template = read("template.json")
    assert set(template) <= {"id", "name", "programArgs", "env", "fileTypeMappings"}
    assert template["env"] == {"includeSystemEnvironmentVariables": True, "variables": {}}
    for mapping in template["fileTypeMappings"]:
        assert set(mapping) == {"fileType", "languageId"}
        assert set(mapping["fileType"]) == {"name", "patterns"}
    assert language_of("box.pyi") == "python"
    names = {"template.json", "initializationOptions.json", "README.md"}
    assert {file.name for file in TEMPLATE.iterdir()} == names


def test_the_template_says_who_asks():
    assert read("initializationOptions.json") == RECORDED["initializationOptions"]


def test_the_commands_of_each_system():
    assert set(read("template.json")["programArgs"]) == {"default", "windows"}
    assert command_of("windows") == ["stateline", "lsp"]
    assert command_of("mac") == command_of("linux") == ["sh", "-c", "exec stateline lsp"]


class Driven:
    """The client without a screen; every order is answered with what there is then."""

    def __init__(self, classes: Path) -> None:
        path = os.pathsep.join(map(str, [classes, *lsp4j_jars(EDITORS)]))
        java = ["java", "-XX:TieredStopAtLevel=1", "-cp", path, "Client"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(java, stdin=pipe, stdout=pipe, encoding="utf-8")

    def __call__(self, do: str, **how) -> dict:
        self.process.stdin.write(json.dumps({"do": do, **how}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer
        return answer

    def start(self) -> None:
        """The template's own command and options; confidence aside, lest a doubt fail a test."""
        options = read("initializationOptions.json") | {"confidence": 0.0}
        initialize = RECORDED | {"initializationOptions": options}
        system = "windows" if os.name == "nt" else "mac" if sys.platform == "darwin" else "linux"
        answer = self("start", command=command_of(system), initialize=initialize)
        self.capabilities = answer["capabilities"]

    def accepted(self) -> int:
        """How many suggestions the server knows to be accepted."""
        return self("run", command="stateline.statistics")["result"]["accepted"]

    def open(self, marked: str, uri: str = URI) -> None:
        """A file that is on the disk like this, with a | where the caret is."""
        caret = marked.replace("\r", "").index("|")
        units = len(marked.replace("\r", "")[:caret].encode("utf-16-le")) // 2
        text, language = marked.replace("|", ""), language_of(uri.rpartition("/")[2])
        self("open", uri=uri, text=text, caret=units, language=language)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def classes(tmp_path_factory) -> Path:
    if not shutil.which("javac"):
        pytest.skip("There is no Java compiler; install a JDK, 17 or later.")
    if not lsp4j_jars(EDITORS):
        pytest.skip("LSP4J is not there; run `python tests/editors/install.py` first.")
    folder = tmp_path_factory.mktemp("classes")
    path = os.pathsep.join(map(str, lsp4j_jars(EDITORS)))
    javac = ["javac", "-encoding", "UTF-8", "-nowarn", "-cp", path, "-d", str(folder)]
    subprocess.run([*javac, str(HERE / "jetbrains" / "Client.java")], check=True)
    return folder


@pytest.fixture(scope="module")
def client(classes: Path):
    """With `stateline` on the path, as the template needs it."""
    with pytest.MonkeyPatch.context() as patch:
        beside = str(Path(sys.executable).parent)
        patch.setenv("PATH", beside + os.pathsep + os.environ["PATH"])
        driven = Driven(classes)
        driven.start()
    yield driven
    assert driven("stop")["exit"] == 0
    driven.close()


def test_who_draws_ghost_text_is_offered_nothing_else(client: Driven):
    assert client.capabilities["positionEncoding"] == "utf-16"
    assert "completionProvider" not in client.capabilities


def test_typing_and_accepting(client: Driven):
    """What is accepted is recognised in the text, since no command is run."""
    accepted_before = client.accepted()
    client.open(BOX + "|")
    client("type", text="n")
    client("type", text="a")
    (item,) = client("ask")["variants"]
    after = client("accept", variant=0)
    assert after["text"] == BOX + "na" + item["insertText"]
    assert after["caret"] == len(after["text"])
    typed = client("type", text="\n\n    def get")["text"]
    (item,) = client("ask")["variants"]
    assert client("accept", variant=0)["text"] == typed + item["insertText"]
    assert client.accepted() == accepted_before + 2


@pytest.mark.parametrize("suffix", ["ts", "tsx", "mjs"])
def test_typescript_and_javascript(client: Driven, suffix: str):
    client.open(SCRIPT + "|", f"file:///tmp/box.{suffix}")
    client("type", text="n")
    (item,) = client("ask")["variants"]
    assert item["insertText"].startswith("ame }")
    assert client("accept", variant=0)["text"] == SCRIPT + "n" + item["insertText"]


def test_a_closing_bracket_is_neither_doubled_nor_lost(client: Driven):
    before = BOX + "name = name\n\n    def get(self):\n        return str("
    client.open(before + "|)\n")
    (item,) = client("ask")["variants"]
    after = client("accept", variant=0)["text"]
    assert after == before + item["insertText"] + ")\n"
    assert item["insertText"].count("(") == item["insertText"].count(")")
    assert item["range"]["start"] == item["range"]["end"]


@pytest.mark.parametrize("breaks", ["\n", "\r\n"])
def test_emoji_before_the_caret_and_the_files_line_breaks(client: Driven, breaks: str):
    """The platform counts in UTF-16, and keeps line feeds only."""
    before = "# 👩‍👩‍👧 名前\n" + BOX + "name = name\n        print('🎉', self."
    client.open((before + "|\n").replace("\n", breaks))
    client("type", text="va")
    (item,) = client("ask")["variants"]
    assert item["insertText"].startswith("lue")
    assert client("accept", variant=0)["text"] == before + "va" + item["insertText"] + "\n"


def test_a_cancelled_request_is_forgotten(client: Driven):
    client.open(BOX + "|")
    for typed in "nam":
        client("leave")
        client("type", text=typed)
    (item,) = client("ask")["variants"]
    assert item["insertText"].startswith("e")


def test_killed_and_started_again(client: Driven):
    client.open(BOX + "na|")
    before = client("ask")["variants"]
    client("kill")
    client.start()
    client.open(BOX + "na|")
    again = client("ask")["variants"]
    assert [item["insertText"] for item in again] == [item["insertText"] for item in before]
