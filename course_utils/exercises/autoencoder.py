"""Checks of notebook 01, the autoencoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.exercises._wrappers import (
    as_tensor,
    loss_and_gradients,
    loss_mistakes,
    mean_square,
    variants,
)
from course_utils.exercises.grading import CheckResult, Mistakes, compare, compare_value
from course_utils.theory import lattice


def _ae_loss(f, g, x, *, error=mean_square):
    return error(x - g(f(x)))


_ERRORS = {
    "sum and mean are swapped. Add up pixels, average over pictures.": (
        lambda d: d.square().mean(1).sum()
    ),
    "squares of the differences, not their absolute values.": lambda d: (
        d.abs().sum(1).mean()
    ),
    "without a square, errors of opposite sign cancel.": lambda d: d.sum(1).mean(),
    "square each pixel before you add them up.": lambda d: d.sum(1).square().mean(),
}
_AE_LOSS_MISTAKES: Mistakes = {
    **loss_mistakes(_ae_loss),
    **variants(_ae_loss, error=_ERRORS),
    "the order. First the encoder f, then the decoder g.": lambda f, g, x: _ae_loss(
        g, f, x
    ),
    "the decoder g is missing.": lambda f, g, x: mean_square(x - f(x)),
    "the sign. An error is never negative.": lambda f, g, x: -_ae_loss(f, g, x),
}


def check_ae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 01: E ‖x − g(f(x))‖², and its gradients.  (f, g, x) -> ()"""
    x = torch.tensor([[0.3, 0.5, 0.8, -0.1], [0.2, -0.4, 0.9, 0.7], [0.7, 0.6, -1.3, 0.6]])
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3], [0.2, 0.8]])

    def encode(x: Tensor) -> Tensor:
        return x @ a[: x.shape[-1]]

    def nonlinear(x: Tensor) -> Tensor:
        return encode(x).relu()

    def decode(z: Tensor) -> Tensor:
        return z @ a[:, : z.shape[-1]].T / 4

    cases = {
        "f doubles and g squares": (
            "value", lambda x: 2 * x, torch.square, x[:, :3]
        ),
        "one image and a linear f and g": ("value", encode, decode, x[:1]),
        "three images": ("value", encode, decode, x),
        "f and g that are not linear": ("value", nonlinear, decode, 2 * x),
        "the gradient that reaches the encoder": (0, encode, decode, x),
        "the gradient that reaches the decoder": (1, encode, decode, x),
    }  # fmt: skip
    return compare(answer, _ae_loss, cases, _AE_LOSS_MISTAKES, wrapper=loss_and_gradients)


def check_lost_share(answer: float | None) -> CheckResult:
    """Notebook 01: the share of the variance of noise that 32 numbers for 196 pixels lose.

    All directions of independent, equal pixels have the same variance, so the best plane of
    32 dimensions leaves 164 of 196 equal parts.
    """
    return compare_value(
        answer,
        164 / 196,
        {
            "this is the share that is kept. What is lost?": 32 / 196,
            "nothing is lost only if the code is as wide as the picture.": 0.0,
            "all is lost only if the code carries no information.": 1.0,
            "these are small pictures of 196 pixels, not of 784.": 752 / 784,
            "a share was asked for, between 0 and 1, not the error itself.": 164 / 12,
            "a share between 0 and 1 was asked for, not the number of directions.": 164,
            "a share between 0 and 1 was asked for, not percent.": 16400 / 196,
            "compare with the error of the mean picture, not of a blank one.": 164
            / 196
            / 4,
            "divide by all directions, not by those that are kept.": 164 / 32,
        },
        rtol=0.005,  # two digits: 0.84 is right, 0.83 is not
    )


def _error_share(x, x_hat, *, baseline=lambda x: x.mean(0)):
    return mean_square(x - x_hat) / mean_square(x - baseline(x))


_BASELINES = {
    "which mean is this? One gray value for all pixels is no mean picture.": torch.mean,
    "over what is this mean? Over the pixels of each picture, not the pictures.": (
        lambda x: x.mean(1, keepdim=True)
    ),
    "the baseline is the mean picture, not a blank one.": torch.zeros_like,
    "the baseline is the mean picture, not the median one.": lambda x: x.median(0).values,
}
_ERROR_SHARE_MISTAKES: Mistakes = {
    **variants(_error_share, baseline=_BASELINES),
    "the mean picture of the data, not of the reconstructions.": (
        lambda x, x_hat: mean_square(x - x_hat) / mean_square(x - x_hat.mean(0))
    ),
    "the baseline is missing.": lambda x, x_hat: mean_square(x - x_hat),
    "the fraction is upside down.": lambda *a: 1 / _error_share(*a),
    "this is the share that is explained; what is left was asked for.": (
        lambda *a: 1 - _error_share(*a)
    ),
    "both errors are sums over pixels; nothing has to be divided by D.": (
        lambda x, x_hat: _error_share(x, x_hat) / x.shape[1]
    ),
    "one number for all: a share of two means, not of each picture.": (
        lambda x, x_hat: (x - x_hat).square().sum(1) / (x - x.mean(0)).square().sum(1)
    ),
    "the variance of torch divides by B − 1, the loss by B.": (
        lambda x, x_hat: mean_square(x - x_hat) / x.var(0).sum()
    ),
    "shares of squared errors were asked for, not of their roots.": (
        lambda *a: _error_share(*a).sqrt()
    ),
}


def check_error_share(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 01: E ‖x − x̂‖² / E ‖x − x̄‖², x̄ the mean picture.  (B, D), (B, D) -> ()"""
    x = torch.tensor([[0.3, 0.5, 0.8], [0.2, -0.4, 0.9], [-0.7, 0.1, 0.3], [0.4, 0.6, 0.7]])
    x_hat = x.roll(1, 0) / 2
    cases = {
        "the mean picture, which is the baseline": (x, x.mean(0).expand_as(x).clone()),
        "another reconstruction": (x, x_hat),
        "three pictures of two pixels": (x[:3, :2], x_hat[:3, :2]),
    }
    return compare(answer, _error_share, cases, _ERROR_SHARE_MISTAKES, wrapper=as_tensor)


_DISTANCE_TO_NEAREST_MISTAKES: Mistakes = {
    "the square root is missing: a length was asked for.": (
        lambda *a: lattice.distance_to_nearest(*a).square()
    ),
    "this is the number of the nearest code, not how far it is.": (
        lambda *a: torch.cdist(*a).argmin(1)
    ),
    "the axis. One distance for each point, not for each code.": (
        lambda *a: torch.cdist(*a).amin(0)
    ),
    "the nearest code was asked for, not the farthest.": (
        lambda *a: torch.cdist(*a).amax(1)
    ),
    "the nearest code was asked for, not the mean distance.": (
        lambda *a: torch.cdist(*a).mean(1)
    ),
    "one distance for each point, not the smallest of all.": (
        lambda *a: torch.cdist(*a).min()
    ),
    "add up squares, not absolute values.": lambda points, codes: torch.cdist(
        points, codes, p=1
    ).amin(1),
    "the smallest number of each difference is not its length.": (
        lambda points, codes: torch.cdist(points, codes, p=torch.inf).amin(1)
    ),
    "take the minimum over the codes.": torch.cdist,
    "min along an axis returns values and indices; the values were asked for.": (
        lambda *a: torch.cdist(*a).min(1)
    ),
    "this is the nearest code itself, not how far it is.": (
        lambda points, codes: codes[torch.cdist(points, codes).argmin(1)]
    ),
    "one number for each point: the kept dimension is one too many.": (
        lambda *a: torch.cdist(*a).amin(1, keepdim=True)
    ),
}


def check_distance_to_nearest(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 01: minⱼ ‖zᵢ − codeⱼ‖ of each zᵢ.  (N, K), (M, K) -> (N,)"""
    codes = torch.tensor([[0.3, -0.2, 0.9], [3.1, 4.2, -0.6], [-2.3, 1.4, 0.2]])
    points = torch.tensor(
        [[2.7, 0.4, 0.5], [3.3, 5.6, 1.8], [-2.1, -1.9, -0.7], [0.6, 0.1, 2.4]]
    )
    cases = {
        "one point, one code": (points[:1, :2], codes[1:2, :2]),
        "four points, three codes": (points[:, :2], codes[:, :2]),
        "two points, three codes": (points[:2, :2], codes[:, :2]),
        "codes of one number": (points[:, :1], codes[:, :1]),
        "codes of three numbers": (points, codes),
    }
    reference, mistakes = lattice.distance_to_nearest, _DISTANCE_TO_NEAREST_MISTAKES
    return compare(answer, reference, cases, mistakes, wrapper=as_tensor)
