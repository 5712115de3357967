"""Two estimators of the gradient of an expectation, for one number z ~ N(μ, σ²).

Both are unbiased for the derivatives of E[h(z)] by μ and σ: the score function for any h,
reparameterization for a continuous h. They differ in variance.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils._validation import check_finite_number, check_positive, check_vector

Function = Callable[[Tensor], Tensor]


def reparameterized_gradients(h: Function, mu: float, sigma: float, eps: Tensor) -> Tensor:
    """h′(z) · (1, ε) with z = μ + σε: the derivatives of h(z) by μ and σ.  (L,) -> (L, 2)

    Needs the derivative of h. ValueError unless σ > 0.
    Source: lecture, "Reparameterization trick": ∂h/∂μ = ∂h/∂z, ∂h/∂σ = ∂h/∂z · ε.
    """
    z = _draw(mu, sigma, eps).requires_grad_()
    (slope,) = torch.autograd.grad(h(z).sum(), z)
    return torch.stack([slope, slope * eps], dim=1)


def score_function_gradients(h: Function, mu: float, sigma: float, eps: Tensor) -> Tensor:
    """h(z) · ∇ log N(z; μ, σ²) = h(z) · (ε, ε² − 1) / σ, z = μ + σε.  (L,) -> (L, 2)

    Needs only values of h, so it works where z is discrete or h has no derivative.
    ValueError unless σ > 0. Source: Williams (1992), REINFORCE.
    """
    z = _draw(mu, sigma, eps)
    return h(z)[:, None] * torch.stack([eps, eps.square() - 1], dim=1) / sigma


def score_function_loss(h: Tensor, log_q: Tensor) -> Tensor:
    """Σ (hₗ − h̄) log q(zₗ) / (L − 1): its gradient is the score function with a baseline.

    The same as the mean of (hₗ − bₗ) log q(zₗ), where bₗ is the mean of the other values.
    (L,), (L,) -> (); no gradient passes h, and the value itself has no meaning.
    ValueError unless there are as many values as draws, two at least.
    Source: Kool, van Hoof & Welling (2019), "Buy 4 REINFORCE Samples".
    """
    check_vector(h)
    check_vector(log_q)
    if len(h) != len(log_q) or len(h) < 2:
        raise ValueError(
            f"h and log_q must have one number for each of two or more draws, not "
            f"{len(h)} and {len(log_q)}."
        )
    return ((h - h.mean()).detach() * log_q).sum() / (len(h) - 1)


def _draw(mu: float, sigma: float, eps: Tensor) -> Tensor:
    check_finite_number("mu", mu)
    check_positive("sigma, a standard deviation,", sigma)
    check_vector(eps)
    return mu + sigma * eps
