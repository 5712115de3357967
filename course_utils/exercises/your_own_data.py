"""Checks of notebook 14, your own data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises._wrappers import as_tensor
from course_utils.exercises.grading import CheckResult, Mistakes, compare


def _best_sigma(x, x_hat):
    return (x - x_hat).square().mean().sqrt()


_BEST_SIGMA_MISTAKES: Mistakes = {
    "this is the variance σ²; σ is its root.": lambda x, x_hat: (x - x_hat).square().mean(),
    "a mean over all B · D numbers, not over the pictures only.": lambda x, x_hat: (
        (x - x_hat).square().sum() / len(x)
    ).sqrt(),
    "a mean, not a sum.": lambda x, x_hat: (x - x_hat).square().sum().sqrt(),
    "one number for the whole batch, not one for each picture.": lambda x, x_hat: (
        (x - x_hat).square().flatten(1).mean(1).sqrt()
    ),
    "the root comes last: first the mean over all pictures.": lambda x, x_hat: (
        (x - x_hat).square().flatten(1).mean(1).sqrt().mean()
    ),
    "std() subtracts the mean error, which belongs to the error as well.": (
        lambda x, x_hat: (x - x_hat).std()
    ),
    "std() subtracts the mean error, which belongs to the error too.": (
        lambda x, x_hat: (x - x_hat).std(correction=0)
    ),
    "squares, not absolute values: those fit another likelihood.": (
        lambda x, x_hat: (x - x_hat).abs().mean()
    ),
    "the deviation from x̂, not that of x itself.": lambda x, x_hat: x.std(),
    "the factor ½ of the exponent and that of D/2 cancel.": lambda x, x_hat: (
        (x - x_hat).square().mean() / 2
    ).sqrt(),
}


def check_best_sigma(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 14: the σ that minimizes the mean of −log N(x; x̂, σ²I): √ of the mean of
    (x − x̂)² over all numbers.  (B, …), (B, …) -> ()"""
    generator = torch.Generator().manual_seed(0)
    x, x_hat = torch.rand(2, 5, 7, generator=generator)
    pictures = torch.rand(2, 4, 3, 2, 5, generator=generator)
    gray = -pictures[1, :2, :1, :1, :3]
    cases = {
        "one picture of one number": (torch.tensor([[1.0]]), torch.tensor([[0.75]])),
        "every number is off by 0.3": (x, x + 0.3),
        "one picture of seven numbers": (x[:1], x_hat[:1]),
        "one picture is far off": (x, torch.cat([x_hat[:4], 5 + x_hat[4:]])),
        "pictures that are not flattened": tuple(pictures),
        "gray pictures, with numbers below 0": (pictures[0, :2, :1, :1, :3] - 0.7, gray),
    }
    return compare(answer, _best_sigma, cases, _BEST_SIGMA_MISTAKES, wrapper=as_tensor)
