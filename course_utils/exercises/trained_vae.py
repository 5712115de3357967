"""Checks of notebook 07, a trained VAE at work."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import (
    KLS,
    NLLS,
    WIDTHS,
    drawn_kl,
    draws_anew,
    exact_kl,
    only_shape,
    seeded,
    sigma_of,
    variants,
)
from course_utils.exercises.grading import (
    CheckResult,
    Function,
    Mistakes,
    compare,
    compare_value,
)


def check_prior_share(answer: float | None) -> CheckResult:
    """Notebook 07: the share of N(0, I) in the plane that falls into [−1, 1]²."""
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
            "both axes end at one standard deviation, not at two.": math.erf(2**0.5) ** 2,
            "on a line one standard deviation holds 0.68; 0.95 is for two.": math.erf(
                2**0.5
            ),
            "this is its share of the large box's area. The prior is not uniform.": (0.04),
        },
        rtol=0.015,  # 0.46 is right, too: the square of 0.68, rounded
    )


# --- draws from one class ---------------------------------------------------------------


def class_draws(codes: Tensor, n: int) -> Tensor:
    """n draws from the Gaussian with the mean and the covariance of the codes.

    (M, K) -> (n, K)
    """
    root = torch.linalg.cholesky(torch.cov(codes.T))
    return codes.mean(0) + torch.randn(n, codes.shape[1], device=codes.device) @ root.T


def _axis_by_axis(codes: Tensor, n: int) -> Tensor:
    return codes.mean(0) + codes.std(0) * torch.randn(n, codes.shape[1])


def _by_root(codes: Tensor, n: int, root: Callable[[Tensor], Tensor]) -> Tensor:
    return codes.mean(0) + torch.randn(n, codes.shape[1]) @ root(torch.cov(codes.T))


_CLASS_DRAWS_MISTAKES: Mistakes = {
    "these are draws from the prior, which does not know the class.": (
        lambda codes, n: torch.randn(n, codes.shape[1])
    ),
    "the two numbers of a code are correlated. Their variances alone are not enough.": (
        _axis_by_axis
    ),
    "the covariance is not its own square root: torch.linalg.cholesky gives one.": (
        partial(_by_root, root=lambda covariance: covariance)
    ),
    "sqrt takes the root of each entry, not of the matrix: use torch.linalg.cholesky.": (
        partial(_by_root, root=torch.sqrt)
    ),
    "torch.cov takes the axes as rows: give it codes.T.": (
        lambda codes, n: torch.linalg.cholesky(torch.cov(codes))
    ),
    "draws are rows here: multiply them by the transpose of the Cholesky factor.": (
        partial(_by_root, root=torch.linalg.cholesky)
    ),
    "the mean of the codes is missing.": (
        lambda codes, n: class_draws(codes - codes.mean(0), n)
    ),
    "the cloud has the mean of the codes, but the covariance of the prior.": (
        lambda codes, n: codes.mean(0) + torch.randn(n, codes.shape[1])
    ),
    "these are codes of digits that exist. Draw new ones.": (
        lambda codes, n: codes[torch.randint(len(codes), (n,))]
    ),
    "all draws are the mean of the codes; nothing is random yet.": (
        lambda codes, n: codes.mean(0).expand(n, -1)
    ),
    "with a seed inside of the function, all calls give the same draws.": seeded(
        class_draws
    ),
    "the number of draws is n, not the number of the codes.": (
        lambda codes, n: class_draws(codes, len(codes))
    ),
}


def check_class_draws(answer: Callable[[Tensor, int], Tensor]) -> CheckResult:
    """Notebook 07: draws from the Gaussian fitted to the codes of a class.

    codes (M, K), n -> (n, K). Mean and covariance of many draws are compared.
    """
    generator = torch.Generator().manual_seed(1)
    normal = torch.randn(300, 2, generator=generator)
    tilted = normal @ torch.tensor([[0.6, 0.5], [0.0, 0.4]]) + torch.tensor([1.3, -0.7])
    narrow = normal @ torch.tensor([[0.3, -0.6], [0.1, 0.4]]) + torch.tensor([-2.1, 0.9])
    cases = {
        "7 draws": ("shape", tilted, 7),
        "their mean": ("mean", tilted, 400_000),
        "their covariance": ("covariance", tilted, 400_000),
        "the mean of another class": ("mean", narrow, 400_000),
        "the covariance of another class": ("covariance", narrow, 400_000),
        "the share of draws that are new": ("new", tilted, 50),
        "two calls, with different draws": ("anew", tilted, 50),
    }
    # 400,000 draws: the standard errors of the moments here are below 0.7 %.
    return compare(
        answer, class_draws, cases, _CLASS_DRAWS_MISTAKES, wrapper=_moments, rtol=0.04
    )


def _moments(draw: Function) -> Function:
    """(what, codes, n): shape, mean or covariance of the draws, or how many are new."""

    def wrapped(what: str, codes: Tensor, n: int) -> Any:
        if what == "anew":
            return draws_anew(draw)(codes, n)
        z = draw(codes, n)
        if what == "shape" or not isinstance(z, Tensor) or z.shape != (n, codes.shape[1]):
            return only_shape(z)
        if what == "new":
            return 1 - (z[:, None] == codes).all(2).any(1).float().mean()
        return z.float().mean(0) if what == "mean" else torch.cov(z.float().T)

    return wrapped


# --- the score of a picture -------------------------------------------------------------


_nll, _mean = objectives.bernoulli_nll, partial(torch.mean, dim=0)


def _score(f, g, x, samples, *, nll=_nll, kl=exact_kl, width=sigma_of, mean=_mean):
    """The ELBO of each picture, by draws from q(z|x), with parts that may be wrong."""
    mu, logvar = f(x)
    z = torch.stack([mu + width(logvar) * torch.randn_like(mu) for _ in range(samples)])
    return mean(torch.stack([-nll(x, g(draw)) for draw in z])) - kl(mu, logvar, z)


_SCORE_WIDTHS = {"decode draws z from q(z|x), not its mean.": torch.zeros_like} | WIDTHS
_SCORE_NLLS = {"the reconstruction is missing.": lambda x, t: 0 * x.sum(1)} | NLLS
_SCORE_KLS = KLS | {
    "the KL is estimated from the draws as well. Take its closed form.": (
        lambda *q: drawn_kl(*q).mean(0)
    ),
    "the KL is estimated from draws of its own. Take its closed form.": (
        lambda mu, logvar, z: drawn_kl(
            mu, logvar, mu + sigma_of(logvar) * torch.randn_like(z)
        ).mean(0)
    ),
}
_SCORE_MEANS = {
    "take the mean over the draws, not their sum.": lambda log_p: log_p.sum(0),
    "average the logarithms. The logarithm of an average is another bound.": (
        lambda log_p: log_p.logsumexp(0) - math.log(len(log_p))
    ),
}
_SCORE_MISTAKES: Mistakes = {
    **variants(_score, width=_SCORE_WIDTHS, nll=_SCORE_NLLS),
    **variants(_score, kl=_SCORE_KLS, mean=_SCORE_MEANS),
    "the sign. A score is the ELBO, so that a higher one is better.": (
        lambda *a: -_score(*a)
    ),
    "one number for each picture was asked for, not the mean over them.": (
        lambda *a: _score(*a).mean()
    ),
    "average over `samples` draws. This is a single one.": (
        lambda f, g, x, samples: _score(f, g, x, 1)
    ),
}


def check_score(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 07: E_q [log p(x|z)] − KL(q ‖ p) of each picture, with ``samples`` draws.

    f, g, x (B, D), samples -> (B,), nats. Mean and spread of the scores of many equal
    pictures are compared.
    """
    weight = torch.tensor([[1.0, -0.5], [0.5, 1.5], [-1.5, 0.3], [0.7, 0.9], [-0.2, -1.1]])
    x = torch.tensor([[0.1, 0.8, 0.3, 0.9, 0.6], [0.7, 0.2, 0.5, 0.1, 0.4], [0.9] * 5])

    def encoder(logvar: float) -> objectives.GaussianEncoder:
        return lambda x: (x @ weight + 0.2, logvar - x[:, :2])

    def decoder(z: Tensor) -> Tensor:
        return z @ weight.T - 0.3

    def flat(z: Tensor) -> Tensor:
        return 0 * decoder(z) + 0.4

    certain, uncertain = encoder(-30.0), encoder(1.2)
    cases = {
        "an almost certain encoder": ("mean", 1000, certain, decoder, x, 2),
        "a decoder that ignores the code": ("mean", 1000, certain, flat, x, 2),
        "the mean score of an uncertain encoder": (
            "mean", 40_000, uncertain, decoder, x[:1], 2
        ),
        "the spread of its scores, one draw each": (
            "spread", 40_000, uncertain, decoder, x[:1], 1
        ),
        "the spread, with 9 draws each": (
            "spread", 40_000, uncertain, decoder, x[:1], 9
        ),
    }  # fmt: skip
    # 40,000 scores: the standard error of the spread is below 1 %.
    return compare(answer, _score, cases, _SCORE_MISTAKES, wrapper=_statistics, rtol=0.04)


def _statistics(score: Function) -> Function:
    """(what, copies, f, g, x, samples): of each picture, the mean score of its copies, or
    their standard deviation."""

    def wrapped(
        what: str, copies: int, f: Function, g: Function, x: Tensor, samples: int
    ) -> Any:
        scores = score(f, g, x.repeat_interleave(copies, 0), samples)
        if not isinstance(scores, Tensor) or scores.shape != (copies * len(x),):
            return scores
        each = scores.view(len(x), copies)
        return each.mean(1) if what == "mean" else each.std(1)

    return wrapped
