"""The optimizers, by what they do to matrices."""

import pytest
import tiny_model
import torch
from stateline.model.training.run.optimizers import Muon, optimizers_for, orthogonalise


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (40, 16), (16, 200)])
def test_orthogonalised_matrices_have_singular_values_near_one(rows: int, columns: int):
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(3, rows, columns), full_matrices=False)
    matrices = u @ torch.diag(torch.logspace(-2.5, 0, 16)) @ v
    found = orthogonalise(matrices)
    values = torch.linalg.svdvals(found)
    assert 0.65 < values.min() < values.max() < 1.25
    # The directions stay.
    cosine = torch.cosine_similarity(found.flatten(1), (u @ v).flatten(1))
    assert cosine.min() > 0.97


def test_orthogonalising_does_not_depend_on_the_scale_or_on_the_stack():
    torch.manual_seed(0)
    matrices = torch.randn(4, 12, 20)
    torch.testing.assert_close(orthogonalise(matrices * 1e3), orthogonalise(matrices))
    torch.testing.assert_close(orthogonalise(matrices[1:2]), orthogonalise(matrices)[1:2])
    assert orthogonalise(torch.zeros(1, 3, 3)).abs().max() == 0


def test_muon_takes_the_matrices_of_the_layers_and_adam_the_rest():
    model = tiny_model.tiny_model(torch.float32)
    muon, adam = optimizers_for(model, 0.02, 0.003)
    assert isinstance(muon, Muon)
    names = {id(p): name for name, p in model.named_parameters()}
    groups = [[names[id(p)] for g in o.param_groups for p in g["params"]] for o in (muon, adam)]
    assert sorted(groups[0] + groups[1]) == sorted(names.values())
    assert {name.split(".", 4)[-1] for name in groups[0]} == {"in_proj.weight", "out_proj.weight"}
    assert "backbone.embedding.weight" in groups[1]


def test_muon_descends():
    torch.manual_seed(0)
    target, weight = torch.randn(6, 9), torch.nn.Parameter(torch.zeros(6, 9))
    muon = Muon([weight], lr=0.05, decay=0.0)
    losses = []
    for _ in range(80):
        loss = (weight - target).square().sum()
        losses.append(loss.item())
        loss.backward()
        muon.step()
        muon.zero_grad()
    assert losses[-1] < 0.2 * losses[0]


def test_muon_decays_weights_and_scales_tall_matrices():
    for shape, scale in (((4, 4), 1.0), ((16, 4), 2.0), ((4, 16), 1.0)):
        weight = torch.nn.Parameter(torch.ones(shape))
        weight.grad = torch.randn(shape)
        expected = orthogonalise(weight.grad[None])[0]
        Muon([weight], lr=0.1, momentum=0.0, decay=0.5).step()
        torch.testing.assert_close(weight.data, 0.95 - 0.1 * scale * expected)
