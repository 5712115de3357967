"""Checks of notebook 13, GANs."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.exercises._wrappers import (
    BY_HAND,
    LOGS,
    OVERFLOW,
    identity,
    sigmoid_by_hand,
    value_and_gradient,
)
from course_utils.exercises.grading import (
    CheckResult,
    Function,
    Mistakes,
    compare,
    compare_value,
)
from course_utils.generative import gan
from course_utils.objectives import Encoder


def check_best_reply(answer: float | None) -> CheckResult:
    """Notebook 13: D* = p / (p + p̃) at x = 1.5 for p = N(0, 1) and p̃ = N(2, 1)."""
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
            "this is the density of the data there. How large is that of the draws?": (
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


def _loss_by(log: Encoder, sigmoid: Encoder = torch.sigmoid) -> Function:
    """The loss by logarithms of D, the sigmoid of the logits."""
    return lambda real, fake: -log(sigmoid(real)).mean() - log(1 - sigmoid(fake)).mean()


_DISCRIMINATOR_LOSS_MISTAKES: Mistakes = {
    "the sign. A loss is minimized.": lambda real, fake: -_discriminator_loss(real, fake),
    "real and fake have changed places.": lambda real, fake: _discriminator_loss(
        fake, real
    ),
    "the draws. D has to be small for them.": (
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
    "each batch has its own mean; this is right only for batches of the same size.": (
        lambda real, fake: 2 * torch.cat([F.softplus(-real), F.softplus(fake)]).mean()
    ),
    "the two means are added, not averaged.": lambda real, fake: (
        _discriminator_loss(real, fake) / 2
    ),
    **{hint: _loss_by(log) for hint, log in LOGS.items()},
    BY_HAND: _loss_by(torch.log, sigmoid_by_hand),
    OVERFLOW: lambda real, fake: (
        real.neg().exp().add(1).log().mean() + fake.exp().add(1).log().mean()
    ),
    "return a tensor. A Python number, as of item(), has no gradient.": (
        lambda real, fake: _discriminator_loss(real, fake).item()
    ),
    "detach() or no_grad() leaves nothing to train with.": (
        lambda real, fake: _discriminator_loss(real, fake).detach()
    ),
    "no gradient reaches the logits of the data.": (
        lambda real, fake: _discriminator_loss(real.detach(), fake)
    ),
    "no gradient reaches the logits of the draws: D learns from both.": (
        lambda real, fake: _discriminator_loss(real, fake.detach())
    ),
    "that is the generator's loss.": lambda real, fake: F.softplus(-fake).mean(),
    "two means were asked for, so one number.": (
        lambda real, fake: F.softplus(-real) + F.softplus(fake)
    ),
    "the draws are missing.": lambda real, fake: F.softplus(-real).mean(),
    "the data are missing.": lambda real, fake: F.softplus(fake).mean(),
    "the arguments are logits: D is their sigmoid.": (
        lambda real, fake: -real.log().mean() - (1 - fake).log().mean()
    ),
    "the log is missing.": _loss_by(identity),
}


def check_discriminator_loss(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 13: −E log D(real) − E log(1 − D(fake)), from logits.  (B,), (B,) -> ()

    Also its gradient. ±30 and ±150 lie on both sides of 100, where torch's binary cross
    entropy of probabilities ends.
    """
    certain = {
        sign * d: torch.tensor([sign * d]) for d in (30.0, 150.0) for sign in (1, -1)
    }
    batches = (torch.tensor([1.0, 2, 3]), torch.tensor([-1.0]))
    extremes = torch.tensor([-150.0, 0.4, 30, -1.3, 170, -30])
    both = (extremes, extremes[[2, 4, 1, 0]])
    cases = {
        "D = ½ everywhere: 2 log 2": ("", torch.zeros(3), torch.zeros(3)),
        "D is right on average": ("", torch.tensor([1.0, 0.5]), torch.tensor([-1.0, 0.3])),
        "D is wrong about both": ("", torch.tensor([-2.0]), torch.tensor([3.0])),
        "batches of different sizes": ("", *batches),
        "logits of ±30, D is right": ("", certain[30], certain[-30]),
        "logits of ±30, D is wrong": ("", certain[-30], certain[30]),
        "logits of ±150, D is right": ("", certain[150], certain[-150]),
        "logits of ±150, D is wrong": ("", certain[-150], certain[150]),
        "gradient by the logits of the data": (0, *batches),
        "gradient by the logits of the draws": (1, *batches),
        "gradient by the logits of the data, up to ±170": (0, *both),
        "gradient by the logits of the draws, up to ±170": (1, *both),
    }
    return compare(
        answer,
        _discriminator_loss,
        cases,
        _DISCRIMINATOR_LOSS_MISTAKES,
        wrapper=value_and_gradient,
    )
