import numpy as np
import pytest
import torch

from outergrad.errors import InputError
from outergrad.nnet.dnn import Dnn, DnnConfig, build, parameter_shapes
from outergrad.nnet.parameters import ParameterLayout, flatten, load_flat
from outergrad.nnet.transfer import transfer
from outergrad.randomness import rng

SMALL = DnnConfig(input_dim=6, hidden_layers=2, hidden_units=5, num_pdfs=4)


def numpy_logits(tensors: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    for layer in ("hidden.0", "hidden.1"):
        x = np.maximum(x @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"], 0.0)
    return x @ tensors["output.weight"].T + tensors["output.bias"]


def test_the_network_computes_relu_layers_and_an_affine_output():
    module = build(SMALL, seed=1)
    x = rng(1, "x").standard_normal((7, 6), dtype=np.float32)
    tensors = {name: p.detach().numpy() for name, p in module.named_parameters()}
    np.testing.assert_allclose(
        module(torch.from_numpy(x)).detach().numpy(),
        numpy_logits(tensors, x),
        rtol=1e-5,  # float32 sums of some ten terms in another order
        atol=1e-6,
    )


def test_initialisation_keeps_the_scale_of_activations_and_starts_near_equal_posteriors():
    module = build(DnnConfig(hidden_layers=4, hidden_units=512, num_pdfs=300), seed=3)
    x = torch.from_numpy(rng(3, "x").standard_normal((200, 1040), dtype=np.float32))
    with torch.inference_mode():
        hidden = x
        for layer in module.hidden:
            hidden = torch.relu(layer(hidden))
            # E[relu(z)^2] = var(z) / 2 and var(z) = 2 E[x^2]: the second moment stays 1.
            assert 0.7 < float(hidden.square().mean()) < 1.4
        log_posteriors = torch.log_softmax(module(x), dim=1)
    assert float((log_posteriors + np.log(300)).abs().max()) < 1.0


def test_equal_seeds_give_equal_bits_and_leave_the_global_stream_alone():
    before = torch.random.get_rng_state()
    first, second, other = build(SMALL, 1), build(SMALL, 1), build(SMALL, 2)
    assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(flatten(first), flatten(second))
    assert not np.array_equal(flatten(first), flatten(other))


def test_dropout_keeps_the_mean_and_needs_a_stream():
    config = DnnConfig(input_dim=3, hidden_layers=1, hidden_units=4000, num_pdfs=2, dropout=0.25)
    module = build(config, seed=1).train()
    torch.nn.init.constant_(module.output.weight, 1 / 4000)  # the output averages the units
    x = torch.ones(50, 3)
    with pytest.raises(InputError, match="random stream"):
        module(x)
    module.dropout_stream = rng(1, "dropout")
    dropped = module(x).mean(dim=0)
    module.eval()
    # 200,000 draws of relative deviation below 1.2: the mean is good to 0.3 %.
    torch.testing.assert_close(dropped, module(x)[0], rtol=0.01, atol=0.0)


def test_shapes_can_be_told_without_building():
    built = {name: tuple(p.shape) for name, p in Dnn(SMALL).named_parameters()}
    assert parameter_shapes(SMALL) == built
    assert list(parameter_shapes(SMALL)) == list(built)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_pdfs": 0}, "num_pdfs is 0"),
        ({"hidden_layers": -1}, "hidden_layers"),
        ({"dropout": 1.0}, "dropout"),
        ({"activation": "gelu"}, "choose one of relu, sigmoid"),
    ],
)
def test_impossible_topologies_are_refused(change, message):
    settings = {"input_dim": 6, "num_pdfs": 4} | change
    with pytest.raises(InputError, match=message):
        build(DnnConfig(**settings), seed=1)


def test_the_flat_vector_holds_every_parameter_once():
    module = build(SMALL, seed=1)
    layout = ParameterLayout.of(module)
    vector = np.arange(layout.size, dtype=np.float32)
    load_flat(module, vector)
    np.testing.assert_array_equal(flatten(module), vector)
    assert layout.layers == ("hidden.0", "hidden.1", "output")
    pieces = [vector[layout.layer_slice(layer)] for layer in layout.layers]
    np.testing.assert_array_equal(np.concatenate(pieces), vector)
    last = vector[layout.last_layer]
    assert len(last) == 4 * 5 + 4
    np.testing.assert_array_equal(last[-4:], module.output.bias.detach().numpy())
    np.testing.assert_array_equal(
        layout.views(vector)["hidden.1.weight"],
        module.hidden[1].weight.detach().numpy(),
    )


def test_loading_reads_memory_maps_without_complaint():
    module = build(SMALL, seed=1)
    vector = flatten(module) + 1
    vector.flags.writeable = False
    load_flat(module, vector)
    np.testing.assert_array_equal(flatten(module), vector)


@pytest.mark.parametrize("wrong", [np.zeros(3, np.float32), np.zeros(84, np.float64)])
def test_vectors_of_another_layout_are_refused(wrong):
    module = build(SMALL, seed=1)
    with pytest.raises(InputError, match="flat parameters must be float32"):
        load_flat(module, wrong)


def test_transfer_keeps_hidden_layers_and_renews_the_softmax():
    source = build(SMALL, seed=1)
    config = DnnConfig(input_dim=6, hidden_layers=2, hidden_units=5, num_pdfs=9, dropout=0.1)
    target = transfer(source, config, seed=2)
    for new, old in zip(target.hidden.parameters(), source.hidden.parameters(), strict=True):
        assert torch.equal(new, old)
    assert target.output.weight.shape == (9, 5)
    with torch.no_grad():
        target.hidden[0].weight.zero_()
    assert source.hidden[0].weight.abs().sum() > 0, "the source must not change along"


def test_transfer_names_what_differs():
    source = build(SMALL, seed=1)
    other = DnnConfig(input_dim=7, hidden_layers=2, hidden_units=6, num_pdfs=4)
    with pytest.raises(InputError, match=r"input_dim 6 != 7; hidden_units 5 != 6"):
        transfer(source, other, seed=1)
