"""A state as named arrays, and which arrays are none."""

import numpy as np
import pytest
import torch
from stateline.model.networks.torch.torch_state import RecurrentState
from tiny_model import tiny_config, tiny_model

CONFIG = tiny_config()


def some_state(dtype: torch.dtype) -> RecurrentState:
    model = tiny_model(dtype)
    _, state = model(torch.tensor([[3, 1, 4, 1, 5]]), model.zero_state())
    return state


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_state_comes_back_from_its_arrays(dtype: torch.dtype):
    arrays = some_state(dtype).arrays()
    again = RecurrentState.from_arrays(CONFIG, dtype, arrays).arrays()
    assert {name: array.shape for name, array in arrays.items()} == CONFIG.state_shapes()
    assert all(np.shares_memory(again[name], array) for name, array in arrays.items())
    assert all(np.array_equal(again[name], array) for name, array in arrays.items())
    assert any(array.any() for array in arrays.values())


def test_a_state_of_half_precision_weights_is_float32():
    arrays = some_state(torch.float32).arrays()
    assert RecurrentState.from_arrays(CONFIG, torch.bfloat16, arrays)
    assert not RecurrentState.from_arrays(CONFIG, torch.float64, arrays)


def filled(value: float, *shape: int, at: int | None = None) -> np.ndarray:
    """Zeros of float32, but for one number or all."""
    array = np.zeros(shape, np.float32)
    array.flat[slice(None) if at is None else at] = value
    return array


CONV = CONFIG.state_shapes()["layers.1.conv"]


@pytest.mark.parametrize(
    "change",
    [
        {"layers.0.ssm": None},
        {"layers.2.ssm": filled(0, 1)},
        {"logits": filled(0, CONFIG.vocab_size)},
        {"layers.0.ssm": filled(0, 1)},
        {"layers.1.conv": filled(0, 2, *CONV[1:])},
        {"layers.1.conv": filled(0, *CONV).astype(np.float16)},
        {"layers.1.conv": filled(0, *CONV).astype(np.float64)},
        {"layers.1.conv": filled(np.inf, *CONV)},
        {"layers.1.conv": filled(-np.inf, *CONV)},
        {"layers.1.conv": filled(-np.inf, *CONV, at=0)},
        {"layers.1.conv": filled(np.nan, *CONV, at=7)},
    ],
)
def test_a_misfit_is_no_state(change: dict[str, np.ndarray | None]):
    arrays = some_state(torch.float32).arrays() | change
    kept = {name: array for name, array in arrays.items() if array is not None}
    assert RecurrentState.from_arrays(CONFIG, torch.float32, kept) is None


def test_a_table_of_misfits_starts_from_what_fits():
    arrays = some_state(torch.float32).arrays() | {"layers.1.conv": filled(1, *CONV)}
    assert RecurrentState.from_arrays(CONFIG, torch.float32, arrays)


def test_a_state_of_another_model_is_none():
    other = RecurrentState.zeros(tiny_config(n_layer=3), 1, torch.float32)
    assert RecurrentState.from_arrays(CONFIG, torch.float32, other.arrays()) is None
