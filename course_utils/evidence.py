"""What the model says: the lattice, its holes, the prior's share in it, the ELBO."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.device import choose_device
from course_utils.objectives import (
    Decoder,
    GaussianEncoder,
    bernoulli_nll,
    kl_to_standard_normal,
    reparameterize,
)


def latent_lattice(half_width: float, n: int = 21) -> Tensor:
    """n × n points z over [−a, a]², a = half_width, in reading order.  -> (n·n, 2)

    The first row of pictures has the largest z₂, as in a plot; z₁ grows to the right.
    ValueError unless a > 0 and n ≥ 2.
    Source: lecture, "Visualization of latent space" (a = 1 and a = 5, n = 21).
    """
    if not half_width > 0 or n < 2:
        raise ValueError("a lattice needs half_width > 0 and n >= 2 points a side.")
    axis = torch.linspace(-half_width, half_width, n, device=choose_device())
    z2, z1 = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    return torch.stack([z1.flatten(), z2.flatten()], dim=1)


def prior_mass(half_width: float, latent_dim: int = 2) -> float:
    """Share of N(0, I) inside the box [−a, a]ᴷ:  erf(a / √2)ᴷ."""
    return math.erf(half_width / math.sqrt(2)) ** latent_dim


@torch.no_grad()
def distance_to_nearest(points: Tensor, codes: Tensor) -> Tensor:
    """minⱼ ‖zᵢ − f(xⱼ)‖, how far each point lies from all codes.  (N, K), (M, K) -> (N,)

    Large in the holes of the plane, where the decoder was never trained.
    """
    # No matrix product: it rounds away distances that are small beside the codes.
    exact = {"compute_mode": "donot_use_mm_for_euclid_dist"}
    parts = points.split(256)  # not all N × M distances in memory at once
    return torch.cat([torch.cdist(part, codes, **exact).amin(1) for part in parts])


@torch.no_grad()
def elbo(
    f: GaussianEncoder,
    g: Decoder,
    x: Tensor,
    *,
    samples: int = 1,
    nll: Callable[[Tensor, Tensor], Tensor] = bernoulli_nll,
) -> Tensor:
    """E_q [log p(x|z)] − KL(q(z|x) ‖ p(z)) of each image, not averaged.  (B, D) -> (B,), nats

    The expectation is the mean over ``samples`` draws of z. No gradient: this is testing.
    ValueError for less than one draw.
    Source: lecture, "Testing"; Kingma & Welling (2014), equation 7.
    """
    if samples < 1:
        raise ValueError(f"elbo needs at least one sample, not {samples}.")
    mu, logvar = f(x)
    draws = [nll(x, g(reparameterize(mu, logvar))) for _ in range(samples)]
    return -torch.stack(draws).mean(0) - kl_to_standard_normal(mu, logvar)
