"""Another model's hidden layers under a new softmax (Heigold et al. 2014, Table 1)."""

import torch

from outergrad.errors import InputError
from outergrad.nnet.dnn import Dnn, DnnConfig, initialise_output


def transfer(source: Dnn, config: DnnConfig, seed: int) -> Dnn:
    """A network with the hidden layers of `source` and a fresh softmax layer.

    Args:
        source: trained network, typically of another language; left unchanged.
        config: topology of the new network. Its input and hidden layers must be those of
            `source`; dropout and the number of pdfs may differ.
        seed: decides the softmax layer's weights.

    Raises:
        InputError: the topologies differ; says where.
    """
    differing = [
        f"{name} {getattr(source.config, name)} != {getattr(config, name)}"
        for name in ("input_dim", "hidden_layers", "hidden_units", "activation")
        if getattr(source.config, name) != getattr(config, name)
    ]
    if differing:
        raise InputError(
            "cannot transfer hidden layers, the source model has another topology: "
            + "; ".join(differing)
        )
    module = Dnn(config)
    with torch.no_grad():
        for new, old in zip(module.hidden.parameters(), source.hidden.parameters(), strict=True):
            new.copy_(old)
    initialise_output(module, seed)
    return module
