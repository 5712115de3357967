"""Mixtures of Gaussians, compared with torch.distributions."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.testing import assert_close

from course_utils.theory import mixtures


def test_the_ring_is_evenly_spaced():
    means = mixtures.ring_of_means(8)
    assert_close(means[0], torch.tensor([2.0, 0.0]))
    assert_close(means.norm(dim=1), torch.full((8,), 2.0))
    gaps = (means - means.roll(1, 0)).norm(dim=1)
    assert_close(gaps, torch.full((8,), 4 * math.sin(math.pi / 8)))


def test_mixture_draws_have_equal_shares_and_covariance_sigma_squared():
    means = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    x = mixtures.sample_mixture(30_000, means, sigma=0.5)
    nearest = torch.cdist(x, means).argmin(1)
    shares = nearest.bincount().double() / len(x)
    # binomial: five standard errors of √(⅓ · ⅔ / n)
    assert_close(shares, torch.full((3,), 1 / 3).double(), rtol=0, atol=0.014)
    noise = x - means[nearest]
    assert_close(noise.T.cov(), 0.25 * torch.eye(2), rtol=0, atol=0.25 * 5 * 0.0082)


def mixture(means, sigma):
    """The same density, from torch.distributions."""
    components = Independent(Normal(means, sigma), 1)
    return MixtureSameFamily(Categorical(logits=torch.zeros(len(means))), components)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.0])
def test_mixture_log_density_is_the_log_of_the_sum(sigma):
    means, x = mixtures.ring_of_means(5), 2 * torch.randn(50, 2)
    found = mixtures.mixture_log_density(x, means, sigma=sigma)
    assert_close(found, mixture(means, sigma).log_prob(x), rtol=1e-5, atol=1e-4)


def test_mixture_log_density_far_away_is_that_of_the_nearest_component():
    """exp(−½ · 9980²) is 0 in every precision; its logarithm is finite."""
    far = torch.tensor([[1000.0, 0.0]])
    found = mixtures.mixture_log_density(far, mixtures.ring_of_means(), sigma=0.1)
    nearest = -(998**2) / 0.02 - math.log(2 * math.pi * 0.01) - math.log(8)
    assert_close(found, torch.tensor([nearest]))


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.0])
def test_mixture_score_is_the_gradient_of_the_log_density(sigma):
    means = mixtures.ring_of_means(5)
    x = (2 * torch.randn(50, 2)).requires_grad_()
    mixture(means, sigma).log_prob(x).sum().backward()
    score = mixtures.mixture_score(x.detach(), means, sigma=sigma)
    assert_close(score, x.grad, rtol=1e-5, atol=1e-4)  # float32, divided by σ² = 0.04


def test_mixture_score_far_away_is_that_of_the_nearest_component():
    far = torch.tensor([[1000.0, 0.0]])
    score = mixtures.mixture_score(far, mixtures.ring_of_means(), sigma=0.1)
    assert_close(score, (torch.tensor([[2.0, 0.0]]) - far) / 0.01)


def test_a_smoothed_mixture_is_a_mixture_with_more_variance():
    """Noise of standard deviation s makes σ² + s² of σ², as in the score by a DAE."""
    means = torch.tensor([[-1.0], [2.0]])
    sigma, s = 0.4, 0.7
    x = mixtures.sample_mixture(50_000, means, sigma=sigma)
    smoothed = mixture(means, math.hypot(sigma, s))
    at = torch.linspace(-3, 4, 15)[:, None]
    kernel = Normal(at, s).log_prob(x.T).exp()  # density of at, averaged over the draws
    error = 5 * kernel.std(1) / math.sqrt(len(x))
    assert ((kernel.mean(1) - smoothed.log_prob(at).exp()).abs() < error).all()


def test_the_ring_is_made_on_the_cpu_or_the_given_device_and_the_rest_follows(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "meta")  # has no effect here
    assert mixtures.ring_of_means().device.type == "cpu"
    means = mixtures.ring_of_means(device="meta")
    x = mixtures.sample_mixture(5, means, sigma=1)
    density = mixtures.mixture_log_density(x, means, sigma=1)
    score = mixtures.mixture_score(x, means, sigma=1)
    assert {a.device.type for a in (means, x, density, score)} == {"meta"}
