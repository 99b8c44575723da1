"""Where a token's time goes in the native library, and how far each part is from the best.

Run from the repository as `python -m benchmarks.account [--model FOLDER] [--rounds N] [--json]`,
with a C compiler. Owns the parts, what each has to multiply and to move, and the ceilings: products
from registers alone, and bytes read or copied by one thread. The library is compiled once more,
with clock readings between its parts (account.c); one thread, the best of the rounds.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stateline.model import PRETRAINED
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.files import read_config
from stateline.model.folder.weights import load_tensors
from stateline.model.networks.native.native_library import bound
from stateline.model.networks.native.native_network import NativeNetwork

PARTS = ("rest", "norms", "in_proj", "convolution", "scan", "gate", "out_proj", "head")
READ, WRITE = (64, 16), (1, 256)  # tokens of a call, calls
SOURCES = Path(__file__).parents[1] / "model" / "networks" / "native"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Work:
    """What a part has to do for one token when `together` are read at once."""

    products: float = 0.0  # of whole numbers or floats
    read_bytes: float = 0.0
    copied_bytes: float = 0.0
    floats: bool = False


BYTES = {"F32": 4, "BF16": 2, "I8": 1 + 4 / 32, "I32": 0.5 + 2 / 32}  # of a weight and its scale


def works(config: Mamba2Config, together: int, dtype: str) -> dict[str, Work]:
    """The parts that have a ceiling, of all layers, if all matrices are stored as `dtype`."""
    layers, byte = config.n_layer, BYTES[dtype]

    def product(rows: int, columns: int, times: int) -> Work:
        size = rows * columns * times
        return Work(size, size * byte / together)

    state = config.d_inner * config.d_state * layers
    found = {
        "in_proj": product(config.d_in_proj, config.d_model, layers),
        "out_proj": product(config.d_model, config.d_inner, layers),
        # Three operations a number: decay it, add to it, and add it to the output.
        "scan": Work(3 * state, 0, state * 4 / together, floats=True),
    }
    if together == 1:  # while reading, only the last token's logits are wanted
        found["head"] = product(config.vocab_size, config.d_model, 1)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.account", description=__doc__)
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="a model folder")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        native = compiled(Path(folder))
        config = read_config(chosen.model)
        tensors = load_tensors(chosen.model, config)
        network = NativeNetwork(native, config, tensors, 1)
        dtype = tensors["backbone.embedding.weight"].dtype
        report = measured(native, network, chosen.rounds, dtype)
    print(json.dumps(report) if chosen.json else told(report))
    return 0


def compiled(folder: Path) -> ctypes.CDLL:
    """The library with clock readings; SystemExit without a compiler."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    sources = [each for each in sorted(SOURCES.glob("*.c")) if each.name != "module.c"]
    path = folder / "account.so"
    line = [compiler, "-std=gnu11", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-Wno-psabi"]
    line += [f"-I{SOURCES}", "-include", str(HERE / "account.h")]
    line += [*map(str, sources), str(HERE / "account.c"), "-lm", "-lpthread", "-o", str(path)]
    try:
        subprocess.run(line, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        raise SystemExit(f"The library could not be compiled with {compiler}: {said}") from None
    native = bound(path)
    if native is None:
        raise SystemExit(f"{path} cannot be loaded here.")
    native.account_of.restype = native.account_bandwidth.restype = ctypes.c_double
    native.account_products.restype = ctypes.c_double
    native.account_bandwidth.argtypes = [ctypes.c_int64, ctypes.c_int]
    return native


def measured(
    native: ctypes.CDLL, network: NativeNetwork, rounds: int, dtype: str
) -> dict[str, Any]:
    """Microseconds a token by part, reading and writing, and the ceilings."""
    config = network.config
    weights = sum(w.read_bytes for w in works(config, 1, dtype).values())
    state = network.zero_state().nbytes
    return {
        "isa": network.isa,
        "us_per_token": {
            "read": _parts(native, network, *READ, rounds),
            "write": _parts(native, network, *WRITE, rounds),
        },
        "ceilings": {
            "products of 16 bits a second": native.account_products(0),
            "products of floats a second": native.account_products(1),
            f"bytes read a second, of {weights / 1e6:.1f} MB": native.account_bandwidth(
                int(weights) // 64 * 64, 0
            ),
            f"bytes copied a second, of {state / 1e6:.1f} MB": native.account_bandwidth(
                state // 64 * 64, 1
            ),
        },
        "works": {
            "read": {name: vars(work) for name, work in works(config, READ[0], dtype).items()},
            "write": {name: vars(work) for name, work in works(config, WRITE[0], dtype).items()},
        },
    }


def _parts(
    native: ctypes.CDLL, network: NativeNetwork, together: int, calls: int, rounds: int
) -> dict[str, float]:
    ids = np.random.default_rng(0).integers(0, network.config.vocab_size, together).tolist()
    best: dict[str, float] = {}
    for _ in range(rounds):
        trail = network.trail(network.zero_state())
        state = network.zero_state()
        native.account_begin()
        for _ in range(calls):
            if together == 1:
                trail.read(ids)
            else:
                _, state = network.advance_all(ids, state, 0)
        found = {
            name: native.account_of(i) * 1e6 / (calls * together) for i, name in enumerate(PARTS)
        }
        if not best or sum(found.values()) < sum(best.values()):
            best = found
    return best


def told(report: dict[str, Any]) -> str:
    """The tables."""
    products, floats, read, copied = report["ceilings"].values()
    lines = [f"{name}: {value / 1e9:.1f} G" for name, value in report["ceilings"].items()]
    for what, parts in report["us_per_token"].items():
        total = sum(parts.values())
        lines.append(f"\n{what} ({report['isa']}, 1 thread): {total:.1f} us a token")
        lines.append(f"{'part':14}{'us':>8}{'share':>8}  least us, by what binds it")
        for name, us in parts.items():
            work = report["works"][what].get(name)
            row = f"{name:14}{us:8.1f}{us / total:8.0%}"
            if work:
                rate = floats if work["floats"] else products
                multiplying = work["products"] / rate * 1e6
                moving = (work["read_bytes"] / read + work["copied_bytes"] / copied) * 1e6
                by = "products" if multiplying > moving else "bytes"
                least = max(multiplying, moving)
                row += f"  {least:6.1f} ({by}; {least / us:.0%} of the ceiling)"
            lines.append(row)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
