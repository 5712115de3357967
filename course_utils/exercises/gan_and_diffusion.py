"""Checks of notebook 11, GANs and diffusion."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises._wrappers import identity, remaining_bugs
from course_utils.exercises.grading import CheckResult, Mistakes, compare, compare_value
from course_utils.generative import diffusion, gan


def _mix(x, eps, alpha_bar):
    return diffusion.diffuse(x, eps, torch.tensor(alpha_bar))


def _of_product(mix):
    """A function of x, ε and ᾱ as one of x, ε and all α."""
    return lambda x, eps, alpha: mix(x, eps, math.prod(alpha))


def _step_by_step(x, eps, alpha):
    for a in alpha:
        x = _mix(x, eps, a)
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
}


def check_diffuse(answer: Callable[[Tensor, Tensor, list[float]], Tensor]) -> CheckResult:
    """Notebook 11: √ᾱ x + √(1 − ᾱ) ε with ᾱ = ∏ αₛ, all steps at once.  -> (B, D)"""
    generator = torch.Generator().manual_seed(0)
    x, eps = torch.randn(2, 3, 4, generator=generator)
    cases = {
        "one step": (x, eps, [0.7]),
        "two equal steps": (x, eps, [0.9, 0.9]),
        "three different steps": (x, eps, [0.99, 0.8, 0.4]),
        "a step without noise": (x, eps, [1.0]),
        "nothing is left of x": (x, eps, [0.5, 0.0]),
    }
    return compare(answer, _of_product(_mix), cases, _DIFFUSE_MISTAKES)


def _reverse_step(x, eps, alpha, alpha_bar, xi, *, part=False, variance=False, width=False):
    beta, noise = 1 - alpha, 1 - alpha_bar
    shift = beta / (noise if variance else noise**0.5) * eps
    mean = x - shift / alpha**0.5 if part else (x - shift) / alpha**0.5
    return mean + (beta if width else beta**0.5) * xi


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
}


def check_reverse_step(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 11: (x − (1 − α)/√(1 − ᾱ) ε̂)/√α + √(1 − α) ξ.  (B, D) and α, ᾱ -> (B, D)"""
    generator = torch.Generator().manual_seed(0)
    x, eps, xi = torch.randn(3, 3, 4, generator=generator)
    cases = {
        "no noise predicted, none added": (x, 0 * eps, 0.8, 0.5, 0 * xi),
        "no noise is added": (x, eps, 0.8, 0.5, 0 * xi),
        "late, near the data": (x, eps, 0.99, 0.98, xi),
        "in the middle": (x, eps, 0.9, 0.5, xi),
        "early, nearly all is noise": (x, eps, 0.7, 0.01, xi),
    }
    return compare(answer, _reverse_step, cases, _REVERSE_STEP_MISTAKES)


def check_best_reply(answer: float | None) -> CheckResult:
    """Notebook 11: D* = p / (p + p̃) at x = 1.5 for p = N(0, 1) and p̃ = N(2, 1)."""
    real, fake = math.exp(-(1.5**2) / 2), math.exp(-(0.5**2) / 2)
    return compare_value(
        answer,
        real / (real + fake),
        {
            "real and fake have changed places.": fake / (real + fake),
            "this is the logit. D is its sigmoid.": math.log(real / fake),
            "this is the quotient of the two densities; D* is a share of their sum.": (
                real / fake
            ),
            "this is D* half-way, where both densities are equal.": 0.5,
            "this is the density of the data there. How large is that of the samples?": (
                real / math.tau**0.5
            ),
            "the exponent of a Gaussian has a factor ½.": real**2 / (real**2 + fake**2),
            "the squares are missing in the exponents.": math.exp(-0.75)
            / (math.exp(-0.75) + math.exp(-0.25)),
            "a probability lies between 0 and 1, and this is in percent.": 100
            * real
            / (real + fake),
        },
        rtol=0.005,
    )


def _discriminator_loss(real, fake):
    return gan.discriminator_loss(identity, real, fake)


_DISCRIMINATOR_LOSS_MISTAKES: Mistakes = {
    "the sign. A loss is minimized.": lambda real, fake: -_discriminator_loss(real, fake),
    "real and fake have changed places.": lambda real, fake: _discriminator_loss(
        fake, real
    ),
    "the samples. D has to be small for them.": (
        lambda real, fake: _discriminator_loss(real, -fake)
    ),
    "the data. D has to be large for them.": (
        lambda real, fake: _discriminator_loss(-real, fake)
    ),
    "a mean over each batch, not a sum.": (
        lambda real, fake: F.softplus(-real).sum() + F.softplus(fake).sum()
    ),
    "each batch has its own mean; together, the larger one would count more.": (
        lambda real, fake: torch.cat([F.softplus(-real), F.softplus(fake)]).mean()
    ),
    "the two means are added, not averaged.": lambda real, fake: (
        _discriminator_loss(real, fake) / 2
    ),
    "log of a sigmoid that has rounded to 0 is infinite. Begin with the logits.": (
        lambda real, fake: -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
    ),
    "that is the generator's loss.": lambda real, fake: F.softplus(-fake).mean(),
    "two means were asked for, so one number.": (
        lambda real, fake: F.softplus(-real) + F.softplus(fake)
    ),
    "the samples are missing.": lambda real, fake: F.softplus(-real).mean(),
    "the data are missing.": lambda real, fake: F.softplus(fake).mean(),
    "the arguments are logits: D is their sigmoid.": (
        lambda real, fake: -real.log().mean() - (1 - fake).log().mean()
    ),
    "the log is missing.": (
        lambda real, fake: -real.sigmoid().mean() - (1 - fake.sigmoid()).mean()
    ),
}


def check_discriminator_loss(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 11: −E log D(real) − E log(1 − D(fake)), from logits.  (B,), (B,) -> ()"""
    cases = {
        "D = ½ everywhere: 2 log 2": (torch.zeros(3), torch.zeros(3)),
        "D is right on average": (torch.tensor([1.0, 0.5]), torch.tensor([-1.0, 0.3])),
        "D is wrong about both": (torch.tensor([-2.0]), torch.tensor([3.0])),
        "batches of different sizes": (torch.tensor([1.0, 2, 3]), torch.tensor([-1.0])),
        "D is certain, and right": (torch.tensor([100.0]), torch.tensor([-100.0])),
        "D is certain, and wrong": (torch.tensor([-100.0]), torch.tensor([100.0])),
    }
    return compare(answer, _discriminator_loss, cases, _DISCRIMINATOR_LOSS_MISTAKES)
