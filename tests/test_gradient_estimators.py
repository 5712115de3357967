"""Two estimators of a derivative: both unbiased, with very different variances."""

import math

import numpy as np
import pytest
import torch

from course_utils.theory.gradient_estimators import (
    reparameterized_gradients,
    score_function_gradients,
    score_function_loss,
)

ESTIMATORS = [reparameterized_gradients, score_function_gradients]


def gauss_hermite(n=80):
    """Nodes and weights of means over N(0, 1), exact for polynomials up to degree 159."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return torch.tensor(nodes), torch.tensor(weights / weights.sum())


def h(z):
    return z.square() + z.sin()


def by_phi(estimator, phi):
    """Mean and variance of the estimated ∂E[h(z)]/∂φ, for μ = φ³ and σ = e^φ."""
    eps, weights = gauss_hermite()
    sigma = math.exp(phi)
    chain = torch.tensor([3 * phi**2, sigma], dtype=torch.float64)  # ∂μ/∂φ, ∂σ/∂φ
    single = estimator(h, phi**3, sigma, eps) @ chain
    mean = weights @ single
    return mean.item(), (weights @ single.square() - mean**2).item()


def exact_derivative(phi):
    """∂/∂φ of E[z² + sin z] = μ² + σ² + sin(μ) e^(−σ²/2)."""
    mu, variance = phi**3, math.exp(2 * phi)
    by_mu = 2 * mu + math.cos(mu) * math.exp(-variance / 2)
    by_variance = 1 - 0.5 * math.sin(mu) * math.exp(-variance / 2)
    return by_mu * 3 * phi**2 + by_variance * 2 * variance


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("phi", [-0.4, 0.3, 0.5])
def test_the_mean_over_all_draws_is_the_derivative(estimator, phi):
    assert by_phi(estimator, phi)[0] == pytest.approx(exact_derivative(phi), abs=1e-9)


def test_the_score_function_estimator_has_ten_times_the_variance():
    assert by_phi(reparameterized_gradients, 0.5)[1] == pytest.approx(59.7, abs=0.1)
    assert by_phi(score_function_gradients, 0.5)[1] == pytest.approx(581.1, abs=0.1)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_each_draw_has_its_own_estimate(estimator):
    eps = torch.randn(7)
    every = estimator(h, 0.5, 2.0, eps)
    assert every.shape == (7, 2)
    single = estimator(h, 0.5, 2.0, eps[3:4])
    torch.testing.assert_close(every[3:4], single)


def test_only_the_score_function_estimator_is_unbiased_for_a_step_function():
    """A step has slope 0 almost everywhere, but E[h(z)] = Φ(μ/σ) depends on μ."""

    def step(z):
        return (z > 0).to(z) + 0 * z

    torch.manual_seed(0)
    eps = torch.randn(200_000, dtype=torch.float64)
    assert reparameterized_gradients(step, 0.5, 1.0, eps).abs().max() == 0
    by_mu = score_function_gradients(step, 0.5, 1.0, eps)[:, 0]
    exact = math.exp(-0.125) / math.sqrt(2 * math.pi)
    assert abs(by_mu.mean() - exact) < 5 * by_mu.std() / math.sqrt(200_000)


def test_the_loss_with_a_baseline_is_unbiased_and_blind_to_a_constant():
    """Its mean gradient is the derivative of E[h(z)] by μ, also for h + 100."""
    torch.manual_seed(0)
    z = 0.5 + torch.randn(20_000, 3, dtype=torch.float64)
    estimates = []
    for values in h(z), h(z) + 100:
        mu = torch.full((len(z), 1), 0.5, dtype=torch.float64, requires_grad=True)
        log_q = torch.distributions.Normal(mu, 1.0).log_prob(z)
        loss = torch.vmap(score_function_loss)(values, log_q).sum()  # of each row
        estimates.append(torch.autograd.grad(loss, mu)[0])
    torch.testing.assert_close(*estimates)
    exact = 1 + math.cos(0.5) * math.exp(-0.5)
    error = estimates[0].std() / math.sqrt(len(z))
    assert abs(estimates[0].mean() - exact) < 5 * error


def test_the_loss_with_a_baseline_subtracts_the_mean_of_the_others():
    values, log_q = torch.randn(2, 5)
    others = torch.stack([values[torch.arange(5) != i].mean() for i in range(5)])
    expected = ((values - others) * log_q).mean()
    torch.testing.assert_close(score_function_loss(values, log_q), expected)


@pytest.mark.parametrize("draws", [(1, 1), (3, 2)])
def test_the_loss_with_a_baseline_needs_two_draws(draws):
    with pytest.raises(ValueError, match="two or more draws"):
        score_function_loss(*map(torch.ones, draws))
