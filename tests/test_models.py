"""The layers, shapes and special cases of the models."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from course_utils.models import VAE, Autoencoder, SparseAutoencoder, mlp

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
    assert widths(mlp(1, 1)) == [(1, 1)]


@pytest.mark.parametrize("widths", [(), (7,)])
def test_mlp_refuses_fewer_than_two_widths(widths):
    with pytest.raises(ValueError, match="two or more widths"):
        mlp(*widths)


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


@BOTH
def test_the_networks_run_under_autocast(model_class):
    model, x = model_class(D, K, (6,)), torch.rand(4, D)
    with torch.autocast("cpu", torch.bfloat16):
        x_hat = model(x)
    assert x_hat.dtype == torch.bfloat16
    assert_close(x_hat.float(), model(x), rtol=0, atol=0.02)  # eight bits a number


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
def test_with_hidden_layers_the_model_is_not_affine(model_class):
    model = model_class(D, K, (6,))
    a, b = torch.randn(2, 4, D)
    assert not torch.allclose(model((a + b) / 2), (model(a) + model(b)) / 2)


@BOTH
def test_the_decoder_has_only_layers_that_the_browser_can_run(model_class):
    """The latent walk evaluates a decoder of Linear and ReLU layers in JavaScript."""
    decoder = model_class(D, K, (6, 5)).decoder
    assert isinstance(decoder, nn.Sequential)
    assert {type(layer) for layer in decoder} == {nn.Linear, nn.ReLU}


# --- the sparse autoencoder -----------------------------------------------------------


def lengths(model):
    return model.decoder.weight.norm(dim=0)


def test_a_sparse_code_has_exact_zeros_and_no_negative_number():
    z = SparseAutoencoder(D, 50).encoder(torch.randn(20, D))
    assert z.shape == (20, 50)
    assert (z >= 0).all()
    assert (z == 0).any() and (z > 0).any()


def test_the_dictionary_vectors_have_length_one_before_and_in_training():
    torch.manual_seed(0)
    model, x = SparseAutoencoder(D, 50), torch.randn(20, D)
    assert_close(lengths(model), torch.ones(50))
    before = model.decoder.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (x - model(x)).square().sum(1).mean().backward()
        optimizer.step()
    assert not torch.allclose(model.decoder.weight, before)  # the weights change,
    assert_close(lengths(model), torch.ones(50))  # their lengths do not


def test_scaling_the_decoder_changes_no_reconstruction():
    """The penalty cannot be avoided by a smaller code and a larger decoder."""
    model, z = SparseAutoencoder(D, 50), torch.rand(20, 50)
    before = model.decoder(z)
    with torch.no_grad():
        model.decoder.weight = 16 * model.decoder.weight
    assert_close(lengths(model), torch.ones(50))
    assert_close(model.decoder(z), before)


def test_the_encoder_starts_as_the_transpose_of_the_dictionary():
    model, x = SparseAutoencoder(D, 50), torch.randn(20, D)
    assert_close(model.encoder(x), (x @ model.decoder.weight).relu())


def test_the_optimal_code_of_a_single_unit_is_a_soft_threshold():
    """min over z of ‖r − z w‖² + λ|z| is ⟨w, r⟩ less λ/2, or 0, because ‖w‖ = 1."""
    model = SparseAutoencoder(D, 1)
    w, lam, r = model.decoder.weight.detach()[:, 0], 0.7, torch.randn(30, D)
    z = torch.linspace(-6, 6, 12001)
    matches = r @ w
    # ‖r − z w‖² = ‖r‖² − 2 z ⟨w, r⟩ + z²
    objective = z.square() - 2 * z * matches[:, None] + lam * z.abs()
    best = z[objective.argmin(1)]
    shrunk = matches.sign() * (matches.abs() - lam / 2).relu()
    assert_close(best, shrunk, rtol=0, atol=1e-3)  # the spacing of the grid


def test_the_sparse_autoencoder_is_made_on_the_default_device():
    with torch.device("meta"):
        model = SparseAutoencoder(D, 50)
        assert model(torch.randn(2, D)).device.type == "meta"
