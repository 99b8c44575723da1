"""Tensors lie in memory as their file has them: mapped, in its types, and aligned."""

import mmap
import struct

import numpy as np
import pytest
import torch
from safetensors.torch import save
from stateline.model.folder.weights import load_tensors
from stateline.model.networks.torch.quantize import quantize
from stateline.model.networks.torch.torch_network import torch_tensors
from tiny_folders import TINY, random_tensors, write_tiny

HEAD, NORM = "lm_head.weight", "backbone.norm_f.weight"
IN_PROJ = "backbone.layers.0.mixer.in_proj.weight"


def test_what_is_stored_is_mapped_as_it_is(tmp_path):
    tensors = random_tensors(TINY)
    tensors[NORM] = tensors[NORM].bfloat16()
    quants, scales = quantize(tensors[IN_PROJ])
    stored = {**tensors, IN_PROJ: quants, f"{IN_PROJ}.scale": scales}
    loaded = load_tensors(write_tiny(tmp_path, stored), TINY)
    matrix, norm, head = loaded[IN_PROJ], loaded[NORM], loaded[HEAD]
    assert (matrix.dtype, norm.dtype, head.dtype) == ("I8", "BF16", "F32")
    assert np.array_equal(matrix.array, quants.numpy())
    assert np.array_equal(matrix.scales, scales.numpy())
    assert norm.array.tobytes() == tensors[NORM].view(torch.uint8).numpy().tobytes()
    assert (norm.array.dtype, norm.scales, head.scales) == (np.uint16, None, None)
    assert np.array_equal(head.array, tensors[HEAD].numpy())
    assert isinstance(root_of(head.array), mmap.mmap)


def root_of(array: np.ndarray) -> object:
    """Whose memory this is."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


@pytest.mark.parametrize("spaces", range(1, 8))
def test_tensors_are_aligned_wherever_they_lie(tmp_path, spaces: int):
    """safetensors pads its headers, but accepts others."""
    tensors = random_tensors(TINY)
    content = save(tensors)
    size = struct.unpack("<Q", content[:8])[0]
    longer = struct.pack("<Q", size + spaces) + content[8 : 8 + size] + b" " * spaces
    (write_tiny(tmp_path) / "model.safetensors").write_bytes(longer + content[8 + size :])
    assert all(each.array.flags.aligned for each in load_tensors(tmp_path, TINY).values())
    for name, tensor in torch_tensors(tmp_path, TINY).items():
        assert torch.equal(tensor, tensors[name])
