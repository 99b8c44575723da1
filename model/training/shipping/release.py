"""From a finished training run to a model folder that is shipped.

Owns which of a run's weights are taken, and what a shipped folder holds: config, tokenizer,
weights in 4-bit blocks, what `learn` says of the model, and the picture of the loss. The model card
is written by hand, from what `stateline evaluate` prints.

    python -m stateline.model.training.shipping.release RUN OUT --corpus DIR
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ..corpus.corpus import LEARN
from ..judging.figures import progress
from ..judging.judges import Steps
from ..run.curve import draw
from ..run.run import AVERAGED
from .learn import USUAL, Effort, learn
from .shrink import shrink

WEIGHTS = "model.safetensors"


def better_weights(run: Path) -> Path:
    """The file of the run's last or of its averaged weights, whichever did better when it ended."""
    last = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    averaged = last.get("averaged_bits_per_byte", float("inf"))
    if averaged < last.get("heldout_bits_per_byte", float("inf")):
        return run / AVERAGED
    return run / WEIGHTS


def release(run: Path, out: Path, corpus: Path, steps: Steps, effort: Effort = USUAL) -> None:
    """Write the folder `out` from the finished run; minutes, for much of it has to be learned."""
    if not (run / WEIGHTS).is_file():
        raise SystemExit(
            f"{run} holds no finished run; `stateline train ... --out {run}` makes one."
        )
    out.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(run / name, out / name)
    shutil.copyfile(better_weights(run), out / WEIGHTS)
    shrink(out, corpus / LEARN, out / WEIGHTS)
    learn(out, corpus, steps, effort)
    draw(run / "log.jsonl", out / "loss.png")


def main(
    run: Annotated[Path, typer.Argument(help="The --out folder of `stateline train`.")],
    out: Annotated[Path, typer.Argument(help="The model folder to write.")],
    corpus: Annotated[Path, typer.Option(help="Where `stateline corpus build` put its shards.")],
) -> None:
    """Turn a finished run into a model folder."""
    with progress() as steps:
        release(run, out, corpus, steps)


if __name__ == "__main__":
    typer.run(main)
