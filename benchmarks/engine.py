"""How fast the engine reads and writes: the native library, torch, llama.cpp on the same weights.

Run from the repository as `python -m benchmarks.engine [--model FOLDER] [--threads N] [--rounds N]
[--llama] [--json]`. Owns what is timed: reading so many tokens from an empty state with the logits
after the last one, and writing tokens one by one. The sides take turns, and the best round of each
counts, since whatever else the machine does only ever makes things slower. `--llama` needs what
`python -m benchmarks.peer.build` builds, and exports the weights in blocks of 8 bits: bit for bit
where ours have 8, and rounded once more where they have 4.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from stateline.model import PRETRAINED
from stateline.model.errors import ModelFolderError
from stateline.model.folder.files import read_config
from stateline.model.networks.interface import Network
from stateline.model.networks.native.native_network import NativeNetwork

READ_TOKENS = (4, 32, 128, 1024)
CHUNK_TOKENS = 64  # as the engine reads
WRITE_TOKENS = 64
WRITE = "write"

Rates = dict[str, float]  # tokens a second, by "write" and "read N"


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        sides = _sides(chosen)
    except (ModelFolderError, OSError) as error:
        raise SystemExit(str(error)) from None
    best: dict[str, Rates] = {name: {} for name in sides}
    for _ in range(chosen.rounds):
        for name, measure in sides.items():
            for what, rate in measure().items():
                best[name][what] = max(rate, best[name].get(what, 0.0))
    report = {
        "model": str(chosen.model),
        "threads": chosen.threads,
        "rounds": chosen.rounds,
        "tokens_per_s": best,
        "ceilings": ceilings(),
    }
    print(json.dumps(report) if chosen.json else told(report))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks.engine", description=__doc__)
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="a model folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--llama", action="store_true", help="llama.cpp too")
    parser.add_argument("--json", action="store_true")
    return parser


def _sides(chosen: argparse.Namespace) -> dict[str, Callable[[], Rates]]:
    config = read_config(chosen.model)
    sides: dict[str, Callable[[], Rates]] = {}
    if (native := NativeNetwork.load(chosen.model, config, chosen.threads)) is not None:
        sides[f"native {native.isa}"] = lambda: rates(native)
    from stateline.model.networks.torch.torch_network import TorchNetwork

    torch = TorchNetwork.load(chosen.model, config, "cpu", chosen.threads)
    sides["torch float32"] = lambda: rates(torch)
    if chosen.llama:
        path = exported(chosen.model)
        sides["llama.cpp q8_0"] = lambda: llama_rates(path, chosen.threads)
    return sides


def rates(network: Network) -> Rates:
    """One round of everything on one of our networks."""
    tokens = np.random.default_rng(0).integers(0, network.config.vocab_size, max(READ_TOKENS))
    ids = tokens.tolist()
    found = {f"read {n}": n / _seconds(lambda n=n: _read(network, ids[:n])) for n in READ_TOKENS}
    found[WRITE] = WRITE_TOKENS / _seconds(lambda: _write(network, ids[:WRITE_TOKENS]))
    return found


def _read(network: Network, ids: list[int]) -> None:
    state = network.zero_state()
    for start in range(0, len(ids), CHUNK_TOKENS):
        chunk = ids[start : start + CHUNK_TOKENS]
        last = start + CHUNK_TOKENS >= len(ids)
        _, state = network.advance_all(chunk, state, 1 if last else 0)


def _write(network: Network, ids: list[int]) -> None:
    state = network.zero_state()
    for token in ids:
        logits, state = network.advance([token], state)
        logits.argmax()


def _seconds(work: Callable[[], None]) -> float:
    """The faster of two runs."""
    times = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def exported(folder: Path) -> Path:
    """The model as GGUF in blocks of 8 bits, the very numbers that we compute with."""
    from .peer.gguf import FileType, export

    path = Path(tempfile.mkdtemp()) / "q8_0.gguf"
    return export(folder, path, FileType.Q8_0)


def llama_rates(path: Path, threads: int) -> Rates:
    """One round of llama-bench."""
    from .peer.build import BENCH

    if not BENCH.exists():
        raise SystemExit("There is no llama-bench; run 'python -m benchmarks.peer.build' first.")
    prompts = ",".join(map(str, READ_TOKENS))
    line = [str(BENCH), "-m", str(path), "-p", prompts, "-n", str(WRITE_TOKENS), "-t"]
    line += [str(threads), "-ngl", "0", "-r", "2", "-o", "json"]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode < 0:  # it takes to AMX where the processor has it and the system denies it
        done = subprocess.run([*line, "--repack", "0"], capture_output=True, text=True, check=True)
    found: Rates = {}
    for run in json.loads(done.stdout):
        what = f"read {run['n_prompt']}" if run["n_prompt"] else WRITE
        found[what] = max(run["samples_ts"])
    return found


def ceilings() -> dict[str, float]:
    """What the machine gives one thread of NumPy: bytes read a second, float32 products a second.

    The weights of a small model lie in a cache, so the bytes are measured there as well.
    """
    found = {}
    for name, mib in (("cache", 4), ("memory", 256)):
        numbers = np.ones(mib << 18, np.float32)
        found[f"{name} GB/s"] = numbers.nbytes / _seconds(lambda n=numbers: n.max()) / 1e9
    square = np.ones((512, 512), np.float32)
    found["float32 GMAC/s"] = 512**3 / _seconds(lambda: square @ square) / 1e9
    return found


def told(report: dict[str, Any]) -> str:
    """The table."""
    sides: dict[str, Rates] = report["tokens_per_s"]
    rows = [f"tokens/s, {report['threads']} thread(s), best of {report['rounds']} rounds"]
    rows.append(f"{'':12}" + "".join(f"{name:>18}" for name in sides))
    for what in (WRITE, *(f"read {n}" for n in READ_TOKENS)):
        rows.append(f"{what:12}" + "".join(f"{each[what]:18,.0f}" for each in sides.values()))
    rows += [f"{name}: {value:.1f}" for name, value in report["ceilings"].items()]
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
