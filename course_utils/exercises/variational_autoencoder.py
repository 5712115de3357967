"""Checks of notebook 06, the variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import value_and_gradient
from course_utils.exercises.grading import (
    CheckResult,
    Function,
    Mistakes,
    compare,
    compare_value,
)

_kl, _draw = objectives.kl_to_standard_normal, objectives.reparameterize

_KL_MISTAKES: Mistakes = {
    "the sign. A KL is never negative.": lambda *a: -_kl(*a),
    "the factor ½ is missing.": lambda *a: 2 * _kl(*a),
    "a sum over the K dimensions was asked for, not their mean.": (
        lambda mu, logvar: _kl(mu, logvar) / mu.shape[1]
    ),
    "add up the K dimensions: one number for each data point.": (
        lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar) / 2
    ),
    "logvar is log σ², so that σ² = exp(logvar), not logvar².": (
        lambda mu, logvar: ((mu**2 + logvar**2 - 1) / 2 - logvar.abs().log()).sum(1)
    ),
}


def check_kl(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 06: KL(N(μ, diag σ²) ‖ N(0, I)) in closed form.  (B, K), (B, K) -> (B,)"""
    zeros = torch.zeros(2, 3)
    cases = {
        "q is the prior, so the KL is 0": (zeros, zeros),
        "q is shifted": (torch.tensor([[1.0, -2.0, 0.5]]), torch.zeros(1, 3)),
        "q is narrower than the prior": (zeros, zeros - 2),
        "q is wider than the prior": (zeros, zeros + 1),
    }
    return compare(answer, _kl, cases, _KL_MISTAKES)


_REPARAMETERIZE_MISTAKES: Mistakes = {
    "logvar is log σ²: exp(logvar) is the variance, not σ.": (
        lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu)
    ),
    "logvar is log σ², not σ itself.": (
        lambda mu, logvar: mu + logvar * torch.randn_like(mu)
    ),
    "a draw by sample() or under no_grad() has no gradient.": (
        lambda mu, logvar: _draw(mu, logvar).detach()
    ),
    "the gradient is cut off from mu.": lambda mu, logvar: _draw(mu.detach(), logvar),
    "the gradient is cut off from logvar.": lambda mu, logvar: _draw(mu, logvar.detach()),
    "every number needs an ε of its own, not one for all.": (
        lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(1)
    ),
    "every number needs an ε of its own, not one for each row.": (
        lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(len(mu), 1)
    ),
    "ε is normal; torch.rand_like draws it uniform.": (
        lambda mu, logvar: mu + (logvar / 2).exp() * torch.rand_like(mu)
    ),
    "nothing is random yet.": lambda mu, logvar: mu + (logvar / 2).exp(),
    "mu and logvar have changed places.": lambda mu, logvar: _draw(logvar, mu),
}


def check_reparameterize(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 06: z = μ + σ ⊙ ε and its gradients.  (B, K), (B, K) -> (B, K)"""
    mu = torch.linspace(-2, 2, 12).reshape(4, 3)
    logvar = mu.flip(1)
    cases = {
        "σ is almost 0, so z is μ": ("z", mu, mu - 40),
        "σ is 1, every number has an ε of its own": ("z", mu, 0 * mu),
        "σ differs from number to number": ("z", mu, logvar),
        "∂z/∂μ, the gradient that reaches mu": ("mu", mu, logvar),
        "∂z/∂log σ², the gradient that reaches logvar": ("logvar", mu, logvar),
    }
    wrapper = _draw_and_gradients
    return compare(answer, _draw, cases, _REPARAMETERIZE_MISTAKES, wrapper=wrapper)


def _draw_and_gradients(draw: Function) -> Function:
    """(what, mu, logvar): z, or the gradient of Σ z by mu or by logvar."""

    def wrapped(what: str, mu: Tensor, logvar: Tensor) -> Any:
        if what == "z":
            return draw(mu, logvar)
        by = 0 if what == "mu" else 1
        return value_and_gradient(draw, by=by)("gradient", mu, logvar)

    return wrapped


def check_prior_share(answer: float | None) -> CheckResult:
    """Notebook 06: the share of N(0, I) in the plane that falls into [−1, 1]²."""
    line = math.erf(0.5**0.5)
    return compare_value(
        answer,
        line**2,
        {
            "this is the share on a line. In the plane both must fall inside.": line,
            "this is the share outside, on a line.": 1 - line,
            "this is the share outside.": 1 - line**2,
            "a share lies between 0 and 1.": 100 * line**2,
            "this is the disk of radius 1. The box has corners.": 1 - math.exp(-0.5),
            "this is a quarter of the box, from 0 to 1 on both axes.": line**2 / 4,
            "on both axes the box ends at one standard deviation, not at two.": math.erf(
                2**0.5
            ),
            "the prior is not spread evenly over the large box.": 0.04,
        },
        rtol=0.01,
    )


def check_hidden_beta(answer: float | None) -> CheckResult:
    """Notebook 06: β of a mean over 32 · 32 · 3 pixel values, where K = 128."""
    return compare_value(
        answer,
        24,
        {
            "the KL was averaged as well, over its 128 dimensions.": 3072,
            "this is β for gray pictures. A pixel has three numbers here.": 8,
            "the KL was averaged as well, and a pixel has three numbers.": 1024,
            "this is its inverse. Which of the two sums was divided by more?": 1 / 24,
            "both are means, but not over equally many numbers.": 1,
            "the error was averaged as well, over all numbers of a picture.": 1 / 128,
            "divide one count by the other.": 3072 * 128,
            "multiply the loss by what divided its error. What is the factor of the KL?": (
                128
            ),
            "these are the digits' 784 pixels.": 784 / 128,
        },
        rtol=1e-3,
    )
