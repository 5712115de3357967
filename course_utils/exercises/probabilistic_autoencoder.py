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
    detached,
    linear_pair,
    loss_and_slopes,
    losses_and_slopes,
    mean_square,
    no_noise,
    value_and_gradient,
)
from course_utils.exercises.grading import CheckResult, compare, compare_value


def check_gaussian_nll(answer: Callable[[Tensor, Tensor, float], Tensor]) -> CheckResult:
    """Notebook 05: −log N(x; x̂, σ²I) with its constant.  (B, D), (B, D), float -> (B,)

    As a loss it needs a gradient, so that by the mean is compared as well.
    """
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9]])
    mean = torch.tensor([[0.0, 1.0, 0.0], [0.3, 0.1, 1.0]])

    def nll(x: Tensor, mean: Tensor, sigma: float, *, half: float = 0.5) -> Tensor:
        error = half * objectives.squared_error(x, mean) / sigma**2
        return error + constant(x, sigma)

    def constant(x: Tensor, sigma: float) -> float:
        return x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)

    return compare(
        value_and_gradient(answer, by=1),
        value_and_gradient(nll, by=1),
        {
            "x is the mean and σ = 1, so only the constant is left": ("value", x, x, 1.0),
            "σ = 1": ("value", x, mean, 1.0),
            "a narrow σ, whose density exceeds one": ("value", x, mean, 0.2),
            "a wide σ": ("value", x, mean, 3.0),
            "the gradient that reaches the mean": ("gradient", x, mean, 0.5),
        },
        mistakes={
            hint: value_and_gradient(mistake, by=1)
            for hint, mistake in {
                "the sign. What is asked for falls as the density grows.": (
                    lambda x, mean, sigma: -nll(x, mean, sigma)
                ),
                "the constant is missing. A likelihood needs it.": (
                    lambda x, mean, sigma: nll(x, mean, sigma) - constant(x, sigma)
                ),
                "the constant depends on σ as well.": (
                    lambda x, mean, sigma: (
                        nll(x, mean, sigma) - constant(x, sigma) + constant(x, 1.0)
                    )
                ),
                "the constant. Every pixel brings one, so there are D of them.": (
                    lambda x, mean, sigma: (
                        nll(x, mean, sigma) - constant(x, sigma) + constant(x[:, :1], sigma)
                    )
                ),
                "the constant. D is the number of pixels, not of images.": (
                    lambda x, mean, sigma: (
                        nll(x, mean, sigma) - constant(x, sigma) + constant(x.T, sigma)
                    )
                ),
                "the constant. A factor ½ is missing there.": (
                    lambda x, mean, sigma: nll(x, mean, sigma) + constant(x, sigma)
                ),
                "the squared error. A factor ½ is missing there.": (
                    lambda x, mean, sigma: nll(x, mean, sigma, half=1.0)
                ),
                "sigma is a standard deviation: under the error stands its square.": (
                    lambda x, mean, sigma: nll(x, mean, sigma, half=0.5 * sigma)
                ),
                "sigma is a standard deviation, so that the variance is its square.": (
                    lambda x, mean, sigma: nll(x, mean, sigma**0.5)
                ),
                "add up the D pixels of an image; their mean was not asked for.": (
                    lambda x, mean, sigma: nll(x, mean, sigma) / x.shape[1]
                ),
                "add up the squared errors of the D pixels; their mean was not asked for.": (
                    lambda x, mean, sigma: nll(x, mean, sigma, half=0.5 / x.shape[1])
                ),
                "one number for each image, not their mean.": (
                    lambda x, mean, sigma: nll(x, mean, sigma).mean()
                ),
                "add up the D pixels: one number for each image.": (
                    lambda x, mean, sigma: (
                        -torch.distributions.Normal(mean, sigma).log_prob(x)
                    )
                ),
                "detach() keeps the gradient from the mean.": (
                    lambda x, mean, sigma: nll(x, mean.detach(), sigma)
                ),
            }.items()
        },
    )


def check_perfect_nll(answer: float | None) -> CheckResult:
    """Notebook 05: −log p(x|z) in nats where g(z) = x, σ = 1 and D = 784: (D/2) log 2π."""
    constant = 392 * math.log(2 * math.pi)
    return compare_value(
        answer,
        constant,
        {
            "a perfect reconstruction has the largest density, which is not the density 1.": 0,
            "the sign. This density is far below 1, and minus its logarithm is positive.": (
                -constant
            ),
            "this is one pixel. There are 784 of them.": constant / 784,
            "the factor ½, or the root in the density, is missing.": 2 * constant,
            "the root of 2π stands in the density, and so does the 2.": (
                392 * math.log(math.pi)
            ),
            "the 2π in the density is missing a logarithm.": 392 * 2 * math.pi,
            "nats were asked for, so the logarithm is the natural one, not to base 10.": (
                constant / math.log(10)
            ),
            "nats were asked for, so the logarithm is the natural one, not to base 2.": (
                constant / math.log(2)
            ),
        },
        rtol=1e-3,
    )


def check_safe_nll(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 05: −log Π_d N(x_d; x̂_d, 1), also where the product underflows.

    (B, D), (B, D) -> (B,)
    """
    x = torch.linspace(0, 1, 3000).reshape(2, 1500)
    mean = x.flip(1)

    def nll(x: Tensor, mean: Tensor) -> Tensor:
        return objectives.gaussian_nll(x, mean)

    def density(x: Tensor, mean: Tensor) -> Tensor:
        return (-((x - mean) ** 2) / 2).exp() / math.sqrt(2 * math.pi)

    return compare(
        answer,
        nll,
        {
            "one pixel": (x[:, :1], mean[:, :1]),
            "three pixels": (x[:, :3], mean[:, :3]),
            "300 pixels": (x[:, :300], mean[:, :300]),
            "784 pixels": (x[:, :784], mean[:, :784]),
            "1500 pixels, too many for double precision": (x, mean),
        },
        mistakes={
            "this is still the product. Which numbers should be added up instead?": (
                lambda x, mean: -density(x, mean).prod(1).log()
            ),
            "double precision only moves the limit. Take the logarithm earlier.": (
                lambda x, mean: -density(x.double(), mean.double()).prod(1).log()
            ),
            **{
                f"{tiny:g} inside the logarithm hides the infinity, and is wrong.": (
                    lambda x, mean, tiny=tiny: -(density(x, mean).prod(1) + tiny).log()
                )
                for tiny in TINY
            },
            "the sign. What is asked for falls as the density grows.": (
                lambda x, mean: -nll(x, mean)
            ),
            "a product becomes a sum, not a mean.": (
                lambda x, mean: nll(x, mean) / x.shape[1]
            ),
            "add up the pixels: one number for each image.": (
                lambda x, mean: -density(x, mean).log()
            ),
            "add up the pixels of each image, not the images of each pixel.": (
                lambda x, mean: -density(x, mean).log().sum(0)
            ),
            "one number for each image, not their sum.": (
                lambda x, mean: nll(x, mean).sum()
            ),
            "the constant is missing. The 2π in the density must stay.": (
                lambda x, mean: objectives.squared_error(x, mean) / 2
            ),
            "the constant. Every pixel brings one.": (
                lambda x, mean: (
                    objectives.squared_error(x, mean) / 2 + math.log(2 * math.pi) / 2
                )
            ),
        },
    )


def check_regularized_pae(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 05: E [ ‖x − g(f(x) + ε)‖² + λ ‖f(x)‖² ], ε ~ N(0, I), and its gradients.

    (f, g, x, lam) -> (); the answer draws ε once, as torch.randn_like does.
    """
    # Four images of three pixels: with as many images, a sum over the wrong axis passes.
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9], [1.0, 0.0, 0.3], [0.7, 0.1, 0.4]])
    encode, decode = linear_pair()

    def rpae(f, g, x, lam, *, draw=torch.randn_like, error=mean_square, price=mean_square):
        z = f(x)
        return error(x - g(z + draw(z))) + lam * price(z)

    def priced(price):
        return partial(rpae, price=price)

    def noisy_price(f, g, x, lam):
        return rpae(lambda x: objectives.add_noise(f(x), 1.0), g, x, lam, draw=no_noise)

    def noisy_image(f, g, x, lam):
        return objectives.dae_loss(f, g, x, sigma=1.0)["loss"] + lam * mean_square(f(x))

    return compare(
        loss_and_slopes(answer),
        loss_and_slopes(rpae),
        {
            "λ = 0 leaves the PAE": ("value", encode, decode, x, 0.0),
            "a decoder that ignores the code": ("value", encode, lambda z: x, x, 0.5),
            "λ = 0.5": ("value", encode, decode, x, 0.5),
            "λ = 2, other images": ("value", encode, decode, 3 * x, 2.0),
            "the gradient that reaches the encoder": ("f", encode, decode, x, 0.5),
            "the gradient that reaches the decoder": ("g", encode, decode, x, 0.5),
        },
        mistakes=losses_and_slopes(
            {
                "the noise ε is missing.": partial(rpae, draw=no_noise),
                "the noise belongs on the code, not on the image.": noisy_image,
                "the penalty looks at the code without its noise.": noisy_price,
                "randn draws from the normal distribution, rand from the uniform one.": (
                    partial(rpae, draw=torch.rand_like)
                ),
                "one ε for all images. Every image has noise of its own.": (
                    partial(rpae, draw=lambda z: torch.randn_like(z[0]))
                ),
                "one ε for all numbers of a code. Each has noise of its own.": (
                    partial(rpae, draw=lambda z: torch.randn(len(z), 1))
                ),
                "the penalty takes the square of the length.": priced(
                    lambda z: z.norm(dim=1).mean()
                ),
                "the penalty takes squares, not absolute values as the sparse one does.": (
                    priced(lambda z: z.abs().sum(1).mean())
                ),
                "the penalty adds up the numbers of a code; it takes no mean of them.": (
                    priced(lambda z: z.square().mean())
                ),
                "the penalty is a mean over the batch, too, not a sum.": priced(
                    lambda z: z.square().sum()
                ),
                "the penalty is missing.": lambda f, g, x, lam: rpae(f, g, x, 0.0),
                "the penalty has to be multiplied by lam.": (
                    lambda f, g, x, lam: rpae(f, g, x, 1.0)
                ),
                "the sign of the penalty. Distance costs.": (
                    lambda f, g, x, lam: rpae(f, g, x, -lam)
                ),
                "the squared error adds up the pixels; it takes no mean of them.": (
                    partial(rpae, error=lambda d: d.square().mean())
                ),
                "add up the dimensions, in both terms; take no mean of them.": partial(
                    rpae,
                    error=lambda d: d.square().mean(),
                    price=lambda z: z.square().mean(),
                ),
                "the axis. The squared error is a sum over pixels, then a mean over images.": (
                    partial(rpae, error=lambda d: d.square().sum(0).mean())
                ),
                "the axis. Sum over dimensions, then take the mean over images.": partial(
                    rpae,
                    error=lambda d: d.square().sum(0).mean(),
                    price=lambda z: z.square().sum(0).mean(),
                ),
                "take the mean over the batch, not the sum.": (
                    lambda f, g, x, lam: len(x) * rpae(f, g, x, lam)
                ),
                "take the mean over the batch: one number is asked for.": partial(
                    rpae,
                    error=lambda d: d.square().sum(1),
                    price=lambda z: z.square().sum(1),
                ),
                "detach() keeps the gradient of the error from the encoder.": (
                    lambda f, g, x, lam: (
                        rpae(detached(f), g, x, 0.0) + lam * mean_square(f(x))
                    )
                ),
                "detach() keeps the gradient of the penalty from the encoder.": priced(
                    lambda z: mean_square(z.detach())
                ),
                "detach() keeps the gradient from the encoder, in both terms.": (
                    lambda f, g, x, lam: rpae(detached(f), g, x, lam)
                ),
                "return the loss alone; a dictionary holds all terms.": (
                    lambda f, g, x, lam: objectives.regularized_pae_loss(f, g, x, lam=lam)
                ),
                "return a tensor. A Python number, as of item(), has no gradient.": (
                    lambda f, g, x, lam: rpae(f, g, x, lam).item()
                ),
            }
        ),
    )
