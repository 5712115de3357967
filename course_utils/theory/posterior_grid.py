"""The true posterior of one image on a grid, compared with any Gaussian q.

A posterior is often fifty times narrower than the plane, so each image gets a square grid
around its posterior, dense enough for sums over its points to be integrals. On it ELBO and
KL(q ‖ p(z|x)) are exact for every q.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils._validation import (
    check_finite,
    check_floats,
    check_vector,
)
from course_utils.modes import measure
from course_utils.objectives import Decoder, bernoulli_nll
from course_utils.theory.evidence import Nll, log_joint
from course_utils.theory.lattice import latent_lattice
from course_utils.training import hold_interrupt

MAX_MASS_OUTSIDE = 1e-3  # of the posterior, outside the grid: 0.001 nats of log p(x)
MAX_CHANGE = 0.05  # nats between two spacings; see posterior_grid
POINTS = 81, 161, 321  # per side of a grid, tried in turn


class PosteriorGrid(NamedTuple):
    """log p(x, z) of one image x on a square grid."""

    z1: Tensor  # (n,) ascending, the same spacing as z2
    z2: Tensor  # (n,)
    log_joint: Tensor  # (n, n) nats, at (z1ᵢ, z2ⱼ)

    @property
    def spacing(self) -> float:
        return float(self.z1[-1] - self.z1[0]) / (len(self.z1) - 1)


@measure
def posterior_grid(
    g: Decoder,
    x: Tensor,
    mu: Tensor,
    sigma: Tensor,
    *,
    nll: Nll = bernoulli_nll,
    half_width: float = 5.0,
) -> PosteriorGrid:
    """A grid that holds p(z|x) of one image and a Gaussian q.  x (D,), mu, sigma (2,)

    A lattice over [−a, a]², a = half_width, locates the posterior. The grid extends six of
    its standard deviations to each side, farther if q or a second peak needs it. It starts
    with 81 points per side and halves the spacing until this is at most σ of q and every
    second point gives log p(x) within 0.05 nats: for a Gaussian peak the error of all
    points is the fourth power of that of every second point, so less than 10⁻⁵.
    In eval mode. ValueError if the posterior extends beyond the box or is too narrow.
    """
    check_vector(x)
    _check_q(mu, sigma)
    plane = latent_lattice(half_width, 101).to(x)
    share = log_joint(g, x[None], plane, nll=nll)[0].softmax(0)
    if share[plane.abs().amax(1) > 0.95 * half_width].sum() > MAX_MASS_OUTSIDE:
        raise ValueError(
            f"this posterior extends beyond [−{half_width:g}, {half_width:g}]²: take a "
            "larger half_width."
        )
    center = share @ plane
    spread = (share @ (plane - center).square()).sqrt()
    reach = float(torch.cat([6 * spread, (mu - center).abs() + 5 * sigma]).max())
    reach = max(reach, 0.06 * half_width)  # three spacings of the coarse lattice
    while share[(plane - center).abs().amax(1) > reach].sum() > MAX_MASS_OUTSIDE:
        reach *= 1.25
    for n in POINTS:
        grid = _grid(g, x, center, reach, n, nll)
        every_second = PosteriorGrid(grid.z1[::2], grid.z2[::2], grid.log_joint[::2, ::2])
        change = abs(grid_log_evidence(every_second) - grid_log_evidence(grid))
        if change < MAX_CHANGE and sigma.min() >= grid.spacing:
            return grid
    raise ValueError("this posterior, or q, is too narrow for a grid of 321 × 321 points.")


def _grid(
    g: Decoder, x: Tensor, center: Tensor, half_width: float, n: int, nll: Nll
) -> PosteriorGrid:
    axis = torch.linspace(-half_width, half_width, n, dtype=torch.float64)
    z1, z2 = center[0].item() + axis, center[1].item() + axis
    values = log_joint(g, x[None], torch.cartesian_prod(z1, z2).to(x), nll=nll)
    return PosteriorGrid(z1, z2, values.double().cpu().reshape(n, n))


def grid_log_evidence(grid: PosteriorGrid) -> float:
    """log p(x) = log Σᵢⱼ h² p(x, zᵢⱼ), nats."""
    return float(grid.log_joint.logsumexp((0, 1))) + 2 * math.log(grid.spacing)


def _log_gaussian_on_axis(axis: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    """log N(μ, σ²), normalized over the points of an axis.  (n,), (), () -> (n,)"""
    return torch.log_softmax(-0.5 * ((axis - mu) / sigma).square(), 0)


def bound_on_grid(grid: PosteriorGrid, mu: Tensor, sigma: Tensor) -> dict[str, Tensor]:
    """ELBO, its two terms and the gap, for q = N(μ, diag σ²) on the grid.  -> {name: ()}

    reconstruction  E_q [log p(x|z)]
    kl_to_prior     KL(q ‖ p(z))
    elbo            reconstruction − kl_to_prior
    gap             KL(q ‖ p(z|x)) = log p(x) − elbo

    mu, sigma (2,). q factorizes, so E_q [log p(x, z)] = q₁ᵀ L q₂. All in nats, exact
    if σ is at least the spacing and μ ± 5σ lies in the grid; otherwise q is truncated at
    the edge of the grid.
    Source: lecture, "Derivation of VAE objective".
    """
    _check_q(mu, sigma)
    log_q1 = _log_gaussian_on_axis(grid.z1, mu[0], sigma[0])
    log_q2 = _log_gaussian_on_axis(grid.z2, mu[1], sigma[1])
    q1, q2 = log_q1.exp(), log_q2.exp()
    joint = q1 @ grid.log_joint @ q2
    square = q1 @ grid.z1.square() + q2 @ grid.z2.square()
    log_prior = -0.5 * square - math.log(2 * math.pi)
    entropy = 2 * math.log(grid.spacing) - q1 @ log_q1 - q2 @ log_q2
    elbo = joint + entropy
    return {
        "reconstruction": joint - log_prior,
        "kl_to_prior": -entropy - log_prior,
        "elbo": elbo,
        "gap": grid_log_evidence(grid) - elbo,
    }


def best_gaussian(grid: PosteriorGrid, mu: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """The q = N(μ, diag σ²) with the largest ELBO.  start (2,), (2,) -> (2,), (2,)

    The better of two maximizations, from the given q and from the posterior's moments.
    Its gap is the approximation gap, which no encoder closes; the rest of an encoder's gap
    is its amortization gap. Source: Cremer, Li & Duvenaud (2018), section 3.
    """
    _check_q(mu, sigma)
    starts = [(mu.double().cpu(), sigma.double().cpu()), _moments(grid)]
    optima = [_maximize_elbo(grid, *start) for start in starts]
    return max(optima, key=lambda q: float(bound_on_grid(grid, *q)["elbo"]))


def _check_q(mu: Tensor, sigma: Tensor) -> None:
    check_floats(mu, sigma)
    if mu.shape != (2,) or sigma.shape != (2,) or not (sigma > 0).all():
        raise ValueError(
            "q = N(μ, diag σ²) needs two means and two σ > 0, mu and sigma (2,); "
            f"these are {tuple(mu.shape)} and {tuple(sigma.shape)}."
        )
    check_finite(mu, sigma)


def _moments(grid: PosteriorGrid) -> tuple[Tensor, Tensor]:
    share = grid.log_joint.flatten().softmax(0).reshape(grid.log_joint.shape)
    axes = [(grid.z1, share.sum(1)), (grid.z2, share.sum(0))]
    mu = torch.stack([weight @ z for z, weight in axes])
    square = torch.stack([weight @ z.square() for z, weight in axes])
    return mu, (square - mu.square()).sqrt()


def _maximize_elbo(grid: PosteriorGrid, mu: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """The best q by L-BFGS in (μ − μ₀)/σ₀ and log(σ/σ₀); q stays in the grid."""
    q = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    ends = torch.stack([grid.z1[[0, -1]], grid.z2[[0, -1]]], dim=1)
    widest = float(ends[1, 0] - ends[0, 0]) / 8

    def mu_and_sigma(q: Tensor) -> tuple[Tensor, Tensor]:
        width = sigma * q[2:].clamp(-9, 9).exp()
        return (mu + sigma * q[:2]).clamp(*ends), width.clamp(grid.spacing, widest)

    with hold_interrupt():
        optimizer = torch.optim.LBFGS([q], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = -bound_on_grid(grid, *mu_and_sigma(q))["elbo"]
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return mu_and_sigma(q.detach())
