"""Mixtures of Gaussians with equal weights and one σ: draws, log density, score."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from course_utils._validation import (
    check_count,
    check_finite_rows,
    check_not_negative,
    check_positive,
)
from course_utils.device import Device


def ring_of_means(modes: int = 8, *, device: Device = None) -> Tensor:
    """Centers of a ring of Gaussians, evenly on a circle of radius 2.  -> (modes, 2)"""
    check_count("modes", modes)
    angle = 2 * math.pi * torch.arange(modes, device=device) / modes
    return 2 * torch.stack([angle.cos(), angle.sin()], dim=1)


def sample_mixture(n: int, means: Tensor, *, sigma: float) -> Tensor:
    """n draws from the equal mixture of N(meanₖ, σ²I).  (K, D) -> (n, D)"""
    check_finite_rows(means)
    check_count("n", n)
    check_not_negative("sigma, a standard deviation,", sigma)
    component = torch.randint(len(means), (n,), device=means.device)
    return means[component] + sigma * torch.randn(n, means.shape[1], device=means.device)


def mixture_log_density(x: Tensor, means: Tensor, *, sigma: float) -> Tensor:
    """log p(x) = log Σₖ (1/K) N(x; meanₖ, σ²I).  (B, D), (K, D) -> (B,), nats

    With data points as means it is the kernel density estimate of bandwidth σ.
    """
    check_finite_rows(x, means)
    check_positive("sigma", sigma)
    squared_distance = (x[:, None] - means).square().sum(2)  # (B, K)
    constant = 0.5 * means.shape[1] * math.log(2 * math.pi * sigma**2)
    log_joint = -math.log(len(means)) - squared_distance / (2 * sigma**2) - constant
    return log_joint.logsumexp(1)  # a plain exp would underflow for distant components


def mixture_score(x: Tensor, means: Tensor, *, sigma: float) -> Tensor:
    """∇ₓ log p(x) = Σₖ wₖ(x) (meanₖ − x) / σ².  (B, D), (K, D) -> (B, D)

    wₖ(x) is the share of component k in the density at x. σ is the width of the components:
    for clusters of width s with noise of standard deviation t it is √(s² + t²).
    """
    check_finite_rows(x, means)
    check_positive("sigma", sigma)
    offset = means - x[:, None]  # (B, K, D)
    share = torch.softmax(-offset.square().sum(2) / (2 * sigma**2), dim=1)
    return (share[:, :, None] * offset).sum(1) / sigma**2
