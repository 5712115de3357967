"""Shared by several checks: wrappers of an answer, and mistakes of many losses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import objectives
from course_utils.exercises.grading import Function
from course_utils.objectives import Encoder

# Typical constants that are added inside a logarithm to avoid infinity.
TINY = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16, 1e-20, 1e-30)

# --- wrappers -------------------------------------------------------------------------


def as_tensor(function: Function) -> Function:
    """The function, whose result may also be a number, an array or a list of numbers."""

    def wrapped(*arguments: Any) -> Any:
        value = function(*arguments)
        if isinstance(value, list):  # torch warns of numbers that have a gradient
            value = [n.detach() if isinstance(n, Tensor) else n for n in value]
        try:
            return torch.as_tensor(value).detach()
        except (TypeError, ValueError, RuntimeError):
            return value

    return wrapped


def weighted_sum(value: Tensor) -> Tensor:
    """A sum with weights without a pattern: in a plain sum wrong gradients can cancel."""
    return (value.flatten() * (1 + torch.arange(value.numel()).sin() / 2)).sum()


def value_and_gradient(function: Function) -> Function:
    """(what, …): the value, or its gradient by the argument number ``what``.

    Of a value with several numbers it is the gradient of ``weighted_sum``.
    """

    def wrapped(what: str | int, *arguments: Any) -> Any:
        if isinstance(what, str):
            return function(*arguments)
        leaf = arguments[what].clone().requires_grad_()
        value = function(*arguments[:what], leaf, *arguments[what + 1 :])
        if not isinstance(value, Tensor):
            return value
        if not value.requires_grad:
            return torch.zeros_like(leaf)
        return torch.autograd.grad(
            weighted_sum(value), leaf, allow_unused=True, materialize_grads=True
        )[0]

    return wrapped


def loss_and_gradients(loss: Function) -> Function:
    """(what, f, g, x, …): the loss, or its derivative by the scale of f's or g's output.

    The derivative by a factor 1 on the output of f (0) or g (1) shows a detached gradient;
    the value does not.
    """

    def scaled(a: Tensor, b: Tensor, f: Encoder, g: Encoder, *more: Any) -> Any:
        return loss(lambda x: a * f(x), lambda z: b * g(z), *more)

    wrapped, one = value_and_gradient(scaled), torch.ones(())
    return lambda what, *arguments: wrapped(what, one, one, *arguments)


def over_copies(what: str, z: Tensor, block: Tensor) -> Tensor:
    """The "mean" or "spread" of each number of a block over the copies in z.

    The block is (r, c), z (R r, C c) and random, the mean (r, c). The spread (4, r, c) is
    four: the standard deviation, those of sums with the neighbors above and to the left,
    which show noise that they share, and the mean distance to the mean, which shows noise
    that is not normal.
    """
    r, c = block.shape

    def each(z: Tensor) -> Tensor:
        """(R r, C c) -> (r, c, R C)"""
        return z.reshape(-1, r, z.shape[1] // c, c).permute(1, 3, 0, 2).flatten(2)

    center = each(z).mean(2)
    if what == "mean":
        return center
    sums = [each(z + z.roll(1, axis)).std(2) for axis in (0, 1)]
    distance = (each(z) - center[:, :, None]).abs().mean(2)
    return torch.stack([each(z).std(2), *sums, distance])


def only_shape(value: Any) -> Any:
    """Zeros of the same shape; anything but a tensor unchanged."""
    return torch.zeros_like(value) if isinstance(value, Tensor) else value


# --- parts of cases and mistakes ------------------------------------------------------


def identity(x: Any) -> Any:
    return x


def mean_square(d: Tensor) -> Tensor:
    """Summed over dimensions, averaged over the batch.  (B, D) -> ()"""
    return d.square().sum(1).mean()


def detached(function: Encoder) -> Encoder:
    return lambda x: function(x).detach()


def sigma_of(logvar: Tensor) -> Tensor:
    """σ of log σ²."""
    return (logvar / 2).exp()


def exact_kl(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """The KL of q(z|x) to the prior, whatever z was drawn.  (B, K), (B, K), … -> (B,)"""
    return objectives.kl_to_standard_normal(mu, logvar)


def wrong_kl(
    mu, logvar, *draws, square=torch.square, variance=torch.exp, log=identity, one=1
):
    """The KL written by hand, with parts that may be wrong.  (B, K), (B, K), … -> (B,)"""
    return (square(mu) + variance(logvar) - one - log(logvar)).sum(1) / 2


def drawn_kl(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """log q(z|x) − log p(z), whose mean over draws z is the KL.  (…, B, K) -> (…, B)"""
    log_q = -((z - mu) ** 2 / logvar.exp() + logvar) / 2
    return (log_q + z**2 / 2).sum(-1)


# --- mistakes -------------------------------------------------------------------------


def variants(function: Function, **wrong: Mapping[str, object]) -> dict[str, Function]:
    """The function with wrong values of a keyword, each under its hint."""
    return {
        hint: partial(function, **{keyword: value})
        for keyword, values in wrong.items()
        for hint, value in values.items()
    }


def loss_mistakes(loss: Function) -> dict[str, Function]:
    """Mistakes in a loss of (f, g, x, …), whose keyword ``error`` takes x − x̂."""
    return {
        "the squared error adds up the pixels; it takes no mean of them.": partial(
            loss, error=lambda d: d.square().mean()
        ),
        "the squared error has no factor ½ in this loss.": partial(
            loss, error=lambda d: mean_square(d) / 2
        ),
        "the length of the difference has to be squared.": partial(
            loss, error=lambda d: d.norm(dim=1).mean()
        ),
        "take the mean over the batch: one number is asked for.": partial(
            loss, error=lambda d: d.square().sum(1)
        ),
        "take the mean over the batch, not the sum.": lambda *a: len(a[2]) * loss(*a),
        "detach() keeps the gradient from the encoder.": (
            lambda f, *more: loss(detached(f), *more)
        ),
        "detach(), item() or no_grad() keeps the gradient from both networks.": (
            lambda *a: loss(*a).detach()
        ),
        "return a tensor. A Python number, as of item(), has no gradient.": (
            lambda *a: loss(*a).item()
        ),
        "return the loss only, not a dictionary of all terms.": lambda *a: {"": loss(*a)},
    }


def penalty_mistakes(loss: Function, each: Encoder) -> dict[str, Function]:
    """Mistakes in a loss of (f, g, x, lam) with a penalty on the code.

    Its keywords ``error`` and ``penalty`` take x − x̂ and f(x). ``each`` is the penalty on
    one number of a code, to be summed over these and averaged over the batch.
    """
    wrong_axis = partial(loss, error=lambda d: d.square().sum(0).mean())
    return loss_mistakes(loss) | {
        "the penalty is missing.": lambda *a: loss(*a[:3], 0.0),
        "the penalty has to be multiplied by lam.": lambda *a: loss(*a[:3], 1.0),
        "the sign of the penalty. It is added.": lambda *a: loss(*a[:3], -a[3]),
        "the penalty adds up the numbers of a code; it takes no mean of them.": (
            partial(loss, penalty=lambda z: each(z).mean())
        ),
        "the penalty is a mean over the batch, too, not a sum.": (
            partial(loss, penalty=lambda z: each(z).sum())
        ),
        "add up the dimensions, in both terms; take no mean of them.": partial(
            loss, error=lambda d: d.square().mean(), penalty=lambda z: each(z).mean()
        ),
        "the axis. The squared error is a sum over pixels, then a mean over images.": (
            wrong_axis
        ),
        "the axis. Sum over dimensions, then take the mean over images.": (
            partial(wrong_axis, penalty=lambda z: each(z).sum(0).mean())
        ),
        "take the mean over the batch: one number is asked for.": partial(
            loss, error=lambda d: d.square().sum(1), penalty=lambda z: each(z).sum(1)
        ),
        "detach() keeps the gradient of the penalty from the encoder.": (
            partial(loss, penalty=lambda z: each(z).detach().sum(1).mean())
        ),
        "the gradient of the error ends before the encoder: by detach() or torch.normal?": (
            lambda f, g, x, lam: (
                loss(detached(f), g, x, 0.0) + lam * each(f(x)).sum(1).mean()
            )
        ),
        "detach() keeps the gradient of the error from both networks.": (
            lambda f, g, *more: loss(f, detached(g), *more)
        ),
    }


def noise_mistakes(function: Function, row: str, number: str) -> dict[str, Function]:
    """Mistakes in a function whose keyword ``draw`` makes standard normal noise like x.

    ``row`` and ``number``: what the rows of x (B, D), and the numbers of a row, are called.
    """
    one = "an" if row[0] in "aeiou" else "a"
    draws: dict[str, Encoder] = {
        "the noise ε is missing.": torch.zeros_like,
        "randn draws from the normal distribution, rand from the uniform one.": (
            torch.rand_like
        ),
        f"one ε for all. Each {number} of each {row} has noise of its own.": (
            lambda x: torch.randn(())
        ),
        f"one ε for all {row}s. Each {row} has noise of its own.": (
            lambda x: torch.randn_like(x[0])
        ),
        f"one ε for all {number}s of {one} {row}. Each {number} has noise of its own.": (
            lambda x: torch.randn(len(x), 1)
        ),
        "the noise has mean 0.": lambda x: torch.randn_like(x) + 1,
    }
    return variants(function, draw=draws)


def sigma_mistakes(function: Function) -> dict[str, Function]:
    """Mistakes in a function whose last argument is the width of noise that it adds."""
    return {
        "sigma is a standard deviation: multiply by it, not by its square.": (
            lambda *a: function(*a[:-1], a[-1] ** 2)
        ),
        "sigma is a standard deviation: take no root; a covariance would be sigma².": (
            lambda *a: function(*a[:-1], a[-1] ** 0.5)
        ),
        "sigma is missing in front of the noise.": lambda *a: function(*a[:-1], 1.0),
    }


# Wrong values of keywords, each under its hint: ``width``, σ of log σ²; ``nll`` of x and
# the logits of Bernoulli pixels; ``kl`` of mu, logvar, z.
WIDTHS: dict[str, Encoder] = {
    "logvar is log σ²: exp(logvar) is the variance, not σ.": torch.exp,
    "logvar is log σ², not σ itself.": identity,
    "the root of logvar is not σ. logvar is log σ²: take exp before the root.": torch.sqrt,
    "exp(logvar) / 2 is half the variance. σ is its root.": lambda v: v.exp() / 2,
}
NLLS: dict[str, Function] = {
    "add up the pixels; take no mean of them.": (
        lambda x, t: objectives.bernoulli_nll(x, t) / x.shape[1]
    ),
    "g gives logits already, without a sigmoid.": (
        lambda x, t: objectives.bernoulli_nll(x, t.sigmoid())
    ),
    "g gives logits; a probability is their sigmoid.": (
        lambda x, p: -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)
    ),
    "the pixels are Bernoulli: a cross entropy was asked for, not a squared error.": (
        lambda x, t: objectives.squared_error(x, t.sigmoid())
    ),
    "the pixels are Bernoulli, and g gives their logits: no Gaussian was asked for.": (
        objectives.gaussian_nll
    ),
}
KLS: dict[str, Function] = {
    "the KL is missing.": lambda *q: 0 * exact_kl(*q),
    "the sign of the KL. It is a cost.": lambda *q: -exact_kl(*q),
    "the factor ½ of the KL is missing.": lambda *q: 2 * exact_kl(*q),
    "add up the axes of the KL; take no mean of them.": (
        lambda mu, *more: exact_kl(mu, *more) / mu.shape[1]
    ),
}


def remaining_bugs(bugs: Mapping[str, str], function: Function) -> dict[str, Function]:
    """Every nonempty subset of the bugs of a function, under the hints for these bugs.

    ``bugs``: keyword of the function that switches the bug on -> hint.
    """
    subsets = (c for n in range(1, len(bugs) + 1) for c in combinations(bugs, n))
    return {
        " And ".join(bugs[bug] for bug in subset): partial(
            function, **dict.fromkeys(subset, True)
        )
        for subset in subsets
    }


def _log_plus(tiny: float, p: Tensor) -> Tensor:
    return (p + tiny).log()


# Log-likelihoods of Bernoulli pixels that round: a sigmoid of 30 is 1.
OVERFLOW = (
    "exp of a large logit is infinite, and the sigmoid of −150 is 0: softplus and "
    "logsigmoid need neither."
)
# Logarithms of a sigmoid, each under its hint.
LOGS: dict[str, Encoder] = {
    "log of a sigmoid that has rounded to 0 is infinite. Begin with the logits.": torch.log,
    "below −100 this replaces a logarithm by −100, also that of a rounded 0.": (
        lambda p: -F.binary_cross_entropy(p, torch.ones_like(p), reduction="none")
    ),
    **{
        f"{tiny:g} inside the logarithm hides the infinity, and is wrong.": (
            partial(_log_plus, tiny)
        )
        for tiny in TINY
    },
}


# A mistake apart from those of LOGS: where it rounds to 0 or 1, its gradient differs from
# that of torch's sigmoid.
BY_HAND = (
    "1 / (1 + exp(−d)) rounds to 0 or 1, and log 0 is infinite. Begin with the logits."
)


def sigmoid_by_hand(logits: Tensor) -> Tensor:
    return 1 / (1 + logits.neg().exp())


def _rounded(log: Encoder, sigmoid: Encoder = torch.sigmoid) -> Function:
    """−log p(x|z) from x and logits, by logarithms of a sigmoid.  (B, D) -> (B,)"""

    def nll(x: Tensor, logits: Tensor) -> Tensor:
        p = sigmoid(logits)
        return -(x * log(p) + (1 - x) * log(1 - p)).sum(1)

    return nll


ROUNDED_NLLS: dict[str, Function] = {
    OVERFLOW: lambda x, t: ((1 + t.exp()).log() - x * t).sum(1),
    **{hint: _rounded(log) for hint, log in LOGS.items()},
}
# Its values are those of torch's sigmoid: for checks of the gradient only.
NLL_BY_HAND: dict[str, Function] = {BY_HAND: _rounded(torch.log, sigmoid_by_hand)}
