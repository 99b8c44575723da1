"""mamba-ssm's kernels: how they are found, what they agree with, and when torch's are used."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from stateline.model.folder.config import Mamba2Config
from stateline.model.networks.torch import kernels_ssd
from stateline.model.networks.torch.kernels import TORCH
from stateline.model.networks.torch.kernels_ssd import (
    Shape,
    around,
    best_kernels,
    disagreement,
    few,
)
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.training.run import workers

ROOT = Path(__file__).parent.parent
INSTALLED = ROOT / "build" / "kernels"
INTERPRETED = {"TRITON_INTERPRET": "1", "MAMBA_DETERMINISTIC": "1", "TRITON_F32_DEFAULT": "ieee"}
SHAPE = Shape(b=2, l=20, h=4, p=8, g=2, n=8)
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
WITHOUT = "mamba-ssm and Triton are not in build/kernels; `make kernels` puts them there."


@pytest.mark.skipif(
    not INSTALLED.is_dir() and os.environ.get("CI") != "true",
    reason=WITHOUT,
)
def test_losses_gradients_and_states_are_those_of_torch_however_a_text_is_cut():
    path = os.pathsep.join(filter(None, [str(INSTALLED), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("interpreted_kernels.py"))],
        env=os.environ | INTERPRETED | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{WITHOUT if not INSTALLED.is_dir() else ''}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert found.pop("package ran") == 0, "mamba-ssm's own __init__ wants a compiled extension"
    assert found.pop("scan in float16") < 2e-3
    assert len(found) == 8
    assert {what: off for what, off in found.items() if not off < 2e-6} == {}


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> Path:
    """Something like mamba-ssm: a package that cannot be imported, with operations that can."""
    files = {
        "mamba_ssm/__init__.py": "raise ImportError('the compiled extension is missing')",
        "mamba_ssm/utils/__init__.py": "",
        "mamba_ssm/utils/determinism.py": "def autotune_configs(configs):\n    return configs\n",
        "mamba_ssm/ops/__init__.py": "",
        "mamba_ssm/ops/triton/__init__.py": "",
        "mamba_ssm/ops/triton/ssd_combined.py": (
            "from types import SimpleNamespace as Config\n"
            "from mamba_ssm.utils.determinism import autotune_configs\n"
            "CONFIGS = autotune_configs(\n"
            "    [Config(kwargs={'BLOCK_SIZE_H': h}, num_warps=4) for h in (1, 2, 4, 8, 16)]\n"
            ")\n"
            "def mamba_chunk_scan_combined(x, dt, A, B, C, chunk_size, D, initial_states,\n"
            "                              return_final_states):\n"
            "    return x * chunk_size, initial_states\n"
        ),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in [name for name in sys.modules if name.split(".")[0] == "mamba_ssm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "mamba_ssm"]:
        del sys.modules[name]


def test_only_the_operations_are_imported_and_few_configurations_compete(package: Path):
    scan = kernels_ssd.scan_in_chunks(32)
    x, state = torch.ones(1, 2, 1, 1), torch.ones(1, 1, 1, 1)
    y, after = scan(x, x[..., 0], x[0, 0, 0], x, x, x[0, 0, 0], state)
    assert y.tolist() == (x * 32).tolist()
    assert after is state
    operations = sys.modules["mamba_ssm.ops.triton.ssd_combined"]
    assert [config.kwargs["BLOCK_SIZE_H"] for config in operations.CONFIGS] == [4, 16]
    determinism = sys.modules["mamba_ssm.utils.determinism"]
    assert determinism.autotune_configs([1, 2, 3]) == [1, 2, 3], "others choose as they did"


def test_a_package_that_is_imported_already_is_used_as_it_is(package: Path):
    (package / "mamba_ssm" / "__init__.py").write_text("whole = True")
    import mamba_ssm

    kernels_ssd.scan_in_chunks(32)
    assert sys.modules["mamba_ssm"] is mamba_ssm
    assert mamba_ssm.whole


def test_a_package_without_its_operations_leaves_nothing_behind(package: Path):
    (package / "mamba_ssm" / "ops" / "triton" / "ssd_combined.py").write_text("import no_triton")
    kernels, why = best_kernels(SHAPE, 32, CUDA)
    assert kernels is TORCH
    assert "no_triton" in why
    assert "mamba_ssm" not in sys.modules


def test_without_mamba_ssm_torchs_kernels_are_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "mamba_ssm", None)
    kernels, why = best_kernels(SHAPE, 32, CUDA)
    assert kernels is TORCH
    assert why.startswith("mamba-ssm's kernels cannot be used here")
    assert best_kernels(SHAPE, 32, CPU)[0] is TORCH


@pytest.mark.parametrize(("slower", "name"), [(1.0, "mamba-ssm"), (0.9, "torch")])
def test_kernels_that_compute_something_else_are_not_used(monkeypatch, slower: float, name: str):
    """As on chips whose compiler makes wrong code of them."""

    def scan(x, dt, A, B, C, D, state):
        return TORCH.scan(x.float(), dt * slower, A, B.float(), C.float(), D, state)

    monkeypatch.setattr(kernels_ssd, "scan_in_chunks", lambda chunk: scan)
    monkeypatch.setattr(kernels_ssd, "disagreement", lambda s, h, t, _: disagreement(s, h, t, CPU))
    kernels, why = best_kernels(SHAPE, 32, CUDA)
    assert kernels.name == name
    assert ("something else" in why) is (name == "torch")


def test_few_configurations_are_left_of_many():
    def configurations(**sizes: tuple[int, ...]) -> list[SimpleNamespace]:
        rows = [dict(zip(sizes, each, strict=True)) for each in zip(*sizes.values(), strict=True)]
        return [SimpleNamespace(kwargs=row, num_warps=4) for row in rows]

    squares = configurations(
        BLOCK_SIZE_M=(128, 64, 64, 32, 128, 64),
        BLOCK_SIZE_N=(256, 64, 32, 64, 64, 64),
        BLOCK_SIZE_K=(64, 32, 32, 32, 32, 64),
    )
    assert few(squares) == squares[1:5]
    strange = configurations(BLOCK_SIZE_M=(8, 8, 8), BLOCK_SIZE_N=(8, 16, 24))
    assert few(strange) == strange[:2], "there is always one to use"
    assert len(few(configurations(BLOCK_SIZE=(512,) * 9))) == 4


def test_compiled_and_in_half_precision_the_direction_of_training_is_the_same(monkeypatch):
    """What surrounds the scan on a GPU, traced and differentiated as there, but not compiled."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    config = Mamba2Config(d_model=16, n_layer=2, vocab_size=40, d_state=8, headdim=8)
    dtypes = []

    def scan(x, dt, A, B, C, D, state):
        dtypes.append((x.dtype, dt.dtype, A.dtype, B.dtype, D.dtype, state.dtype))
        y, after = TORCH.scan(x.float(), dt, A, B.float(), C.float(), D, state)
        return y.to(x.dtype), after

    found = []
    for kernels in (TORCH, kernels_ssd.compiled(around(scan))):
        torch.manual_seed(0)
        model = Mamba2(config, kernels)
        states = workers._flat(model.zero_state(2))
        tokens = torch.randint(40, (2, 33))
        with torch.autocast("cpu", torch.bfloat16, enabled=kernels is not TORCH):
            loss, after = workers.loss_of(model, tokens, states, torch.ones(2))
        loss.backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
        assert {t.dtype for t in (*after, gradient, loss)} == {torch.float32}
        found.append((loss.item(), gradient))
    wide, narrow = torch.float32, torch.bfloat16
    assert set(dtypes) == {(narrow, wide, wide, narrow, wide, wide)}
    assert found[1][0] == pytest.approx(found[0][0], rel=0.01)
    assert torch.cosine_similarity(found[0][1], found[1][1], dim=0) > 0.99
