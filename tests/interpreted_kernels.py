"""mamba-ssm's kernels on a CPU, by Triton's interpreter: how far they are from torch's.

Run in a process of its own, with build/kernels on its path and Triton told to interpret: prints one
JSON object of largest differences. Knows no pytest.
"""

import contextlib
import json
import sys
import types

import torch
from stateline.model.folder.config import Mamba2Config
from stateline.model.networks.torch.kernels import TORCH, Kernels
from stateline.model.networks.torch.kernels_ssd import (
    PACKAGE,
    Shape,
    around,
    disagreement,
    scan_in_chunks,
)
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.training.run import workers

CPU = torch.device("cpu")
CONFIG = Mamba2Config(
    d_model=8, n_layer=1, vocab_size=20, d_state=4, headdim=8, n_groups=2, dt_limit=(0.001, 0.1)
)
SHAPE = Shape(b=1, l=21, h=2, p=4, g=1, n=8)


def pretend_to_have_a_gpu() -> None:
    """Around its launches mamba-ssm chooses a device, and asks how many processors it has."""
    torch.cuda.device = lambda *_: contextlib.nullcontext()
    torch.cuda.get_device_properties = lambda *_: types.SimpleNamespace(multi_processor_count=2)


def model_with(kernels: Kernels) -> Mamba2:
    torch.manual_seed(0)
    model = Mamba2(CONFIG, kernels)
    with torch.no_grad():  # nothing may hide in a one or a zero
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def apart(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> float:
    """The largest difference, relative to the largest number of its tensor."""
    pairs = zip(ours, theirs, strict=True)
    return max(((a - b).abs().max() / b.abs().max().clamp(min=1e-3)).item() for a, b in pairs)


def training(chunk: int) -> dict[str, float]:
    """Loss, every gradient and the states of a step of training, from used states and empty."""
    found = []
    for kernels in (around(scan_in_chunks(chunk)), TORCH):
        model = model_with(kernels)
        torch.manual_seed(1)
        tokens = torch.randint(CONFIG.vocab_size, (2, 12))
        states = tuple(torch.randn_like(t) * 0.3 for t in workers._flat(model.zero_state(2)))
        loss, after = workers.loss_of(model, tokens, states, torch.tensor([1.0, 0.0]))
        loss.backward()
        found.append(([loss], [p.grad for p in model.parameters()], list(after)))
    (loss, gradients, states), theirs = found
    return {
        "loss": apart(loss, theirs[0]),
        "gradients": apart(gradients, theirs[1]),
        "states": apart(states, theirs[2]),
    }


@torch.no_grad()
def splits(chunk: int) -> float:
    """Any split into chunks, and token by token, beside torch's one forward; states unchanged."""
    model = model_with(around(scan_in_chunks(chunk)))
    tokens = torch.randint(CONFIG.vocab_size, (1, 9))
    _, start = model(torch.randint(CONFIG.vocab_size, (1, 3)), model.zero_state(1))
    kept = start.clone()
    expected, state = model_with(TORCH)(tokens, start)
    worst = 0.0
    for sizes in ([9], [1] * 9, [4, 5], [1, 8]):
        now, logits = start, []
        for part in tokens.split(sizes, dim=1):
            some, now = model(part, now)
            logits.append(some)
        ours = [torch.cat(logits, 1), *workers._flat(now)]
        worst = max(worst, apart(ours, [expected, *workers._flat(state)]))
    assert all(map(torch.equal, workers._flat(start), workers._flat(kept))), (
        "a state given was changed"
    )
    return worst


def main() -> dict[str, float]:
    pretend_to_have_a_gpu()
    found = {}
    found["scan"] = disagreement(scan_in_chunks(8), SHAPE, torch.float32, CPU)
    # Triton's interpreter multiplies no bfloat16.
    found["scan in float16"] = disagreement(scan_in_chunks(16), SHAPE, torch.float16, CPU)
    found |= {f"{name} in chunks of 8": off for name, off in training(8).items()}
    found |= {f"{name} in one chunk": off for name, off in training(32).items()}
    found["splits"] = splits(4)
    found["package ran"] = float(hasattr(sys.modules[PACKAGE], "__version__"))
    return found


if __name__ == "__main__":
    print(json.dumps(main()))
