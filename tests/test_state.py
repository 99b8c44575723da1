"""A state as named tensors, and which tensors are none."""

import pytest
import torch
from stateline.model.state import RecurrentState
from tiny_model import tiny_config, tiny_model

CONFIG = tiny_config()


def some_state(dtype: torch.dtype) -> RecurrentState:
    model = tiny_model(dtype)
    _, state = model(torch.tensor([[3, 1, 4, 1, 5]]), model.zero_state())
    return state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_state_comes_back_from_its_tensors(dtype: torch.dtype):
    tensors = some_state(dtype).tensors()
    again = RecurrentState.from_tensors(CONFIG, dtype, tensors)
    assert len(tensors) == 2 * CONFIG.n_layer
    assert all(again.tensors()[name] is tensor for name, tensor in tensors.items())
    assert any(tensor.any() for tensor in tensors.values())


def test_a_state_of_half_precision_weights_is_float32():
    tensors = some_state(torch.float32).tensors()
    assert RecurrentState.from_tensors(CONFIG, torch.bfloat16, tensors)
    assert not RecurrentState.from_tensors(CONFIG, torch.float64, tensors)


@pytest.mark.parametrize(
    "change",
    [
        {"layers.0.ssm": None},
        {"layers.2.ssm": torch.zeros(1)},
        {"logits": torch.zeros(CONFIG.vocab_size)},
        {"layers.0.ssm": torch.zeros(1)},
        {"layers.1.conv": torch.zeros(2, 3, CONFIG.conv_dim)},
        {"layers.1.conv": torch.zeros(1, 3, CONFIG.conv_dim, dtype=torch.float16)},
        {"layers.1.conv": torch.full((1, 3, CONFIG.conv_dim), torch.inf)},
        {"layers.1.conv": torch.full((1, 3, CONFIG.conv_dim), -torch.inf)},
        {
            "layers.1.conv": torch.zeros(3 * CONFIG.conv_dim)
            .index_fill(0, torch.tensor(7), torch.nan)
            .view(1, 3, -1)
        },
    ],
)
def test_a_misfit_is_no_state(change: dict[str, torch.Tensor | None]):
    tensors = some_state(torch.float32).tensors() | change
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    assert RecurrentState.from_tensors(CONFIG, torch.float32, kept) is None


def test_a_state_of_another_model_is_none():
    other = RecurrentState.zeros(tiny_config(n_layer=3), 1, torch.float32)
    assert RecurrentState.from_tensors(CONFIG, torch.float32, other.tensors()) is None
