"""Checks of notebook 03, the sparse autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils import models
from course_utils.exercises._wrappers import (
    as_tensor,
    identity,
    loss_and_gradients,
    mean_square,
    penalty_mistakes,
    value_and_gradient,
    variants,
)
from course_utils.exercises.grading import CheckResult, Mistakes, compare, compare_value


def _absolute(z):
    return z.abs().sum(1).mean()


def _sparse_ae_loss(f, g, x, lam, *, error=mean_square, penalty=_absolute):
    z = f(x)
    return error(x - g(z)) + lam * penalty(z)


_PENALTIES = {
    "the penalty takes absolute values, not squares.": mean_square,
    "the penalty is the sum of absolute values, not the length of the code.": (
        lambda z: z.norm(dim=1).mean()
    ),
    "the penalty takes absolute values, or numbers of opposite sign cancel.": (
        lambda z: z.sum(1).mean()
    ),
    "the penalty takes the absolute value of each number, before the sum.": (
        lambda z: z.sum(1).abs().mean()
    ),
    "the penalty includes negative numbers; a ReLU ignores them.": (
        lambda z: z.relu().sum(1).mean()
    ),
    "the penalty counts active units. It has to add up their absolute values.": (
        lambda z: (z != 0).float().sum(1).mean()
    ),
}
_ERRORS = {"the error is squared; only the penalty takes absolute values.": _absolute}
_SPARSE_AE_LOSS_MISTAKES: Mistakes = {
    **penalty_mistakes(_sparse_ae_loss, torch.abs),
    **variants(_sparse_ae_loss, penalty=_PENALTIES, error=_ERRORS),
    "the penalty is on the code, not on the image.": (
        lambda f, g, x, lam: _sparse_ae_loss(f, g, x, 0.0) + lam * _absolute(x)
    ),
    "the penalty is on the code, not on the reconstruction.": (
        lambda f, g, x, lam: _sparse_ae_loss(f, g, x, 0.0) + lam * _absolute(g(f(x)))
    ),
}


def check_sparse_ae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 03: E [ ‖x − g(f(x))‖² + λ ‖f(x)‖₁ ] and gradients.  (f, g, x, lam) -> ()"""
    # Four images of three pixels: with as many images, a sum over the wrong axis passes.
    x = torch.tensor([[0.3, 0.5, 0.8], [0.2, -0.4, 0.9], [0.6, 0.1, 0.3], [0.7, 0.4, 0.5]])
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3]])
    encode, decode = (lambda x: x @ a), (lambda z: z @ a.T / 4)
    cases = {
        "λ = 0 leaves the plain autoencoder": ("value", encode, decode, x, 0.0),
        "f and g copy, so only the penalty is left": (
            "value", identity, identity, x[:, :2], 1.3
        ),
        "λ = 0.5, a code with both signs": ("value", encode, decode, x, 0.5),
        "one image": ("value", encode, decode, x[:1], 0.5),
        "λ = 2, other images": ("value", encode, decode, 3 * x, 2.0),
        "the gradient that reaches the encoder": (0, encode, decode, x, 0.5),
        "the gradient that reaches the decoder": (1, encode, decode, x, 0.5),
    }  # fmt: skip
    return compare(
        answer, _sparse_ae_loss, cases, _SPARSE_AE_LOSS_MISTAKES, wrapper=loss_and_gradients
    )


def check_threshold(answer: float | None) -> CheckResult:
    """Notebook 03: the least λ at which (0.3 − z)² + λ|z| is smallest at z = 0: 2 · 0.3."""
    return compare_value(
        answer,
        0.6,
        {
            "compare slopes, not losses; the derivative of a square has a factor 2.": 0.3,
            "the factor 2 is on the wrong side.": 0.15,
            "compare the slopes at 0; this is the loss at z = 0.": 0.09,
            "this is the square of what was asked for.": 0.36,
            "no finite λ suffices for λz². Here the penalty has a kink at 0.": math.inf,
            "at λ = 0 the minimum is at z = 0.3.": 0.0,
            "at λ = 1 the minimum is at 0, but a smaller λ is enough.": 1.0,
            "the sign. λ is not negative.": -0.6,
        },
        rtol=1e-3,
    )


def _active_units(z: Tensor) -> Tensor:
    return (z != 0).sum(1).float().mean()


_ACTIVE_UNITS_MISTAKES: Mistakes = {
    "which units are counted? Here all that any image uses.": (
        lambda z: (z.mean(0) != 0).sum().float()
    ),
    "all units that any image uses are counted. What does one image use?": (
        lambda z: (z != 0).any(0).sum().float()
    ),
    "a unit with a negative number is active, too.": lambda z: (
        (z > 0).sum(1).float().mean()
    ),
    "the inactive units were counted.": lambda z: (z == 0).sum(1).float().mean(),
    "a number of units was asked for, not their share.": (
        lambda z: (z != 0).float().mean()
    ),
    "take the mean over the images, not the sum.": lambda z: (z != 0).sum().float(),
    "take the mean over the images: one number is asked for.": (
        lambda z: (z != 0).sum(1).float()
    ),
    "the axis. Count the units of an image, not the images of a unit.": (
        lambda z: (z != 0).sum(0).float().mean()
    ),
    "count the active units, whatever their values.": lambda z: z.abs().sum(1).mean(),
    "a mean needs floats: apply float() to the counts first.": (
        lambda z: (z != 0).sum(1).mean()
    ),
    "inactive means exactly 0. How small a number is does not count.": (
        lambda z: (z.abs() > 1e-3).sum(1).float().mean()
    ),
}


def check_active_units(answer: Callable[[Tensor], Tensor]) -> CheckResult:
    """Notebook 03: how many numbers of a code are not 0, averaged.  (B, K) -> ()"""
    z = torch.tensor([[0, 2.1, 0, 0.5, 0], [0, 0, 1.3, 0, 0], [0.7, 0.3, 0, 0, 0]])
    signed = z * torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0])
    # In the fourth unit two images cancel each other.
    cancelling = torch.cat([signed, -signed[:1], 0 * z[:1]])
    cases = {
        "one image": (z[:1],),
        "two images with the same unit": (z[:2, 1:2].expand(2, 1) + 0.4,),
        "three images, five units": (z,),
        "activations of both signs": (signed,),
        "activations that cancel in the mean": (cancelling,),
        "a unit with a small activation is active": (1e-30 * z,),
    }
    return compare(answer, _active_units, cases, _ACTIVE_UNITS_MISTAKES, wrapper=as_tensor)


_unit_columns = models.UnitColumns()

_UNIT_COLUMNS_MISTAKES: Mistakes = {
    "the axis. Columns have to get length one, not rows.": lambda w: _unit_columns(w.T).T,
    "the whole matrix was divided by one number; each column has its own.": (
        lambda w: w / w.norm()
    ),
    "divide by the length, not by its square.": lambda w: w / w.square().sum(0),
    "divide by the root of the length is too little: take the length.": (
        lambda w: w / w.norm(dim=0).sqrt()
    ),
    "the length is the root of the sum of squares, not of absolute values.": (
        lambda w: w / w.abs().sum(0)
    ),
    "divide by the length, not by the largest entry.": lambda w: w / w.abs().amax(0),
    "divide by the length, not by the plain sum.": lambda w: w / w.sum(0),
    "the squares below the root are missing.": lambda w: w / w.sum(0).sqrt(),
    "norm(dim=1) gives the lengths of the rows; columns were asked for.": (
        lambda w: w / w.norm(dim=1)
    ),
    "divide; do not multiply.": lambda w: w * w.norm(dim=0),
    "the signs are lost.": lambda w: _unit_columns(w.abs()),
    "the shape. The matrix was transposed.": lambda w: _unit_columns(w).T,
    "these are the lengths. Divide the columns by them.": lambda w: w.norm(dim=0),
    "nothing was divided.": lambda w: w,
    "short columns have to grow, too, not only long ones to shrink.": (
        lambda w: w / w.norm(dim=0).clamp(min=1)
    ),
    "the columns have to keep their direction; nothing has to be centered.": (
        lambda w: _unit_columns(w - w.mean(0))
    ),
    "the length depends on the weights, too; detach() hides that.": (
        lambda w: w / w.norm(dim=0).detach()
    ),
    "detach() keeps the gradient from the weights.": lambda w: _unit_columns(w.detach()),
}


def check_unit_columns(answer: Callable[[Tensor], Tensor]) -> CheckResult:
    """Notebook 03: every column divided by its length.  (D, K) -> (D, K)

    The weights are trained through it, so their gradient is compared as well.
    """
    weight = torch.tensor([[3.1, 0.4], [4.2, -0.3], [-0.6, -2.3]])
    cases = {
        "one column": ("value", weight[:, :1]),
        "three rows, two columns": ("value", weight),
        "as many rows as columns": ("value", weight[:2] + 0.7),
        "columns of very different lengths": ("value", weight * torch.tensor([100, 0.01])),
        "the gradient that reaches the weights": (0, weight),
    }
    return compare(
        answer, _unit_columns, cases, _UNIT_COLUMNS_MISTAKES, wrapper=value_and_gradient
    )
