"""The loss curve of a training run, as a picture.

Owns the plot. Knows the trainer's log and nothing else.

    python -m stateline.model.training.run.curve RUN/log.jsonl RUN/loss.png
"""

from __future__ import annotations

import json
from pathlib import Path

SMOOTHING_STEPS = 50
MEASURED = {"heldout_bits_per_byte": "tab:orange", "averaged_bits_per_byte": "tab:green"}


def draw(log: Path, picture: Path) -> None:
    """Nats per token by step, smoothed, and held-out bits per byte where they were measured."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    rows = {row["step"]: row for row in map(json.loads, log.read_text().splitlines())}
    steps = sorted(rows)  # a resumed run repeats some steps: the last word counts
    smooth, curve = rows[steps[0]]["loss"], []
    for step in steps:
        smooth += (rows[step]["loss"] - smooth) / SMOOTHING_STEPS
        curve.append(smooth)
    figure, axes = pyplot.subplots(figsize=(7, 3.5), dpi=110)
    axes.plot(steps, curve, linewidth=1)
    axes.set(xlabel="step", ylabel="training loss, nats per token")
    checked = [step for step in steps if "heldout_bits_per_byte" in rows[step]]
    if checked:
        right = axes.twinx()
        for name, colour in MEASURED.items():
            points = [step for step in checked if name in rows[step]]
            values = [rows[step][name] for step in points]
            right.plot(points, values, "o-", color=colour, markersize=3)
        right.set_ylabel("held-out bits per byte")
        right.legend(title="weights", labels=["last", "averaged"][: len(right.lines)])
    figure.tight_layout()
    figure.savefig(picture)
    pyplot.close(figure)


if __name__ == "__main__":
    import typer

    typer.run(draw)
