"""The true posterior of one image close up, and beside it any Gaussian q.

A posterior is often fifty times narrower than the plane, so each image gets a lattice of its
own: a square grid around its posterior, with points dense enough for sums over it to
be integrals. There ELBO and KL(q ‖ p(z|x)) are exact for whichever q one likes to try.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils._interrupts import hold_interrupt
from course_utils._validation import (
    check_count,
    check_finite,
    check_floats,
    check_positive,
    check_vector,
)
from course_utils.objectives import Decoder, bernoulli_nll
from course_utils.theory.evidence import Nll, log_joint
from course_utils.theory.lattice import latent_lattice

SHARE_OUTSIDE = 1e-3  # of the posterior that a grid may miss: 0.001 nats of log p(x)
ROUGH = 0.05  # nats between two spacings; see posterior_grid
MOST_POINTS = 321  # a side of a grid


class PosteriorGrid(NamedTuple):
    """log p(x, z) of one image x on a square lattice."""

    z1: Tensor  # (n,) ascending, the same spacing as z2
    z2: Tensor  # (n,)
    log_joint: Tensor  # (n, n) nats, at (z1ᵢ, z2ⱼ)

    @property
    def spacing(self) -> float:
        return float(self.z1[-1] - self.z1[0]) / (len(self.z1) - 1)


@torch.no_grad()
def posterior_grid(
    decoder: Decoder,
    x: Tensor,
    mu: Tensor,
    sigma: Tensor,
    *,
    nll: Nll = bernoulli_nll,
    half_width: float = 5.0,
    n: int = 81,
) -> PosteriorGrid:
    """A lattice that holds p(z|x) of one image and a Gaussian q.  x (D,), mu, sigma (2,)

    Found on a coarse lattice over [−a, a]², a = half_width; six standard deviations
    of the posterior to each side, and more where q or another peak asks for it. It starts
    with n points a side and halves the spacing until q is as wide as it and every second
    point gives log p(x) within 0.05 nats: for a Gaussian peak the error of all points is
    then the fourth power of that of every second, less than 10⁻⁵.
    ValueError where the posterior reaches out of the plane or is too narrow.
    """
    check_positive("half_width", half_width)
    check_count("n", n, least=3)  # so that every second point is a lattice, too
    check_vector(x)
    check_finite(x)
    _check_q(mu, sigma)
    plane = latent_lattice(half_width, 101).to(x)
    share = log_joint(decoder, x[None], plane, nll=nll)[0].softmax(0)
    if share[plane.abs().amax(1) > 0.95 * half_width].sum() > SHARE_OUTSIDE:
        raise ValueError(
            f"this posterior reaches out of [−{half_width:g}, {half_width:g}]²: take a "
            "larger half_width."
        )
    center = share @ plane
    spread = (share @ (plane - center).square()).sqrt()
    reach = float(torch.cat([6 * spread, (mu - center).abs() + 5 * sigma]).max())
    reach = max(reach, 0.06 * half_width)  # three spacings of the coarse lattice
    while share[(plane - center).abs().amax(1) > reach].sum() > SHARE_OUTSIDE:
        reach *= 1.25
    while n <= MOST_POINTS:
        grid = _grid(decoder, x, center, reach, n, nll)
        every_second = PosteriorGrid(grid.z1[::2], grid.z2[::2], grid.log_joint[::2, ::2])
        rough = abs(grid_log_evidence(every_second) - grid_log_evidence(grid))
        if rough < ROUGH and sigma.min() >= grid.spacing:
            return grid
        n = 2 * n - 1
    raise ValueError("this posterior, or q, is too narrow for a lattice of its own.")


def _grid(
    decoder: Decoder, x: Tensor, center: Tensor, reach: float, n: int, nll: Nll
) -> PosteriorGrid:
    axis = torch.linspace(-reach, reach, n, dtype=torch.float64)
    z1, z2 = center[0].item() + axis, center[1].item() + axis
    values = log_joint(decoder, x[None], torch.cartesian_prod(z1, z2).to(x), nll=nll)
    return PosteriorGrid(z1, z2, values.double().cpu().reshape(n, n))


def grid_log_evidence(grid: PosteriorGrid) -> float:
    """log p(x) = log Σᵢⱼ h² p(x, zᵢⱼ), nats."""
    return float(grid.log_joint.logsumexp((0, 1))) + 2 * math.log(grid.spacing)


def log_gaussian_on_axis(axis: Tensor, mu: Tensor, sigma: Tensor) -> Tensor:
    """log of the shares of N(μ, σ²) on an axis, which add up to one.  (n,), (), () -> (n,)"""
    return torch.log_softmax(-0.5 * ((axis - mu) / sigma).square(), 0)


def bound_on_grid(grid: PosteriorGrid, mu: Tensor, sigma: Tensor) -> dict[str, Tensor]:
    """ELBO, its two terms and the gap, for q = N(μ, diag σ²) on the lattice.  (2,), (2,) -> ()

    reconstruction  E_q [log p(x|z)]
    kl_to_prior     KL(q ‖ p(z))
    elbo            reconstruction − kl_to_prior
    gap             KL(q ‖ p(z|x)) = log p(x) − elbo

    q is a product, so E_q [log p(x, z)] = q₁ᵀ L q₂. All in nats, right where σ is at
    least the spacing and μ ± 5σ in the grid; beyond, they are those of a q that ends there.
    Source: lecture, "Derivation of VAE objective".
    """
    _check_q(mu, sigma)
    log_q1 = log_gaussian_on_axis(grid.z1, mu[0], sigma[0])
    log_q2 = log_gaussian_on_axis(grid.z2, mu[1], sigma[1])
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
    """The best q = N(μ, diag σ²) of two climbs up the ELBO.  start (2,), (2,) -> (2,), (2,)

    One starts at the given q, the other at the one with the posterior's own moments. What remains is the gap that no encoder closes, the approximation gap; what
    an encoder leaves beyond it is its amortization gap.
    Source: Cremer, Li & Duvenaud (2018), section 3.
    """
    _check_q(mu, sigma)
    starts = [(mu.double().cpu(), sigma.double().cpu()), _moments(grid)]
    climbed = [_climb(grid, *start) for start in starts]
    return max(climbed, key=lambda q: float(bound_on_grid(grid, *q)["elbo"]))


def _check_q(mu: Tensor, sigma: Tensor) -> None:
    check_floats(mu, sigma)
    if mu.shape != (2,) or sigma.shape != (2,) or not (sigma > 0).all():
        raise ValueError(
            "q = N(μ, diag σ²) needs two means and two widths, mu and sigma (2,), and widths "
            f"are > 0; these are {tuple(mu.shape)} and {tuple(sigma.shape)}."
        )
    check_finite(mu, sigma)


def _moments(grid: PosteriorGrid) -> tuple[Tensor, Tensor]:
    share = grid.log_joint.flatten().softmax(0).reshape(grid.log_joint.shape)
    axes = [(grid.z1, share.sum(1)), (grid.z2, share.sum(0))]
    mu = torch.stack([weight @ z for z, weight in axes])
    square = torch.stack([weight @ z.square() for z, weight in axes])
    return mu, (square - mu.square()).sqrt()


def _climb(grid: PosteriorGrid, mu: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Up the ELBO, μ in units of the first σ, σ as its logarithm; q stays in the grid."""
    q = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    ends = torch.stack([grid.z1[[0, -1]], grid.z2[[0, -1]]], dim=1)
    widest = (ends[1, 0] - ends[0, 0]) / 8

    def read(q: Tensor) -> tuple[Tensor, Tensor]:
        width = sigma * q[2:].clamp(-9, 9).exp()
        return (mu + sigma * q[:2]).clamp(*ends), width.clamp(grid.spacing, widest)

    with hold_interrupt():
        optimizer = torch.optim.LBFGS([q], max_iter=60, line_search_fn="strong_wolfe")

    def descend() -> Tensor:
        optimizer.zero_grad()
        loss = -bound_on_grid(grid, *read(q))["elbo"]
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(descend)
    return read(q.detach())
