"""Checks of notebook 09, gradients of an expectation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from course_utils.exercises._wrappers import only_shape, value_and_gradient
from course_utils.exercises.grading import CheckResult, Function, Mistakes, compare
from course_utils.theory import gradient_estimators

# In general position: no number twice, none 0 or 1.
_EPS = torch.tensor([0.7, -1.3, 0.2, 1.9, -0.4])

# --- exercise 1 -----------------------------------------------------------------------


def _pair(function: Function) -> Function:
    """Two results as one tensor, one row for each; other values unchanged.

    Of two that are no tensors the first, to be named in the message.
    """

    def wrapped(*arguments: Any) -> Any:
        value = function(*arguments)
        is_pair = isinstance(value, tuple | list) and len(value) == 2
        if not is_pair:
            return value
        other = [part for part in value if not isinstance(part, Tensor)]
        return other[0] if other else torch.stack(list(value))

    return wrapped


def _slopes(slope, mu, sigma, eps):
    z = mu + sigma * eps
    return slope(z), slope(z) * eps


_SLOPE_MISTAKES: Mistakes = {
    "take the slope at each draw z = μ + σε, not at μ.": lambda slope, mu, sigma, eps: (
        slope(mu + 0 * eps),
        slope(mu + 0 * eps) * eps,
    ),
    "take the slope at each draw z = μ + σε, not at ε.": lambda slope, mu, sigma, eps: (
        slope(eps),
        slope(eps) * eps,
    ),
    "sigma is a standard deviation: z = μ + σε, without a square.": (
        lambda slope, mu, sigma, eps: _slopes(slope, mu, sigma**2, eps)
    ),
    "sigma is a standard deviation: z = μ + σε, without a root.": (
        lambda slope, mu, sigma, eps: _slopes(slope, mu, sigma**0.5, eps)
    ),
    "∂z/∂σ is ε, so the derivative by σ is not that by μ.": (
        lambda slope, mu, sigma, eps: (slope(mu + sigma * eps), slope(mu + sigma * eps))
    ),
    "∂z/∂σ is ε, not σ.": lambda slope, mu, sigma, eps: (
        slope(mu + sigma * eps),
        slope(mu + sigma * eps) * sigma,
    ),
    "∂z/∂σ is ε, not σε: that would be the derivative by log σ.": (
        lambda slope, mu, sigma, eps: (
            slope(mu + sigma * eps),
            slope(mu + sigma * eps) * sigma * eps,
        )
    ),
    "∂z/∂σ is ε, not z.": lambda slope, mu, sigma, eps: (
        slope(mu + sigma * eps),
        slope(mu + sigma * eps) * (mu + sigma * eps),
    ),
    "only one of the two is multiplied by ε.": lambda slope, mu, sigma, eps: (
        slope(mu + sigma * eps) * eps,
        slope(mu + sigma * eps) * eps,
    ),
    "first the derivative by μ, then that by σ.": (
        lambda *arguments: _slopes(*arguments)[::-1]
    ),
    "ε multiplies the slope at z; it does not go into it.": (
        lambda slope, mu, sigma, eps: (
            slope(mu + sigma * eps),
            slope((mu + sigma * eps) * eps),
        )
    ),
    "one estimate for each draw was asked for, not their mean.": (
        lambda *arguments: tuple(part.mean() for part in _slopes(*arguments))
    ),
    "one estimate for each draw was asked for, not their sum.": (
        lambda *arguments: tuple(part.sum() for part in _slopes(*arguments))
    ),
    "return the derivative by σ, too: two results, by_mu and by_sigma.": (
        lambda *arguments: _slopes(*arguments)[0]
    ),
}


def check_slopes(answer: Callable[..., Any]) -> CheckResult:
    """Notebook 09: the reparameterized gradients of each draw.

    (slope h′, μ, σ, ε (L,)) -> by_mu (L,), by_sigma (L,)
    """

    def slope(z: Tensor) -> Tensor:
        return 2 * z + z.cos()

    def cubic(z: Tensor) -> Tensor:
        return 3 * z.square() - 2 * z

    cases = {
        "h(z) = z² + sin z": (slope, 0.3, 1.7, _EPS),
        "h(z) = z³ − z²": (cubic, -0.6, 0.4, _EPS),
        "one draw": (cubic, 1.6, 2.2, _EPS[:1]),
    }
    return compare(answer, _slopes, cases, _SLOPE_MISTAKES, wrapper=_pair)


# --- exercise 2 -----------------------------------------------------------------------


def _gradient_of(loss: Function) -> Function:
    """(what, h, log q): the shape of the loss, or its gradient by log q, draw by draw."""
    wrapped = value_and_gradient(loss)

    def gradient(what: str | int, *arguments: Any) -> Any:
        value = wrapped(what, *arguments)
        return only_shape(value) if what == "shape" else value

    return gradient


def _others(h: Tensor) -> Tensor:
    """The sum of the other values, for each value."""
    return h.sum() - h


def _with(weights: Function) -> Function:
    """The loss with other weights of log q."""
    return lambda h, log_q: (weights(h) * log_q).mean()


_right_loss = gradient_estimators.score_function_loss

_LOSS_MISTAKES: Mistakes = {
    "one number was asked for: take the mean over the draws.": (
        lambda h, log_q: (h - _others(h) / (len(h) - 1)) * log_q
    ),
    "the baseline is missing: subtract the mean of the other values.": _with(lambda h: h),
    "this baseline contains h itself, so all is (L − 1)/L times too small. "
    "Take the mean of the others.": _with(lambda h: h - h.mean()),
    "the mean of the others: there are L − 1 of them, not L.": (
        _with(lambda h: h - _others(h) / len(h))
    ),
    "the mean of the others, not their sum.": _with(lambda h: h - _others(h)),
    "the baseline is subtracted, not added.": (
        _with(lambda h: h + _others(h) / (len(h) - 1))
    ),
    "this is the baseline. Subtract it from h.": (
        _with(lambda h: _others(h) / (len(h) - 1))
    ),
    "the sign. It is h less the baseline, times log q.": lambda *a: -_right_loss(*a),
    "take the mean over the draws, not the sum.": lambda h, q: len(h) * _right_loss(h, q),
    "the score function is the gradient of log q, not of q.": (
        lambda h, log_q: _right_loss(h, log_q.exp())
    ),
    "multiply draw by draw, and take the mean then.": (
        lambda h, log_q: h.mean() * log_q.mean()
    ),
    "its gradient is zero: log_q must not be detached, and each draw has its own weight.": (
        lambda h, log_q: _right_loss(h, log_q.detach())
    ),
    "return a tensor. A Python number, as of item(), has no gradient.": (
        lambda *a: _right_loss(*a).item()
    ),
    "the weights are h less the baseline; no square.": _with(
        lambda h: (h - _others(h) / (len(h) - 1)).square()
    ),
}


def check_score_loss(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 09: a loss with the gradient of the score function with a baseline.

    h (L,), log q (L,) -> (); only its gradient is compared.
    """
    h, log_q = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    cases = {
        "one number for five draws": ("shape", h, log_q),
        "its gradient by log q": (1, h, log_q),
        "its gradient by log q, h larger by 50": (1, h + 50, log_q),
        "its gradient by log q, two draws": (1, h[:2], log_q[:2]),
    }
    return compare(answer, _right_loss, cases, _LOSS_MISTAKES, wrapper=_gradient_of)
