"""Networks for the browser: layers, weights, errors. tests/browser compares the outputs."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.models import VAE, GaussianHead, mlp
from course_utils.widgets.network import browser_network, check_image_side, n_out


def halves(network) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(network["weights"], "<f2").copy()).float()


def test_a_gaussian_head_is_sent_as_one_layer_with_mu_then_logvar():
    torch.manual_seed(0)
    encoder = VAE(9, 2, (5,)).encoder
    network = browser_network(encoder, n_in=9)
    assert network["layers"] == [["linear", 9, 5], ["relu"], ["linear", 5, 4]]
    head = halves(network)[-(5 * 4 + 4) :]
    weight, bias = head[:20].view(4, 5), head[20:]
    h = torch.rand(7, 5)
    mu, logvar = encoder[-1](h)
    # float16 has a relative error of 2⁻¹¹; five products of numbers below 1 are added.
    assert torch.allclose(h @ weight.T + bias, torch.cat([mu, logvar], 1), atol=2e-3)


def test_weights_are_sent_in_half_precision_layer_by_layer():
    decoder = nn.Sequential(mlp(2, 6, 784), nn.Sigmoid())
    network = browser_network(decoder, n_in=2)
    weights = torch.cat([p.detach().flatten() for p in decoder.parameters()])
    assert torch.equal(halves(network), weights.half().float())
    kinds = [["linear", 2, 6], ["relu"], ["linear", 6, 784], ["sigmoid"]]
    assert network["layers"] == kinds
    assert network == browser_network(nn.Sequential(*decoder[0], decoder[1]), n_in=2)


def test_a_layer_without_bias_is_sent_with_zeros():
    network = browser_network(nn.Linear(2, 4, bias=False), n_in=2)
    assert halves(network)[-4:].tolist() == [0, 0, 0, 0]


def test_a_subclass_of_relu_is_sent_as_relu():
    class OwnReLU(nn.ReLU):
        pass

    decoder = nn.Sequential(nn.Linear(2, 4), OwnReLU(), nn.Linear(4, 9))
    layers = browser_network(decoder, n_in=2)["layers"]
    assert [kind for kind, *_ in layers] == ["linear", "relu", "linear"]


def test_check_image_side_gives_the_side_or_refuses():
    assert check_image_side(browser_network(mlp(2, 784), n_in=2)) == 28
    with pytest.raises(ValueError, match="783 numbers, which is no square"):
        check_image_side(browser_network(mlp(2, 783), n_in=2))
    assert n_out(browser_network(nn.Sequential(mlp(2, 3), nn.Sigmoid()), n_in=2)) == 3


def test_layer_widths_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="784 inputs; this one has 2"):
        browser_network(mlp(2, 4), n_in=784)
    with pytest.raises(ValueError, match="one has 4 outputs, the next 5 inputs"):
        browser_network(nn.Sequential(nn.Linear(2, 4), GaussianHead(5, 2)), n_in=2)


def test_weights_that_float16_cannot_hold_are_refused():
    for value in (float("nan"), float("inf"), 1e6):
        layer = nn.Linear(2, 4)
        nn.init.constant_(layer.weight, value)
        with pytest.raises(ValueError, match="too large a learning rate"):
            browser_network(layer, n_in=2)
