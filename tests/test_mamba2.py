"""One forward, any split into chunks, and token by token are the same; so is transformers."""

import pytest
import torch
from stateline.model.folder.config import Mamba2Config
from stateline.model.networks.torch.mamba2 import Mamba2
from stateline.model.networks.torch.torch_state import RecurrentState


def tiny(**changes) -> Mamba2Config:
    sizes = {"d_model": 16, "n_layer": 2, "vocab_size": 40, "d_state": 8, "headdim": 8}
    return Mamba2Config(**(sizes | changes))


def random_model(config: Mamba2Config, dtype: torch.dtype = torch.float64, seed: int = 0) -> Mamba2:
    torch.manual_seed(seed)
    model = Mamba2(config)
    with torch.no_grad():  # nothing may hide in a one or a zero
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.to(dtype).eval()


def tensors_of(state: RecurrentState) -> list[torch.Tensor]:
    return [t for layer in state.layers for t in (layer.conv, layer.ssm)]


SHAPES = [
    tiny(),
    tiny(n_groups=2),
    tiny(n_groups=4, tie_embeddings=False),
    tiny(n_groups=2, conv_bias=False, proj_bias=True, dt_limit=(0.01, 0.05), d_conv=3),
]


@pytest.mark.parametrize("config", SHAPES)
@pytest.mark.parametrize(
    "sizes", [[150], [1] * 150, [1, 149], [64, 64, 22], [65, 3, 1, 81], [149, 1]]
)
def test_any_split_is_the_same(config: Mamba2Config, sizes: list[int]):
    model = random_model(config)
    tokens = torch.randint(config.vocab_size, (2, 150))
    with torch.no_grad():
        # The start is a used state, so that a split from an empty one is not the only case.
        _, start = model(torch.randint(config.vocab_size, (2, 7)), model.zero_state(2))
        expected, expected_state = model(tokens, start)
        state, logits = start, []
        for chunk in tokens.split(sizes, dim=1):
            some, state = model(chunk, state)
            logits.append(some)
    torch.testing.assert_close(torch.cat(logits, 1), expected, rtol=0, atol=1e-9)
    for got, want in zip(tensors_of(state), tensors_of(expected_state), strict=True):
        torch.testing.assert_close(got, want, rtol=0, atol=1e-9)


@pytest.mark.parametrize("length", [1, 2, 64, 100])
def test_the_argument_state_is_unchanged(length: int):
    model = random_model(tiny(n_groups=2))
    with torch.no_grad():
        _, state = model(torch.randint(40, (1, 9)), model.zero_state())
        before = state.clone()
        _, after = model(torch.randint(40, (1, length)), state)
    for now, then in zip(tensors_of(state), tensors_of(before), strict=True):
        assert torch.equal(now, then)
    assert not torch.equal(after.layers[0].ssm, state.layers[0].ssm)


def test_a_row_does_not_depend_on_its_batch_mates():
    model = random_model(tiny())
    tokens = torch.randint(40, (3, 20))
    with torch.no_grad():
        together, _ = model(tokens, model.zero_state(3))
        alone, _ = model(tokens[1:2], model.zero_state())
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_state_is_at_least_float32(dtype: torch.dtype):
    model = random_model(tiny(), dtype)
    with torch.no_grad():
        for length in (5, 1):
            _, state = model(torch.randint(40, (1, length)), model.zero_state())
            assert {t.dtype for t in tensors_of(state)} == {torch.float32}


def test_a_checkpointed_state_owns_only_its_own_bytes():
    model = random_model(tiny())
    with torch.no_grad():
        _, state = model(torch.randint(40, (1, 500)), model.zero_state())
    assert sum(t.untyped_storage().nbytes() for t in tensors_of(state)) == state.nbytes


def test_names_and_shapes_are_those_of_the_config():
    for config in SHAPES:
        shapes = {name: tuple(t.shape) for name, t in Mamba2(config).state_dict().items()}
        assert shapes == config.tensor_shapes()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("tied", [True, False])
def test_agrees_with_transformers(groups: int, tied: bool):
    transformers = pytest.importorskip("transformers")
    config = tiny(d_model=32, d_state=16, n_groups=groups, tie_embeddings=tied)
    model = random_model(config, torch.float32)
    theirs = transformers.Mamba2ForCausalLM(
        transformers.Mamba2Config(
            hidden_size=32, num_hidden_layers=2, vocab_size=40, state_size=16, head_dim=8,
            num_heads=8, n_groups=groups, expand=2, tie_word_embeddings=tied, chunk_size=16,
            use_bias=False, layer_norm_epsilon=1e-5,
        )
    ).eval()  # fmt: skip
    named = {n.replace("embedding.", "embeddings."): t for n, t in model.state_dict().items()}
    missing, unexpected = theirs.load_state_dict(named, strict=False)
    assert not unexpected
    assert set(missing) <= {"lm_head.weight"}
    theirs.tie_weights()
    tokens = torch.randint(40, (2, 50))
    with torch.no_grad():
        ours, _ = model(tokens, model.zero_state(2))
        torch.testing.assert_close(ours, theirs(tokens).logits, rtol=0, atol=1e-4)
