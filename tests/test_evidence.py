"""log p(x) on the lattice, bounds on it, rate, active units and mutual information."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from torch.testing import assert_close

from course_utils.models import VAE
from course_utils.objectives import (
    bernoulli_nll,
    gaussian_nll,
    kl_to_standard_normal,
    vae_loss,
)
from course_utils.theory import evidence
from course_utils.theory.elbo import elbo, importance_weighted_bound, rate_and_distortion
from course_utils.theory.evidence import kl_to_true_posterior, log_evidence, log_joint
from course_utils.theory.information import active_units, mutual_information
from course_utils.theory.lattice import Lattice, latent_lattice
from course_utils.theory.linear_gaussian import linear_log_evidence, linear_posterior

# --- the ELBO of each image -----------------------------------------------------------


@pytest.fixture
def vae():
    return VAE(6, 2, (5,))


@pytest.fixture
def x():
    return torch.rand(8, 6)


def test_the_mean_elbo_is_minus_the_vae_loss(vae, x):
    torch.manual_seed(1)
    each = elbo(vae.encoder, vae.decoder, x)
    torch.manual_seed(1)
    loss = vae_loss(vae.encoder, vae.decoder, x)["loss"]
    assert each.shape == (8,)
    assert_close(each.mean(), -loss.detach())


def test_elbo_is_the_log_evidence_where_q_is_the_true_posterior():
    """p(z) = N(0, 1), p(x|z) = N(z, 1): p(x) = N(0, 2) and p(z|x) = N(x/2, 1/2)."""
    x = torch.tensor([[-2.0], [0.0], [3.0]])

    def posterior(x):
        return x / 2, torch.full_like(x, math.log(0.5))

    draws = 20_000
    many = x.repeat(draws, 1)
    bound = elbo(posterior, lambda z: z, many, nll=gaussian_nll).view(draws, -1).mean(0)
    exact = Normal(0.0, math.sqrt(2)).log_prob(x).squeeze(1)
    # ½(x − z)² has variance ⅛ + x²/8 when x − z ~ N(x/2, 1/2)
    error = 5 * ((1 + x.square()) / 8 / draws).sqrt().squeeze(1)
    assert ((bound - exact).abs() < error).all()


def test_elbo_has_no_gradient(vae, x):
    assert not elbo(vae.encoder, vae.decoder, x).requires_grad


# --- linear models with closed forms ---------------------------------------------------

SIGMA = 0.5
NLL = partial(gaussian_nll, sigma=SIGMA)


class Linear:
    """p(x|z) = N(Wz + b, σ²I) in four dimensions, some x, and a q that is not p(z|x)."""

    def __init__(self, latent_dim):
        generator = torch.Generator().manual_seed(latent_dim)
        draw = partial(torch.randn, generator=generator, dtype=torch.float64)
        w = torch.linalg.qr(draw(4, 4)).Q[:, :latent_dim]
        self.w = w * torch.tensor([1.0, 0.6, 0.3])[:latent_dim]  # orthogonal columns
        self.b = draw(4)
        self.x = self.b + draw(5, latent_dim) @ self.w.T + SIGMA * draw(5, 4)
        self.evidence = linear_log_evidence(self.x, self.w, self.b, SIGMA)
        n = 31 if latent_dim > 2 else 101
        self.lattice = {"nll": NLL, "lattice": Lattice(n=n, latent_dim=latent_dim)}

    def decoder(self, z):
        return z @ self.w.T + self.b

    def posterior(self, x):
        mu, covariance = linear_posterior(x, self.w, self.b, SIGMA)
        return mu, covariance.diagonal().log().expand_as(mu)

    def shifted(self, x):
        mu, logvar = self.posterior(x)
        return mu + 0.3, logvar - 0.5


@pytest.fixture(params=[1, 2, 3], ids="K={}".format)
def linear(request):
    return Linear(request.param)


# The decoder is smooth: the errors are rounding and the tails outside the box.
CLOSE = {"rtol": 0, "atol": 1e-4}


def test_the_lattice_gives_the_log_evidence_of_probabilistic_pca(linear):
    assert_close(
        log_evidence(linear.decoder, linear.x, **linear.lattice), linear.evidence, **CLOSE
    )


def test_the_gap_is_the_kl_between_two_gaussians(linear):
    gap = kl_to_true_posterior(linear.shifted, linear.decoder, linear.x, **linear.lattice)
    mu, covariance = linear_posterior(linear.x, linear.w, linear.b, SIGMA)
    q_mu, q_logvar = linear.shifted(linear.x)
    q = MultivariateNormal(q_mu, torch.diag_embed(q_logvar.exp()))
    assert_close(gap, kl_divergence(q, MultivariateNormal(mu, covariance)), **CLOSE)


def test_the_gap_closes_where_q_is_the_true_posterior(linear):
    gap = kl_to_true_posterior(linear.posterior, linear.decoder, linear.x, **linear.lattice)
    assert_close(gap, torch.zeros_like(gap), **CLOSE)


def test_elbo_and_gap_add_up_to_the_log_evidence(linear):
    """The ELBO from draws, the gap on a lattice, log p(x) from the closed form."""
    torch.manual_seed(0)
    many = linear.x.repeat(4000, 1)  # one draw of z for each row
    bound = elbo(linear.shifted, linear.decoder, many, nll=NLL).view(4000, -1)
    gap = kl_to_true_posterior(linear.shifted, linear.decoder, linear.x, **linear.lattice)
    error = bound.std(0) / math.sqrt(4000)
    assert ((bound.mean(0) + gap - linear.evidence).abs() < 5 * error).all()


def test_the_importance_weighted_bound_is_exact_where_q_is_the_true_posterior(linear):
    """Every weight p(x, z) / q(z|x) is then p(x), so one draw is enough."""
    bound = importance_weighted_bound(
        linear.posterior, linear.decoder, linear.x, samples=1, nll=NLL
    )
    assert_close(bound, linear.evidence)


def test_the_bound_grows_with_its_samples_from_the_elbo_to_the_log_evidence(linear):
    torch.manual_seed(0)
    x = linear.x[:1].expand(4000, -1)  # as many independent bounds
    exact = linear.evidence[0]
    bounds = [
        importance_weighted_bound(linear.shifted, linear.decoder, x, samples=n, nll=NLL)
        for n in (1, 5, 50)
    ]
    error = 5 * bounds[0].std() / math.sqrt(4000)  # the first has the widest spread
    average = elbo(linear.shifted, linear.decoder, x, nll=NLL).mean()
    assert (bounds[0].mean() - average).abs() < 2 * error
    one, five, fifty = (bound.mean() for bound in bounds)
    assert one + error < five < fifty < exact + error / 5
    assert exact - fifty < 0.25 * (exact - one)


# --- a Bernoulli decoder that is not linear -------------------------------------------


def test_the_lattice_gives_the_integral_of_a_bernoulli_decoder():
    """It agrees with Gauss–Hermite quadrature over the prior."""
    torch.manual_seed(3)
    layers = nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)
    decoder = nn.Sequential(*layers).double()
    with torch.no_grad():
        decoder[2].weight.mul_(5)  # for a likelihood that is not flat
    x = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.3, 0.5, 0.9]]).double()
    nodes, weights = (torch.tensor(a) for a in np.polynomial.hermite_e.hermegauss(100))
    z, weight = torch.cartesian_prod(nodes, nodes), torch.outer(weights, weights).flatten()
    with torch.no_grad():
        nats = torch.stack([bernoulli_nll(row.expand(len(z), 3), decoder(z)) for row in x])
    exact = ((-nats).exp() @ (weight / weight.sum())).log()
    assert_close(
        log_evidence(decoder, x, lattice=Lattice(half_width=6)), exact, rtol=0, atol=1e-5
    )


def test_the_lattice_settles_on_a_decoder_with_kinks(vae, x):
    """ReLU causes an error of order h²: halving h again changes less than 0.001 nats."""
    settled = log_evidence(vae.decoder, x)
    assert_close(
        log_evidence(vae.decoder, x, lattice=Lattice(n=201)), settled, rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("nll", [bernoulli_nll, partial(gaussian_nll, sigma=0.3)])
def test_one_matrix_product_gives_the_likelihood_of_all_pairs(vae, x, nll):
    z = 2 * torch.randn(7, 2)
    with torch.no_grad():
        one_by_one = torch.stack(
            [-nll(x, vae.decoder(row[None]).expand(8, -1)) for row in z]
        )
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(1)
    assert_close(log_joint(vae.decoder, x, z, nll=nll), one_by_one.T + log_prior)


@pytest.fixture
def lattices(monkeypatch):
    """The half-width and the points per side of each lattice that is made."""
    made = []

    def recorded(half_width, n, latent_dim):
        made.append((half_width, n))
        return latent_lattice(half_width, n, latent_dim)

    monkeypatch.setattr(evidence, "latent_lattice", recorded)
    return made


def test_the_default_lattice_is_the_documented_one(lattices):
    """[−5, 5]² with 101 points per side; then twice the box, and half the spacing."""
    linear = Linear(2)
    log_evidence(linear.decoder, linear.x, nll=NLL)
    assert lattices == [(5, 101), (10, 201), (5, 201)]


def test_the_spacing_is_halved_until_no_image_changes_by_a_tenth_of_a_nat(
    lattices, monkeypatch
):
    linear, coarse = Linear(2), Lattice(n=9)
    log_evidence(linear.decoder, linear.x, nll=NLL, lattice=coarse)
    assert lattices == [(5, 9), (10, 17), (5, 17), (5, 33)]
    monkeypatch.setattr(evidence, "TOLERANCE", 1.1)
    log_evidence(linear.decoder, linear.x, nll=NLL, lattice=coarse)
    assert lattices[4:] == [(5, 9), (10, 17), (5, 17)]


# --- models and lattices that are refused --------------------------------------------


def test_a_likelihood_that_is_not_of_an_exponential_family_is_refused(vae, x):
    def laplace(x, mean):
        return (x - mean).abs().sum(1)

    with pytest.raises(ValueError, match="bernoulli_nll or gaussian_nll"):
        log_evidence(vae.decoder, x, nll=laplace)


def test_a_likelihood_half_a_nat_off_an_exponential_family_is_refused(vae, x):
    def nonlinear(x, logits):
        return bernoulli_nll(x, logits) + 0.5 * (x * logits).sum(1).tanh()

    with pytest.raises(ValueError, match="bernoulli_nll or gaussian_nll"):
        log_evidence(vae.decoder, x, nll=nonlinear)


def test_a_box_that_cuts_off_the_posterior_is_refused():
    linear = Linear(2)
    with pytest.raises(ValueError, match="outside the box of half_width 1"):
        log_evidence(linear.decoder, linear.x, nll=NLL, lattice=Lattice(half_width=1))


def test_a_posterior_that_is_too_narrow_is_refused():
    def steep(z):
        return 3000 * z

    x = torch.tensor([[1000.0, 500.0]])
    with pytest.raises(ValueError, match="has not converged"):
        log_evidence(steep, x, nll=gaussian_nll)


def test_a_latent_space_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match="in 4 dimensions are too many"):
        log_evidence(
            lambda z: z, torch.zeros(1, 4), nll=gaussian_nll, lattice=Lattice(latent_dim=4)
        )


def test_a_lattice_with_more_than_most_points_is_refused(monkeypatch):
    linear = Linear(2)
    lattice = {"nll": NLL, "lattice": Lattice(n=8)}  # refined to 15 points per side
    monkeypatch.setattr(evidence, "TOLERANCE", 1.1)
    monkeypatch.setattr(evidence, "MAX_POINTS", 15**2)
    assert log_evidence(linear.decoder, linear.x, **lattice).isfinite().all()
    monkeypatch.setattr(evidence, "MAX_POINTS", 15**2 - 1)
    with pytest.raises(ValueError, match="^15 points per side"):
        log_evidence(linear.decoder, linear.x, **lattice)


def test_a_decoder_that_gives_nan_is_refused():
    with pytest.raises(ValueError, match="training diverged"):
        log_evidence(lambda z: z * math.nan, torch.zeros(1, 2), nll=gaussian_nll)


def test_a_q_that_the_lattice_cannot_resolve_is_refused():
    linear = Linear(2)

    def narrow(x):
        mu, logvar = linear.posterior(x)
        return mu, logvar - 12

    with pytest.raises(ValueError, match="narrower than the lattice"):
        kl_to_true_posterior(narrow, linear.decoder, linear.x, nll=NLL)


# --- the information in the code -------------------------------------------------------


def test_rate_is_the_kl_and_distortion_is_minus_elbo_minus_rate(vae, x):
    torch.manual_seed(1)
    rate, distortion = rate_and_distortion(vae.encoder, vae.decoder, x)
    torch.manual_seed(1)
    assert_close(elbo(vae.encoder, vae.decoder, x), -rate - distortion)
    assert_close(rate, kl_to_standard_normal(*vae.encoder(x)).detach())


def test_samples_are_averaged(vae, x):
    torch.manual_seed(1)
    three = rate_and_distortion(vae.encoder, vae.decoder, x, samples=3)[1]
    torch.manual_seed(1)
    single = [rate_and_distortion(vae.encoder, vae.decoder, x)[1] for _ in range(3)]
    assert_close(three, torch.stack(single).mean(0))
    assert not torch.allclose(single[0], single[1])
    torch.manual_seed(1)
    rate = kl_to_standard_normal(*vae.encoder(x)).detach()
    assert_close(elbo(vae.encoder, vae.decoder, x, samples=3), -three - rate)


def encoder_of(mu, sigma):
    """An encoder with these outputs for any data."""
    return lambda x: (mu.type_as(x), torch.full_like(mu, 2 * math.log(sigma)))


def test_a_unit_is_active_where_its_mean_varies_with_x():
    constant, varying = torch.full((50,), 3.0), torch.linspace(-1, 1, 50)
    mu = torch.stack([constant, varying, 0.1 * varying], dim=1)
    f = encoder_of(mu, 1)
    assert active_units(f, mu).tolist() == [False, True, False]  # variances 0, 0.35, 0.0035


def test_a_unit_is_active_from_a_variance_of_one_hundredth_on():
    x = torch.tensor([[-1.0], [1.0]])  # of variance 1
    assert not active_units(lambda x: (0.0999 * x, x), x)
    assert active_units(lambda x: (0.1001 * x, x), x)


def test_mutual_information_of_a_constant_code_is_zero():
    f = encoder_of(torch.ones(300, 2), 0.7)
    assert_close(
        mutual_information(f, torch.zeros(300, 1)), torch.tensor(0.0), rtol=0, atol=1e-5
    )


def test_mutual_information_of_n_separate_codes_is_log_n():
    f = encoder_of(torch.arange(600.0).reshape(300, 2), 0.01)
    assert_close(mutual_information(f, torch.zeros(300, 1)), torch.tensor(math.log(300)))


def channel(sigma):
    """x -> N(x, σ²I)"""
    return lambda x: (x, torch.full_like(x, 2 * math.log(sigma)))


def test_mutual_information_of_a_gaussian_channel():
    """For μ ~ N(0, τ²) and noise σ it is ½ log(1 + τ²/σ²) nats per dimension."""
    mu = 2 * torch.randn(3000, 2)
    found = mutual_information(channel(1), mu)
    # one draw for each x: standard error about 1/√3000 a dimension, here five of them
    assert abs(found - math.log(5)) < 0.15


def test_the_rate_is_mutual_information_and_distance_to_the_prior():
    """Here KL(q(z) ‖ p(z)) is ½(τ² + σ² − log(τ² + σ²) − 1) per dimension."""
    mu, f = 0.8 * torch.randn(3000, 2), channel(0.3)
    rate = kl_to_standard_normal(*f(mu)).mean()
    total = 0.8**2 + 0.3**2
    to_prior = total - math.log(total) - 1
    assert abs(mutual_information(f, mu) + to_prior - rate) < 0.15
