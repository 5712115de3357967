"""The bound on the grid of one image, compared with closed forms of a linear model."""

from functools import partial

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence
from torch.testing import assert_close

from course_utils.objectives import gaussian_nll, kl_to_standard_normal
from course_utils.theory.linear_gaussian import linear_log_evidence, linear_posterior
from course_utils.theory.posterior_grid import (
    best_gaussian,
    bound_on_grid,
    grid_log_evidence,
    posterior_grid,
)

SIGMA = 0.3
NLL = partial(gaussian_nll, sigma=SIGMA)
B = torch.linspace(0, 1, 9, dtype=torch.float64)
X = torch.cos(torch.arange(9, dtype=torch.float64))
# With orthogonal columns the true posterior is diagonal.
DIAGONAL = torch.zeros(9, 2, dtype=torch.float64)
DIAGONAL[:3, 0], DIAGONAL[5:, 1] = 1.5, 0.4
TILTED = DIAGONAL @ torch.tensor([[1.0, 0.9], [-0.3, 1.0]], dtype=torch.float64)


def pair(first, second):
    return torch.tensor([first, second], dtype=torch.float64)


def grid_of(w, mu=None, sigma=None, **arguments):
    mean, covariance = linear_posterior(X[None], w, B, SIGMA)
    mu = mean[0] if mu is None else mu
    sigma = covariance.diagonal().sqrt() if sigma is None else sigma
    grid = posterior_grid(lambda z: z @ w.T + B, X, mu, sigma, nll=NLL, **arguments)
    return grid, mean[0], covariance


def gap_in_closed_form(mu, sigma, mean, covariance):
    q = MultivariateNormal(mu, torch.diag(sigma.square()))
    return kl_divergence(q, MultivariateNormal(mean, covariance))


@pytest.mark.parametrize("w", [DIAGONAL, TILTED], ids=["diagonal", "tilted"])
def test_the_grid_holds_log_p_of_x(w):
    grid, mean, covariance = grid_of(w)
    exact = linear_log_evidence(X[None], w, B, SIGMA)
    # 4e-9 is outside of 6 standard deviations; the error of the sum is smaller.
    assert grid_log_evidence(grid) == pytest.approx(exact.item(), abs=1e-6)
    share = grid.log_joint.flatten().softmax(0).reshape(grid.log_joint.shape)
    assert_close(share.sum(1) @ grid.z1, mean[0], rtol=0, atol=1e-6)
    variance = share.sum(0) @ (grid.z2 - mean[1]).square()
    assert_close(variance, covariance[1, 1], rtol=1e-5, atol=0)


@pytest.mark.parametrize("width", ["the spacing", 0.5, 1])
@pytest.mark.parametrize("w", [DIAGONAL, TILTED], ids=["diagonal", "tilted"])
def test_the_bound_of_any_q_is_that_of_the_closed_forms(w, width):
    grid, mean, covariance = grid_of(w)
    posterior_sigma = covariance.diagonal().sqrt()
    # σ is at least the spacing, where the relative error of the sum is exp(−2π²) = 3e-9.
    sigma = torch.full_like(mean, grid.spacing)
    if width != "the spacing":
        sigma = width * posterior_sigma * pair(1, 0.8)
    mu = mean + posterior_sigma * pair(0.7, -1.1)
    bound = bound_on_grid(grid, mu, sigma)
    exact = gap_in_closed_form(mu, sigma, mean, covariance)
    assert_close(bound["gap"], exact, rtol=0, atol=1e-6)
    to_prior = kl_to_standard_normal(mu[None], 2 * sigma.log()[None])[0]
    assert_close(bound["kl_to_prior"], to_prior, rtol=0, atol=1e-6)
    assert_close(bound["elbo"], bound["reconstruction"] - bound["kl_to_prior"])
    assert bound["elbo"] + bound["gap"] == pytest.approx(grid_log_evidence(grid))


def test_the_gap_is_positive_for_a_q_cut_at_the_edge_of_the_grid():
    grid, _, covariance = grid_of(TILTED)
    corner = torch.stack([grid.z1[-1], grid.z2[0]])
    for scale in (1.0, 3.0, 30.0):
        sigma = scale * covariance.diagonal().sqrt()
        assert bound_on_grid(grid, corner, sigma)["gap"] > 0


def test_the_best_gaussian_is_the_posterior_where_that_is_diagonal():
    grid, mean, covariance = grid_of(DIAGONAL)
    mu, sigma = best_gaussian(grid, mean + 0.1, covariance.diagonal().sqrt() * 2)
    assert bound_on_grid(grid, mu, sigma)["gap"] < 1e-6
    assert_close(mu, mean, rtol=0, atol=1e-4)
    assert_close(sigma, covariance.diagonal().sqrt(), rtol=1e-3, atol=0)


def test_the_best_gaussian_for_a_tilted_posterior_has_the_width_of_its_precision():
    """Its KL is smallest at σₖ² = 1 / (Σ⁻¹)ₖₖ, narrower than the marginal (mean field)."""
    grid, mean, covariance = grid_of(TILTED)
    mu, sigma = best_gaussian(grid, mean, covariance.diagonal().sqrt())
    expected = covariance.inverse().diagonal().rsqrt()
    assert (expected < 0.9 * covariance.diagonal().sqrt()).all()
    assert_close(sigma, expected, rtol=1e-3, atol=0)
    assert_close(mu, mean, rtol=0, atol=1e-4)


def test_a_narrow_q_makes_the_grid_denser_and_a_distant_q_makes_it_larger():
    usual, mean, _ = grid_of(DIAGONAL)
    narrow, *_ = grid_of(DIAGONAL, sigma=torch.full_like(mean, 0.4 * usual.spacing))
    assert len(usual.z1) == 81 and narrow.spacing < 0.4 * usual.spacing
    distant, *_ = grid_of(DIAGONAL, mu=mean + pair(2, 0))
    assert distant.z1[-1] > mean[0] + 2


def test_the_grid_includes_a_second_peak():
    """p(x|z) depends on |z₁|: the posterior has two peaks."""

    def g(z):
        return torch.stack([z[:, 0].abs(), z[:, 1]], 1)

    x, mu, sigma = pair(1.5, 0.3), pair(1.4, 0.3), pair(0.1, 0.1)
    nll = partial(gaussian_nll, sigma=0.1)
    grid = posterior_grid(g, x, mu, sigma, nll=nll)
    right = grid.log_joint[grid.z1 > 0].logsumexp((0, 1))
    left = grid.log_joint[grid.z1 < 0].logsumexp((0, 1))
    assert_close(left, right, rtol=0, atol=1e-6)
    best, _ = best_gaussian(grid, mu, sigma)
    assert best[0] == pytest.approx(1.485, abs=0.01)  # 1.5 / (1 + 0.1²): q takes one peak


def test_a_posterior_that_no_grid_can_resolve_is_refused():
    with pytest.raises(ValueError, match="larger half_width"):
        grid_of(DIAGONAL, half_width=0.3)
    with pytest.raises(ValueError, match="too narrow"):
        grid_of(DIAGONAL, sigma=pair(1e-5, 1e-5))
