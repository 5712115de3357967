"""What several checks ask of an answer, and give it to work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations

import torch
from torch import Tensor

from course_utils.objectives import Encoder

# What students add inside a logarithm, so that it shows no infinity.
TINY = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16, 1e-20, 1e-30)


def value_and_gradient(
    function: Callable[..., Tensor], *, by: int
) -> Callable[..., Tensor]:
    """A function, asked for its value, or for the slope of its sum by one argument."""

    def measure(what: str, *arguments: Tensor) -> Tensor:
        if what == "value":
            return function(*arguments)
        leaf = arguments[by].clone().requires_grad_()
        value = function(*arguments[:by], leaf, *arguments[by + 1 :])
        if not isinstance(value, Tensor):
            return value
        if not value.requires_grad:
            return torch.zeros_like(leaf)
        (gradient,) = torch.autograd.grad(
            value.sum(), leaf, allow_unused=True, materialize_grads=True
        )
        return gradient

    return measure


def linear_pair() -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """An encoder from three numbers to two and a decoder back, for the cases of a check."""
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3]])
    return lambda x: x @ a, lambda z: z @ a.T / 4


def loss_and_slopes(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A loss of (f, g, x, …), asked for its value, or for its slope if f or g grows.

    The slope by a common factor of all that f (or g) returns shows a gradient that is cut
    off, which the value does not.
    """

    def measure(what: str, f: Encoder, g: Encoder, *more: object) -> Tensor:
        factor = torch.ones((), requires_grad=True)
        if what == "value":
            return loss(f, g, *more)
        if what == "f":
            value = loss(lambda x: factor * f(x), g, *more)
        else:
            value = loss(f, lambda z: factor * g(z), *more)
        if not isinstance(value, Tensor) or value.numel() != 1:
            return value
        if not value.requires_grad:
            return torch.zeros(())
        (slope,) = torch.autograd.grad(
            value.sum(), factor, allow_unused=True, materialize_grads=True
        )
        return slope

    return measure


def losses_and_slopes(
    mistakes: Mapping[str, Callable[..., object]],
) -> dict[str, Callable[..., Tensor]]:
    return {hint: loss_and_slopes(mistake) for hint, mistake in mistakes.items()}


def mean_square(d: Tensor) -> Tensor:
    """Summed over dimensions, averaged over the batch."""
    return d.square().sum(1).mean()


def no_noise(z: Tensor) -> Tensor:
    return torch.zeros_like(z)


def detached(function: Encoder) -> Encoder:
    return lambda x: function(x).detach()


def identity(x: Tensor) -> Tensor:
    return x


def bugs_left(
    bugs: Mapping[str, str], function: Callable[..., Tensor]
) -> dict[str, Callable[..., Tensor]]:
    """All ways to leave some of a function's bugs, each under the hints for those left.

    ``bugs`` are switches of the function, with a hint each.
    """
    subsets = (c for n in range(1, len(bugs) + 1) for c in combinations(bugs, n))
    return {
        " And ".join(bugs[bug] for bug in left): partial(
            function, **dict.fromkeys(left, True)
        )
        for left in subsets
    }
