"""Checks of notebook 08, the ELBO."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import remaining_bugs
from course_utils.exercises.grading import CheckResult, Mistakes, compare
from course_utils.theory import linear_gaussian


def _log_sum(log_joint, h, k, *, plain=False, mean=False, line=False):
    total = log_joint.exp().sum(1).log() if plain else log_joint.logsumexp(1)
    log_n = math.log(log_joint.shape[1]) if mean else 0.0
    return total - log_n + (1 if line else k) * math.log(h)


_LATTICE_SUM_BUGS = {
    "plain": "exp of −200 is 0 in float32. Use a function for log of a sum of exp.",
    "mean": "the cells are added up, not averaged.",
    "line": "a cell of the plane has the area h².",
}
_LATTICE_SUM_MISTAKES: Mistakes = remaining_bugs(_LATTICE_SUM_BUGS, _log_sum) | {
    "the size of a cell is missing.": lambda log_joint, h, k: log_joint.logsumexp(1),
    "take out the largest number of each image, not the largest of all.": (
        lambda log_joint, h, k: (
            (log_joint - log_joint.max()).exp().sum(1).log()
            + log_joint.max()
            + k * math.log(h)
        )
    ),
    "the size of a cell is inside the log, so log h is added.": (
        lambda log_joint, h, k: log_joint.logsumexp(1) * h**k
    ),
    "the sign of log h. Smaller cells hold less.": (
        lambda log_joint, h, k: _log_sum(log_joint, 1 / h, k)
    ),
    "a sum of logs is the log of a product.": (
        lambda log_joint, h, k: log_joint.sum(1) + k * math.log(h)
    ),
    "the log is missing.": lambda log_joint, h, k: _log_sum(log_joint, h, k).exp(),
    "the axis. Images are the rows, points of the lattice the columns.": (
        lambda log_joint, h, k: log_joint.logsumexp(0) + k * math.log(h)
    ),
    "the dimension is a power of h, not a factor.": (
        lambda log_joint, h, k: log_joint.logsumexp(1) + math.log(k * h)
    ),
}


def check_lattice_sum(answer: Callable[[Tensor, float, int], Tensor]) -> CheckResult:
    """Notebook 08: log Σⱼ p(x, zⱼ) hᴷ from log p(x, zⱼ).  (B, N), h, K -> (B,)"""
    log_joint = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))
    pictures = log_joint + torch.tensor([[-200.0], [-350.0], [120.0]])
    cases = {
        "a lattice on a line": (log_joint, 0.25, 1),
        "a lattice in the plane": (log_joint, 0.3, 2),
        "a cube, five points": (log_joint[:1, :5], 0.5, 3),
        "pictures: densities from e⁻³⁵⁰ to e¹²⁰, too much for exp": (pictures, 0.3, 2),
        "densities of one picture that differ by e¹⁰⁰ and more": (150 * log_joint, 0.3, 2),
    }
    return compare(answer, _log_sum, cases, _LATTICE_SUM_MISTAKES)


def _spread(w, logvar):
    """Contribution of the width of q to the squared error: Σₖ s²ₖ ‖wₖ‖².  -> (B,)"""
    return logvar.exp() @ w.square().sum(0)


def _linear_elbo(x, w, b, sigma, mu, logvar, *, spread=_spread, kl=1.0, constant=1.0):
    error = ((x - mu @ w.T - b).square().sum(1) + spread(w, logvar)) / sigma**2
    log_p = -(error + constant * x.shape[1] * math.log(2 * math.pi * sigma**2)) / 2
    return log_p - kl * objectives.kl_to_standard_normal(mu, logvar)


def _spread_over(divisor):
    """The ELBO whose spread is divided by a function of σ instead of 2σ²."""
    return lambda x, w, b, sigma, *q: _linear_elbo(
        x, w, b, sigma, *q, spread=lambda *a: 2 * sigma**2 / divisor(sigma) * _spread(*a)
    )


def _drawn_elbo(x, w, b, sigma, mu, logvar):
    x_hat = objectives.reparameterize(mu, logvar) @ w.T + b
    kl = objectives.kl_to_standard_normal(mu, logvar)
    return -objectives.gaussian_nll(x, x_hat, sigma=sigma) - kl


_LINEAR_ELBO_MISTAKES: Mistakes = {
    "E_q of the square depends on the spread of q, not only on its mean.": (
        partial(_linear_elbo, spread=lambda w, logvar: 0.0)
    ),
    "the spread. s² is exp(logvar), once.": (
        partial(_linear_elbo, spread=lambda w, logvar: _spread(w, 2 * logvar))
    ),
    "the spread. The variance of a unit is multiplied by the squares of its column of W.": (
        partial(_linear_elbo, spread=lambda w, logvar: logvar.exp() @ w.sum(0))
    ),
    **{
        f"the spread is divided by 2σ², as the square is, not by {name}.": (
            _spread_over(divisor)
        )
        for name, divisor in {
            "1": lambda sigma: 1.0,
            "2": lambda sigma: 2.0,
            "σ²": lambda sigma: sigma**2,
        }.items()
    },
    "the KL is subtracted.": partial(_linear_elbo, kl=-1.0),
    "the KL is missing.": partial(_linear_elbo, kl=0.0),
    "the constant D/2 log 2πσ² is missing.": partial(_linear_elbo, constant=0.0),
    "the constant has σ² inside the log: D/2 log 2πσ².": (
        lambda x, w, b, sigma, *q: (
            _linear_elbo(x, w, b, sigma, *q) + x.shape[1] * math.log(sigma)
        )
    ),
    "the sign. The ELBO is a bound from below.": lambda *a: -_linear_elbo(*a),
    "b is missing in the mean Wz + b.": lambda x, w, b, *q: _linear_elbo(x, w, 0 * b, *q),
    "sigma is a standard deviation: its square is needed.": (
        lambda x, w, b, sigma, *q: _linear_elbo(x, w, b, sigma**0.5, *q)
    ),
    "one number for each image, not their mean.": lambda *a: _linear_elbo(*a).mean(),
    "that is log p(x), which the ELBO reaches for the true posterior only.": (
        lambda x, w, b, sigma, *q: linear_gaussian.linear_log_evidence(x, w, b, sigma)
    ),
    "a draw of z is random. Here the mean over q has a closed form.": _drawn_elbo,
}


def check_linear_elbo(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 08: the ELBO of q = N(μ, diag s²) where x | z ~ N(Wz + b, σ²I), exactly.

    x (B, D), w (D, K), b (D,), sigma, mu (B, K), logvar (B, K) -> (B,)
    """
    generator = torch.Generator().manual_seed(0)
    x, w, b, mu, logvar = (
        torch.randn(size, generator=generator)
        for size in ((3, 5), (5, 2), (5,), (3, 2), (3, 2))
    )
    zero, sure = torch.zeros(5), torch.tensor([-30.0, 4.0]).expand(3, 2)
    center, covariance = linear_gaussian.linear_posterior(x, w[:, :1], b, 0.6)
    width = covariance.log().expand(3, 1)
    cases = {
        "q is the prior, σ = 1, b = 0": (x, w, zero, 1.0, 0 * mu, 0 * mu),
        "q is the true posterior, K = 1": (x, w[:, :1], b, 0.6, center, width),
        "any q, σ = 1": (x, w, zero, 1.0, mu, logvar),
        "any q, a narrow σ, b not 0": (x, w, b, 0.3, mu, logvar),
        "one axis almost certain, one wide": (x, w, b, 0.7, mu, sure),
        "one image of one pixel": (x[:1, :1], w[:1], b[:1], 2.0, mu[:1], logvar[:1]),
    }
    return compare(answer, linear_gaussian.linear_elbo, cases, _LINEAR_ELBO_MISTAKES)


def _importance_bound(log_weights):
    return log_weights.logsumexp(0) - math.log(len(log_weights))


_IMPORTANCE_BOUND_MISTAKES: Mistakes = {
    "the log is outside the mean. Inside, it is the ELBO again.": (lambda w: w.mean(0)),
    "a mean over the L draws is asked for: log L is missing.": lambda w: w.logsumexp(0),
    "1/L is inside the log, so log L is subtracted.": (lambda w: w.logsumexp(0) / len(w)),
    "the sign of log L.": lambda w: w.logsumexp(0) + math.log(len(w)),
    "a sum of logs is the log of a product.": lambda w: w.sum(0),
    "the largest weight is not the mean.": lambda w: w.amax(0),
    "exp of −200 is 0 in float32. Use a function for log of a sum of exp.": (
        lambda w: w.exp().mean(0).log()
    ),
    "take out the largest weight of each image, not the largest of all.": (
        lambda w: (w - w.max()).exp().mean(0).log() + w.max()
    ),
    "the log is missing.": lambda w: w.exp().mean(0),
    "the axis. Draws are the rows, images the columns.": (
        lambda w: w.logsumexp(1) - math.log(w.shape[1])
    ),
    "L is the number of draws, not of images.": (
        lambda w: w.logsumexp(0) - math.log(w.shape[1])
    ),
    "one number for each image, not their mean.": lambda w: _importance_bound(w).mean(),
}


def check_importance_bound(answer: Callable[[Tensor], Tensor]) -> CheckResult:
    """Notebook 08: log (1/L) Σₗ wₗ, log wₗ = log p(x, zₗ) − log q(zₗ|x).  (L, B) -> (B,)"""
    log_weights = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    pictures = log_weights + torch.tensor([-200.0, -350.0, 120.0])
    cases = {
        "one draw, so the bound is its log weight": (log_weights[:1],),
        "all draws weigh the same": (log_weights[:1].expand(4, 3),),
        "five draws for each of three images": (log_weights,),
        "two draws for each of three images": (log_weights[:2],),
        "five draws for one image": (log_weights[:, :1],),
        "pictures: weights from e⁻³⁵⁰ to e¹²⁰, too much for exp": (pictures,),
        "weights of one picture that differ by e¹⁰⁰ and more": (150 * log_weights,),
    }
    return compare(answer, _importance_bound, cases, _IMPORTANCE_BOUND_MISTAKES)
