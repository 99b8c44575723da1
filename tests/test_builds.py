"""Where Stateline has to install and run: without a compiler, on old processors, one core, arm64.

In each place it completes, and says what it computes with. `make builds` runs the long form, with
whole processes on emulated processors, and prints what was said.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from stateline.lsp_server.client.client import Client
from stateline.lsp_server.client.connection import Connection
from stateline.model.networks.native.native_library import ISA_VARIABLE

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
(EXTENSION,) = PROJECT["tool"]["setuptools"]["ext-modules"]
SOURCES = [ROOT / each for each in EXTENSION["sources"] if not each.endswith("module.c")]

CODE = (
    "class Box:\n    def __init__(self, value, name):\n        self.value = value\n        self.na"
)
PLACE, COMPLETED = "box.py:4:16", "me = name"
STATELINE = (sys.executable, "-m", "stateline.lsp_server.cli")
ON_ONE_CORE = (
    sys.executable,
    "-c",
    "import os, sys; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])",
)

long_form = pytest.mark.skipif(
    os.environ.get("STATELINE_BUILDS") != "all", reason="`make builds` runs this"
)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these emulators")
on_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="this processor is no x86-64")


def said(*command, code=0, **changes):
    """What a command prints, its words a space apart; `changes` are of the environment."""
    environment = {**os.environ, **{name: str(value) for name, value in changes.items()}}
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    print(done.stdout)
    return " ".join((done.stdout + done.stderr * bool(code)).split())


def tool(name, package):
    found = shutil.which(name)
    return found or pytest.skip(f"there is no {name}; {package} brings it")


@pytest.fixture(autouse=True)
def box(tmp_path, monkeypatch):
    """A file to complete in, where the commands run."""
    (tmp_path / "box.py").write_text(CODE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(ISA_VARIABLE, raising=False)


# Installing, as pip does it. What else is needed is linked from the tests' own environment.


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """All that this environment has, but Stateline and torch; and torch."""
    if sys.platform == "win32":
        pytest.skip("Windows lets not everybody make links")
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("setuptools is older than 77; pip installs a newer one")
    most, torch = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("torch")
    for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for each in Path(site).iterdir():
            if not each.name.startswith(("stateline", "__editable__")):
                folder = torch if each.name.startswith("torch") else most
                (folder / each.name).symlink_to(each)
    return most, torch


def installed(folder, packages, **changes):
    """Stateline's command, installed into an environment of its own."""
    clean = shutil.ignore_patterns("_native.*", "__pycache__")
    for name in ("model", "lsp_server"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=clean)
    for name in ("pyproject.toml", *PROJECT["project"]["license-files"], "README.md"):
        shutil.copy(ROOT / name, folder / "source")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    said(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--no-index", "--no-build-isolation", folder / "source",
        PYTHONPATH=packages[0], PYTHONDONTWRITEBYTECODE=1, **changes,
    )  # fmt: skip
    return python.with_name("stateline")


@pytest.fixture(scope="module")
def uncompiled(tmp_path_factory, packages):
    return installed(tmp_path_factory.mktemp("uncompiled"), packages, CC="/bin/false")


def test_without_a_compiler_torch_computes_and_doctor_says_so(uncompiled, packages):
    path = os.pathsep.join(map(str, packages))
    doctor = said(uncompiled, "doctor", PYTHONPATH=path)
    assert "torch kernels" in doctor
    assert "native library not in use" in doctor
    assert "install a C compiler" in doctor
    assert said(uncompiled, "complete", PLACE, PYTHONPATH=path) == COMPLETED


@pytest.mark.parametrize(("words", "code"), [(("doctor",), 1), (("complete", PLACE), 2)])
def test_without_torch_either_a_sentence_says_what_to_do(uncompiled, packages, words, code):
    sentence = said(uncompiled, *words, code=code, PYTHONPATH=packages[0])
    assert "Neither the native library nor torch is here" in sentence
    assert "run pip install 'stateline[torch]'" in sentence
    assert "C compiler" in sentence


def test_training_without_torch_says_what_it_needs(uncompiled, packages):
    words = ("train", "recipe.toml", "--corpus", ".", "--out", "out")
    sentence = said(uncompiled, *words, code=2, PYTHONPATH=packages[0])
    assert "Training needs torch; run pip install 'stateline[train]'." in sentence


# Instruction sets, masked by the variable and by a processor that has none.


@pytest.mark.parametrize("isa", ["plain", pytest.param("avx2", marks=on_x86)])
def test_a_masked_processor_writes_the_same(isa):
    if isa != "plain" and isa not in Path("/proc/cpuinfo").read_text():
        pytest.skip(f"this processor has no {isa}")
    assert f"native kernels ({isa})" in said(*STATELINE, "doctor", **{ISA_VARIABLE: isa})
    assert said(*STATELINE, "complete", PLACE, **{ISA_VARIABLE: isa}) == COMPLETED


def programs(compiler, folder, *linked):
    """The programs in C, one that says what is chosen and one that tries everything."""
    for name in ("native_choice", "native_trial"):
        main = Path(__file__).with_name(f"{name}.c")
        said(compiler, f"-I{SOURCES[0].parent}", main, *linked, "-pthread", "-lm", "-o",
             folder / name)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """On the library as it was installed."""
    found = find_spec("stateline.model.networks.native._native")
    if found is None:
        pytest.skip("the native library was not built")
    library = Path(found.origin)
    folder = tmp_path_factory.mktemp("ours")
    return programs(tool("cc", "gcc"), folder, library, f"-Wl,-rpath,{library.parent}")


@on_linux
@on_x86
@pytest.mark.parametrize(
    ("processor", "chosen"),
    [
        ("qemu64", "plain"),
        ("Haswell,-avx2,-avx512f", "plain"),
        ("Haswell,-avx512f", "avx2"),
    ],
)
def test_what_the_processor_has_not_is_not_chosen(ours, processor, chosen):
    emulator = (tool("qemu-x86_64", "qemu-user"), "-cpu", processor)
    assert said(*emulator, ours / "native_choice") == chosen


@on_linux
@on_x86
@pytest.mark.parametrize("processor", ["qemu64", pytest.param("Haswell,-avx512f", marks=long_form)])
def test_it_computes_on_such_a_processor(ours, processor):
    emulator = (tool("qemu-x86_64", "qemu-user"), "-cpu", processor)
    assert "agrees" in said(*emulator, ours / "native_trial")


@on_linux
@on_x86
@long_form
def test_all_of_it_runs_on_such_a_processor(tmp_path, packages):
    """Nehalem is the oldest on which NumPy runs, and has no AVX."""
    emulator = (tool("qemu-x86_64", "qemu-user"), "-cpu", "Nehalem")
    stateline = installed(tmp_path, packages)
    command = (*emulator, stateline.with_name("python"), stateline)
    doctor = said(*command, "doctor", PYTHONPATH=packages[0])
    assert "native kernels (plain)" in doctor
    assert said(*command, "complete", PLACE, PYTHONPATH=packages[0]) == COMPLETED


# One core.


@on_linux
def test_on_one_core_there_is_one_thread():
    program = (
        "from stateline.model import PRETRAINED;"
        "from stateline.model.folder.files import read_config;"
        "from stateline.model.networks.native.native_network import NativeNetwork;"
        "print(NativeNetwork.load(PRETRAINED, read_config(PRETRAINED)).runtime)"
    )
    assert said(*ON_ONE_CORE, "-c", program).endswith(" 1 thread")
    assert "native kernels" in said(*ON_ONE_CORE, *STATELINE[1:], "doctor")


@on_linux
@pytest.mark.parametrize("threads", [0, 2])
def test_on_one_core_the_server_answers(threads):
    with Client(Connection([*ON_ONE_CORE, *STATELINE[1:], "lsp"])) as client:
        client.initialize({"confidence": 0.0, "threads": threads})
        client.open("file:///box.py", "python", CODE)
        item, *_ = client.suggest("file:///box.py", len(CODE), invoked=True).items()
        assert item.text.startswith(COMPLETED)
        assert client.shutdown() == 0


# Another processor altogether.


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign")
    compiler = tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    objects = [folder / f"{source.stem}.o" for source in SOURCES]
    for source, made in zip(SOURCES, objects, strict=True):
        said(compiler, *EXTENSION["extra-compile-args"], "-c", source, "-o", made)
    return programs(compiler, folder, *objects, "-static")


@on_linux
def test_on_arm64_it_computes_with_what_every_such_processor_has(foreign):
    emulator = tool("qemu-aarch64", "qemu-user")
    assert said(emulator, foreign / "native_choice") == "plain"
    assert "agrees" in said(emulator, foreign / "native_trial")


@on_linux
@long_form
def test_the_extension_is_built_for_arm64(tmp_path, packages, monkeypatch):
    compiler = tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    monkeypatch.chdir(ROOT)
    said(
        sys.executable, "-c", "from setuptools import setup; setup()", "-q",
        "build_ext", "--build-lib", tmp_path / "lib", "--build-temp", tmp_path / "temp",
        CC=compiler, LDSHARED=f"{compiler} -shared",
    )  # fmt: skip
    (library,) = (tmp_path / "lib").rglob("_native.*")
    assert library.read_bytes()[18:20] == b"\xb7\x00", "the ELF header names another processor"
