"""Closed forms of the linear-Gaussian model, compared with torch and known values."""

from functools import partial

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal, kl_divergence
from torch.testing import assert_close

from course_utils.models import VAE
from course_utils.objectives import (
    gaussian_nll,
    kl_to_standard_normal,
    squared_error,
    vae_loss,
)
from course_utils.theory.elbo import rate_and_distortion
from course_utils.theory.linear_gaussian import (
    fit_ppca,
    implied_variance,
    linear_elbo,
    linear_log_evidence,
    linear_posterior,
    reverse_water_filling,
    spectrum,
)


@pytest.fixture(scope="module")
def digits():
    """1797 digits of 8 × 8 pixels in [0, 1]."""
    return torch.tensor(load_digits().data / 16)


def test_the_spectrum_is_that_of_pca(digits):
    pca = PCA().fit(digits.numpy())
    variances = torch.tensor(pca.explained_variance_) * (len(digits) - 1) / len(digits)
    assert_close(spectrum(digits), variances, rtol=1e-6, atol=1e-12)


# Known values of this data set, computed elsewhere: K, σ², mean log p(x).
PPCA = [
    (1, 0.063404, -3.7485),
    (2, 0.054117, 0.0057),
    (5, 0.036197, 8.9076),
    (10, 0.022751, 17.4519),
    (16, 0.014725, 23.9294),
]


@pytest.mark.parametrize("latent_dim, variance, mean", PPCA)
def test_probabilistic_pca_of_the_digits(digits, latent_dim, variance, mean):
    w, b, sigma = fit_ppca(digits, latent_dim)
    assert abs(sigma**2 - variance) < 1e-6
    assert abs(linear_log_evidence(digits, w, b, sigma).mean() - mean) < 1e-4


def test_the_gradient_is_zero_at_the_maximum_of_the_likelihood(digits):
    """At the maximum of the likelihood the gradient by W, b and σ is zero."""
    w, b, sigma = fit_ppca(digits, 3)
    parameters = [w, b, torch.tensor(sigma, dtype=torch.float64)]
    for parameter in parameters:
        parameter.requires_grad_()
    mean = linear_log_evidence(digits, *parameters).mean()
    for gradient in torch.autograd.grad(mean, parameters):
        assert gradient.abs().max() < 1e-8


@pytest.mark.parametrize("latent_dim", [0, 64, 99])
def test_a_latent_dim_that_leaves_no_noise_is_refused(digits, latent_dim):
    with pytest.raises(ValueError, match="between 1 and 63"):
        fit_ppca(digits, latent_dim)


def test_data_without_noise_are_refused():
    line = torch.linspace(-1, 1, 9)[:, None] * torch.tensor([[1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="σ would be 0"):
        fit_ppca(line, 1)


@pytest.fixture
def model():
    torch.manual_seed(2)
    return torch.randn(4, 2).double(), torch.randn(4).double(), 0.7  # not orthogonal


def test_evidence_is_the_density_of_the_marginal(model):
    w, b, sigma = model
    x = torch.randn(6, 4).double()
    marginal = MultivariateNormal(b, w @ w.T + sigma**2 * torch.eye(4).double())
    assert_close(linear_log_evidence(x, w, b, sigma), marginal.log_prob(x))


def test_bayes_rule_holds_for_any_z(model):
    """log p(z) + log p(x|z) − log p(z|x) is log p(x), whatever z."""
    w, b, sigma = model
    x, z = torch.randn(6, 4).double(), torch.randn(6, 2).double()
    mu, covariance = linear_posterior(x, w, b, sigma)
    posterior = MultivariateNormal(mu, covariance).log_prob(z)
    prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double()).log_prob(z)
    likelihood = -gaussian_nll(x, z @ w.T + b, sigma=sigma)
    assert_close(prior + likelihood - posterior, linear_log_evidence(x, w, b, sigma))


def test_the_elbo_is_the_evidence_less_the_gap(model):
    """ELBO + KL(q ‖ p(z|x)) = log p(x) for any q, with the KL from torch."""
    w, b, sigma = model
    x, mu, logvar = (torch.randn(6, n).double() for n in (4, 2, 2))
    center, covariance = linear_posterior(x, w, b, sigma)
    q = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    gap = kl_divergence(q, MultivariateNormal(center, covariance))
    assert gap.min() > 0.1
    elbo = linear_elbo(x, w, b, sigma, mu, logvar)
    assert_close(elbo + gap, linear_log_evidence(x, w, b, sigma))


# Known values of the digits: βσ², active units, rate, distortion.
WATER_FILLING = [
    (0.01, 39, 33.5444, 0.4553),
    (0.05, 18, 10.6473, 1.4863),
    (0.1, 12, 5.4794, 2.2106),
    (0.25, 5, 1.6502, 3.3856),
    (0.7, 0, 0, 4.6933),
]


@pytest.mark.parametrize("level, active, rate, distortion", WATER_FILLING)
def test_reverse_water_filling_of_the_digits(digits, level, active, rate, distortion):
    result = reverse_water_filling(spectrum(digits), level)
    assert result[0] == active
    assert result[1:] == pytest.approx((rate, distortion), abs=1e-4)


def optimal_linear_vae(x, latent_dim, level):
    """The course's VAE with the weights that are optimal by reverse water-filling."""
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    values, u = values.flip(0)[:latent_dim], vectors.flip(1)[:, :latent_dim]
    variance = level / values  # of q; 1 for an inactive unit
    vae = VAE(x.shape[1], latent_dim, ()).double()
    head, g = vae.encoder[0], vae.decoder[0]
    with torch.no_grad():
        head.mu.weight.copy_(((1 - variance) / values).sqrt()[:, None] * u.T)
        head.mu.bias.copy_(-head.mu.weight @ x.mean(0))
        head.logvar.weight.zero_()
        head.logvar.bias.copy_(variance.log())
        g.weight.copy_(u * (values - level).sqrt())
        g.bias.copy_(x.mean(0))
    return vae


def exact_linear_loss(vae, x, *, beta, sigma):
    """The β-VAE's objective with the exact mean over z."""
    mu, logvar = vae.encoder(x)
    spread = (vae.decoder[0].weight.square().sum(0) * logvar.exp()).sum(1)
    error = squared_error(x, vae.decoder(mu)) + spread
    kl = kl_to_standard_normal(mu, logvar)
    return (error / (2 * sigma**2) + beta * kl).mean(), error.mean(), kl.mean()


@pytest.mark.parametrize("beta, sigma", [(1, 0.3), (4, 0.15), (0.36, 0.5)])
def test_the_optimal_linear_vae_is_a_stationary_point_of_its_objective(digits, beta, sigma):
    level = beta * sigma**2  # 0.09: between the 13th and the 14th eigenvalue
    active, rate, distortion = reverse_water_filling(spectrum(digits), level)
    vae = optimal_linear_vae(digits, active, level)
    loss, error, kl = exact_linear_loss(vae, digits, beta=beta, sigma=sigma)
    assert (error.item(), kl.item()) == pytest.approx((distortion, rate), rel=1e-9)
    for gradient in torch.autograd.grad(loss, list(vae.parameters())):
        assert gradient.abs().max() < 1e-9


def test_activating_a_unit_raises_the_loss_below_the_level_and_lowers_it_above(digits):
    """A small weight is given to one more unit, with an eigenvalue below or above."""
    values = spectrum(digits)

    def change(unit, level, push=1e-2):
        vae = optimal_linear_vae(digits, unit, values[unit].item())  # its last weight is 0
        u = torch.linalg.eigh(torch.cov(digits.T, correction=0))[1].flip(1)[:, unit - 1]
        losses = []
        for size in (0, push):
            with torch.no_grad():
                vae.encoder[0].mu.weight[-1] = size * u
                vae.encoder[0].mu.bias[-1] = -size * u @ digits.mean(0)
                vae.encoder[0].logvar.bias[-1] = 0
                vae.decoder[0].weight[:, -1] = size * values[unit - 1] * u
                losses.append(exact_linear_loss(vae, digits, beta=1, sigma=level**0.5)[0])
        return (losses[1] - losses[0]).item()

    assert change(5, level=1.2 * values[4].item()) > 0
    assert change(5, level=0.8 * values[4].item()) < 0


def test_a_level_above_all_eigenvalues_gives_rate_zero(digits):
    active, rate, distortion = reverse_water_filling(
        spectrum(digits), 1.0
    )  # the lecture's σ
    assert (active, rate) == (0, 0)
    assert distortion == pytest.approx(digits.var(0, correction=0).sum().item())


@pytest.mark.parametrize(
    "recon_scale, kl_scale", [(1, 1), (1 / 64, 1), (1 / 64, 0.00025), (500, 1)]
)
def test_a_scaled_loss_has_the_gradient_direction_of_its_implied_variance(
    digits, recon_scale, kl_scale
):
    """The gradients of a‖x − x̂‖² + b KL and of the VAE with σ² = b / 2a are parallel."""
    torch.manual_seed(0)
    vae, x = VAE(64, 2, (8,)).double(), digits[:50]

    def gradient(objective):
        torch.manual_seed(1)
        loss = objective(vae.encoder, vae.decoder, x)
        return torch.cat(
            [g.flatten() for g in torch.autograd.grad(loss, list(vae.parameters()))]
        )

    def scaled(f, g, x):
        terms = vae_loss(f, g, x, nll=squared_error)
        return recon_scale * terms["recon"] + kl_scale * terms["kl"]

    def with_variance(f, g, x):
        sigma = implied_variance(recon_scale, kl_scale) ** 0.5
        return vae_loss(f, g, x, nll=partial(gaussian_nll, sigma=sigma))["loss"]

    assert_close(gradient(scaled), kl_scale * gradient(with_variance))


def test_sampled_rate_and_distortion_of_the_optimal_linear_vae_are_the_exact_ones(digits):
    vae = optimal_linear_vae(digits, 5, 0.25)
    torch.manual_seed(0)
    rate, distortion = rate_and_distortion(
        vae.encoder, vae.decoder, digits, samples=20, nll=squared_error
    )
    assert rate.mean().item() == pytest.approx(1.6502, abs=1e-4)
    # 36,000 draws of an error with standard deviation about 1.5
    assert distortion.mean().item() == pytest.approx(3.3856, abs=0.04)


def test_with_a_given_sigma_w_maximizes_the_likelihood():
    torch.manual_seed(0)
    x = (torch.randn(300, 3) @ torch.randn(3, 6) + 0.2 * torch.randn(300, 6)).double()
    w, b, sigma = fit_ppca(x, 2, sigma=0.5)
    assert sigma == pytest.approx(0.5)
    best = linear_log_evidence(x, w, b, sigma).mean()
    for _ in range(20):  # at a maximum every small change is worse
        other = w + 0.01 * torch.randn_like(w)
        assert linear_log_evidence(x, other, b, sigma).mean() < best
    w, _, sigma = fit_ppca(x, 2)
    assert_close(fit_ppca(x, 2, sigma=sigma)[0], w)
