"""Networks for the browser: layers, weights, errors. tests/browser compares the outputs."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.models import VAE, GaussianHead, mlp
from course_utils.widgets import network as network_module
from course_utils.widgets.network import browser_network


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


def test_layers_that_change_no_row_are_left_out():
    torch.manual_seed(0)
    linear, last = nn.Linear(2, 4), nn.Linear(4, 9)
    skipped = nn.Flatten(), nn.Identity(), nn.Dropout(0.5), nn.AlphaDropout(0.5)
    decoder = nn.Sequential(linear, *skipped, nn.ReLU(), last, nn.Sequential())
    same = nn.Sequential(linear, nn.ReLU(), last)
    assert decoder.training
    assert browser_network(decoder, 2) == browser_network(same, 2)
    assert all(layer.training for layer in decoder.modules())


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Leaky(nn.ReLU):
    def forward(self, x):
        return x.clamp_min(-1e-3)  # hardly differs


class Doubled(nn.Sequential):
    def __iter__(self):  # its forward runs over this
        return iter([*self._modules.values()] * 2)


class Called(nn.Linear):
    def __call__(self, x):
        return 2 * super().__call__(x)


def with_forward(layer):
    layer.forward = lambda x: x.sigmoid().clamp(max=0.99999)  # hardly differs
    return layer


def hooked(layer, register="register_forward_hook"):
    getattr(layer, register)(lambda *_: None)
    return layer


def shuffled(head):
    head.logvar = nn.Sequential(nn.Linear(2, 1), nn.Tanh())
    return head


STRANGE = {
    "a Sequential with another forward": Residual(nn.Linear(2, 2)),
    "a ReLU with another forward": nn.Sequential(nn.Linear(2, 2), Leaky()),
    "another __call__": Called(2, 2),
    "a forward of the instance": nn.Sequential(nn.Linear(2, 2), with_forward(nn.Sigmoid())),
    "a hook": nn.Sequential(nn.Linear(2, 2), hooked(nn.ReLU())),
    "a hook on the whole": hooked(nn.Sequential(nn.Linear(2, 2))),
    "a hook before": hooked(nn.Linear(2, 2), "register_forward_pre_hook"),
    "a head with layers of its own": nn.Sequential(
        nn.Linear(2, 2), shuffled(GaussianHead(2, 1))
    ),
    "a Flatten of the batch": nn.Sequential(nn.Linear(2, 2), nn.Flatten(0)),
    "a layer norm": nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)),
    "a Linear of rows of rows": nn.Sequential(nn.Unflatten(1, (2, 1)), nn.Linear(1, 3)),
    "a norm by the batch": nn.BatchNorm1d(2, track_running_stats=False),
    "a padding by reflection": nn.Sequential(
        nn.Linear(2, 4),
        nn.Unflatten(1, (1, 2, 2)),
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"),
    ),
    "a bicubic Upsample": nn.Sequential(
        nn.Linear(2, 4),
        nn.Unflatten(1, (1, 2, 2)),
        nn.Upsample(scale_factor=2, mode="bicubic"),
    ),
}


@pytest.mark.parametrize("network", STRANGE.values(), ids=STRANGE)
def test_a_network_that_computes_something_else_is_refused(network):
    with pytest.raises(TypeError, match="the browser (runs|does not run|would draw)"):
        browser_network(network, n_in=2)


def test_a_sequential_that_runs_its_layers_twice_is_sent_so():
    network = browser_network(Doubled(nn.Linear(2, 2)), n_in=2)
    assert network["layers"] == [["linear", 2, 2]] * 2


def test_outputs_that_the_layers_do_not_give_are_refused(monkeypatch):
    """The last guard, after those of the layers' own code."""
    monkeypatch.setattr(network_module, "_runs_as", isinstance_of)
    with pytest.raises(TypeError, match="would draw something else"):
        browser_network(Residual(nn.Linear(2, 2)), n_in=2)


def isinstance_of(kind, module):
    return isinstance(module, kind)


@pytest.mark.parametrize(
    "normalize", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm]
)
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_weights_that_a_hook_sets_are_those_of_the_next_call(normalize):
    layer = normalize(nn.Linear(2, 3))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(2)  # the hook has not seen this
    weights = halves(browser_network(layer, n_in=2))[:6].view(3, 2)
    output = layer(torch.eye(2)) - layer(torch.zeros(1, 2))
    assert torch.allclose(weights.T, output, atol=5e-3)


def test_layer_widths_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="784 inputs; this one has 2"):
        browser_network(mlp(2, 4), n_in=784)
    with pytest.raises(ValueError, match="takes rows of 5 numbers"):
        browser_network(nn.Sequential(nn.Linear(2, 4), GaussianHead(5, 2)), n_in=2)


def test_weights_that_float16_cannot_hold_are_refused():
    for value in (float("nan"), float("inf"), 1e6):
        layer = nn.Linear(2, 4)
        nn.init.constant_(layer.weight, value)
        with pytest.raises(ValueError, match="too large a learning rate"):
            browser_network(layer, n_in=2)
