"""Checks of notebook 03, the sparse autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils import models, objectives
from course_utils.exercises._wrappers import (
    detached,
    identity,
    linear_pair,
    loss_and_slopes,
    losses_and_slopes,
    mean_square,
    value_and_gradient,
)
from course_utils.exercises.grading import CheckResult, compare, compare_value


def check_sparse_ae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 03: E [ ‖x − g(f(x))‖² + λ ‖f(x)‖₁ ], and its gradients.  (f, g, x, lam) -> ()"""
    # Four images of three pixels: with as many images, a sum over the wrong axis passes.
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, -0.4, 0.9], [1.0, 0.0, 0.3], [0.7, 0.1, 0.4]])
    encode, decode = linear_pair()

    def absolute(z: Tensor) -> Tensor:
        return z.abs().sum(1).mean()

    def sparse(f, g, x, lam, *, error=mean_square, price=absolute):
        z = f(x)
        return error(x - g(z)) + lam * price(z)

    def priced(price):
        return partial(sparse, price=price)

    return compare(
        loss_and_slopes(answer),
        loss_and_slopes(sparse),
        {
            "λ = 0 leaves the plain autoencoder": ("value", encode, decode, x, 0.0),
            "f and g copy, so only the penalty is left": (
                "value",
                identity,
                identity,
                x,
                1.0,
            ),
            "λ = 0.5, a code with both signs": ("value", encode, decode, x, 0.5),
            "λ = 2, other images": ("value", encode, decode, 3 * x, 2.0),
            "the gradient that reaches the encoder": ("f", encode, decode, x, 0.5),
            "the gradient that reaches the decoder": ("g", encode, decode, x, 0.5),
        },
        mistakes=losses_and_slopes(
            {
                "the penalty takes absolute values, not squares.": priced(mean_square),
                "the penalty is the sum of absolute values, not the length of the code.": (
                    priced(lambda z: z.norm(dim=1).mean())
                ),
                "the penalty takes absolute values, or numbers of opposite sign cancel.": (
                    priced(lambda z: z.sum(1).mean())
                ),
                "the penalty takes the absolute value of each number, before the sum.": (
                    priced(lambda z: z.sum(1).abs().mean())
                ),
                "the penalty sees negative numbers as well; a ReLU ignores them.": (
                    priced(lambda z: z.relu().sum(1).mean())
                ),
                "the penalty counts active units. What they say has to cost.": priced(
                    lambda z: (z != 0).float().sum(1).mean()
                ),
                "the penalty adds up the units; it takes no mean of them.": priced(
                    lambda z: z.abs().mean()
                ),
                "the penalty is a mean over the batch, too, not a sum.": priced(
                    lambda z: z.abs().sum()
                ),
                "the penalty is on the code, not on the image.": (
                    lambda f, g, x, lam: sparse(f, g, x, 0.0) + lam * absolute(x)
                ),
                "the penalty is on the code, not on the reconstruction.": (
                    lambda f, g, x, lam: sparse(f, g, x, 0.0) + lam * absolute(g(f(x)))
                ),
                "the penalty is missing.": lambda f, g, x, lam: sparse(f, g, x, 0.0),
                "the penalty has to be multiplied by lam.": (
                    lambda f, g, x, lam: sparse(f, g, x, 1.0)
                ),
                "the sign of the penalty. A loud code costs.": (
                    lambda f, g, x, lam: sparse(f, g, x, -lam)
                ),
                "the squared error adds up the pixels; it takes no mean of them.": partial(
                    sparse, error=lambda d: d.square().mean()
                ),
                "add up the dimensions, in both terms; take no mean of them.": partial(
                    sparse,
                    error=lambda d: d.square().mean(),
                    price=lambda z: z.abs().mean(),
                ),
                "there is no factor ½ in this objective.": partial(
                    sparse, error=lambda d: mean_square(d) / 2
                ),
                "the error is squared; only the penalty takes absolute values.": partial(
                    sparse, error=absolute
                ),
                "the axis. The squared error is a sum over pixels, then a mean over images.": (
                    partial(sparse, error=lambda d: d.square().sum(0).mean())
                ),
                "the axis. Sum over dimensions, then take the mean over images.": partial(
                    sparse,
                    error=lambda d: d.square().sum(0).mean(),
                    price=lambda z: z.abs().sum(0).mean(),
                ),
                "take the mean over the batch, not the sum.": (
                    lambda f, g, x, lam: len(x) * sparse(f, g, x, lam)
                ),
                "take the mean over the batch: one number is asked for.": partial(
                    sparse,
                    error=lambda d: d.square().sum(1),
                    price=lambda z: z.abs().sum(1),
                ),
                "detach() keeps the gradient of the penalty from the encoder.": priced(
                    lambda z: absolute(z.detach())
                ),
                "detach() keeps the gradient of the error from the encoder.": (
                    lambda f, g, x, lam: (
                        sparse(detached(f), g, x, 0.0) + lam * absolute(f(x))
                    )
                ),
                "detach() keeps the gradient from the encoder, in both terms.": (
                    lambda f, g, x, lam: sparse(detached(f), g, x, lam)
                ),
                "return the loss alone; a dictionary holds all terms.": (
                    lambda f, g, x, lam: objectives.sparse_ae_loss(f, g, x, lam=lam)
                ),
                "return a tensor. A Python number, as of item(), has no gradient.": (
                    lambda f, g, x, lam: sparse(f, g, x, lam).item()
                ),
            }
        ),
    )


def check_silent_price(answer: float | None) -> CheckResult:
    """Notebook 03: the least λ at which (0.3 − z)² + λ|z| is smallest at z = 0: 2 · 0.3."""
    return compare_value(
        answer,
        0.6,
        {
            "the derivative of a square has a factor 2.": 0.3,
            "the factor 2 is on the wrong side.": 0.15,
            "compare the slopes at 0, not the costs of answering 0.3 and 0.": 0.09,
            "this is the square of what was asked for.": 0.36,
            "no finite λ suffices for λz². Here the penalty has a kink at 0.": math.inf,
            "at λ = 0 the best answer is 0.3 itself.": 0.0,
            "at λ = 1 it is silent, but a lower price is enough.": 1.0,
            "the sign. A price is not negative.": -0.6,
        },
        rtol=1e-3,
    )


def check_active_units(answer: Callable[[Tensor], Tensor]) -> CheckResult:
    """Notebook 03: how many numbers of a code are not 0, averaged over images.  (B, K) -> ()"""
    z = torch.tensor([[0.0, 2.0, 0.0, 0.5], [0.0, 0.0, 1.0, 0.0], [0.0, 0.3, 0.0, 0.0]])
    signed = z * torch.tensor([1.0, -1.0, 1.0, 1.0])
    # In the last unit two images cancel each other.
    cancelling = torch.cat([signed, -signed[:1], 0 * z[:1]])

    def active(z: Tensor) -> Tensor:
        return (z != 0).sum(1).float().mean()

    return compare(
        answer,
        active,
        {
            "one image": (z[:1],),
            "every image has one unit, and all have the same": (
                torch.tensor([[0.0, 1.0], [0.0, 2.0]]),
            ),
            "every image has a unit of its own": (torch.eye(3),),
            "three images, four units": (z,),
            "activations of both signs": (signed,),
            "activations that cancel in the mean": (cancelling,),
            "a unit that whispers is not silent": (z / 10_000,),
        },
        mistakes={
            "which units are counted? Here all that any image uses.": (
                lambda z: (z.mean(0) != 0).sum().float()
            ),
            "all units that any image uses are counted. What does one image use?": (
                lambda z: (z != 0).any(0).sum().float()
            ),
            "a negative number is not silent either.": (
                lambda z: (z > 0).sum(1).float().mean()
            ),
            "the silent ones were counted.": lambda z: (z == 0).sum(1).float().mean(),
            "a number of units was asked for, not their share.": (
                lambda z: (z != 0).float().mean()
            ),
            "take the mean over the images, not the sum.": (
                lambda z: (z != 0).sum().float()
            ),
            "take the mean over the images: one number is asked for.": (
                lambda z: (z != 0).sum(1).float()
            ),
            "the axis. Count the units of an image, not the images of a unit.": (
                lambda z: (z != 0).sum(0).float().mean()
            ),
            "count the active units, however loud they are.": (
                lambda z: z.abs().sum(1).mean()
            ),
            "silent means exactly 0. How small a number is does not count.": (
                lambda z: (z.abs() > 1e-3).sum(1).float().mean()
            ),
            "return a tensor, not a Python number.": lambda z: active(z).item(),
        },
    )


def check_unit_columns(answer: Callable[[Tensor], Tensor]) -> CheckResult:
    """Notebook 03: every column divided by its length.  (D, K) -> (D, K)

    The weights are trained through it, so their gradient is compared as well.
    """
    weight = torch.tensor([[3.0, 1.0], [4.0, 0.0], [0.0, -2.0]])
    unit = models.UnitColumns()
    return compare(
        value_and_gradient(answer, by=0),
        value_and_gradient(unit, by=0),
        {
            "columns that have length one stay": ("value", torch.eye(3)),
            "one column": ("value", weight[:, :1]),
            "three rows, two columns": ("value", weight),
            "as many rows as columns": ("value", weight[:2] + 1),
            "columns of very different lengths": (
                "value",
                weight * torch.tensor([100.0, 0.01]),
            ),
            "the gradient that reaches the weights": ("gradient", weight),
        },
        mistakes={
            hint: value_and_gradient(mistake, by=0)
            for hint, mistake in {
                "the axis. Columns have to get length one, not rows.": (
                    lambda weight: unit(weight.T).T
                ),
                "the whole matrix was divided by one number; each column has its own.": (
                    lambda weight: weight / weight.norm()
                ),
                "divide by the length, not by its square.": (
                    lambda weight: weight / weight.square().sum(0)
                ),
                "divide by the root of the length is too little: take the length.": (
                    lambda weight: weight / weight.norm(dim=0).sqrt()
                ),
                "the length is the root of the sum of squares, not of absolute values.": (
                    lambda weight: weight / weight.abs().sum(0)
                ),
                "divide by the length, not by the largest entry.": (
                    lambda weight: weight / weight.abs().amax(0)
                ),
                "divide by the length, not by the plain sum.": (
                    lambda weight: weight / weight.sum(0)
                ),
                "divide; do not multiply.": lambda weight: weight * weight.norm(dim=0),
                "the signs are lost.": lambda weight: unit(weight.abs()),
                "the shape. The matrix was transposed.": lambda weight: unit(weight).T,
                "these are the lengths. Divide the columns by them.": (
                    lambda weight: weight.norm(dim=0)
                ),
                "nothing was divided.": lambda weight: weight,
                "short columns have to grow, too, not only long ones to shrink.": (
                    lambda weight: weight / weight.norm(dim=0).clamp(min=1)
                ),
                "the columns have to keep their direction; nothing has to be centered.": (
                    lambda weight: unit(weight - weight.mean(0))
                ),
                "the length depends on the weights, too; detach() hides that.": (
                    lambda weight: weight / weight.norm(dim=0).detach()
                ),
                "detach() keeps the gradient from the weights.": (
                    lambda weight: unit(weight.detach())
                ),
            }.items()
        },
    )
