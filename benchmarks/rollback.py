"""What it costs to take tokens back, at the state's size of a 7B model: a log against snapshots.

Run from the repository as `python -m benchmarks.rollback [--layers N] [--threads N] [--json]`. Owns
a model of random weights with the shapes of Mamba-Codestral-7B and few of its layers, since each
costs the same. Every state that the log leads to is compared, bit for bit, with reading to there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from stateline.model.folder.config import Mamba2Config
from stateline.model.folder.weights import Stored
from stateline.model.networks.native.native_library import library
from stateline.model.networks.native.native_network import NativeNetwork

SHAPES = {"d_model": 4096, "d_state": 128, "headdim": 64, "n_groups": 8, "vocab_size": 1024}
LAYERS_OF_7B = 64
READ_TOKENS, BACK = 16, (1, 4, 8, 15)  # of them are taken back
MIB = 1 << 20


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("benchmarks.rollback", description=__doc__)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    native = library()
    if native is None:
        raise SystemExit("The native library was not built; install Stateline with a C compiler.")
    config = Mamba2Config(n_layer=chosen.layers, **SHAPES)
    network = NativeNetwork(native, config, _random(config), chosen.threads)
    report = {"layers": chosen.layers, "threads": chosen.threads, **measured(network)}
    print(json.dumps(report) if chosen.json else told(report))
    return 0


def _random(config: Mamba2Config) -> dict[str, Stored]:
    """Weights in bfloat16 as a file would have them, small enough that nothing overflows."""
    noise = np.random.default_rng(0)
    found = {}
    for name, shape in config.tensor_shapes().items():
        numbers = noise.standard_normal(shape, np.float32) * 0.02
        found[name] = Stored("BF16", (numbers.view(np.uint32) >> 16).astype(np.uint16))
    return found


def measured(network: NativeNetwork) -> dict[str, Any]:
    """Bytes and milliseconds of both ways."""
    ids = np.random.default_rng(1).integers(0, network.config.vocab_size, READ_TOKENS).tolist()
    zero = network.zero_state()
    rows = []
    for back in BACK:
        keep = READ_TOKENS - back
        trail = network.trail(zero)
        trail.read(ids)
        undo_ms = _ms(lambda trail=trail, back=back: trail.back(back))
        again, read_ms = _timed(lambda keep=keep: network.advance(ids[:keep], zero)[1])
        assert np.array_equal(trail.state(keep).numbers, again.numbers), "the log led astray"
        rows.append({"back": back, "by the log, ms": undo_ms, "by reading again, ms": read_ms})
    return {
        "state MiB": zero.nbytes / MIB,
        "log MiB per token": trail.token_bytes / MIB,
        "copying a state, ms": _ms(lambda: zero.numbers.copy()),
        "rows": rows,
    }


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return work(), (time.perf_counter() - began) * 1000


def _ms(work: Callable[[], Any]) -> float:
    return _timed(work)[1]


def told(report: dict[str, Any]) -> str:
    """The table."""
    state, log = report["state MiB"], report["log MiB per token"]
    whole = LAYERS_OF_7B / report["layers"]
    lines = [
        f"{report['layers']} of {LAYERS_OF_7B} layers, {report['threads']} thread(s)",
        f"a state: {state:.1f} MiB (all layers: {state * whole:.0f} MiB), "
        f"copied in {report['copying a state, ms']:.1f} ms",
        f"the log: {log:.3f} MiB a token (all layers: {log * whole:.1f} MiB), "
        f"1/{state / log:.0f} of a state",
        f"of {READ_TOKENS} tokens, taken back:",
    ]
    for row in report["rows"]:
        lines.append(
            f"  {row['back']:3}: by the log {row['by the log, ms']:7.1f} ms, "
            f"by reading the others again {row['by reading again, ms']:7.1f} ms"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
