"""Checks of notebook 12, diffusion."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises._wrappers import remaining_bugs
from course_utils.exercises.grading import CheckResult, Mistakes, compare
from course_utils.generative import diffusion


def _mix(x, eps, alpha_bar):
    return diffusion.diffuse(x, eps, torch.tensor(alpha_bar))


def _of_product(mix):
    """A function of x, ε and ᾱ as one of x, ε and all α."""
    return lambda x, eps, alpha: mix(x, eps, math.prod(alpha))


def _step_by_step(x, eps, alpha):
    for a in alpha:
        x = _mix(x, eps, a)
    return x


def _with_new_noise(x, eps, alpha):
    for a in alpha:
        x = _mix(x, torch.randn_like(x), a)
    return x


_DIFFUSE_MISTAKES: Mistakes = {
    "ᾱ is a share of the variance: x shrinks by its root.": (
        _of_product(lambda x, eps, a: a * x + (1 - a) * eps)
    ),
    "the noise. Its variance is 1 − ᾱ, so a root is missing.": (
        _of_product(lambda x, eps, a: a**0.5 * x + (1 - a) * eps)
    ),
    "x shrinks by the root of ᾱ.": (
        _of_product(lambda x, eps, a: a * x + (1 - a) ** 0.5 * eps)
    ),
    "all steps count, not only the last.": (lambda x, eps, alpha: _mix(x, eps, alpha[-1])),
    "all steps count, not only the first.": (lambda x, eps, alpha: _mix(x, eps, alpha[0])),
    "shares are multiplied, not added or averaged.": (
        lambda x, eps, alpha: _mix(x, eps, sum(alpha) / len(alpha))
    ),
    "the noise grows as x shrinks: 1 − ᾱ, not ᾱ.": (
        _of_product(lambda x, eps, a: a**0.5 * (x + eps))
    ),
    "x and ε have changed places.": _of_product(lambda x, eps, a: _mix(eps, x, a)),
    "x shrinks as well, or the sum explodes.": (
        _of_product(lambda x, eps, a: x + (1 - a) ** 0.5 * eps)
    ),
    "variances add up, standard deviations do not.": (
        lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * x + sum((1 - a) ** 0.5 for a in alpha) * eps
        )
    ),
    "the noise is not scaled yet.": _of_product(lambda x, eps, a: a**0.5 * x + eps),
    "the same ε at each step would add up; the closed form has one for all.": (
        _step_by_step
    ),
    "take the noise eps that is given, and draw none at each step.": _with_new_noise,
    "take the noise eps that is given, and draw none.": (
        lambda x, eps, alpha: _mix(x, torch.randn_like(x), math.prod(alpha))
    ),
    "each step shrinks the noise of the steps before, too. Its variance is 1 − ᾱ.": (
        lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * x + sum(1 - a for a in alpha) ** 0.5 * eps
        )
    ),
}


def check_diffuse(answer: Callable[[Tensor, Tensor, list[float]], Tensor]) -> CheckResult:
    """Notebook 12: √ᾱ x + √(1 − ᾱ) ε with ᾱ = ∏ αₛ, all steps at once.  -> (B, D)"""
    generator = torch.Generator().manual_seed(0)
    x, eps = torch.randn(2, 3, 4, generator=generator)
    cases = {
        "one step": (x, eps, [0.7]),
        "two equal steps": (x, eps, [0.9, 0.9]),
        "five different steps": (x, eps, [0.99, 0.8, 0.4, 0.95, 0.7]),
        "one point": (x[:1, :3], eps[:1, :3], [0.6, 0.9, 0.85]),
        "a step without noise": (x, eps, [1.0]),
        "hardly anything is left of x": (x, eps, [0.5, 1e-4]),
    }
    return compare(answer, _of_product(_mix), cases, _DIFFUSE_MISTAKES)


def _reverse_step(x, eps, alpha, alpha_bar, xi, *, part=False, variance=False, width=False):
    beta, noise = 1 - alpha, 1 - alpha_bar
    shift = beta / (noise if variance else noise**0.5) * eps
    mean = x - shift / alpha**0.5 if part else (x - shift) / alpha**0.5
    return mean + (beta if width else beta**0.5) * xi


def _ddim_step(x, eps, alpha, alpha_bar, xi):
    """√ᾱₜ₋₁ x̂ + √(1 − ᾱₜ₋₁) ε̂, without new noise. Source: Song, Meng & Ermon (2021)."""
    clean = (x - (1 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5
    return _mix(clean, eps, alpha_bar / alpha)


_REVERSE_STEP_BUGS = {
    "part": "all of the mean is divided by √α, x as well.",
    "variance": "the noise in x has the width √(1 − ᾱ).",
    "width": "β is the variance of the new noise, so its width is √β.",
}
_REVERSE_STEP_MISTAKES: Mistakes = remaining_bugs(_REVERSE_STEP_BUGS, _reverse_step) | {
    "the sign. The predicted noise is subtracted.": (
        lambda x, eps, *more: _reverse_step(x, -eps, *more)
    ),
    "α and ᾱ have changed places.": (
        lambda x, eps, a, a_bar, xi: _reverse_step(x, eps, a_bar, a, xi)
    ),
    "the root for the predicted noise has ᾱ, of all steps, not α of one.": (
        lambda x, eps, a, a_bar, xi: _reverse_step(x, eps, a, a, xi)
    ),
    "the new noise is missing.": (
        lambda x, eps, a, a_bar, xi: _reverse_step(x, eps, a, a_bar, 0 * xi)
    ),
    "the new noise is not scaled yet.": (
        lambda x, eps, a, a_bar, xi: _reverse_step(x, eps, a, a_bar, 0 * xi) + xi
    ),
    "the new noise comes after the division by √α.": (
        lambda x, eps, a, a_bar, xi: _reverse_step(x, eps, a, a_bar, xi / a**0.5)
    ),
    "dividing by √α is missing: a step back makes x larger again.": (
        lambda x, eps, a, a_bar, xi: (
            x - (1 - a) / (1 - a_bar) ** 0.5 * eps + (1 - a) ** 0.5 * xi
        )
    ),
    "divide by the root of α, not by α.": (
        lambda x, eps, a, a_bar, xi: (
            (x - (1 - a) / (1 - a_bar) ** 0.5 * eps) / a + (1 - a) ** 0.5 * xi
        )
    ),
    "this removes all noise at once. A step removes a part of it.": (
        lambda x, eps, a, a_bar, xi: (x - (1 - a_bar) ** 0.5 * eps) / a_bar**0.5
    ),
    "the new noise has the variance β here. β̃ is another choice.": (
        lambda x, eps, a, a_bar, xi: _reverse_step(
            x, eps, a, a_bar, xi * ((1 - a_bar / a) / (1 - a_bar)) ** 0.5
        )
    ),
    "this is DDIM: from x̂ forward again with the same ε̂. DDPM adds new noise.": _ddim_step,
}


def check_reverse_step(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 12: (x − (1 − α)/√(1 − ᾱ) ε̂)/√α + √(1 − α) ξ.  (B, D) and α, ᾱ -> (B, D)"""
    generator = torch.Generator().manual_seed(0)
    x, eps, xi = torch.randn(3, 3, 4, generator=generator)
    cases = {
        "no noise predicted, none added": (x, 0 * eps, 0.8, 0.5, 0 * xi),
        "no noise is added": (x, eps, 0.8, 0.5, 0 * xi),
        "late, near the data": (x[:2, :3], eps[:2, :3], 0.99, 0.98, xi[:2, :3]),
        "in the middle": (x, eps, 0.9, 0.5, xi),
        "early, nearly all is noise": (x, eps, 0.7, 0.01, xi),
    }
    return compare(answer, _reverse_step, cases, _REVERSE_STEP_MISTAKES)


def gaussian_denoiser(x_t: Tensor, alpha_bar_t: Tensor | float, s: float) -> Tensor:
    """E[ε | xₜ] = √(1 − ᾱₜ) / (ᾱₜ s² + 1 − ᾱₜ) · xₜ for data N(0, s²I).  (B, D) -> (B, D)

    The linear regression of ε on xₜ: their covariance by the variance of xₜ.
    """
    return (1 - alpha_bar_t) ** 0.5 / (alpha_bar_t * s**2 + 1 - alpha_bar_t) * x_t


_GAUSSIAN_MISTAKES: Mistakes = {
    "the variance of the data is s², not s.": lambda x, a, s: gaussian_denoiser(
        x, a, s**0.5
    ),
    "this is right for s = 1 only.": lambda x, a, s: (1 - a) ** 0.5 * x,
    "the covariance of ε and xₜ is √(1 − ᾱ): a root.": (
        lambda x, a, s: (1 - a) / (a * s**2 + 1 - a) * x
    ),
    "divide by the variance of xₜ, not by its standard deviation.": (
        lambda x, a, s: (1 - a) ** 0.5 / (a * s**2 + 1 - a) ** 0.5 * x
    ),
    "this takes all of xₜ for noise.": lambda x, a, s: x / (1 - a) ** 0.5,
    "the data shrink by √ᾱ, so their variance in xₜ is ᾱs².": (
        lambda x, a, s: (1 - a) ** 0.5 / (s**2 + 1 - a) * x
    ),
    "this is the clean point E[x | xₜ]. The noise is asked for.": (
        lambda x, a, s: a**0.5 * s**2 / (a * s**2 + 1 - a) * x
    ),
    "this is the score. ε̂ is −√(1 − ᾱ) times the score.": (
        lambda x, a, s: -x / (a * s**2 + 1 - a)
    ),
    "the sign. More xₜ, more noise.": lambda x, a, s: -gaussian_denoiser(x, a, s),
}


def check_gaussian_denoiser(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 12: the best ε̂(xₜ) for data N(0, s²I).  (B, D) and ᾱ, s -> (B, D)"""
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    cases = {
        "s = 1": (x, 0.5, 1.0),
        "narrow data": (x[:, :3], 0.6, 0.1),
        "wide data": (x, 0.4, 3.0),
        "little noise": (x[:2], 0.98, 0.5),
        "nearly all is noise": (x, 0.01, 2.0),
    }
    return compare(answer, gaussian_denoiser, cases, _GAUSSIAN_MISTAKES)
