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
    ROUNDED_NLLS,
    WIDTHS,
    drawn_kl,
    exact_kl,
    identity,
    noise_mistakes,
    sigma_of,
    variants,
    wrong_kl,
)
from course_utils.exercises.grading import (
    CheckResult,
    Function,
    Mistakes,
    compare,
    compare_value,
)
from course_utils.objectives import Encoder


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
    return _class_draws(codes, n)


def _class_draws(codes, n, *, root=torch.linalg.cholesky, draw=torch.randn_like):
    eps = draw(codes.new_empty(n, codes.shape[1])).expand(n, codes.shape[1])
    return codes.mean(0) + eps @ root(torch.cov(codes.T)).T


_CLASS_DRAWS_MISTAKES: Mistakes = {
    "these are draws from the prior, which does not know the class.": (
        lambda codes, n: torch.randn(n, codes.shape[1])
    ),
    "the numbers of a code are correlated. Their variances alone are not enough.": (
        partial(_class_draws, root=lambda covariance: covariance.diag().sqrt().diag())
    ),
    "the covariance is not its own square root: torch.linalg.cholesky gives one.": (
        partial(_class_draws, root=identity)
    ),
    "sqrt takes the root of each entry, not of the matrix: use torch.linalg.cholesky.": (
        partial(_class_draws, root=torch.sqrt)
    ),
    "torch.cov takes the axes as rows: give it codes.T.": (
        lambda codes, n: torch.linalg.cholesky(torch.cov(codes))
    ),
    "draws are rows here: multiply them by the transpose of the Cholesky factor.": (
        partial(_class_draws, root=lambda covariance: torch.linalg.cholesky(covariance).T)
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
    "these are codes of digits that exist, moved a little. Draw from the Gaussian.": (
        lambda codes, n: (
            codes[torch.randint(len(codes), (n,))] + 1e-3 * torch.randn(n, codes.shape[1])
        )
    ),
    "a draw less the mean of all draws is nothing, if it is the only one.": (
        lambda codes, n: codes.mean(0) + ((z := class_draws(codes, n)) - z.mean(0))
    ),
    "the number of draws is n, not the number of the codes.": (
        lambda codes, n: class_draws(codes, len(codes))
    ),
    "a code has K numbers, not always two.": (
        lambda codes, n: (
            codes.mean(0) + torch.randn(n, 2) @ torch.linalg.cholesky(torch.cov(codes.T)).T
        )
    ),
    **noise_mistakes(_class_draws, "code", "number"),
}


def check_class_draws(answer: Callable[[Tensor, int], Tensor]) -> CheckResult:
    """Notebook 07: draws from the Gaussian fitted to the codes of a class.

    codes (M, K), n -> (n, K). Moments of many draws are compared. The codes are far from
    Gaussian: they have two lumps, so that draws near to them have other moments.
    """
    generator = torch.Generator().manual_seed(1)
    lumps = (torch.rand(300, 3, generator=generator) < 0.3) + 0.2 * torch.randn(
        300, 3, generator=generator
    )
    tilt = torch.tensor([[1.2, 1.0, 0.9], [0.3, -0.4, 0.8], [0.9, 0.5, 0.1]])
    tilted = lumps @ tilt + torch.tensor([1.3, -1.7, 0.9])
    plane = lumps[:250, :2] @ torch.tensor([[0.6, -1.2], [0.7, -0.1]]) - 2.1
    cases = {
        "7 draws, 0 for each that is new": ("new", tilted, 7),
        "one draw, 0 if it is new": ("new", tilted, 1),
        "the mean of many draws": ("mean", tilted, 100_000),
        "the covariance of many draws": ("covariance", tilted, 100_000),
        "the mean of another class": ("mean", plane, 100_000),
        "the covariance of another class": ("covariance", plane, 100_000),
        "how often a draw is far from the mean": ("tails", tilted, 100_000),
    }
    # 100,000 draws: the standard errors of the moments here are below 1 %.
    return compare(
        answer, class_draws, cases, _CLASS_DRAWS_MISTAKES, wrapper=_moments, rtol=0.04
    )


def _moments(draw: Function) -> Function:
    """(what, codes, n): mean, covariance or fourth moment of the draws, or which are new.

    Those that are new are 0. A draw counts how often it is a code, the mean of the codes (a
    single one is, if the draws are centered) or another draw; one that is nan stays nan.
    The fourth moment is E ‖R⁻¹(z − E z)‖⁴ with RRᵀ the covariance: K(K + 2) for a Gaussian.
    """

    def wrapped(what: str, codes: Tensor, n: int) -> Any:
        z = draw(codes, n)
        if not isinstance(z, Tensor) or z.shape != (n, codes.shape[1]):
            return z
        if what == "new":
            known = torch.cat([codes, codes.mean(0, keepdim=True), z.to(codes)])
            times = (z.to(codes)[:, None] == known).all(2).sum(1, keepdim=True)
            return 0 * z + times - 1
        z = z.float() - z.float().mean(0) * (what != "mean")
        if what == "tails":
            root = torch.linalg.cholesky(torch.cov(z.T))
            z = torch.linalg.solve_triangular(root, z.T, upper=False).T
            return z.square().sum(1).square().mean()
        return z.mean(0) if what == "mean" else torch.cov(z.T)

    return wrapped


# --- the score of a picture -------------------------------------------------------------


_nll, _mean = objectives.bernoulli_nll, partial(torch.mean, dim=0)


def _score(
    f,
    g,
    x,
    samples,
    *,
    nll=_nll,
    kl=exact_kl,
    width=sigma_of,
    mean=_mean,
    draw=torch.randn_like,
):
    """The ELBO of each picture, by draws from q(z|x), with parts that may be wrong."""
    mu, logvar = f(x)
    z = torch.stack([mu + width(logvar) * draw(mu) for _ in range(samples)])
    return mean(torch.stack([-nll(x, g(draw)) for draw in z])) - kl(mu, logvar, z)


_SCORE_NLLS = {
    "the reconstruction is missing.": lambda x, t: 0 * x.sum(1),
    **NLLS,
    **ROUNDED_NLLS,
}


_SCORE_KLS = KLS | {
    "μ enters the KL as its square.": partial(wrong_kl, square=identity),
    "the KL has σ², which is exp(logvar), not σ.": partial(wrong_kl, variance=sigma_of),
    "the KL has σ², which is exp(logvar), not logvar.": (
        partial(wrong_kl, variance=identity)
    ),
    "log σ² in the KL is logvar, not half of it.": (
        partial(wrong_kl, log=lambda logvar: logvar / 2)
    ),
    "the −1 of each axis of the KL is missing.": partial(wrong_kl, one=0),
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
    **variants(_score, width=WIDTHS, nll=_SCORE_NLLS),
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
    **noise_mistakes(_score, "picture", "number"),
}


def check_score(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 07: E_q [log p(x|z)] − KL(q ‖ p) of each picture, with ``samples`` draws.

    f, g, x (B, D), samples -> (B,), nats. Mean and spread of the scores of many equal
    pictures are compared.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(4, 5, generator=generator)
    weight = torch.randn(5, 3, generator=generator)

    # It also takes a single picture, without the axis of the batch, as vmap gives it.
    def encoder(logvar: float, weight: Tensor = weight) -> objectives.GaussianEncoder:
        return lambda x: (4 * x @ weight + 0.2, logvar - x[..., : weight.shape[1]])

    def decoder(z: Tensor) -> Tensor:
        return z @ weight.T - 0.3

    def flat(*logits: float) -> Encoder:
        return lambda z: 0 * z.sum(-1, keepdim=True) + torch.tensor(logits)

    certain, uncertain = encoder(-30.0), encoder(1.2)
    small = encoder(-30.0, weight[:3, :2])
    cases = {
        "four pictures, an almost certain encoder": (
            "mean", 1, certain, flat(0.9, 0.1, 0.7, 0.2, 0.4), x, 9
        ),
        "one picture of three pixels": (
            "mean", 1, small, flat(0.9, 0.1, 0.7), x[:1, :3], 9
        ),
        "a decoder that ignores the code": (
            "mean", 5000, uncertain, flat(2, -1.5, 0.7, -2.5, 1), x, 2
        ),
        "an almost certain code, decoded": ("mean", 1000, certain, decoder, x, 2),
        "logits of ±30": ("mean", 1000, uncertain, flat(-30, 30, 30, -30, 3), x, 2),
        "logits of ±150": ("mean", 1000, uncertain, flat(150, -3, 2, -150, 0), x, 2),
        "the mean score of an uncertain encoder": (
            "mean", 5000, uncertain, decoder, x, 2
        ),
        "the spread of its scores, one draw each": (
            "spread", 20_000, uncertain, decoder, x[:1], 1
        ),
        "the spread, with 9 draws each": (
            "spread", 20_000, uncertain, decoder, x[:1], 9
        ),
    }  # fmt: skip
    # 20,000 scores: the standard error of the spread is below 1 %.
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
