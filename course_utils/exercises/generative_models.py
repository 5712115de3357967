"""Checks of notebook 00, generative models."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises._wrappers import (
    TINY,
    noise_mistakes,
    only_shape,
    sigma_mistakes,
)
from course_utils.exercises.grading import (
    CheckResult,
    Function,
    Mistakes,
    compare,
    compare_value,
)


def m_step(x: Tensor, r: Tensor) -> Tensor:
    """μₖ = Σᵢ rᵢₖ xᵢ / Σᵢ rᵢₖ, the M step of EM.  (N, D), (N, K) -> (K, D)"""
    return r.T @ x / r.sum(0)[:, None]


_M_STEP_MISTAKES: Mistakes = {
    "what is the weighted sum divided by? A component does not have N examples.": (
        lambda x, r: r.T @ x / len(x)
    ),
    "divide, and not by a row of r: that is an example, and its shares add up to 1.": (
        lambda x, r: r.T @ x
    ),
    "r.mean(0) is the sum divided by N. Which of the two does a mean need?": (
        lambda x, r: r.T @ x / r.mean(0)[:, None]
    ),
    "r.sum(0) has shape (K,), a row. Divide row k by its k-th number: r.sum(0)[:, None].": (
        lambda x, r: r.T @ x / r.sum(0)
    ),
    "sum r over the examples, not over the components: the shares of one example add up"
    " to 1.": lambda x, r: r.T @ x / r.sum(1)[:, None],
    "the number of components is not what a component's weight adds up to.": (
        lambda x, r: r.T @ x / r.shape[1]
    ),
    "use the shares, not the largest one only: every example counts for every component.": (
        lambda x, r: m_step(x, (r == r.amax(1, keepdim=True)).to(x))
    ),
    "the shares are used as they are, not squared.": lambda x, r: m_step(x, r.square()),
    "the shares already are what a softmax makes; apply none.": (
        lambda x, r: m_step(x, r.softmax(1))
    ),
    "where are the shares? These are equal means for all components.": (
        lambda x, r: x.mean(0).expand(r.shape[1], -1)
    ),
    "the shape. One row for each component.": lambda x, r: m_step(x, r).T,
    "these are the weights of the components, not their means.": lambda x, r: r.mean(0),
}


def check_m_step(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 00: the M step of EM, as ``m_step``.  (N, D), (N, K) -> (K, D)"""
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.randn(7, 3, generator=generator) + 1
    likeliest = torch.eye(4)[[2, 0, 1, 3, 0, 3, 2]]  # each component of some example
    shares = (torch.randn(7, 4, generator=generator) + 4 * likeliest).softmax(1)
    one_hot = torch.eye(2)[[0, 0, 1, 0, 1, 1, 0]]
    cases = {
        "one component, so its mean is the mean of all": (x, torch.ones(7, 1)),
        "every example belongs to one of two components": (x, one_hot),
        "shares of four components": (x, shares),
        "as many components as numbers in an example": (x, shares[:, :3].softmax(1)),
        "as many components as examples": (x[:4, :2], shares[:4]),
    }
    return compare(answer, m_step, cases, _M_STEP_MISTAKES)


def check_mixture_size(answer: int | None) -> CheckResult:
    """Notebook 00: the free numbers of 30 Gaussians in 40 dimensions and their weights.

    40 for a mean, 40 · 41 / 2 for a symmetric covariance, 30 weights that add up to one.
    """
    return compare_value(
        answer,
        30 * (40 + 820) + 29,
        {
            "the weights. If you know all but one of them, you know the last.": (
                30 * 860 + 30
            ),
            "the weights of the components are missing.": 30 * 860,
            "29 of the 30 weights are free: add them, do not subtract one.": 30 * 860 - 1,
            "the covariance is symmetric: half of it determines the rest.": 30 * (40 + 1600)
            + 29,
            "the covariance is symmetric, and the weights add up to one.": 30 * 1641,
            "a covariance has more than its diagonal.": 30 * 80 + 29,
            "the means are missing, or the diagonals of the covariances.": 30 * 820 + 29,
            "the means are missing, and the weights add up to one.": 30 * 820 + 30,
            "the covariances are missing.": 30 * 40 + 29,
            "this is one component. There are 30, and their weights.": 860,
            "every component has a mean and a covariance of its own.": 860 + 29,
            "these components have 784 dimensions; 40 were asked for.": (
                30 * (784 + 784 * 785 // 2) + 29
            ),
        },
    )


def _log_density(log_prior, log_likelihood):
    return (log_prior + log_likelihood).logsumexp(1)


# p and q: the logarithms of prior and likelihood.
_MIXTURE_LOG_DENSITY_MISTAKES: Mistakes = {
    "exp(−2000) is 0 for a computer, and log 0 is −∞. Avoid the exp.": (
        lambda p, q: (p + q).exp().sum(1).log()
    ),
    "exp(−2000) is 0 in double precision, too. Avoid the exp.": (
        lambda p, q: (p + q).double().exp().sum(1).log()
    ),
    "the largest term was taken out; add it again after the logarithm.": (
        lambda p, q: (p + q - (p + q).amax(1, keepdim=True)).exp().sum(1).log()
    ),
    **{
        f"clamping at {low} changes the sum. Take out the largest term instead.": (
            lambda p, q, low=low: (p + q).clamp(min=low).exp().sum(1).log()
        )
        for low in (-100, -80, -50)
    },
    **{
        f"{tiny:g} inside the logarithm hides the −∞, and is wrong.": (
            lambda p, q, tiny=tiny: ((p + q).exp().sum(1) + tiny).log()
        )
        for tiny in TINY
    },
    "take out the largest term of each point, not of all points.": (
        lambda p, q: (top := (p + q).max()) + (p + q - top).exp().sum(1).log()
    ),
    "the weights of the components are missing.": lambda p, q: q.logsumexp(1),
    "the weights come as logarithms already.": lambda p, q: (p.exp() + q).logsumexp(1),
    "log_prior is log πₖ, not πₖ. It is never positive, so it has no logarithm.": (
        lambda p, q: (p.log() + q).logsumexp(1)
    ),
    "log_prior is log πₖ, not πₖ: add it to log_likelihood; do not multiply by it.": (
        lambda p, q: (p * q.exp()).sum(1).log()
    ),
    "products of densities are sums of their logarithms.": (
        lambda p, q: (p * q).logsumexp(1)
    ),
    "the components have different weights, not 1/K each.": (
        lambda p, q: q.logsumexp(1) - math.log(len(p))
    ),
    "all components count, not only the likeliest.": lambda p, q: (p + q).amax(1),
    "this is a mean of logarithms. The logarithm comes after the sum.": (
        lambda p, q: (p.exp() * q).sum(1)
    ),
    "this is a sum of logarithms. The logarithm comes after the sum.": (
        lambda p, q: (p + q).sum(1)
    ),
    "the weights make it a mean already; divide by nothing.": (
        lambda p, q: _log_density(p, q) - math.log(len(p))
    ),
    "the axis. Sum over the components, not over the points.": (
        lambda p, q: (p + q).logsumexp(0)
    ),
    "this is the posterior. What was it divided by?": lambda p, q: (p + q).log_softmax(1),
    "the sum over the components is missing.": lambda p, q: p + q,
    "the sign. This is −log p(x).": lambda p, q: -_log_density(p, q),
    "one number for each point, not their mean.": lambda p, q: _log_density(p, q).mean(),
}


def check_mixture_log_density(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 00: log p(x) = log Σₖ πₖ p(x|z = k).

    log πₖ (K,), log p(x|z = k) (B, K) -> (B,), nats, also where exp rounds to 0.
    """
    log_prior = torch.tensor([0.5, 0.3, 0.2]).log()
    log_likelihood = torch.tensor(
        [[-1.0, -2.0, -0.5], [0.4, 1.5, -3.0], [-9.0, -8.0, -9.5]]
    )
    cases = {
        "one component, so no sum is left": (torch.zeros(1), log_likelihood[:, :1]),
        "three equal components": (torch.full((3,), 1 / 3).log(), log_likelihood),
        "three components of different weight": (log_prior, log_likelihood),
        "two points": (log_prior, log_likelihood[1:]),
        "points so improbable that exp gives 0": (log_prior, log_likelihood - 2000),
        "five components": (
            torch.tensor([0.1, 0.3, 0.05, 0.35, 0.2]).log(),
            torch.cat([log_likelihood, log_likelihood[:, :2].flip(0)], dim=1),
        ),
        "components whose densities are far apart": (
            log_prior,
            log_likelihood * torch.tensor([150.0, 300.0, 30.0]),
        ),
        "a probable point beside an improbable one": (
            log_prior,
            log_likelihood[:2] - torch.tensor([[0.0], [2000.0]]),
        ),
        "points so probable that exp overflows": (log_prior, log_likelihood + 2000),
    }
    return compare(answer, _log_density, cases, _MIXTURE_LOG_DENSITY_MISTAKES)


def _choose(n, weights):
    return torch.multinomial(weights, n, replacement=True)


def _draws(n, weights, means, sigma, *, choose=_choose, draw=torch.randn_like):
    chosen = means[choose(n, weights)]
    return chosen + sigma * draw(chosen)


def _average(n, weights, means, sigma):
    return sum(w * _draws(n, torch.ones(1), m[None], sigma) for w, m in zip(weights, means))


def _fixed_counts(n, weights, means, sigma):
    counts = (n * weights).round().int().tolist()
    return torch.cat([m + sigma * torch.randn(c, len(m)) for m, c in zip(means, counts)])


def _reference_draws(n, weights, means, sigma):
    """From a Sobol sequence where n is large, so that the statistics are nearly exact."""
    if n < 1000:
        return _draws(n, weights, means, sigma)
    u = torch.quasirandom.SobolEngine(1 + means.shape[1], scramble=True).draw(n)
    z = torch.bucketize(u[:, 0].contiguous(), weights.cumsum(0)[:-1])
    return means[z] + sigma * torch.special.ndtri(u[:, 1:].clamp(1e-6, 1 - 1e-6))


_MIXTURE_DRAWS_MISTAKES: Mistakes = {
    **noise_mistakes(_draws, "draw", "coordinate"),
    **sigma_mistakes(_draws),
    "n times a weight is only the expected number. Choose a component at random for each"
    " draw.": _fixed_counts,
    "one component was chosen for all draws. Each has its own choice.": (
        partial(_draws, choose=lambda n, w: _choose(1, w).expand(n))
    ),
    "the weights. Not all components are chosen alike.": (
        partial(_draws, choose=lambda n, w: torch.randint(len(w), (n,)))
    ),
    "the heaviest component is not the only one.": (
        partial(_draws, choose=lambda n, w: w.argmax().expand(n))
    ),
    "the weights choose a component; they do not average the means.": (
        lambda n, w, means, sigma: _draws(n, torch.ones(1), (w @ means)[None], sigma)
    ),
    "the weights choose a component; they do not average draws.": _average,
    "the weights choose a component; they do not scale its mean.": (
        lambda n, w, means, sigma: _draws(n, w, w[:, None] * means, sigma)
    ),
    "weights are probabilities already: choose by them, without a softmax.": (
        partial(_draws, choose=lambda n, w: _choose(n, w.softmax(0)))
    ),
    "the mean is missing: this is noise around 0.": (
        lambda n, w, means, sigma: _draws(n, w, 0 * means, sigma)
    ),
    "these are the choices. A point has to be drawn for each of them.": (
        lambda n, w, means, sigma: _choose(n, w)
    ),
}


def check_mixture_draws(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 00: n draws of Σₖ πₖ N(meanₖ, σ²I).

    (n, weights (K,), means (K, D), sigma) -> (n, D). Any way of drawing is right, so the
    sample is large: shares and spreads of 10,000 draws have errors of about a percent.
    """
    weights = torch.tensor([0.3, 0.5, 0.2])
    means = torch.tensor([[13.3, -12.6], [-11.4, 12.7], [18.6, 17.4]])
    in_space = torch.tensor([[1.3, -2.6, 4.5]])
    mixture = 50_000, weights, means, 0.6
    cases = {
        "ten draws": ("shape", 10, weights, means, 0.6),
        "one draw": ("shape", 1, weights, means, 0.6),
        "one component in three dimensions": (
            "spread", 20_000, torch.ones(1), in_space, 0.6
        ),
        "the number of draws near a mean: does it vary from call to call?": (
            ("varies", 20, weights, means, 0.6)
        ),
        "the share of draws near each mean": ("share", *mixture),
        "the middle of the draws near each mean": ("middle", *mixture),
        "their spread along each axis and along the diagonal": ("spread", *mixture),
        "the share of them within σ of the mean, 68 percent": ("inside", *mixture),
    }  # fmt: skip
    mistakes, wrapper = _MIXTURE_DRAWS_MISTAKES, _statistics_of_draws
    return compare(answer, _reference_draws, cases, mistakes, wrapper=wrapper, rtol=0.04)


def _statistics_of_draws(draw: Function) -> Function:
    """(what, n, weights, …): a statistic of the draws, grouped by the nearest mean."""

    def wrapped(what: str, n: int, weights: Tensor, means: Tensor, sigma: float) -> Any:
        if what == "varies":  # forty equal calls do not happen by chance
            shares = [wrapped("share", n, weights, means, sigma) for _ in range(40)]
            differ = (torch.as_tensor(s != shares[0]).any() for s in shares)
            return torch.tensor(float(any(differ)))
        x = draw(n, weights, means, sigma)
        if what == "shape" or not isinstance(x, Tensor) or x.shape != (n, means.shape[1]):
            return only_shape(x)
        nearest = torch.cdist(x.to(means), means).argmin(1)
        share = nearest.bincount(minlength=len(means)) / n
        if what == "share":
            return share
        groups = [x[nearest == k].to(means) for k in range(len(means))]
        if what == "middle":
            return torch.stack([group.mean(0) for group in groups])
        if what == "inside":
            inside = [(x - mean).abs() < sigma for x, mean in zip(groups, means)]
            return torch.stack([each.float().mean(0) for each in inside])
        along = [torch.cat([group, group.sum(1, keepdim=True)], dim=1) for group in groups]
        # Not std(), which warns of a group of one draw or none.
        spread = [(group - group.mean(0)).square().mean(0).sqrt() for group in along]
        return torch.stack(spread)

    return wrapped
