"""Shared by several checks: wrappers of an answer, and mistakes of many losses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises.grading import Function
from course_utils.objectives import Encoder

# Typical constants that are added inside a logarithm to avoid infinity.
TINY = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16, 1e-20, 1e-30)

# --- wrappers -------------------------------------------------------------------------


def as_tensor(function: Function) -> Function:
    """The function, whose result may also be a Python number or an array of NumPy."""

    def wrapped(*arguments: Any) -> Any:
        value = function(*arguments)
        is_number = isinstance(value, (int, float, np.number, np.ndarray))
        return torch.as_tensor(value) if is_number else value

    return wrapped


def value_and_gradient(function: Function, *, by: int) -> Function:
    """(what, …): its value, or the gradient of its sum by the argument number ``by``."""

    def wrapped(what: str, *arguments: Any) -> Any:
        if what == "value":
            return function(*arguments)
        leaf = arguments[by].clone().requires_grad_()
        value = function(*arguments[:by], leaf, *arguments[by + 1 :])
        return gradient(value.sum(), leaf) if isinstance(value, Tensor) else value

    return wrapped


def loss_and_gradients(loss: Function) -> Function:
    """(what, f, g, x, …): the loss, or its derivative by the scale of f's or g's output.

    The derivative by a factor 1 on the output of f (or g) shows a detached gradient; the
    value does not.
    """

    def wrapped(what: str, f: Encoder, g: Encoder, *more: object) -> Any:
        factor = torch.ones((), requires_grad=True)
        if what == "value":
            return loss(f, g, *more)
        if what == "f":
            value = loss(lambda x: factor * f(x), g, *more)
        else:
            value = loss(f, lambda z: factor * g(z), *more)
        is_loss = isinstance(value, Tensor) and value.numel() == 1
        return gradient(value.sum(), factor) if is_loss else value

    return wrapped


def gradient(value: Tensor, leaf: Tensor) -> Tensor:
    """∂ value / ∂ leaf; 0 where the value does not depend on it."""
    if not value.requires_grad:
        return torch.zeros_like(leaf)
    return torch.autograd.grad(value, leaf, allow_unused=True, materialize_grads=True)[0]


# --- parts of cases and mistakes ------------------------------------------------------


def linear_pair() -> tuple[Encoder, Encoder]:
    """An encoder from three numbers to two and a decoder back."""
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3]])
    return lambda x: x @ a, lambda z: z @ a.T / 4


def identity(x: Tensor) -> Tensor:
    return x


def mean_square(d: Tensor) -> Tensor:
    """Summed over dimensions, averaged over the batch.  (B, D) -> ()"""
    return d.square().sum(1).mean()


def no_noise(z: Tensor) -> Tensor:
    return torch.zeros_like(z)


def detached(function: Encoder) -> Encoder:
    return lambda x: function(x).detach()


# --- mistakes -------------------------------------------------------------------------


def loss_mistakes(loss: Function) -> dict[str, Function]:
    """Mistakes in a loss of (f, g, x, …), whose keyword ``error`` takes x − x̂."""
    return {
        "add up the pixels; their mean was not asked for.": partial(
            loss, error=lambda d: d.square().mean()
        ),
        "take the mean over the batch, not the sum.": partial(
            loss, error=lambda d: d.square().sum()
        ),
        "take the mean over the batch: one number is asked for.": partial(
            loss, error=lambda d: d.square().sum(1)
        ),
        "the length of the difference has to be squared.": partial(
            loss, error=lambda d: d.norm(dim=1).mean()
        ),
        "detach() keeps the gradient from the encoder.": (
            lambda f, *more: loss(detached(f), *more)
        ),
        "detach() or no_grad() keeps the gradient from both networks.": (
            lambda f, g, *more: loss(f, detached(g), *more)
        ),
        "return a tensor. A Python number, as of item(), has no gradient.": (
            lambda *a: loss(*a).item()
        ),
    }


def penalty_mistakes(loss: Function, each: Encoder) -> dict[str, Function]:
    """Mistakes in a loss of (f, g, x, lam) with a penalty on the code.

    Its keywords ``error`` and ``penalty`` take x − x̂ and f(x). ``each`` is the penalty on
    one number of a code, to be summed over these and averaged over the batch.
    """
    mean_error = partial(loss, error=lambda d: d.square().mean())
    wrong_axis = partial(loss, error=lambda d: d.square().sum(0).mean())
    return {
        "the penalty is missing.": lambda f, g, x, lam: loss(f, g, x, 0.0),
        "the penalty has to be multiplied by lam.": lambda f, g, x, lam: loss(f, g, x, 1.0),
        "the penalty adds up the numbers of a code; it takes no mean of them.": (
            partial(loss, penalty=lambda z: each(z).mean())
        ),
        "the penalty is a mean over the batch, too, not a sum.": (
            partial(loss, penalty=lambda z: each(z).sum())
        ),
        "the squared error adds up the pixels; it takes no mean of them.": mean_error,
        "add up the dimensions, in both terms; take no mean of them.": (
            partial(mean_error, penalty=lambda z: each(z).mean())
        ),
        "the axis. The squared error is a sum over pixels, then a mean over images.": (
            wrong_axis
        ),
        "the axis. Sum over dimensions, then take the mean over images.": (
            partial(wrong_axis, penalty=lambda z: each(z).sum(0).mean())
        ),
        "take the mean over the batch, not the sum.": (
            lambda f, g, x, lam: len(x) * loss(f, g, x, lam)
        ),
        "take the mean over the batch: one number is asked for.": partial(
            loss, error=lambda d: d.square().sum(1), penalty=lambda z: each(z).sum(1)
        ),
        "detach() keeps the gradient of the penalty from the encoder.": (
            partial(loss, penalty=lambda z: each(z).detach().sum(1).mean())
        ),
        "detach() keeps the gradient of the error from the encoder.": (
            lambda f, g, x, lam: (
                loss(detached(f), g, x, 0.0) + lam * each(f(x)).sum(1).mean()
            )
        ),
        "detach() keeps the gradient from the encoder, in both terms.": (
            lambda f, *more: loss(detached(f), *more)
        ),
        "return a tensor. A Python number, as of item(), has no gradient.": (
            lambda *a: loss(*a).item()
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
