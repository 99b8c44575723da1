"""8-bit blocks hold what llama.cpp's q8_0 holds, bit for bit."""

import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from stateline.model.folder.weights import BLOCK
from stateline.model.networks.torch.quantize import dequantize, quantize, quantize4, save_quantized
from tiny_folders import TINY, random_tensors


def by_hand(block: list[float]) -> tuple[list[int], np.float16]:
    """`quantize_row_q8_0_ref` of llama.cpp for one block, a scalar at a time."""
    values = [np.float32(value) for value in block]
    scale = np.float32(max(abs(value) for value in values) / np.float32(127))
    if not np.float16(scale):  # its inverse may be infinite, and nothing of the block is kept
        return [0] * len(block), np.float16(0)
    inverse = np.float32(1) / scale
    products = [float(np.float32(value * inverse)) for value in values]
    quants = [math.floor(p + 0.5) if p >= 0 else math.ceil(p - 0.5) for p in products]
    return quants, np.float16(scale)


def one_row(values: list[float]) -> torch.Tensor:
    return torch.tensor([values + [0.0] * (BLOCK - len(values))])


def test_exact_values():
    quants, scales = quantize(one_row([127.0, -127.0, 1.4, -1.6, 0.0]))
    assert quants[0, :6].tolist() == [127, -127, 1, -2, 0, 0]
    assert (quants.dtype, scales.dtype) == (torch.int8, torch.float16)
    assert scales.tolist() == [[1.0]]
    assert dequantize(quants, scales)[0, :4].tolist() == [127.0, -127.0, 1.0, -2.0]


def test_halves_are_rounded_away_from_zero():
    quants, _ = quantize(one_row([127.0, 0.5, 1.5, 2.5, -0.5, -2.5, 0.49999997]))
    assert quants[0, :7].tolist() == [127, 1, 2, 3, -1, -3, 0]


def test_quants_come_from_the_scale_before_it_is_rounded():
    # 0.1 / 127 is not a float16: with the rounded scale the quant would be 126 or 128.
    quants, scales = quantize(one_row([0.1]))
    assert quants[0, 0] == 127
    assert float(scales) == float(np.float16(np.float32(0.1) / np.float32(127)))


def test_each_block_has_its_own_scale():
    matrix = torch.cat([torch.full((3, BLOCK), 127.0), torch.full((3, BLOCK), -254.0)], dim=1)
    quants, scales = quantize(matrix)
    assert scales.tolist() == [[1.0, 2.0]] * 3
    assert torch.equal(dequantize(quants, scales), matrix)


@example([1e-40] + [0.0] * (BLOCK - 1))
@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=BLOCK, max_size=BLOCK))
@settings(max_examples=200, deadline=None)
def test_like_llama_cpp_and_near_the_original(block):
    quants, scales = quantize(torch.tensor([block]))
    expected, scale = by_hand(block)
    assert float(scales) == float(scale)
    if scale:
        assert quants[0].tolist() == expected
    error = (dequantize(quants, scales) - torch.tensor([block])).abs().max()
    # Half a step, and what float16 loses of the scale (2**-11 of it, or 2**-25 near zero).
    assert error <= float(scale) * (0.5 + 127 * 2**-11) + 127 * 2**-24


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-38, 1e-20, 1e-6])
def test_vanishing_values_stay_finite(value):
    quants, scales = quantize(torch.full((1, BLOCK), value))
    assert bool(quants.any()) == bool(scales.any())
    assert dequantize(quants, scales).sub(value).abs().max() <= 127 * 2**-24


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_what_a_scale_cannot_express_is_refused(value):
    with pytest.raises(ValueError, match="not finite or are huge"):
        quantize(one_row([value]))


@pytest.mark.parametrize("shape", [(32,), (2, 31), (2, 1, 32), (0, 32), (2, 0)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="in blocks of 32"):
        quantize(torch.zeros(shape))


def test_only_matrices_are_stored_in_blocks(tmp_path):
    save_quantized(random_tensors(TINY, torch.float64), tmp_path / "x.safetensors")
    with safe_open(tmp_path / "x.safetensors", "pt") as file:
        types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    blocks = {name.split(".")[-2] for name, dtype in types.items() if dtype == "I8"}
    assert blocks == {"embedding", "in_proj", "out_proj", "lm_head"}
    assert {dtype for name, dtype in types.items() if name.endswith(".scale")} == {"F16"}
    assert set(types.values()) == {"I8", "F16", "F32"}
    assert list(tmp_path.iterdir()) == [tmp_path / "x.safetensors"]


def test_matrices_with_other_row_lengths_stay_float32(tmp_path):
    save_quantized({"a": torch.ones(2, 40, dtype=torch.bfloat16)}, tmp_path / "x.safetensors")
    with safe_open(tmp_path / "x.safetensors", "pt") as file:
        assert torch.equal(file.get_tensor("a"), torch.ones(2, 40))


def test_a_word_holds_eight_columns():
    quants = torch.tensor([[0, 1, 2, 3, 4, 5, 6, 7, -8, -1, *[0] * 22]])
    words, scales = quantize4(quants * 0.5)
    assert scales.tolist() == [[0.5]]
    assert [f"{word & 0xFFFFFFFF:08x}" for word in words[0].tolist()] == [
        "75316420", "000f0008", "00000000", "00000000"
    ]  # fmt: skip
    assert torch.equal(dequantize(words, scales), quants * 0.5)


def test_a_block_of_zeros_stays_zero():
    assert not dequantize(*quantize4(torch.zeros(3, 64))).any()


def test_no_number_is_rounded_further_than_its_block_allows():
    matrix = torch.randn(400, 64, generator=torch.Generator().manual_seed(0))
    rounded = dequantize(*quantize4(matrix))
    largest = matrix.reshape(400, 2, 32).abs().amax(-1, keepdim=True)
    assert ((rounded - matrix).reshape(400, 2, 32).abs() <= 0.3 * largest).all()


def test_what_it_is_multiplied_with_is_kept_in_mind():
    torch.manual_seed(0)
    matrix, inputs = torch.randn(40, 128), torch.randn(500, 128) @ torch.randn(128, 128)
    wanted = inputs @ matrix.T
    blind = inputs @ dequantize(*quantize4(matrix)).T
    seeing = inputs @ dequantize(*quantize4(matrix, inputs.T @ inputs / 500)).T
    assert (seeing - wanted).norm() < 0.8 * (blind - wanted).norm()


def test_inputs_that_were_never_seen_do_no_harm():
    matrix = torch.randn(8, 64, generator=torch.Generator().manual_seed(1))
    assert torch.isfinite(dequantize(*quantize4(matrix, torch.zeros(64, 64)))).all()


@pytest.mark.parametrize("matrix", [torch.zeros(2, 40), torch.full((1, 32), float("nan"))])
def test_what_has_no_4_bit_form_is_refused(matrix):
    with pytest.raises(ValueError, match="cannot quantize"):
        quantize4(matrix)
