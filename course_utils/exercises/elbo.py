"""Checks of notebook 07, the ELBO."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import bugs_left
from course_utils.exercises.grading import CheckResult, compare, compare_value
from course_utils.theory import linear_gaussian


def check_lattice_sum(answer: Callable[[Tensor, float, int], Tensor]) -> CheckResult:
    """Notebook 07: log Σⱼ p(x, zⱼ) hᴷ from log p(x, zⱼ).  (B, N), h, K -> (B,)"""
    log_joint = torch.tensor([[-1.0, 0.5, 0.0, -2.0], [-3.0, -1.0, -0.5, -1.5]])

    def log_sum(log_joint, h, k, *, plain=False, mean=False, line=False):
        log_sum = log_joint.exp().sum(1).log() if plain else log_joint.logsumexp(1)
        fewer = math.log(log_joint.shape[1]) if mean else 0.0
        return log_sum - fewer + (1 if line else k) * math.log(h)

    bugs = {
        "plain": "exp of −200 is 0 in single precision. There is a function that takes care.",
        "mean": "the cells are added up, not averaged.",
        "line": "a cell of the plane has the area h².",
    }
    return compare(
        answer,
        log_sum,
        {
            "a lattice on a line": (log_joint, 0.25, 1),
            "a lattice in the plane": (log_joint, 0.25, 2),
            "a cube": (log_joint[:1], 0.5, 3),
            "pictures: densities of e⁻²⁰⁰, too small for exp": (log_joint - 200, 0.25, 2),
        },
        mistakes=bugs_left(bugs, log_sum)
        | {
            "the size of a cell is missing.": lambda log_joint, h, k: log_joint.logsumexp(
                1
            ),
            "the size of a cell stands inside the log, so that log h is added.": (
                lambda log_joint, h, k: log_joint.logsumexp(1) * h**k
            ),
            "the sign of log h. Smaller cells hold less.": (
                lambda log_joint, h, k: log_sum(log_joint, 1 / h, k)
            ),
            "a sum of logs is the log of a product.": (
                lambda log_joint, h, k: log_joint.sum(1) + k * math.log(h)
            ),
            "the log is missing.": (lambda log_joint, h, k: log_sum(log_joint, h, k).exp()),
            "the axis. Images are the rows, points of the lattice the columns.": (
                lambda log_joint, h, k: log_joint.logsumexp(0) + k * math.log(h)
            ),
            "the dimension is a power of h, not a factor.": (
                lambda log_joint, h, k: log_joint.logsumexp(1) + math.log(k * h)
            ),
        },
    )


def check_width_price(answer: float | None) -> CheckResult:
    """Notebook 07: KL(N(m, (2s)²) ‖ N(m, s²)) = ½ (4 − 1 − log 4), in nats."""
    price = 1.5 - math.log(2)
    return compare_value(
        answer,
        price,
        {
            "this is a q half as wide, or the two have changed places.": math.log(2)
            - 0.375,
            "the sign. A KL is never negative.": -price,
            "the factor ½ is missing.": 2 * price,
            "the logarithm is missing: a wide q is paid back a little.": 1.5,
            "½ log σ² is log σ: the factor ½ belongs to the logarithm, too.": 1.5
            - math.log(4),
            "the sign of the logarithm.": 1.5 + math.log(2),
            "this is the logarithm alone. The places far out are missing.": math.log(2),
            "twice the width is four times the variance.": (1 - math.log(2)) / 2,
            "the gap closes only for the posterior itself.": 0,
            "these are bits. Nats were asked for.": price / math.log(2),
        },
        rtol=0.005,
    )


def check_linear_elbo(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 07: the ELBO of q = N(μ, diag s²) where x | z ~ N(Wz + b, σ²I), exactly.

    x (B, D), w (D, K), b (D,), sigma, mu (B, K), logvar (B, K) -> (B,)
    """
    x = torch.tensor([[1.5, 0.2, -1.0], [0.0, 0.4, 2.0]])
    w = torch.tensor([[1.0, 0.5], [0.5, -1.0], [2.0, 0.3]])
    zero, b = torch.zeros(3), torch.tensor([0.5, -1.0, 0.2])
    mu, logvar = torch.tensor([[0.3, -0.7], [1.0, 0.1]]), torch.tensor([[-2.0, 0.5]] * 2)
    center, covariance = linear_gaussian.linear_posterior(x, w[:, :1], b, 0.6)
    width = covariance.log().expand(2, 1)

    def spread(
        x: Tensor, w: Tensor, b: Tensor, sigma: float, mu: Tensor, logvar: Tensor, **wrong
    ) -> Tensor:
        """What the width of q costs: Σₖ s²ₖ ‖wₖ‖² / 2σ².  -> (B,)"""
        s2, weight = (
            wrong.get("s2", logvar.exp()),
            wrong.get("weight", w.square().sum(0)),
        )
        return s2 @ weight / (2 * sigma**2)

    def elbo(
        x: Tensor,
        w: Tensor,
        b: Tensor,
        sigma: float,
        mu: Tensor,
        logvar: Tensor,
        **weights: float,
    ) -> Tensor:
        """The ELBO with another weight for its spread, its KL or its constant."""
        change = {name: 1 - weight for name, weight in weights.items()}
        constant = x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
        return (
            linear_gaussian.linear_elbo(x, w, b, sigma, mu, logvar)
            + change.get("spread", 0) * spread(x, w, b, sigma, mu, logvar)
            + change.get("kl", 0) * objectives.kl_to_standard_normal(mu, logvar)
            + change.get("constant", 0) * constant
        )

    return compare(
        answer,
        linear_gaussian.linear_elbo,
        {
            "q is the prior, σ = 1, b = 0": (x, w, zero, 1.0, 0 * mu, 0 * mu),
            "q is the true posterior, K = 1": (x, w[:, :1], b, 0.6, center, width),
            "any q, σ = 1": (x, w, zero, 1.0, mu, logvar),
            "any q, a narrow σ, b not 0": (x, w, b, 0.3, mu, logvar),
            "one image": (x[:1], w, b, 2.0, mu[:1], logvar[:1]),
        },
        mistakes={
            "E_q of the square has the spread of q in it, not its mean alone.": (
                lambda *q: elbo(*q, spread=0.0)
            ),
            "the spread. s² is exp(logvar), once.": (
                lambda *q: elbo(*q, spread=0.0) - spread(*q, s2=(2 * q[-1]).exp())
            ),
            "the spread. A unit's noise reaches the pixels by the squares of W's column.": (
                lambda *q: elbo(*q, spread=0.0) - spread(*q, weight=q[1].sum(0))
            ),
            "the KL is a price: it is taken away.": lambda *q: elbo(*q, kl=-1.0),
            "the KL is missing.": lambda *q: elbo(*q, kl=0.0),
            "the constant D/2 log 2πσ² is missing.": lambda *q: elbo(*q, constant=0.0),
            "the sign. The ELBO is a bound from below.": lambda *q: -elbo(*q),
            "b is missing in the mean Wz + b.": (lambda x, w, b, *q: elbo(x, w, 0 * b, *q)),
            "sigma is a standard deviation: its square is needed.": (
                lambda x, w, b, sigma, *q: elbo(x, w, b, sigma**0.5, *q)
            ),
            "one number for each image, not their mean.": lambda *q: elbo(*q).mean(),
            "that is log p(x), which no q reaches but the true posterior.": (
                lambda x, w, b, sigma, *q: linear_gaussian.linear_log_evidence(
                    x, w, b, sigma
                )
            ),
            "a draw of z leaves chance in it. Here the mean over q has a closed form.": (
                lambda x, w, b, sigma, mu, logvar: (
                    -objectives.gaussian_nll(
                        x, objectives.reparameterize(mu, logvar) @ w.T + b, sigma=sigma
                    )
                    - objectives.kl_to_standard_normal(mu, logvar)
                )
            ),
        },
    )


def check_importance_bound(answer: Callable[[Tensor], Tensor]) -> CheckResult:
    """Notebook 07: log (1/L) Σₗ wₗ from log wₗ = log p(x, zₗ) − log q(zₗ|x).  (L, B) -> (B,)"""
    log_weights = torch.tensor([[0.0, -1.0, 2.0], [1.0, -1.0, -3.0], [-2.0, 0.5, 0.0]])
    return compare(
        answer,
        lambda log_weights: log_weights.logsumexp(0) - math.log(len(log_weights)),
        {
            "one draw, so the bound is its log weight": (log_weights[:1],),
            "all draws weigh the same": (log_weights[:1].expand(5, 3),),
            "three draws for each of three images": (log_weights,),
            "two draws for each of three images": (log_weights[:2],),
            "pictures: weights of e⁻²⁰⁰, too small for exp": (log_weights - 200,),
        },
        mistakes={
            "the log stands outside of the mean. Inside, it is the ELBO again.": (
                lambda log_weights: log_weights.mean(0)
            ),
            "a mean over the L draws is asked for: log L is missing.": (
                lambda log_weights: log_weights.logsumexp(0)
            ),
            "1/L stands inside the log, so that log L is taken away.": (
                lambda log_weights: log_weights.logsumexp(0) / len(log_weights)
            ),
            "the sign of log L.": (
                lambda log_weights: log_weights.logsumexp(0) + math.log(len(log_weights))
            ),
            "a sum of logs is the log of a product.": lambda log_weights: log_weights.sum(
                0
            ),
            "the largest weight alone is not the mean.": (
                lambda log_weights: log_weights.amax(0)
            ),
            "exp of −200 is 0 in single precision. There is a function that takes care.": (
                lambda log_weights: log_weights.exp().mean(0).log()
            ),
            "the log is missing.": lambda log_weights: log_weights.exp().mean(0),
            "the axis. Draws are the rows, images the columns.": (
                lambda log_weights: (
                    log_weights.logsumexp(1) - math.log(log_weights.shape[1])
                )
            ),
            "L is the number of draws, not of images.": (
                lambda log_weights: (
                    log_weights.logsumexp(0) - math.log(log_weights.shape[1])
                )
            ),
            "one number for each image, not their mean.": (
                lambda log_weights: (
                    log_weights.logsumexp(0) - math.log(len(log_weights))
                ).mean()
            ),
        },
    )
