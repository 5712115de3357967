"""The latent lattice that students walk, and what share of the prior it covers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils.device import choose_device


def latent_lattice(half_width: float, n: int = 21) -> Tensor:
    """n × n points z over [−a, a]², a = half_width, in reading order.  -> (n·n, 2)

    The first row of pictures has the largest z₂, as in a plot; z₁ grows to the right.
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
