"""The lattice over the latent plane: points, prior masses, quantities to map over it."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from course_utils._validation import (
    check_count,
    check_finite_rows,
    check_floats,
    check_not_negative,
    check_positive,
)
from course_utils.device import Device


class Lattice(NamedTuple):
    """Points over the box [−a, a]ᴷ: a = half_width, n points per side, K = latent_dim."""

    half_width: float = 5.0
    n: int = 101
    latent_dim: int = 2

    @property
    def cell(self) -> float:
        """hᴷ, the volume around each point, with h = 2a / (n − 1)."""
        return (2 * self.half_width / (self.n - 1)) ** self.latent_dim


PLANE = Lattice()


def latent_lattice(
    half_width: float, n: int = 21, latent_dim: int = 2, *, device: Device = None
) -> Tensor:
    """nᴷ points z over [−a, a]ᴷ, a = half_width, in reading order.  -> (nᴷ, K)

    In the plane the first row of images has the largest z₂, as in a plot; z₁ grows to
    the right. ValueError unless a > 0 and n ≥ 2.
    Source: lecture, "Visualization of latent space" (a = 1 and a = 5, n = 21).
    """
    check_positive("half_width", half_width)
    check_count("n, the points per side,", n, minimum=2)
    check_count("latent_dim", latent_dim)
    axis = torch.linspace(-half_width, half_width, n, device=device)
    axes = torch.meshgrid(*[axis.flip(0)] * (latent_dim - 1), axis, indexing="ij")
    return torch.stack([z.flatten() for z in reversed(axes)], dim=1)


def prior_mass(half_width: float) -> float:
    """Share of N(0, I) in the box [−a, a]ᴷ, K = 2:  erf(a / √2)ᴷ. ValueError if a < 0."""
    if half_width != math.inf:  # the whole plane
        check_not_negative("half_width", half_width)
    return math.erf(half_width / math.sqrt(2)) ** 2


def ring_mass(radius: float) -> float:
    """Share of N(0, I) within a circle of the plane, r = radius:  1 − exp(−r²/2).

    One, two and three standard deviations hold 39.3 %, 86.5 % and 98.9 %: less than in one
    dimension. Source: the square of the radius is exponential with mean 2 (Rayleigh).
    """
    if radius != math.inf:
        check_not_negative("radius", radius)
    return -math.expm1(-(radius**2) / 2)


@torch.no_grad()
def distance_to_nearest(points: Tensor, codes: Tensor) -> Tensor:
    """minⱼ ‖zᵢ − f(xⱼ)‖, distance to the nearest code.  (N, K), (M, K) -> (N,)

    Large in the holes of the plane, where the decoder was never trained.
    """
    check_finite_rows(points, codes)
    # Without matrix product, which rounds small distances between large codes to 0.
    distances = partial(torch.cdist, compute_mode="donot_use_mm_for_euclid_dist")
    parts = points.split(256)  # not all N × M distances in memory at once
    return torch.cat([distances(part, codes).amin(1) for part in parts])


def pixel_entropy(p: Tensor) -> Tensor:
    """Σ_d H(p_d) = −Σ_d [ p_d log p_d + (1 − p_d) log(1 − p_d) ].  (B, D) -> (B,), nats

    The uncertainty of a Bernoulli decoder, p_d the probability of black: 0 for a pixel
    that is certain, log 2 at p_d = ½.
    """
    check_floats(p)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p is a probability and must lie in [0, 1]: use logits.sigmoid().")
    return -(torch.xlogy(p, p) + torch.xlogy(1 - p, 1 - p)).sum(-1)
