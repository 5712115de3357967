"""The two models have the shapes, the layers and the limits that the notebooks rely on."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from course_utils.models import VAE, Autoencoder, mlp

BOTH = pytest.mark.parametrize("model_class", [Autoencoder, VAE])
D, K = 7, 3


def widths(network):
    """Every linear layer as (in, out), in order, however deeply nested."""
    return [
        (layer.in_features, layer.out_features)
        for layer in network.modules()
        if isinstance(layer, nn.Linear)
    ]


def test_mlp_has_relu_between_its_layers_and_none_at_the_end():
    kinds = [type(layer) for layer in mlp(7, 5, 4, 3)]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert widths(mlp(7, 5, 4, 3)) == [(7, 5), (5, 4), (4, 3)]


@pytest.mark.parametrize("wrong", [(), (7,), (7, 0), (7, -1, 3)])
def test_mlp_refuses_widths_that_make_no_network(wrong):
    with pytest.raises(ValueError, match="two or more widths"):
        mlp(*wrong)


def test_encoder_and_decoder_mirror_each_other():
    model = Autoencoder(D, K, (6, 5))
    assert widths(model.encoder) == [(7, 6), (6, 5), (5, 3)]
    assert widths(model.decoder) == [(3, 5), (5, 6), (6, 7)]


def test_vae_encoder_ends_in_two_heads():
    model = VAE(D, K, (6, 5))
    assert widths(model.encoder) == [(7, 6), (6, 5), (5, 3), (5, 3)]
    assert widths(model.decoder) == [(3, 5), (5, 6), (6, 7)]


def test_vae_heads_read_the_same_nonlinear_features():
    model = VAE(D, K, (6,))
    x = torch.randn(4, D)
    *features, head = model.encoder
    h = nn.Sequential(*features)(x)
    mu, logvar = model.encoder(x)
    assert (h >= 0).all()
    assert_close(mu, head.mu(h))
    assert_close(logvar, head.logvar(h))
    assert not torch.allclose(mu, logvar)


@BOTH
def test_shapes(model_class):
    model = model_class(D, K, (6,))
    x = torch.rand(4, D)
    code = model.encoder(x)
    for values in [code] if model_class is Autoencoder else code:
        assert values.shape == (4, K)
    assert model.decoder(torch.rand(4, K)).shape == (4, D)
    assert model(x).shape == (4, D)


def test_autoencoder_is_g_of_f():
    model, x = Autoencoder(D, K, (6,)), torch.rand(4, D)
    assert_close(model(x), model.decoder(model.encoder(x)), rtol=0, atol=0)


def test_vae_decodes_the_mean_without_a_draw():
    model, x = VAE(D, K, (6,)), torch.rand(4, D)
    assert_close(model(x), model.decoder(model.encoder(x)[0]), rtol=0, atol=0)
    assert_close(model(x), model(x), rtol=0, atol=0)


@BOTH
def test_without_hidden_layers_the_model_is_affine(model_class):
    model = model_class(D, K, ())
    a, b = torch.randn(2, 4, D)
    assert_close(model((a + b) / 2), (model(a) + model(b)) / 2)


@BOTH
def test_with_hidden_layers_it_is_not(model_class):
    model = model_class(D, K, (6,))
    a, b = torch.randn(2, 4, D)
    assert not torch.allclose(model((a + b) / 2), (model(a) + model(b)) / 2)


@BOTH
def test_the_decoder_has_only_layers_that_the_browser_can_run(model_class):
    """The latent walk evaluates the decoder in JavaScript: Linear and ReLU, in a row."""
    decoder = model_class(D, K, (6, 5)).decoder
    assert isinstance(decoder, nn.Sequential)
    assert {type(layer) for layer in decoder} == {nn.Linear, nn.ReLU}


@BOTH
def test_the_seed_decides_the_weights(model_class):
    torch.manual_seed(3)
    one = model_class(D, K)
    torch.manual_seed(3)
    same = model_class(D, K)
    other = model_class(D, K)
    for a, b, c in zip(one.parameters(), same.parameters(), other.parameters()):
        assert a.equal(b)
        assert not a.equal(c)
