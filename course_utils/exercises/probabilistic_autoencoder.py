"""Checks of notebook 05, the probabilistic autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import (
    TINY,
    identity,
    loss_and_gradients,
    mean_square,
    noise_mistakes,
    penalty_mistakes,
    value_and_gradient,
    variants,
)
from course_utils.exercises.grading import CheckResult, Mistakes, compare, compare_value


def _constant(x, sigma):
    return x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)


def _gaussian_nll(x, mean, sigma, *, half=0.5, constant=_constant):
    return half * objectives.squared_error(x, mean) / sigma**2 + constant(x, sigma)


_CONSTANTS = {
    "the constant is missing. A likelihood needs it.": lambda x, sigma: 0,
    "the constant depends on σ as well.": lambda x, sigma: _constant(x, 1),
    "the constant. Every pixel adds one, so there are D of them.": (
        lambda x, sigma: _constant(x[:, :1], sigma)
    ),
    "the constant. D is the number of pixels, not of images.": (
        lambda x, sigma: _constant(x.T, sigma)
    ),
    "the constant. A factor ½ is missing there.": lambda *a: 2 * _constant(*a),
    "the constant has σ², the variance, in its logarithm, not σ.": (
        lambda x, sigma: _constant(x, sigma**0.5)
    ),
}
_GAUSSIAN_NLL_MISTAKES: Mistakes = {
    **variants(_gaussian_nll, constant=_CONSTANTS),
    "the sign. −log p falls as the density grows.": lambda *a: -_gaussian_nll(*a),
    "the squared error. A factor ½ is missing there.": partial(_gaussian_nll, half=1.0),
    "sigma is a standard deviation: divide the error by its square.": (
        lambda x, mean, sigma: _gaussian_nll(x, mean, sigma, half=0.5 * sigma)
    ),
    "sigma is a standard deviation, so that the variance is its square.": (
        lambda x, mean, sigma: _gaussian_nll(x, mean, sigma**0.5)
    ),
    "add up the D pixels of an image; their mean was not asked for.": (
        lambda x, mean, sigma: _gaussian_nll(x, mean, sigma) / x.shape[1]
    ),
    "add up the squared errors of the D pixels; their mean was not asked for.": (
        lambda x, mean, sigma: _gaussian_nll(x, mean, sigma, half=0.5 / x.shape[1])
    ),
    "one number for each image, not their mean.": lambda *a: _gaussian_nll(*a).mean(),
    "add up the D pixels: one number for each image.": (
        lambda x, mean, sigma: -torch.distributions.Normal(mean, sigma).log_prob(x)
    ),
    "detach() keeps the gradient from the mean.": (
        lambda x, mean, sigma: _gaussian_nll(x, mean.detach(), sigma)
    ),
}


def check_gaussian_nll(answer: Callable[[Tensor, Tensor, float], Tensor]) -> CheckResult:
    """Notebook 05: −log N(x; x̂, σ²I) with its constant.  (B, D), (B, D), float -> (B,)

    As a loss it needs a gradient, so that by the mean is compared as well.
    """
    x = torch.tensor([[0.3, -0.7, 0.1], [0.2, 0.4, -0.9]])
    mean = torch.tensor([[-0.6, 0.2, 0.4], [0.3, 0.1, 0.8]])
    cases = {
        "x is the mean and σ = 1, so only the constant is left": ("value", x, x, 1.0),
        "σ = 1": ("value", x, mean, 1.0),
        "a narrow σ, whose density exceeds one": ("value", x, mean, 0.2),
        "one image": ("value", x[:1], mean[:1], 0.2),
        "a wide σ, images of two pixels": ("value", x[:, :2], mean[:, :2], 3.0),
        "the gradient that reaches the mean": (1, x, mean, 0.5),
    }
    return compare(
        answer, _gaussian_nll, cases, _GAUSSIAN_NLL_MISTAKES, wrapper=value_and_gradient
    )


def check_perfect_nll(answer: float | None) -> CheckResult:
    """Notebook 05: −log p(x|z) in nats where g(z) = x, σ = 1 and D = 784: (D/2) log 2π."""
    constant = 392 * math.log(2 * math.pi)
    return compare_value(
        answer,
        constant,
        {
            "a perfect reconstruction has the largest density, but that is not 1.": 0,
            "the sign. This density is far below 1, and minus its logarithm is positive.": (
                -constant
            ),
            "0.92 nats for each pixel: round at the end.": 784 * 0.92,
            "this is one pixel. There are 784 of them.": constant / 784,
            "the factor ½, or the root in the density, is missing.": 2 * constant,
            "the density has the root of 2π, with the 2.": (392 * math.log(math.pi)),
            "the 2π in the density is missing a logarithm.": 392 * 2 * math.pi,
            # 312.8 and 312.9: a hint for both.
            "either a logarithm to base 10, where nats need the natural one, or densities "
            "added up instead of −log p.": constant / math.log(10),
            "nats were asked for, so the logarithm is the natural one, not to base 2.": (
                constant / math.log(2)
            ),
        },
        rtol=7e-4,  # three digits
    )


def _density(x, mean):
    return (-((x - mean) ** 2) / 2).exp() / math.sqrt(2 * math.pi)


_SAFE_NLL_MISTAKES: Mistakes = {
    "this is still the product. Which numbers should be added up instead?": (
        lambda x, mean: -_density(x, mean).prod(1).log()
    ),
    "double precision only moves the limit. Take the logarithm earlier.": (
        lambda x, mean: -_density(x.double(), mean.double()).prod(1).log()
    ),
    **{
        f"{tiny:g} inside the logarithm hides the infinity, and is wrong.": (
            lambda x, mean, tiny=tiny: -(_density(x, mean).prod(1) + tiny).log()
        )
        for tiny in TINY
    },
    "this is the logarithm of a sum. Take the logarithm of each pixel, then add up.": (
        lambda x, mean: -_density(x, mean).sum(1).log()
    ),
    "the sign. −log p falls as the density grows.": (
        lambda x, mean: -objectives.gaussian_nll(x, mean)
    ),
    "a product becomes a sum of logarithms, not their product.": (
        lambda x, mean: -_density(x, mean).log().prod(1)
    ),
    "a product becomes a sum, not a mean.": (
        lambda x, mean: objectives.gaussian_nll(x, mean) / x.shape[1]
    ),
    "add up the pixels: one number for each image.": (
        lambda x, mean: -_density(x, mean).log()
    ),
    "add up the pixels of each image, not the images of each pixel.": (
        lambda x, mean: -_density(x, mean).log().sum(0)
    ),
    "one number for each image, not their sum.": lambda x, mean: objectives.gaussian_nll(
        x, mean
    ).sum(),
    "the constant is missing. The 2π in the density must stay.": (
        lambda x, mean: objectives.squared_error(x, mean) / 2
    ),
    "the constant. Every pixel adds one.": (
        lambda x, mean: objectives.squared_error(x, mean) / 2 + math.log(2 * math.pi) / 2
    ),
}


def check_safe_nll(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 05: −log Π_d N(x_d; x̂_d, 1), also where the product underflows.

    (B, D), (B, D) -> (B,)
    """
    x, mean = torch.randn(2, 2, 1500, generator=torch.Generator().manual_seed(0)) / 2
    cases = {
        "one pixel": (x[:, :1], mean[:, :1]),
        "three pixels": (x[:1, :3], mean[:1, :3]),
        "300 pixels": (x[:, :300], mean[:, :300]),
        "784 pixels": (x[:, :784], mean[:, :784]),
        "1500 pixels, too many for double precision": (x, mean),
        "pixels far from their mean": (x[:, :5] + 9, mean[:, :5]),
    }
    return compare(answer, objectives.gaussian_nll, cases, _SAFE_NLL_MISTAKES)


def _regularized_pae(
    f, g, x, lam, *, draw=torch.randn_like, error=mean_square, penalty=mean_square
):
    z = f(x)
    return error(x - g(z + draw(z))) + lam * penalty(z)


def _noisy_price(f, g, x, lam):
    def noisy(x):
        return objectives.add_noise(f(x), 1.0)

    return _regularized_pae(noisy, g, x, lam, draw=torch.zeros_like)


_PENALTIES = {
    "the penalty takes the square of the length.": lambda z: z.norm(dim=1).mean(),
    "the penalty takes squares, not absolute values as the sparse one does.": (
        lambda z: z.abs().sum(1).mean()
    ),
}
_REGULARIZED_PAE_MISTAKES: Mistakes = {
    **penalty_mistakes(_regularized_pae, torch.square),
    **noise_mistakes(_regularized_pae, "code", "number"),
    "the noise belongs on the code, not on the image.": (
        lambda f, g, x, lam: (
            objectives.dae_loss(f, g, x, sigma=1.0)["loss"] + lam * mean_square(f(x))
        )
    ),
    "the penalty is on the code without its noise.": _noisy_price,
    "the penalty is λ ‖f(x)‖², without a factor ½.": (
        lambda f, g, x, lam: _regularized_pae(f, g, x, lam / 2)
    ),
    **variants(_regularized_pae, penalty=_PENALTIES),
    "this draw is right; write f(x) + ε, so that the numbers agree.": partial(
        _regularized_pae, draw=lambda z: -torch.randn_like(z)
    ),
}


def check_regularized_pae(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 05: E [ ‖x − g(f(x) + ε)‖² + λ ‖f(x)‖² ], ε ~ N(0, I), and its gradients.

    (f, g, x, lam) -> (); the answer draws ε once, as torch.randn_like does.
    """
    # Four images of five pixels, codes of three numbers: no two sizes are equal, and a
    # mean over the code is not half of its sum, as it is for two.
    draws = torch.Generator().manual_seed(0)
    x = torch.randn(4, 5, generator=draws)
    a, b = torch.randn(2, 5, 3, generator=draws)
    encode, decode = (lambda x: x @ a), (lambda z: z @ b.T / 4)

    def flat(z: Tensor) -> Tensor:
        return 0 * decode(z) + x[1]

    cases = {
        "λ = 0 leaves the PAE": ("value", encode, decode, x, 0.0),
        "a decoder that ignores the code": ("value", encode, flat, x, 0.5),
        "λ = 0.5": ("value", encode, decode, x, 0.5),
        "f and g copy, images of two pixels": (
            "value", identity, identity, x[:, :2], 0.7
        ),
        "one image": ("value", encode, decode, x[:1], 0.7),
        "λ = 2, other images": ("value", encode, decode, 3 * x, 2.0),
        "the gradient that reaches the encoder": (0, encode, decode, x, 0.5),
        "the gradient that reaches the decoder": (1, encode, decode, x, 0.5),
    }  # fmt: skip
    reference, mistakes = _regularized_pae, _REGULARIZED_PAE_MISTAKES
    return compare(answer, reference, cases, mistakes, wrapper=loss_and_gradients)
