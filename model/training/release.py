"""From a finished training run to a model folder that is shipped.

Owns which of a run's weights are taken, and what a shipped folder holds: config, tokenizer,
weights in 8-bit blocks, the memory's weights and the picture of the loss. The model card is
written by hand, from what `stateline evaluate` prints.

    python -m stateline.model.training.release RUN OUT
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer
from safetensors.torch import load_file

from ..appetite import write_appetite
from ..completer import Appetite
from ..engine import Engine
from ..memory import write_trust
from ..quantize import save_quantized
from ..torch_network import TorchNetwork
from .curve import draw
from .run import AVERAGED
from .trust import LEARNING_TEXTS, all_texts, learn

WEIGHTS = "model.safetensors"
# The evaluation of small models: other files help the memory as far as was measured, the state not
# at all. A larger model is to be measured, and its workspace.json written, by hand.
SMALL_APPETITE = Appetite(read_tokens=0, recalled_tokens=16_384, chars_per_token=3.7)


def better_weights(run: Path) -> Path:
    """The file of the run's last or of its averaged weights, whichever did better when it ended."""
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    averaged = last.get("averaged_bits_per_byte", float("inf"))
    if averaged < last.get("heldout_bits_per_byte", float("inf")):
        return run / AVERAGED
    return run / WEIGHTS


def release(run: Path, out: Path, texts: int = LEARNING_TEXTS) -> None:
    """Write the folder `out` from the finished run; minutes, for the memory has to be learned."""
    if not (run / WEIGHTS).is_file():
        raise SystemExit(
            f"{run} holds no finished run; `stateline train ... --out {run}` makes one."
        )
    out.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(run / name, out / name)
    save_quantized(load_file(better_weights(run)), out / WEIGHTS)
    engine = Engine.open(out, network=TorchNetwork.load)
    write_trust(learn(engine, all_texts(engine.tokenizer, texts)), out)
    write_appetite(SMALL_APPETITE, out)
    draw(run / "log.jsonl", out / "loss.png")


def main(
    run: Annotated[Path, typer.Argument(help="The --out folder of `stateline train`.")],
    out: Annotated[Path, typer.Argument(help="The model folder to write.")],
) -> None:
    """Turn a finished run into a model folder."""
    release(run, out)


if __name__ == "__main__":
    typer.run(main)
