"""Checks that a notebook runs on a student's answer; each returns a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import evidence, linear_gaussian, models, objectives, vq_vae
from course_utils.objectives import Encoder
from course_utils.verdicts import Verdict, compare, compare_value

# What students add inside a logarithm, so that it shows no infinity.
_TINY = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-16, 1e-20, 1e-30)


def check_kl(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 06: KL(N(μ, diag σ²) ‖ N(0, I)) in closed form.  (B, K), (B, K) -> (B,)"""
    kl, zeros = objectives.kl_to_standard_normal, torch.zeros(2, 3)
    return compare(
        answer,
        kl,
        {
            "q is the prior, so the KL is 0": (zeros, zeros),
            "q is shifted": (torch.tensor([[1.0, -2.0, 0.5]]), torch.zeros(1, 3)),
            "q is narrower than the prior": (zeros, zeros - 2),
            "q is wider than the prior": (zeros, zeros + 1),
        },
        slips={
            "the sign. A KL is never negative.": lambda mu, logvar: -kl(mu, logvar),
            "the factor ½ is missing.": lambda mu, logvar: 2 * kl(mu, logvar),
            "a sum over the K dimensions was asked for, not their mean.": (
                lambda mu, logvar: kl(mu, logvar) / mu.shape[1]
            ),
            "add up the K dimensions: one number for each data point.": (
                lambda mu, logvar: (mu**2 + logvar.exp() - 1 - logvar) / 2
            ),
            "logvar is log σ², so that σ² = exp(logvar), not logvar².": (
                lambda mu, logvar: ((mu**2 + logvar**2 - 1) / 2 - logvar.abs().log()).sum(1)
            ),
        },
    )


def _value_and_gradient(
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


def check_gaussian_nll(answer: Callable[[Tensor, Tensor, float], Tensor]) -> Verdict:
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
        _value_and_gradient(answer, by=1),
        _value_and_gradient(nll, by=1),
        {
            "x is the mean and σ = 1, so only the constant is left": ("value", x, x, 1.0),
            "σ = 1": ("value", x, mean, 1.0),
            "a narrow σ, whose density exceeds one": ("value", x, mean, 0.2),
            "a wide σ": ("value", x, mean, 3.0),
            "the gradient that reaches the mean": ("gradient", x, mean, 0.5),
        },
        slips={
            hint: _value_and_gradient(slip, by=1)
            for hint, slip in {
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


def check_perfect_nll(answer: float | None) -> Verdict:
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


def check_safe_nll(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
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
        slips={
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
                for tiny in _TINY
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


def _linear_pair() -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """An encoder from three numbers to two and a decoder back, for the cases of a check."""
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3]])
    return lambda x: x @ a, lambda z: z @ a.T / 4


def _loss_and_slopes(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
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


def _losses(slips: Mapping[str, Callable[..., object]]) -> dict[str, Callable[..., Tensor]]:
    return {hint: _loss_and_slopes(slip) for hint, slip in slips.items()}


def _square(d: Tensor) -> Tensor:
    """Summed over dimensions, averaged over the batch."""
    return d.square().sum(1).mean()


def check_regularized_pae(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 05: E [ ‖x − g(f(x) + ε)‖² + λ ‖f(x)‖² ], ε ~ N(0, I), and its gradients.

    (f, g, x, lam) -> (); the answer draws ε once, as torch.randn_like does.
    """
    # Four images of three pixels: with as many images, a sum over the wrong axis passes.
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9], [1.0, 0.0, 0.3], [0.7, 0.1, 0.4]])
    encode, decode = _linear_pair()

    def rpae(f, g, x, lam, *, draw=torch.randn_like, error=_square, price=_square):
        z = f(x)
        return error(x - g(z + draw(z))) + lam * price(z)

    def priced(price):
        return partial(rpae, price=price)

    def noisy_price(f, g, x, lam):
        return rpae(lambda x: objectives.add_noise(f(x), 1.0), g, x, lam, draw=_zeros)

    def noisy_image(f, g, x, lam):
        return objectives.dae_loss(f, g, x, sigma=1.0)["loss"] + lam * _square(f(x))

    return compare(
        _loss_and_slopes(answer),
        _loss_and_slopes(rpae),
        {
            "λ = 0 leaves the PAE": ("value", encode, decode, x, 0.0),
            "a decoder that ignores the code": ("value", encode, lambda z: x, x, 0.5),
            "λ = 0.5": ("value", encode, decode, x, 0.5),
            "λ = 2, other images": ("value", encode, decode, 3 * x, 2.0),
            "the gradient that reaches the encoder": ("f", encode, decode, x, 0.5),
            "the gradient that reaches the decoder": ("g", encode, decode, x, 0.5),
        },
        slips=_losses(
            {
                "the noise ε is missing.": partial(rpae, draw=_zeros),
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
                    lambda f, g, x, lam: rpae(_detached(f), g, x, 0.0) + lam * _square(f(x))
                ),
                "detach() keeps the gradient of the penalty from the encoder.": priced(
                    lambda z: _square(z.detach())
                ),
                "detach() keeps the gradient from the encoder, in both terms.": (
                    lambda f, g, x, lam: rpae(_detached(f), g, x, lam)
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


def _zeros(z: Tensor) -> Tensor:
    return torch.zeros_like(z)


def _detached(function: Encoder) -> Encoder:
    return lambda x: function(x).detach()


def check_reparameterize(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 06: z = μ + σ ⊙ ε and its gradients.  (B, K), (B, K) -> (B, K)"""
    draw = objectives.reparameterize
    mu = torch.linspace(-2, 2, 12).reshape(4, 3)
    logvar = mu.flip(1)
    return compare(
        _draw_and_gradients(answer),
        _draw_and_gradients(objectives.reparameterize),
        {
            "σ is almost 0, so z is μ": ("z", mu, mu - 40),
            "σ is 1, every number has an ε of its own": ("z", mu, 0 * mu),
            "σ differs from number to number": ("z", mu, logvar),
            "∂z/∂μ, the gradient that reaches mu": ("mu", mu, logvar),
            "∂z/∂log σ², the gradient that reaches logvar": ("logvar", mu, logvar),
        },
        slips={
            hint: _draw_and_gradients(slip)
            for hint, slip in {
                "logvar is log σ²: exp(logvar) is the variance, not σ.": (
                    lambda mu, logvar: mu + logvar.exp() * torch.randn_like(mu)
                ),
                "logvar is log σ², not σ itself.": (
                    lambda mu, logvar: mu + logvar * torch.randn_like(mu)
                ),
                "a draw by sample() or under no_grad() lets no gradient through.": (
                    lambda mu, logvar: draw(mu, logvar).detach()
                ),
                "the gradient is cut off from mu.": (
                    lambda mu, logvar: draw(mu.detach(), logvar)
                ),
                "the gradient is cut off from logvar.": (
                    lambda mu, logvar: draw(mu, logvar.detach())
                ),
                "every number needs an ε of its own, not one for all.": (
                    lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(1)
                ),
                "every number needs an ε of its own, not one for each row.": (
                    lambda mu, logvar: mu + (logvar / 2).exp() * torch.randn(len(mu), 1)
                ),
                "ε is normal; torch.rand_like draws it uniform.": (
                    lambda mu, logvar: mu + (logvar / 2).exp() * torch.rand_like(mu)
                ),
                "nothing is random yet.": lambda mu, logvar: mu + (logvar / 2).exp(),
                "mu and logvar have changed places.": lambda mu, logvar: draw(logvar, mu),
            }.items()
        },
    )


def _draw_and_gradients(draw: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """A draw, asked for z or for the derivative of Σ z by mu or by logvar; 0 if cut off."""

    def measure(what: str, mu: Tensor, logvar: Tensor) -> Tensor:
        by = {"mu": mu.clone().requires_grad_(), "logvar": logvar.clone().requires_grad_()}
        z = draw(by["mu"], by["logvar"])
        if what == "z":
            return z.detach() if isinstance(z, Tensor) else z
        if z.requires_grad:
            z.sum().backward()
        gradient = by[what].grad
        return torch.zeros_like(mu) if gradient is None else gradient

    return measure


def check_prior_share(answer: float | None) -> Verdict:
    """Notebook 06: the share of N(0, I) in the plane that falls into [−1, 1]²."""
    line = math.erf(0.5**0.5)
    return compare_value(
        answer,
        line**2,
        {
            "so it is on a line. In the plane both numbers must fall inside.": line,
            "so it is on a line, and outside. The share inside was asked for.": 1 - line,
            "this is the share outside.": 1 - line**2,
            "a share lies between 0 and 1.": 100 * line**2,
            "this is the disk of radius 1. The box has corners.": 1 - math.exp(-0.5),
            "this is a quarter of the box, from 0 to 1 on both axes.": line**2 / 4,
            "on both axes the box ends at one standard deviation, not at two.": math.erf(
                2**0.5
            ),
            "the prior is not spread evenly over the large box.": 0.04,
        },
        rtol=0.01,
    )


def check_hidden_beta(answer: float | None) -> Verdict:
    """Notebook 06: β of a mean over 32 · 32 · 3 pixel values and over K = 128 dimensions."""
    return compare_value(
        answer,
        24,
        {
            "the KL was averaged as well, over its 128 dimensions.": 3072,
            "so it would be for pictures in gray. A pixel has three numbers here.": 8,
            "the KL was averaged as well, and a pixel has three numbers.": 1024,
            "this is its inverse. Which of the two sums was divided by more?": 1 / 24,
            "both are means, but not over equally many numbers.": 1,
            "the error was averaged as well, over all numbers of a picture.": 1 / 128,
            "divide the one count by the other.": 3072 * 128,
            "multiply the loss by what its error was divided by. What stands before the KL?": (
                128
            ),
            "these are the digits' 784 pixels.": 784 / 128,
        },
        rtol=1e-3,
    )


def check_ae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 01: E ‖x − g(f(x))‖², and its gradients.  (f, g, x) -> ()"""
    x = torch.tensor([[0.0, 0.5, 1.0, 0.1], [0.2, 0.4, 0.9, 0.7], [1.0, 0.0, 0.3, 0.6]])
    a = torch.tensor([[1.0, -0.5], [0.5, 2.0], [-1.5, 0.3], [0.2, 0.8]])

    def encode(x: Tensor) -> Tensor:
        return x @ a[: x.shape[1]]

    def bent(x: Tensor) -> Tensor:
        return encode(x).relu()

    def decode(z: Tensor) -> Tensor:
        return z @ a[:, : z.shape[1]].T / 4

    def ae(f, g, x, *, error=_square):
        return error(x - g(f(x)))

    return compare(
        _loss_and_slopes(answer),
        _loss_and_slopes(ae),
        {
            "f and g copy, so the loss is 0": ("value", _copy, _copy, x),
            "f doubles and g squares": ("value", lambda x: 2 * x, torch.square, x),
            "one image and a linear f and g": ("value", encode, decode, x[:1]),
            "three images": ("value", encode, decode, x),
            "f and g that are not linear": ("value", bent, decode, 2 * x),
            "the gradient that reaches the encoder": ("f", encode, decode, x),
            "the gradient that reaches the decoder": ("g", encode, decode, x),
        },
        slips=_losses(
            {
                "add up the pixels of a picture; their mean was not asked for.": partial(
                    ae, error=lambda d: d.square().mean()
                ),
                "take the mean over the pictures, not the sum.": partial(
                    ae, error=lambda d: d.square().sum()
                ),
                "one number for the whole batch: take the mean over the pictures.": partial(
                    ae, error=lambda d: d.square().sum(1)
                ),
                "sum and mean are swapped. Add up pixels, average over pictures.": partial(
                    ae, error=lambda d: d.square().mean(1).sum()
                ),
                "the length of the difference has to be squared.": partial(
                    ae, error=lambda d: d.norm(dim=1).mean()
                ),
                "squares of the differences, not their absolute values.": partial(
                    ae, error=lambda d: d.abs().sum(1).mean()
                ),
                "without a square, errors of opposite sign cancel.": partial(
                    ae, error=lambda d: d.sum(1).mean()
                ),
                "square each pixel before you add them up.": partial(
                    ae, error=lambda d: d.sum(1).square().mean()
                ),
                "there is no factor ½ in this objective.": partial(
                    ae, error=lambda d: _square(d) / 2
                ),
                "the order. First the encoder f, then the decoder g.": (
                    lambda f, g, x: ae(g, f, x)
                ),
                "the decoder g is missing.": lambda f, g, x: _square(x - f(x)),
                "the sign. An error is never negative.": lambda f, g, x: -ae(f, g, x),
                "detach() keeps the gradient from the encoder.": (
                    lambda f, g, x: ae(_detached(f), g, x)
                ),
                "detach() keeps the gradient from both networks.": (
                    lambda f, g, x: ae(f, _detached(g), x)
                ),
                "return the loss alone; a dictionary holds all terms.": objectives.ae_loss,
                "return a tensor. A Python number, as of item(), has no gradient.": (
                    lambda f, g, x: ae(f, g, x).item()
                ),
            }
        ),
    )


def check_lost_share(answer: float | None) -> Verdict:
    """Notebook 01: the share of noise's variance that 32 numbers for 196 pixels lose.

    All directions of independent, equal pixels have the same variance, so the best plane of
    32 dimensions leaves 164 of 196 equal parts.
    """
    return compare_value(
        answer,
        164 / 196,
        {
            "this is the share that is kept. What is lost?": 32 / 196,
            "nothing is lost only if the code is as wide as the picture.": 0.0,
            "all is lost only if the code says nothing at all.": 1.0,
            "these are small pictures of 196 pixels, not of 784.": 752 / 784,
            "a share was asked for, between 0 and 1, not the error itself.": 164 / 12,
            "a share between 0 and 1 was asked for, not the number of directions.": 164,
            "a share between 0 and 1 was asked for, not percent.": 16400 / 196,
            "compare with the error of the mean picture, not with the ink.": 164 / 196 / 4,
            "divide by all directions, not by those that are kept.": 164 / 32,
        },
        rtol=0.01,
    )


def check_error_share(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 01: E ‖x − x̂‖² / E ‖x − x̄‖², x̄ the mean picture.  (B, D), (B, D) -> ()"""
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, 0.4, 0.9], [1.0, 0.0, 0.3], [0.4, 0.6, 0.7]])
    x_hat = x.roll(1, 0) / 2

    def share(x: Tensor, x_hat: Tensor, *, yardstick: Tensor | float) -> Tensor:
        return _square(x - x_hat) / _square(x - yardstick)

    def right(x: Tensor, x_hat: Tensor) -> Tensor:
        return share(x, x_hat, yardstick=x.mean(0))

    return compare(
        answer,
        right,
        {
            "a perfect reconstruction": (x, x.clone()),
            "the mean picture, which is the yardstick": (x, x.mean(0).expand_as(x).clone()),
            "the blank page": (x, 0 * x),
            "another reconstruction": (x, x_hat),
            "pictures of two pixels": (x[:, :2], x_hat[:, :2]),
        },
        slips={
            "which mean is this? One gray value for all pixels is not the mean picture.": (
                lambda x, x_hat: share(x, x_hat, yardstick=x.mean())
            ),
            "over what is this mean? Over the pixels of each picture, not the pictures.": (
                lambda x, x_hat: share(x, x_hat, yardstick=x.mean(1, keepdim=True))
            ),
            "the yardstick is now the blank page, not the mean picture.": (
                lambda x, x_hat: share(x, x_hat, yardstick=0.0)
            ),
            "the mean picture of the data, not of the reconstructions.": (
                lambda x, x_hat: share(x, x_hat, yardstick=x_hat.mean(0))
            ),
            "the yardstick is missing.": lambda x, x_hat: _square(x - x_hat),
            "the fraction is upside down.": lambda x, x_hat: 1 / right(x, x_hat),
            "this is the share that is explained; what is left was asked for.": (
                lambda x, x_hat: 1 - right(x, x_hat)
            ),
            "both errors are sums over pixels; nothing has to be divided by D.": (
                lambda x, x_hat: right(x, x_hat) / x.shape[1]
            ),
            "one number for all: a share of two means, not of each picture.": (
                lambda x, x_hat: (
                    (x - x_hat).square().sum(1) / (x - x.mean(0)).square().sum(1)
                )
            ),
            "the yardstick is the mean picture, not the median one.": (
                lambda x, x_hat: share(x, x_hat, yardstick=x.median(0).values)
            ),
            "the variance of torch divides by B − 1, the loss by B.": (
                lambda x, x_hat: _square(x - x_hat) / x.var(0).sum()
            ),
            "shares of squared errors were asked for, not of their roots.": (
                lambda x, x_hat: right(x, x_hat).sqrt()
            ),
        },
    )


def check_distance_to_nearest(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 01: minⱼ ‖zᵢ − codeⱼ‖ of each zᵢ.  (N, K), (M, K) -> (N,)"""
    codes = torch.tensor([[0.0, 0.0], [3.0, 4.0], [-2.0, 1.0]])
    points = torch.tensor([[3.0, 0.0], [3.0, 5.0], [-2.0, -2.0], [0.5, 0.0]])
    return compare(
        answer,
        evidence.distance_to_nearest,
        {
            "one point, one code": (points[:1], codes[1:2]),
            "every point is a code": (codes, codes.clone()),
            "four points, three codes": (points, codes),
            "two points, three codes": (points[:2], codes),
            "codes of one number": (points[:, :1], codes[:, :1]),
        },
        slips={
            "the square root is missing: a length was asked for.": (
                lambda points, codes: evidence.distance_to_nearest(points, codes).square()
            ),
            "this is the number of the nearest code, not how far it is.": (
                lambda points, codes: torch.cdist(points, codes).argmin(1)
            ),
            "the axis. One distance for each point, not for each code.": (
                lambda points, codes: torch.cdist(points, codes).amin(0)
            ),
            "the nearest code was asked for, not the farthest.": (
                lambda points, codes: torch.cdist(points, codes).amax(1)
            ),
            "the nearest code was asked for, not the mean distance.": (
                lambda points, codes: torch.cdist(points, codes).mean(1)
            ),
            "one distance for each point, not the smallest of all.": (
                lambda points, codes: torch.cdist(points, codes).min()
            ),
            "add up squares, not absolute values.": (
                lambda points, codes: torch.cdist(points, codes, p=1).amin(1)
            ),
            "the smallest number of each difference is not its length.": (
                lambda points, codes: torch.cdist(points, codes, p=torch.inf).amin(1)
            ),
            "take the minimum over the codes.": torch.cdist,
            "min along an axis returns values and indices; the values were asked for.": (
                lambda points, codes: torch.cdist(points, codes).min(1)
            ),
            "this is the nearest code itself, not how far it is.": (
                lambda points, codes: codes[torch.cdist(points, codes).argmin(1)]
            ),
            "one number for each point: the kept dimension is one too many.": (
                lambda points, codes: torch.cdist(points, codes).amin(1, keepdim=True)
            ),
        },
    )


def check_pca_reconstruction(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 02: mean + Vᵀ V (x − mean), a component a row of V.

    (B, D), (D,), (K, D) -> (B, D)
    """
    x = torch.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0], [4.0, 0.0, -2.0], [1.0, 1.0, 1.0]])
    zero, mean = torch.zeros(3), torch.tensor([1.0, -2.0, 0.5])
    # The last is no reflection of itself: V and its transpose differ.
    v = torch.tensor([[0.6, 0.8, 0.0], [0.0, 0.0, 1.0], [0.8, -0.6, 0.0]])

    def project(x: Tensor, mean: Tensor, v: Tensor) -> Tensor:
        return mean + (x - mean) @ v.T @ v

    return compare(
        answer,
        project,
        {
            "the mean is 0, one component": (x, zero, v[:1]),
            "the mean is not 0": (x, mean, v[:1]),
            "two components": (x, mean, v[1:]),
            "as many components as dimensions, so nothing is lost": (x, mean, v),
        },
        slips={
            "the mean has to be added back at the end.": (
                lambda x, mean, v: project(x, mean, v) - mean
            ),
            "the mean has to be subtracted before the projection.": (
                lambda x, mean, v: mean + project(x, 0 * mean, v)
            ),
            "the mean is missing, before and after.": (
                lambda x, mean, v: project(x, 0 * mean, v)
            ),
            "the mean is added before the projection; subtract it.": (
                lambda x, mean, v: mean + (x + mean) @ v.T @ v
            ),
            "the mean is given. The mean of a batch is another one.": (
                lambda x, mean, v: project(x, x.mean(0), v)
            ),
            "this is the code. It still has to be decoded.": (
                lambda x, mean, v: (x - mean) @ v.T
            ),
            "this is what is left over, not the reconstruction.": (
                lambda x, mean, v: x - project(x, mean, v)
            ),
            "the components are the rows, so the transpose comes first.": (
                lambda x, mean, v: mean + (x - mean) @ v @ v.T
            ),
            "all components, not only the first.": (
                lambda x, mean, v: project(x, mean, v[:1])
            ),
            "the encoder and the decoder are transposes of each other.": (
                lambda x, mean, v: mean + (x - mean) @ v.T @ v.T
            ),
        },
    )


def check_pca_error(answer: Callable[[Tensor, int], Tensor]) -> Verdict:
    """Notebook 02: the least E ‖x − x̂‖² of a linear code of k numbers.  (N, D), int -> ()

    By Eckart and Young the eigenvalues of the covariance (1/N) that were left out, summed.
    """
    x = torch.tensor([[3.0, 0, 1], [-3, 0, 1], [0, 2, 1], [0, -2, 1], [0, 0, 1]])
    turned = x @ torch.tensor([[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [0.0, 0.0, 1.0]]) - 0.5

    def values(x: Tensor) -> Tensor:
        return torch.linalg.eigvalsh(torch.cov(x.T, correction=0)).flip(0).clamp(min=0)

    def left_out(x: Tensor, k: int) -> Tensor:
        return values(x)[k:].sum()

    def not_centered(x: Tensor, k: int) -> Tensor:
        return torch.linalg.svdvals(x).square()[k:].sum() / len(x)

    return compare(
        answer,
        left_out,
        {
            "k = 0 leaves the variance": (x, 0),
            "k = 1": (x, 1),
            "the same points, turned and moved": (turned, 1),
            "k = 2 of points that lie in a plane, so nothing is lost": (turned, 2),
        },
        slips={
            "these are the directions that are kept. The others make the error.": (
                lambda x, k: values(x)[:k].sum()
            ),
            "the data have to be centered first.": not_centered,
            "divide by the number of data points N.": (
                lambda x, k: left_out(x, k) * len(x)
            ),
            "divide by N, not by N − 1.": (
                lambda x, k: left_out(x, k) * len(x) / (len(x) - 1)
            ),
            "add up the dimensions; divide by N only.": (
                lambda x, k: left_out(x, k) / x.shape[1]
            ),
            "divide by the number of data points N, not of dimensions.": (
                lambda x, k: left_out(x, k) * len(x) / x.shape[1]
            ),
            "a variance is a squared singular value.": (
                lambda x, k: (values(x) * len(x)).sqrt()[k:].sum() / len(x)
            ),
            "the variances are added up, not the standard deviations.": (
                lambda x, k: values(x)[k:].sqrt().sum()
            ),
            "the order. eigh and eigvalsh sort the smallest first.": (
                lambda x, k: values(x).flip(0)[k:].sum()
            ),
            "Python counts from 0: after k directions the next one has index k.": (
                lambda x, k: values(x)[k + 1 :].sum()
            ),
            "all directions beyond the first k, not only the next one.": (
                lambda x, k: values(x)[k]
            ),
            "the sum is missing: one number was asked for.": lambda x, k: values(x)[k:],
            "return a tensor, not a Python number.": (lambda x, k: left_out(x, k).item()),
        },
    )


def check_leading_components(answer: Callable[[Tensor, int], Tensor]) -> Verdict:
    """Notebook 02: the k leading eigenvectors of the covariance as rows.  (N, D), int -> (k, D)

    Eigenvectors are known up to their sign, so what is compared are their shape, the
    projectors vⱼ vⱼᵀ, weighted by j, and V Vᵀ.
    """
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([3.0, 0.3, 2.0, 1.0])
    x = spread * torch.randn(200, 4, generator=generator)
    turned = x @ torch.linalg.qr(torch.randn(4, 4, generator=generator))[0] + 5

    def leading(x: Tensor, k: int) -> Tensor:
        return torch.linalg.eigh(torch.cov(x.T))[1].T.flip(0)[:k]

    return compare(
        _without_signs(answer),
        _without_signs(leading),
        {
            "k = 1 of points in four dimensions": ("shape", x, 1),
            "k = 3": ("shape", x, 3),
            "the spread is largest along an axis": ("projectors", x, 1),
            "two directions, the first of them first": ("projectors", x, 2),
            "points that were turned and moved": ("projectors", turned, 3),
            "the rows are orthogonal and have length one": ("products", turned, 2),
        },
        slips={
            hint: _without_signs(slip)
            for hint, slip in {
                "in which order does eigh return the eigenvalues?": (
                    lambda x, k: leading(x, 4)[4 - k :].flip(0)
                ),
                "the right ones, but the largest has to come first.": (
                    lambda x, k: leading(x, k).flip(0)
                ),
                "rows were asked for: one component a row.": (lambda x, k: leading(x, k).T),
                "the eigenvectors are the columns of what eigh returns, not its rows.": (
                    lambda x, k: torch.linalg.eigh(torch.cov(x.T))[1][-k:].flip(0)
                ),
                "the eigenvectors are the columns of what eigh returns; flip those.": (
                    lambda x, k: torch.linalg.eigh(torch.cov(x.T))[1].flip(0)[:, :k].T
                ),
                "the data have to be centered first.": (
                    lambda x, k: torch.linalg.eigh(x.T @ x)[1].T.flip(0)[:k]
                ),
                "an eigenvector has length one; its eigenvalue does not scale it.": (
                    lambda x, k: (
                        torch.linalg.eigvalsh(torch.cov(x.T, correction=0))
                        .flip(0)[:k, None]
                        .sqrt()
                        * leading(x, k)
                    )
                ),
                "all components are returned; only the first k were asked for.": (
                    lambda x, k: leading(x, 4)
                ),
                "the directions live in the D dimensions, not among the N points.": (
                    lambda x, k: torch.linalg.svd(x - x.mean(0))[0].T[:k]
                ),
            }.items()
        },
    )


def _without_signs(components: Callable[[Tensor, int], Tensor]) -> Callable[..., Tensor]:
    """A function for components, asked for something that their signs do not change."""

    def measure(what: str, x: Tensor, k: int) -> Tensor:
        v = components(x, k)
        if what == "shape" or not isinstance(v, Tensor) or v.ndim != 2:
            return 0 * v if isinstance(v, Tensor) else v
        v = v.to(x)
        if what == "products":
            return v @ v.T
        return torch.einsum("k,kd,ke->de", torch.arange(1.0, 1 + len(v)), v, v)

    return measure


def check_code_width(answer: int | None) -> Verdict:
    """Notebook 02: the least k at which E(k) is below a tenth of the variance.

    For scikit-learn's small digits, by the singular values of the centered data.
    """
    from sklearn.datasets import load_digits  # a second, so only when it is needed

    small = torch.as_tensor(load_digits().data / 16)

    def width(x: Tensor, share: float, of: Tensor) -> int:
        """How many directions leave less than a share of something."""
        variances = torch.linalg.svdvals(x).square() / len(x)
        left = variances.sum() - variances.cumsum(0)
        return 1 + (left < share * of).int().argmax().item()

    centered = small - small.mean(0)
    variance = centered.square().sum(1).mean()
    want = width(centered, 0.1, variance)
    eigenvalues = torch.linalg.svdvals(centered).square()
    return compare_value(
        answer,
        want,
        {
            "these are errors without biases, and a yardstick without them.": width(
                small, 0.1, small.square().sum(1).mean()
            ),
            "with this code more than a tenth is lost, by a little.": want - 1,
            "one number less is enough. The first error belongs to k = 0, not to 1.": want
            + 1,
            "a tenth may be left, not nine tenths.": width(centered, 0.9, variance),
            "a tenth, not a twentieth.": width(centered, 0.05, variance),
            "errors are squared already: no root is needed.": width(
                centered, 0.01, variance
            ),
            "the sum of all that is left out counts, not the next eigenvalue alone.": (
                (eigenvalues < 0.1 * eigenvalues[0]).int().argmax().item()
            ),
            "a number of directions was asked for, not the error.": 0.1,
        },
    )


def check_sparse_ae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 03: E [ ‖x − g(f(x))‖² + λ ‖f(x)‖₁ ], and its gradients.  (f, g, x, lam) -> ()"""
    # Four images of three pixels: with as many images, a sum over the wrong axis passes.
    x = torch.tensor([[0.0, 0.5, 1.0], [0.2, -0.4, 0.9], [1.0, 0.0, 0.3], [0.7, 0.1, 0.4]])
    encode, decode = _linear_pair()

    def absolute(z: Tensor) -> Tensor:
        return z.abs().sum(1).mean()

    def sparse(f, g, x, lam, *, error=_square, price=absolute):
        z = f(x)
        return error(x - g(z)) + lam * price(z)

    def priced(price):
        return partial(sparse, price=price)

    return compare(
        _loss_and_slopes(answer),
        _loss_and_slopes(sparse),
        {
            "λ = 0 leaves the plain autoencoder": ("value", encode, decode, x, 0.0),
            "f and g copy, so only the penalty is left": ("value", _copy, _copy, x, 1.0),
            "λ = 0.5, a code with both signs": ("value", encode, decode, x, 0.5),
            "λ = 2, other images": ("value", encode, decode, 3 * x, 2.0),
            "the gradient that reaches the encoder": ("f", encode, decode, x, 0.5),
            "the gradient that reaches the decoder": ("g", encode, decode, x, 0.5),
        },
        slips=_losses(
            {
                "the penalty takes absolute values, not squares.": priced(_square),
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
                    sparse, error=lambda d: _square(d) / 2
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
                        sparse(_detached(f), g, x, 0.0) + lam * absolute(f(x))
                    )
                ),
                "detach() keeps the gradient from the encoder, in both terms.": (
                    lambda f, g, x, lam: sparse(_detached(f), g, x, lam)
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


def check_silent_price(answer: float | None) -> Verdict:
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


def check_active_units(answer: Callable[[Tensor], Tensor]) -> Verdict:
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
        slips={
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


def check_unit_columns(answer: Callable[[Tensor], Tensor]) -> Verdict:
    """Notebook 03: every column divided by its length.  (D, K) -> (D, K)

    The weights are trained through it, so their gradient is compared as well.
    """
    weight = torch.tensor([[3.0, 1.0], [4.0, 0.0], [0.0, -2.0]])
    unit = models.UnitColumns()
    return compare(
        _value_and_gradient(answer, by=0),
        _value_and_gradient(unit, by=0),
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
        slips={
            hint: _value_and_gradient(slip, by=0)
            for hint, slip in {
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


def check_dae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 04: E ‖x − g(f(x + ε))‖², ε ~ N(0, σ²I), and gradients.  (f, g, x, sigma) -> ()

    The noise may be drawn in any way, so the samples are large: 200,000 numbers fix a mean
    square within 0.3 percent (one standard deviation), two of them within 0.5.
    """
    x = torch.linspace(-1, 1, 200_000).reshape(40_000, 5)

    def encode(x: Tensor) -> Tensor:
        return 2 * x[:, :3]

    def decode(z: Tensor) -> Tensor:
        return torch.cat([z.relu(), z[:, :2] / 2], dim=1)

    def dae(f, g, x, sigma, *, draw=torch.randn_like, error=_square):
        return error(x - g(f(x + sigma * draw(x))))

    def drawn(draw):
        return partial(dae, draw=draw)

    def noisy_target(f, g, x, sigma):
        return _square(objectives.add_noise(x, sigma) - g(f(x)))

    def two_noises(f, g, x, sigma):
        return _square(
            objectives.add_noise(x, sigma) - g(f(objectives.add_noise(x, sigma)))
        )

    return compare(
        _loss_and_slopes(answer),
        _loss_and_slopes(dae),
        {
            "σ = 0 leaves the plain autoencoder": ("value", encode, decode, x, 0.0),
            "a perfect denoiser, so the loss is 0": ("value", _copy, lambda z: x, x, 1.0),
            "f and g copy, so only the noise is left, Dσ²": ("value", _copy, _copy, x, 0.5),
            # The code has three numbers, which tells noise on it from noise on the image.
            "f keeps three numbers, and g adds what they had": (
                "value",
                lambda x: 2 * x[:, :3],
                lambda z: torch.cat([z / 2, x[:, 3:]], dim=1),
                x,
                0.5,
            ),
            # Sums of neighbors tell whether they share their noise.
            "f adds up neighbors": (
                "value",
                lambda x: x[:, 1:] + x[:, :-1],
                lambda z: torch.cat([z, z[:, :1]], dim=1),
                x,
                0.5,
            ),
            "f and g that keep some of it": ("value", encode, decode, x, 0.5),
            "σ = 2": ("value", encode, decode, x, 2.0),
            "the gradient that reaches the encoder": ("f", encode, decode, x, 1.0),
            "the gradient that reaches the decoder": ("g", encode, decode, x, 1.0),
        },
        slips=_losses(
            {
                "the target. Compare with the clean x, not with the noisy one.": (
                    lambda f, g, x, sigma: dae(f, g, objectives.add_noise(x, sigma), 0.0)
                ),
                "the noise belongs on the input, not on the target or the reconstruction.": (
                    noisy_target
                ),
                "the target has noise as well; it has to be the clean x.": two_noises,
                "the noise belongs on the image, not on the code.": (
                    lambda f, g, x, sigma: objectives.pae_loss(f, g, x, sigma=sigma)["loss"]
                ),
                "sigma is a standard deviation, and no root of it is needed.": (
                    lambda f, g, x, sigma: dae(f, g, x, sigma**0.5)
                ),
                "sigma is a standard deviation: multiply by it, not by its square.": (
                    lambda f, g, x, sigma: dae(f, g, x, sigma**2)
                ),
                "sigma is missing in front of the noise.": (
                    lambda f, g, x, sigma: dae(f, g, x, 1.0)
                ),
                "randn draws from the normal distribution, rand from the uniform one.": (
                    drawn(torch.rand_like)
                ),
                "one number for all is no noise: every pixel of every image has its own.": (
                    drawn(lambda x: torch.randn(()))
                ),
                "one ε for all images. Every image has noise of its own.": drawn(
                    lambda x: torch.randn_like(x[0])
                ),
                "one ε for all pixels of an image. Every pixel has noise of its own.": (
                    drawn(lambda x: torch.randn(len(x), 1))
                ),
                "the noise has mean 0.": drawn(lambda x: torch.randn_like(x) + 1),
                "the noise is added to the image; it does not replace it.": (
                    lambda f, g, x, sigma: _square(x - g(f(sigma * torch.randn_like(x))))
                ),
                "the noise is added to the image; it does not multiply it.": (
                    lambda f, g, x, sigma: _square(
                        x - g(f(x * (1 + sigma * torch.randn_like(x))))
                    )
                ),
                "the noise is missing.": drawn(_zeros),
                "add up the pixels; their mean was not asked for.": partial(
                    dae, error=lambda d: d.square().mean()
                ),
                "take the mean over the batch, not the sum.": partial(
                    dae, error=lambda d: d.square().sum()
                ),
                "take the mean over the batch: one number is asked for.": partial(
                    dae, error=lambda d: d.square().sum(1)
                ),
                "the length of the difference has to be squared.": partial(
                    dae, error=lambda d: d.norm(dim=1).mean()
                ),
                "detach() keeps the gradient from the encoder.": (
                    lambda f, g, x, sigma: dae(_detached(f), g, x, sigma)
                ),
                "detach() keeps the gradient from both networks.": (
                    lambda f, g, x, sigma: dae(f, _detached(g), x, sigma)
                ),
                "return the loss alone; a dictionary holds all terms.": (
                    lambda f, g, x, sigma: objectives.dae_loss(f, g, x, sigma=sigma)
                ),
                "return a tensor. A Python number, as of item(), has no gradient.": (
                    lambda f, g, x, sigma: dae(f, g, x, sigma).item()
                ),
            }
        ),
        rtol=0.03,
    )


def check_score_from_denoiser(
    answer: Callable[[Callable[[Tensor], Tensor], Tensor, float], Tensor],
) -> Verdict:
    """Notebook 04: (r(x) − x) / σ² of a denoiser r.  (r, x, sigma) -> (B, D)"""
    x = torch.tensor([[0.0, 0.5], [1.0, -2.0], [3.0, 4.0]])

    def gaussian(sigma: float) -> Callable[[Tensor], Tensor]:
        """The best denoiser of data from N(0, I): it shrinks."""
        return lambda x: x / (1 + sigma**2)

    def score(r: Callable[[Tensor], Tensor], x: Tensor, sigma: float) -> Tensor:
        return (r(x) - x) / sigma**2

    return compare(
        answer,
        score,
        {
            "r copies, so no direction is better than another": (_copy, x, 0.5),
            "data from N(0, I), σ = 1": (gaussian(1.0), x, 1.0),
            "data from N(0, I), σ = 0.5": (gaussian(0.5), x, 0.5),
            "all data in one place, σ = 2": (lambda x: torch.ones_like(x), x, 2.0),
        },
        slips={
            "the sign. The score points to where the denoiser goes.": (
                lambda r, x, sigma: -score(r, x, sigma)
            ),
            "divide by the variance, not by the standard deviation.": (
                lambda r, x, sigma: score(r, x, sigma) * sigma
            ),
            "the step has to be divided by the variance of the noise.": (
                lambda r, x, sigma: r(x) - x
            ),
            "divide by the variance; do not multiply.": (
                lambda r, x, sigma: score(r, x, sigma) * sigma**4
            ),
            "what the denoiser adds was asked for: x has to be subtracted.": (
                lambda r, x, sigma: r(x) / sigma**2
            ),
            "there is no factor ½. It belongs to the step of the walk.": (
                lambda r, x, sigma: score(r, x, sigma) / 2
            ),
            "brackets. The whole difference has to be divided.": (
                lambda r, x, sigma: r(x) - x / sigma**2
            ),
            "a direction was asked for: all D numbers, not their length.": (
                lambda r, x, sigma: score(r, x, sigma).norm(dim=1)
            ),
            "the length of the score counts as well; do not normalize it.": (
                lambda r, x, sigma: torch.nn.functional.normalize(r(x) - x, dim=1)
            ),
            "this is the denoiser itself. Which way does it step?": (
                lambda r, x, sigma: r(x)
            ),
            "the noise is in the points already; do not add more.": (
                lambda r, x, sigma: score(r, objectives.add_noise(x, sigma), sigma)
            ),
        },
    )


def check_summit(answer: float | None) -> Verdict:
    """Notebook 04: the σ at which the middle of the ring becomes a summit of p_σ.

    The curvature at the middle changes its sign where s² + σ² = radius² / 2, here
    0.2² + σ² = 2² / 2.
    """
    return compare_value(
        answer,
        1.4,
        {
            "this is the width of the smoothed clusters. Part of it is their own s.": 2
            ** 0.5,
            "this is the variance of the noise; σ is its root.": 1.96,
            "so it would be for two clusters alone. A ring has more of them.": 2.0,
            "the widths do not add up; their squares do.": 2**0.5 - 0.2,
            "the variances of clusters and noise add up: σ is less than the sum.": 2.04
            ** 0.5,
            "at this σ the arrows in the middle still point outward.": 0.8,
            "at this σ the middle is a summit already, but a smaller one will do.": 1.6,
        },
        rtol=0.005,
    )


def check_langevin_step(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 04: x + (h/2) score(x) + √h ξ, ξ ~ N(0, I).  (score, x, h) -> (B, D)

    Any way of drawing is right, so the sample is large: a hundred thousand steps from one
    place, whose mean and spread (along the axes and the diagonals) are compared. They move
    by less than a percent.
    """
    start = torch.tensor([3.0, -2.0]).expand(100_000, 2).clone()

    def step(score, x, h, *, drift=0.5, width=lambda h: h**0.5, draw=torch.randn_like):
        return x + drift * h * score(x) + width(h) * draw(x)

    def away(x: Tensor) -> Tensor:
        return 10 - 2 * x

    return compare(
        _statistics_of_steps(answer),
        _statistics_of_steps(step),
        {
            "five points": ("shape", away, start[:5], 0.5),
            "h is almost 0, so nothing moves": ("mean", away, start, 1e-9),
            "the mean step": ("mean", away, start, 0.5),
            "the spread of the points after a step": ("spread", away, start, 0.5),
            "h = 0.04, the mean step": ("mean", away, start, 0.04),
            "h = 0.04, the spread": ("spread", away, start, 0.04),
        },
        slips={
            hint: _statistics_of_steps(slip)
            for hint, slip in {
                "the shake. Do all particles get the same one?": partial(
                    step, draw=lambda x: torch.randn(x.shape[1])
                ),
                "the shake. Every coordinate of a particle has its own.": partial(
                    step, draw=lambda x: torch.randn(len(x), 1)
                ),
                "the shake. All particles and coordinates get the same one.": partial(
                    step, draw=lambda x: torch.randn(())
                ),
                "the shake. Its width is the root of h, not h.": partial(
                    step, width=lambda h: h
                ),
                "the shake. It has no width: h is missing.": partial(
                    step, width=lambda h: 1.0
                ),
                "the shake. A factor 2 is too much when the score has ½.": partial(
                    step, width=lambda h: (2 * h) ** 0.5
                ),
                "the shake is missing.": partial(step, draw=_zeros),
                "the shake is normal noise; rand is uniform.": partial(
                    step, draw=torch.rand_like
                ),
                "the sign. The walk goes uphill.": partial(step, drift=-0.5),
                "the factor ½ in front of the score is missing.": partial(step, drift=1.0),
                "the walk has lost its score.": partial(step, drift=0.0),
                "a step starts at x: x has to be added.": (
                    lambda score, x, h: step(score, x, h) - x
                ),
            }.items()
        },
        rtol=0.03,
    )


def _statistics_of_steps(step: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A random step, asked for its shape, or for mean or spread over equal particles."""

    def measure(what: str, score: Encoder, x: Tensor, h: float) -> Tensor:
        after = step(score, x, h)
        if what == "shape" or not isinstance(after, Tensor) or after.shape != x.shape:
            return 0 * after if isinstance(after, Tensor) else after
        after = after.to(x)
        if what == "mean":
            return after.mean(0)
        along = [after, after.sum(1, keepdim=True), after[:, :1] - after[:, 1:]]
        return torch.cat(along, dim=1).std(0)

    return measure


def _copy(x: Tensor) -> Tensor:
    return x


def check_water_filling(answer: Callable[[Tensor, float], Tensor]) -> Verdict:
    """Notebook 08: living units, rate, distortion of the best linear β-VAE.

    eigenvalues (D,), level βσ² -> (3,): how many λₖ exceed it, ½ Σ log (λₖ / βσ²) over
    these in nats, Σ min(λₖ, βσ²) over all.
    """
    values = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1])

    def rate(values: Tensor, level: float) -> Tensor:
        return (values / level).log() / 2

    def sent(values: Tensor, level: float) -> Tensor:
        return rate(values, level)[values > level].sum()

    def changed(values: Tensor, level: float, **wrong: Tensor) -> Tensor:
        """The three numbers, some of them wrong."""
        names = ("active", "rate", "distortion")
        right = dict(zip(names, linear_gaussian.reverse_water_filling(values, level)))
        return torch.tensor([float(value) for value in {**right, **wrong}.values()])

    return compare(
        answer,
        changed,
        {
            "one direction, which lives": (torch.tensor([4.0]), 1.0),
            "one direction, which dies": (torch.tensor([0.5]), 1.0),
            "two live": (values, 1.5),
            "one stands at the level, and gains nothing": (values, 1.0),
            "all live": (values, 0.05),
            "none lives": (values, 7.0),
        },
        slips={
            "only directions above the level live and send.": (
                lambda values, level: changed(
                    values, level, active=len(values), rate=rate(values, level).sum()
                )
            ),
            "a direction that stands at the level gains nothing, and does not live.": (
                lambda values, level: changed(values, level, active=(values >= level).sum())
            ),
            "living directions are those above the level, not below.": (
                lambda values, level: changed(
                    values,
                    level,
                    active=(values < level).sum(),
                    rate=rate(values, level)[values < level].sum(),
                )
            ),
            "the rate. A factor ½ is missing.": (
                lambda values, level: changed(values, level, rate=2 * sent(values, level))
            ),
            "the rate was asked for in nats, so with log to base e.": (
                lambda values, level: changed(
                    values, level, rate=sent(values, level) / math.log(2)
                )
            ),
            "the distortion. A direction that dies leaves its whole variance behind.": (
                lambda values, level: changed(
                    values, level, distortion=level * (values > level).sum()
                )
            ),
            "the distortion. A direction that lives still has an error as high as the level.": (
                lambda values, level: changed(
                    values, level, distortion=values[values <= level].sum()
                )
            ),
            "the level is βσ² already: neither a root nor a square is needed.": (
                lambda values, level: changed(values, level**2)
            ),
        },
    )


def check_kl_weight(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 08: b that makes a ‖x − x̂‖² + b KL the −ELBO of pixels N(x̂, σ²I): 2aσ².

    a (n,), sigma (n,) -> (n,), one for each code base.
    """

    def cases(*pairs: tuple[float, float]) -> tuple[Tensor, ...]:
        return tuple(torch.tensor(pairs, dtype=torch.float64).T.clone())

    return compare(
        answer,
        lambda a, sigma: 2 * a * sigma**2,
        {
            "half a sum and σ = 1, the lecture's own": cases((0.5, 1)),
            "a sum of squares and σ = 1": cases((1, 1)),
            "a mean over 784 pixels and σ = 1": cases((1 / 784, 1)),
            "a sum of squares and narrow pixels": cases((1, 0.1)),
            "several code bases at once": cases((1, 0.5), (500 / 784, 0.3), (0.5, 2)),
        },
        slips={
            "sigma is a standard deviation; −log N has its square.": (
                lambda a, sigma: 2 * a * sigma
            ),
            "a factor 2 is missing. −log N has 1/(2σ²).": lambda a, sigma: a * sigma**2,
            "a factor is wrong. −log N has 1/(2σ²), so that a = 1/(2σ²) where b = 1.": (
                lambda a, sigma: a * sigma**2 / 2
            ),
            "σ². Noisier pixels say less, so the KL weighs more.": (
                lambda a, sigma: 2 * a / sigma**2
            ),
            "a. A loss that is twice as large in all has both weights doubled.": (
                lambda a, sigma: 2 * sigma**2
            ),
            "a. The two weights grow together, not against each other.": (
                lambda a, sigma: 2 * sigma**2 / a
            ),
            "the ratio is upside down.": lambda a, sigma: 1 / (2 * a * sigma**2),
            "b is 1 only where a = 1/(2σ²).": lambda a, sigma: torch.ones_like(a),
        },
    )


def check_vae_loss(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 08: E_q [−log p(x|z)] + KL for Bernoulli pixels.  (f, g, x) -> ()

    The draw may be made in any way, so the batch is large: the mean over 40,000 images
    of a reconstruction moves by less than a percent.
    """
    x = (torch.arange(120_000).reshape(40_000, 3) % 7 / 6).clone()
    weight = torch.tensor([[1.0, -0.5], [0.5, 1.5], [-1.5, 0.3]])

    def encoder(shift: float, logvar: float) -> objectives.GaussianEncoder:
        return lambda x: (x @ weight + shift, logvar - x[:, :2] / 2)

    def flat(z: Tensor) -> Tensor:
        return torch.zeros(len(z), 3)

    def decoder(z: Tensor) -> Tensor:
        return z @ weight.T

    def prior(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(x), 2), torch.zeros(len(x), 2)

    def parts(
        f: objectives.GaussianEncoder,
        g: Callable[[Tensor], Tensor],
        x: Tensor,
        *,
        pixels: float = 1.0,
        kl: float = 1.0,
        width: Callable[[Tensor], Tensor] = lambda logvar: (logvar / 2).exp(),
    ) -> Tensor:
        """The two terms, each with a weight, and a draw of that width."""
        mu, logvar = f(x)
        z = mu + width(logvar) * torch.randn_like(mu)
        nll = objectives.bernoulli_nll(x, g(z)).mean()
        return pixels * nll + kl * objectives.kl_to_standard_normal(mu, logvar).mean()

    return compare(
        answer,
        lambda f, g, x: objectives.vae_loss(f, g, x)["loss"],
        {
            "a collapsed VAE with undecided pixels, D log 2": (prior, flat, x),
            "only the KL differs from that": (encoder(0.5, -1.0), flat, x),
            "the prior as q, and a decoder that listens": (prior, decoder, x),
            "narrow clouds": (encoder(0.0, -4.0), decoder, x),
            "clouds wider than the prior": (encoder(0.0, 1.0), decoder, x),
        },
        slips={
            "the pixels. Their cross entropy is summed over an image, not averaged.": (
                lambda f, g, x: parts(f, g, x, pixels=1 / 3)
            ),
            "the KL is summed over the units, not averaged.": (
                lambda f, g, x: parts(f, g, x, kl=0.5)
            ),
            "both terms. Sum over pixels and units, and average over images alone.": (
                lambda f, g, x: parts(f, g, x, pixels=1 / 3, kl=0.5)
            ),
            "the KL is missing.": lambda f, g, x: parts(f, g, x, kl=0.0),
            "the sign of the KL. It is a price.": lambda f, g, x: parts(f, g, x, kl=-1.0),
            "the KL has a factor ½, once.": lambda f, g, x: parts(f, g, x, kl=2.0),
            "the draw. logvar is log σ², not σ.": (
                lambda f, g, x: parts(f, g, x, width=lambda v: v)
            ),
            "the draw. exp(logvar) is the variance, not σ.": (
                lambda f, g, x: parts(f, g, x, width=torch.exp)
            ),
            "the decoder must hear a draw, not the mean.": (
                lambda f, g, x: parts(f, g, x, width=torch.zeros_like)
            ),
            "the pixels are Bernoulli: cross entropy of logits, not a squared error.": (
                lambda f, g, x: objectives.vae_loss(f, g, x, nll=objectives.gaussian_nll)[
                    "loss"
                ]
            ),
            "average over the images of the batch; a sum was not asked for.": (
                lambda f, g, x: len(x) * parts(f, g, x)
            ),
            "one number was asked for, the mean over the batch.": (
                lambda f, g, x: (
                    objectives.bernoulli_nll(x, g(objectives.reparameterize(*f(x))))
                    + objectives.kl_to_standard_normal(*f(x))
                )
            ),
            "return the loss alone, not all terms by their names.": lambda f, g, x: {},
        },
        rtol=0.02,
    )


def check_m_step(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 00: μₖ = Σᵢ rᵢₖ xᵢ / Σᵢ rᵢₖ, the M step of EM.  (N, D), (N, K) -> (K, D)"""
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, -1.0], [1.0, 5.0]])
    winners = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    shares = torch.tensor([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    square = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])

    def means(x: Tensor, r: Tensor) -> Tensor:
        return r.T @ x / r.sum(0)[:, None]

    return compare(
        answer,
        means,
        {
            "one component, so its mean is the mean of all": (x, torch.ones(4, 1)),
            "every example belongs to one of two components": (x, winners),
            "shares of two components": (x, shares),
            "as many components as examples": (x[:3], square),
        },
        slips={
            "what is the weighted sum divided by? A component has not N examples.": (
                lambda x, r: r.T @ x / len(x)
            ),
            "divide, and not by a row of r: that is an example, and its shares add up to 1.": (
                lambda x, r: r.T @ x
            ),
            "the number of components is not what a component's weight adds up to.": (
                lambda x, r: r.T @ x / r.shape[1]
            ),
            "shares, not winners: every example counts for every component.": (
                lambda x, r: means(x, (r == r.amax(1, keepdim=True)).to(x))
            ),
            "the shares are used as they are, not squared.": (
                lambda x, r: means(x, r.square())
            ),
            "the shares already are what a softmax makes; apply none.": (
                lambda x, r: means(x, r.softmax(1))
            ),
            "where are the shares? These are equal means for all components.": (
                lambda x, r: x.mean(0).expand(r.shape[1], -1)
            ),
            "the shape. One row for each component.": lambda x, r: means(x, r).T,
            "these are the weights of the components, not their means.": (
                lambda x, r: r.mean(0)
            ),
        },
    )


def check_mixture_size(answer: int | None) -> Verdict:
    """Notebook 00: the free numbers of 30 Gaussians in 40 dimensions and their weights.

    40 for a mean, 40 · 41 / 2 for a symmetric covariance, 30 weights that add up to one.
    """
    return compare_value(
        answer,
        30 * (40 + 820) + 29,
        {
            "the weights. If you know all but one of them, you know the last.": 30 * 860
            + 30,
            "the weights of the components are missing.": 30 * 860,
            "the covariance is symmetric: half of it says the rest.": 30 * (40 + 1600) + 29,
            "the covariance is symmetric, and the weights add up to one.": 30 * 1641,
            "a covariance has more than its diagonal.": 30 * 80 + 29,
            "the means are missing, or the diagonals of the covariances.": 30 * 820 + 29,
            "the covariances are missing.": 30 * 40 + 29,
            "this is one component. There are 30, and their weights.": 860,
            "here the components have 784 dimensions; they see 40 numbers.": (
                30 * (784 + 784 * 785 // 2) + 29
            ),
        },
    )


def check_mixture_log_density(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 00: log p(x) = log Σₖ πₖ p(x|z = k).

    log πₖ (K,), log p(x|z = k) (B, K) -> (B,), nats, also where exp rounds to 0.
    """
    log_prior = torch.tensor([0.5, 0.3, 0.2]).log()
    log_likelihood = torch.tensor(
        [[-1.0, -2.0, -0.5], [0.4, 1.5, -3.0], [-9.0, -8.0, -9.5]]
    )

    def log_density(prior: Tensor, likelihood: Tensor) -> Tensor:
        return (prior + likelihood).logsumexp(1)

    return compare(
        answer,
        log_density,
        {
            "one component, so no sum is left": (torch.zeros(1), log_likelihood[:, :1]),
            "three equal components": (torch.full((3,), 1 / 3).log(), log_likelihood),
            "three components of different weight": (log_prior, log_likelihood),
            "two images": (log_prior, log_likelihood[1:]),
            "images so improbable that exp gives 0": (log_prior, log_likelihood - 2000),
            "a probable image beside an improbable one": (
                log_prior,
                log_likelihood[:2] - torch.tensor([[0.0], [2000.0]]),
            ),
            "images so probable that exp overflows": (log_prior, log_likelihood + 2000),
        },
        slips={
            "exp(−2000) is 0 for a computer, and log 0 is −∞. Avoid the exp.": (
                lambda prior, likelihood: (prior + likelihood).exp().sum(1).log()
            ),
            **{
                f"{tiny:g} inside the logarithm hides the −∞, and is wrong.": (
                    lambda prior, likelihood, tiny=tiny: (
                        (prior + likelihood).exp().sum(1) + tiny
                    ).log()
                )
                for tiny in _TINY
            },
            "each image has a largest term of its own to take out.": (
                lambda prior, likelihood: (
                    (top := (prior + likelihood).max())
                    + (prior + likelihood - top).exp().sum(1).log()
                )
            ),
            "the weights of the components are missing.": (
                lambda prior, likelihood: likelihood.logsumexp(1)
            ),
            "the weights come as logarithms already.": (
                lambda prior, likelihood: (prior.exp() + likelihood).logsumexp(1)
            ),
            "products of densities are sums of their logarithms.": (
                lambda prior, likelihood: (prior * likelihood).logsumexp(1)
            ),
            "the components have weights of their own, not 1/K each.": (
                lambda prior, likelihood: likelihood.logsumexp(1) - math.log(len(prior))
            ),
            "all components count, not only the likeliest.": (
                lambda prior, likelihood: (prior + likelihood).amax(1)
            ),
            "this is a mean of logarithms. The logarithm comes after the sum.": (
                lambda prior, likelihood: (prior.exp() * likelihood).sum(1)
            ),
            "this is a sum of logarithms. The logarithm comes after the sum.": (
                lambda prior, likelihood: (prior + likelihood).sum(1)
            ),
            "the weights make it a mean already; divide by nothing.": (
                lambda prior, likelihood: (
                    log_density(prior, likelihood) - math.log(len(prior))
                )
            ),
            "the axis. Sum over the components, not over the images.": (
                lambda prior, likelihood: (prior + likelihood).logsumexp(0)
            ),
            "this is the posterior. What was it divided by?": (
                lambda prior, likelihood: (prior + likelihood).log_softmax(1)
            ),
            "the sum over the components is missing.": (
                lambda prior, likelihood: prior + likelihood
            ),
            "the sign. This is −log p(x).": (
                lambda prior, likelihood: -log_density(prior, likelihood)
            ),
            "one number for each image, not their mean.": (
                lambda prior, likelihood: log_density(prior, likelihood).mean()
            ),
        },
    )


def check_mixture_draws(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 00: n draws of Σₖ πₖ N(meanₖ, σ²I).

    (n, weights (K,), means (K, D), sigma) -> (n, D). Any way of drawing is right, so the
    sample is large: shares and spreads of 40,000 draws or more move by less than a percent.
    """
    weights = torch.tensor([0.5, 0.3, 0.2])
    means = torch.tensor([[12.0, -12], [-12, 12], [18, 18]])
    mixture = 200_000, weights, means, 0.5

    def choose(n: int, weights: Tensor) -> Tensor:
        return torch.multinomial(weights, n, replacement=True)

    def draws(n, weights, means, sigma, *, choose=choose, noise=torch.randn_like):
        chosen = means[choose(n, weights)]
        return chosen + sigma * noise(chosen)

    def average(n, weights, means, sigma):
        return sum(
            weight * draws(n, torch.ones(1), mean[None], sigma)
            for weight, mean in zip(weights, means)
        )

    return compare(
        _statistics_of_draws(answer),
        _expected_statistics,
        {
            "five draws": ("shape", 5, weights, means, 0.5),
            "one component": ("spread", 200_000, weights[:1] / 0.5, means[:1], 0.5),
            "the share of draws near each mean": ("share", *mixture),
            "the middle of the draws near each mean": ("middle", *mixture),
            "their spread along each axis and along the diagonal": ("spread", *mixture),
            "the share of them within σ of the mean, 68 percent": ("bell", *mixture),
        },
        slips={
            hint: _statistics_of_draws(slip)
            for hint, slip in {
                "one component was chosen for all draws. Each has its own choice.": partial(
                    draws, choose=lambda n, w: choose(1, w).expand(n)
                ),
                "the weights. Not all components are chosen alike.": partial(
                    draws, choose=lambda n, w: torch.randint(len(w), (n,))
                ),
                "the heaviest component is not the only one.": partial(
                    draws, choose=lambda n, w: w.argmax().expand(n)
                ),
                "the weights choose a component; they do not average the means.": (
                    lambda n, weights, means, sigma: draws(
                        n, torch.ones(1), (weights @ means)[None], sigma
                    )
                ),
                "the weights choose a component; they do not average draws.": average,
                "the weights choose a component; they do not scale its mean.": (
                    lambda n, weights, means, sigma: draws(
                        n, weights, weights[:, None] * means, sigma
                    )
                ),
                "sigma is a standard deviation: multiply by it, not by its square.": (
                    lambda n, weights, means, sigma: draws(n, weights, means, sigma**2)
                ),
                "sigma is a standard deviation, and no root of it is needed.": (
                    lambda n, weights, means, sigma: draws(n, weights, means, sigma**0.5)
                ),
                "sigma is missing in front of the noise.": (
                    lambda n, weights, means, sigma: draws(n, weights, means, 1.0)
                ),
                "the second step is missing: draw around the mean.": partial(
                    draws, noise=torch.zeros_like
                ),
                "one ε for all draws. Each has noise of its own.": partial(
                    draws, noise=lambda chosen: torch.randn_like(chosen[0])
                ),
                "one ε for all coordinates of a draw. Each has noise of its own.": partial(
                    draws, noise=lambda chosen: torch.randn(len(chosen), 1)
                ),
                "randn draws from the normal distribution, rand from the uniform one.": (
                    partial(draws, noise=torch.rand_like)
                ),
                "the mean is missing: noise around 0 has no place.": (
                    lambda n, weights, means, sigma: draws(n, weights, 0 * means, sigma)
                ),
                "these are the choices. A point has to be drawn for each of them.": (
                    lambda n, weights, means, sigma: choose(n, weights)
                ),
            }.items()
        },
        rtol=0.03,
    )


def _statistics_of_draws(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A sampler, asked for one statistic of its draws, grouped by the nearest mean."""

    def measure(what: str, n: int, weights: Tensor, means: Tensor, sigma: float) -> Tensor:
        x = draw(n, weights, means, sigma)
        if what == "shape" or not isinstance(x, Tensor) or x.shape != (n, means.shape[1]):
            return 0 * x if isinstance(x, Tensor) else x
        nearest = torch.cdist(x.to(means), means).argmin(1)
        if what == "share":
            return nearest.bincount(minlength=len(means)) / n
        groups = [x[nearest == k].to(means) for k in range(len(means))]
        if what == "middle":
            return torch.stack([group.mean(0) for group in groups]).nan_to_num()
        if what == "bell":
            inside = [(x - mean).abs() < sigma for x, mean in zip(groups, means)]
            return torch.stack([each.float().mean(0) for each in inside]).nan_to_num()
        along = [torch.cat([group, group.sum(1, keepdim=True)], dim=1) for group in groups]
        # Not std(), which warns of a group of one draw or none; nan_to_num, so that two equal
        # answers without draws near a mean agree.
        spread = [(group - group.mean(0)).square().mean(0).sqrt() for group in along]
        return torch.stack(spread).nan_to_num()

    return measure


def _expected_statistics(
    what: str, n: int, weights: Tensor, means: Tensor, sigma: float
) -> Tensor:
    """The same statistics for infinitely many draws."""
    dim = means.shape[1]
    if what == "shape":
        return torch.zeros(n, dim)
    if what == "share":
        return weights
    if what == "middle":
        return means
    if what == "bell":
        return torch.full_like(means, math.erf(0.5**0.5))
    return torch.tensor([sigma] * dim + [sigma * dim**0.5]).expand(len(means), -1)


def check_lattice_sum(answer: Callable[[Tensor, float, int], Tensor]) -> Verdict:
    """Notebook 07: log Σⱼ p(x, zⱼ) hᴷ from log p(x, zⱼ).  (B, N), h, K -> (B,)"""
    log_joint = torch.tensor([[-1.0, 0.5, 0.0, -2.0], [-3.0, -1.0, -0.5, -1.5]])

    def log_sum(log_joint, h, k, *, plain=False, mean=False, line=False):
        log_sum = log_joint.exp().sum(1).log() if plain else log_joint.logsumexp(1)
        fewer = math.log(log_joint.shape[1]) if mean else 0.0
        return log_sum - fewer + (1 if line else k) * math.log(h)

    bugs = {
        "plain": "exp of −200 is 0 in single precision. There is a function that takes care.",
        "mean": "the cells are added up, not averaged.",
        "line": "a cell of the plane has the area h².",
    }
    return compare(
        answer,
        log_sum,
        {
            "a lattice on a line": (log_joint, 0.25, 1),
            "a lattice in the plane": (log_joint, 0.25, 2),
            "a cube": (log_joint[:1], 0.5, 3),
            "pictures: densities of e⁻²⁰⁰, too small for exp": (log_joint - 200, 0.25, 2),
        },
        slips=_left(bugs, log_sum)
        | {
            "the size of a cell is missing.": lambda log_joint, h, k: log_joint.logsumexp(
                1
            ),
            "the size of a cell stands inside the log, so that log h is added.": (
                lambda log_joint, h, k: log_joint.logsumexp(1) * h**k
            ),
            "the sign of log h. Smaller cells hold less.": (
                lambda log_joint, h, k: log_sum(log_joint, 1 / h, k)
            ),
            "a sum of logs is the log of a product.": (
                lambda log_joint, h, k: log_joint.sum(1) + k * math.log(h)
            ),
            "the log is missing.": (lambda log_joint, h, k: log_sum(log_joint, h, k).exp()),
            "the axis. Images are the rows, points of the lattice the columns.": (
                lambda log_joint, h, k: log_joint.logsumexp(0) + k * math.log(h)
            ),
            "the dimension is a power of h, not a factor.": (
                lambda log_joint, h, k: log_joint.logsumexp(1) + math.log(k * h)
            ),
        },
    )


def _left(
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


def check_width_price(answer: float | None) -> Verdict:
    """Notebook 07: KL(N(m, (2s)²) ‖ N(m, s²)) = ½ (4 − 1 − log 4), in nats."""
    price = 1.5 - math.log(2)
    return compare_value(
        answer,
        price,
        {
            "this is a q half as wide, or the two have changed places.": math.log(2)
            - 0.375,
            "the sign. A KL is never negative.": -price,
            "the factor ½ is missing.": 2 * price,
            "the logarithm is missing: a wide q is paid back a little.": 1.5,
            "½ log σ² is log σ: the factor ½ belongs to the logarithm, too.": 1.5
            - math.log(4),
            "the sign of the logarithm.": 1.5 + math.log(2),
            "this is the logarithm alone. The places far out are missing.": math.log(2),
            "twice the width is four times the variance.": (1 - math.log(2)) / 2,
            "the gap closes only for the posterior itself.": 0,
            "these are bits. Nats were asked for.": price / math.log(2),
        },
        rtol=0.005,
    )


def check_linear_elbo(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 07: the ELBO of q = N(μ, diag s²) where x | z ~ N(Wz + b, σ²I), exactly.

    x (B, D), w (D, K), b (D,), sigma, mu (B, K), logvar (B, K) -> (B,)
    """
    x = torch.tensor([[1.5, 0.2, -1.0], [0.0, 0.4, 2.0]])
    w = torch.tensor([[1.0, 0.5], [0.5, -1.0], [2.0, 0.3]])
    zero, b = torch.zeros(3), torch.tensor([0.5, -1.0, 0.2])
    mu, logvar = torch.tensor([[0.3, -0.7], [1.0, 0.1]]), torch.tensor([[-2.0, 0.5]] * 2)
    center, covariance = linear_gaussian.linear_posterior(x, w[:, :1], b, 0.6)
    width = covariance.log().expand(2, 1)

    def spread(
        x: Tensor, w: Tensor, b: Tensor, sigma: float, mu: Tensor, logvar: Tensor, **wrong
    ) -> Tensor:
        """What the width of q costs: Σₖ s²ₖ ‖wₖ‖² / 2σ².  -> (B,)"""
        s2, weight = (
            wrong.get("s2", logvar.exp()),
            wrong.get("weight", w.square().sum(0)),
        )
        return s2 @ weight / (2 * sigma**2)

    def elbo(
        x: Tensor,
        w: Tensor,
        b: Tensor,
        sigma: float,
        mu: Tensor,
        logvar: Tensor,
        **weights: float,
    ) -> Tensor:
        """The ELBO with another weight for its spread, its KL or its constant."""
        change = {name: 1 - weight for name, weight in weights.items()}
        constant = x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
        return (
            linear_gaussian.linear_elbo(x, w, b, sigma, mu, logvar)
            + change.get("spread", 0) * spread(x, w, b, sigma, mu, logvar)
            + change.get("kl", 0) * objectives.kl_to_standard_normal(mu, logvar)
            + change.get("constant", 0) * constant
        )

    return compare(
        answer,
        linear_gaussian.linear_elbo,
        {
            "q is the prior, σ = 1, b = 0": (x, w, zero, 1.0, 0 * mu, 0 * mu),
            "q is the true posterior, K = 1": (x, w[:, :1], b, 0.6, center, width),
            "any q, σ = 1": (x, w, zero, 1.0, mu, logvar),
            "any q, a narrow σ, b not 0": (x, w, b, 0.3, mu, logvar),
            "one image": (x[:1], w, b, 2.0, mu[:1], logvar[:1]),
        },
        slips={
            "E_q of the square has the spread of q in it, not its mean alone.": (
                lambda *q: elbo(*q, spread=0.0)
            ),
            "the spread. s² is exp(logvar), once.": (
                lambda *q: elbo(*q, spread=0.0) - spread(*q, s2=(2 * q[-1]).exp())
            ),
            "the spread. A unit's noise reaches the pixels by the squares of W's column.": (
                lambda *q: elbo(*q, spread=0.0) - spread(*q, weight=q[1].sum(0))
            ),
            "the KL is a price: it is taken away.": lambda *q: elbo(*q, kl=-1.0),
            "the KL is missing.": lambda *q: elbo(*q, kl=0.0),
            "the constant D/2 log 2πσ² is missing.": lambda *q: elbo(*q, constant=0.0),
            "the sign. The ELBO is a bound from below.": lambda *q: -elbo(*q),
            "b is missing in the mean Wz + b.": (lambda x, w, b, *q: elbo(x, w, 0 * b, *q)),
            "sigma is a standard deviation: its square is needed.": (
                lambda x, w, b, sigma, *q: elbo(x, w, b, sigma**0.5, *q)
            ),
            "one number for each image, not their mean.": lambda *q: elbo(*q).mean(),
            "that is log p(x), which no q reaches but the true posterior.": (
                lambda x, w, b, sigma, *q: linear_gaussian.linear_log_evidence(
                    x, w, b, sigma
                )
            ),
            "a draw of z leaves chance in it. Here the mean over q has a closed form.": (
                lambda x, w, b, sigma, mu, logvar: (
                    -objectives.gaussian_nll(
                        x, objectives.reparameterize(mu, logvar) @ w.T + b, sigma=sigma
                    )
                    - objectives.kl_to_standard_normal(mu, logvar)
                )
            ),
        },
    )


def check_importance_bound(answer: Callable[[Tensor], Tensor]) -> Verdict:
    """Notebook 07: log (1/L) Σₗ wₗ from log wₗ = log p(x, zₗ) − log q(zₗ|x).  (L, B) -> (B,)"""
    log_weights = torch.tensor([[0.0, -1.0, 2.0], [1.0, -1.0, -3.0], [-2.0, 0.5, 0.0]])
    return compare(
        answer,
        lambda log_weights: log_weights.logsumexp(0) - math.log(len(log_weights)),
        {
            "one draw, so the bound is its log weight": (log_weights[:1],),
            "all draws weigh the same": (log_weights[:1].expand(5, 3),),
            "three draws for each of three images": (log_weights,),
            "two draws for each of three images": (log_weights[:2],),
            "pictures: weights of e⁻²⁰⁰, too small for exp": (log_weights - 200,),
        },
        slips={
            "the log stands outside of the mean. Inside, it is the ELBO again.": (
                lambda log_weights: log_weights.mean(0)
            ),
            "a mean over the L draws is asked for: log L is missing.": (
                lambda log_weights: log_weights.logsumexp(0)
            ),
            "1/L stands inside the log, so that log L is taken away.": (
                lambda log_weights: log_weights.logsumexp(0) / len(log_weights)
            ),
            "the sign of log L.": (
                lambda log_weights: log_weights.logsumexp(0) + math.log(len(log_weights))
            ),
            "a sum of logs is the log of a product.": lambda log_weights: log_weights.sum(
                0
            ),
            "the largest weight alone is not the mean.": (
                lambda log_weights: log_weights.amax(0)
            ),
            "exp of −200 is 0 in single precision. There is a function that takes care.": (
                lambda log_weights: log_weights.exp().mean(0).log()
            ),
            "the log is missing.": lambda log_weights: log_weights.exp().mean(0),
            "the axis. Draws are the rows, images the columns.": (
                lambda log_weights: (
                    log_weights.logsumexp(1) - math.log(log_weights.shape[1])
                )
            ),
            "L is the number of draws, not of images.": (
                lambda log_weights: (
                    log_weights.logsumexp(0) - math.log(log_weights.shape[1])
                )
            ),
            "one number for each image, not their mean.": (
                lambda log_weights: (
                    log_weights.logsumexp(0) - math.log(len(log_weights))
                ).mean()
            ),
        },
    )


def check_nearest_code(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 09: the number of the nearest codebook vector.  (N, D), (K, D) -> (N,)"""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(7, 3, generator=generator)
    codebook = torch.randn(5, 3, generator=generator)
    line = torch.tensor([[0.0], [1.0], [5.0]])
    return compare(
        answer,
        vq_vae.nearest_code,
        {
            "three codes on a line": (torch.tensor([[0.4], [0.6], [2.9], [9.0]]), line),
            "codes of different lengths": (z, codebook * torch.arange(1.0, 6.0)[:, None]),
            "as many encodings as codes": (z[:5], codebook),
            "one encoding": (z[:1], codebook),
            "each code is nearest to itself": (codebook, codebook),
        },
        slips={
            "the axis. Each encoding looks for a code, not each code for an encoding.": (
                lambda z, codebook: torch.cdist(z, codebook).argmin(0)
            ),
            "the largest product favors long codes. Distances are asked for.": (
                lambda z, codebook: (z @ codebook.T).argmax(1)
            ),
            "‖z − e‖² has the product twice.": (
                lambda z, codebook: (codebook.square().sum(1) - z @ codebook.T).argmin(1)
            ),
            "the number of the code is asked for, not its vector.": (
                lambda z, codebook: codebook[vq_vae.nearest_code(z, codebook)]
            ),
            "the number of the code is asked for, not how far it is.": (
                lambda z, codebook: torch.cdist(z, codebook).amin(1)
            ),
            "square the differences before you add them up, or they cancel.": (
                lambda z, codebook: (z[:, None] - codebook).sum(2).abs().argmin(1)
            ),
            "each encoding has a code of its own, not all the same one.": (
                lambda z, codebook: torch.cdist(z, codebook).sum(0).argmin()
            ),
            "the nearest, not the farthest.": (
                lambda z, codebook: torch.cdist(z, codebook).argmax(1)
            ),
        },
    )


def check_perplexity(answer: Callable[[Tensor], Tensor]) -> Verdict:
    """Notebook 09: exp(−Σₖ pₖ log pₖ), with 0 log 0 = 0.  (K,) -> ()"""
    return compare(
        answer,
        lambda share: torch.special.entr(share).sum().exp(),
        {
            "four codes, used alike": (torch.full((4,), 0.25),),
            "two codes, one of them more often": (torch.tensor([0.9, 0.1]),),
            "three codes": (torch.tensor([0.5, 0.3, 0.2]),),
            "some are never used": (torch.tensor([0.5, 0.0, 0.5, 0.0]),),
            "one takes all": (torch.tensor([0.0, 1.0, 0.0]),),
        },
        slips={
            "0 log 0 counts as 0; a computer makes it nan.": (
                lambda share: (-(share * share.log()).sum()).exp()
            ),
            "the sign. An entropy is not negative.": (
                lambda share: torch.special.entr(share).sum().neg().exp()
            ),
            "that is the entropy; its exp is asked for.": (
                lambda share: torch.special.entr(share).sum()
            ),
            "log and exp must have the same base.": (
                lambda share: (torch.special.entr(share).sum() / math.log(2)).exp()
            ),
            "the entropy is a sum over the codes, not their mean.": (
                lambda share: torch.special.entr(share).mean().exp()
            ),
            "a code that is hardly used counts for less than one that is used often.": (
                lambda share: (share > 0).sum().float()
            ),
            "all codes count, not the most frequent alone.": lambda share: 1 / share.max(),
            "the entropy has a log, not a square.": lambda share: 1 / share.square().sum(),
        },
    )


def check_straight_through(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 09: the value of e with the gradient of z.  (B, D), (B, D) -> (B, D)

    What is compared: the value, and the gradients in z and e of a weighted sum of it.
    """

    def value_and_gradients(
        through: Callable[[Tensor, Tensor], Tensor],
    ) -> Callable[..., Tensor]:
        def run(z: Tensor, e: Tensor) -> Tensor:
            z, e = z.requires_grad_(), e.requires_grad_()
            value = through(z, e)
            weight = torch.arange(1.0, 1 + value.numel()).view_as(value)
            gradients = torch.autograd.grad(
                (weight * value).sum(), (z, e), allow_unused=True, materialize_grads=True
            )
            return torch.stack([value.detach(), *gradients])

        return run

    z, e = torch.tensor([[0.2, -1.4], [3.0, 0.6]]), torch.tensor([[0.0, -1.0], [3.0, 1.0]])
    return compare(
        value_and_gradients(answer),
        value_and_gradients(objectives.straight_through),
        {
            "value, gradient in z, gradient in e": (z, e),
            "nothing to round": (e, e.clone()),
            "one number": (z[:1, :1], e[:1, :1]),
        },
        slips={
            hint: value_and_gradients(slip)
            for hint, slip in {
                "the value is right, but the gradient goes to e: detach the difference.": (
                    lambda z, e: e
                ),
                "the gradient is right, but the decoder must get e.": lambda z, e: z,
                "detach the whole difference: −z takes the gradient back.": (
                    lambda z, e: z + (e.detach() - z)
                ),
                "the value is e, not half-way to it.": lambda z, e: (z + e) / 2,
                "the sign of the difference.": lambda z, e: z - (e - z).detach(),
                "the gradient comes to z as it is, not a share of it.": (
                    lambda z, e: e.detach() + (z - z.detach()) / 2
                ),
                "e must not learn from it.": lambda z, e: e + (z - z.detach()),
            }.items()
        },
    )


def check_plain_bits(answer: int | None) -> Verdict:
    """Notebook 09: (32² + 64²) · log₂ 512, a photograph's codes written plainly."""
    return compare_value(
        answer,
        (32**2 + 64**2) * 9,
        {
            "this is the top alone.": 32**2 * 9,
            "this is the bottom alone.": 64**2 * 9,
            "these are the symbols. How many bits does one of 512 take?": 32**2 + 64**2,
            "one of 512 symbols is named by log₂ 512 bits, not by 512.": (32**2 + 64**2)
            * 512,
            "these are bytes.": (32**2 + 64**2) * 9 / 8,
            "these are nats. A bit is log 2 of a nat.": (32**2 + 64**2) * math.log(512),
            "a map has 32 rows of 32 places.": (32 + 64) * 9,
            "places of both maps are added, not multiplied.": 32**2 * 64**2 * 9,
            "these are the bits of the picture itself.": 256**2 * 3 * 8,
            "with eight bits a symbol there are 256 of them.": (32**2 + 64**2) * 8,
        },
        rtol=1e-4,
    )


def check_diffuse(answer: Callable[[Tensor, Tensor, list[float]], Tensor]) -> Verdict:
    """Notebook 10: √ᾱ x + √(1 − ᾱ) ε with ᾱ = ∏ αₛ, all steps at once.  -> (B, D)"""
    generator = torch.Generator().manual_seed(0)
    x, eps = torch.randn(2, 3, 4, generator=generator)

    def diffuse(x: Tensor, eps: Tensor, left: float) -> Tensor:
        return objectives.diffuse(x, eps, torch.tensor(left))

    def step_by_step(x: Tensor, eps: Tensor, alpha: list[float]) -> Tensor:
        for a in alpha:
            x = diffuse(x, eps, a)
        return x

    return compare(
        answer,
        lambda x, eps, alpha: diffuse(x, eps, math.prod(alpha)),
        {
            "one step": (x, eps, [0.7]),
            "two equal steps": (x, eps, [0.9, 0.9]),
            "three different steps": (x, eps, [0.99, 0.8, 0.4]),
            "a step without noise": (x, eps, [1.0]),
            "nothing is left of x": (x, eps, [0.5, 0.0]),
        },
        slips={
            "ᾱ is a share of the variance: x shrinks by its root.": (
                lambda x, eps, alpha: math.prod(alpha) * x + (1 - math.prod(alpha)) * eps
            ),
            "the noise. Its variance is 1 − ᾱ, so a root is missing.": (
                lambda x, eps, alpha: (
                    math.sqrt(math.prod(alpha)) * x + (1 - math.prod(alpha)) * eps
                )
            ),
            "x shrinks by the root of ᾱ.": (
                lambda x, eps, alpha: (
                    math.prod(alpha) * x + math.sqrt(1 - math.prod(alpha)) * eps
                )
            ),
            "all steps count, not the last one alone.": (
                lambda x, eps, alpha: diffuse(x, eps, alpha[-1])
            ),
            "all steps count, not the first one alone.": (
                lambda x, eps, alpha: diffuse(x, eps, alpha[0])
            ),
            "shares are multiplied, not added or averaged.": (
                lambda x, eps, alpha: diffuse(x, eps, sum(alpha) / len(alpha))
            ),
            "the noise grows as x shrinks: 1 − ᾱ, not ᾱ.": (
                lambda x, eps, alpha: math.sqrt(math.prod(alpha)) * (x + eps)
            ),
            "x and ε have changed places.": (
                lambda x, eps, alpha: diffuse(eps, x, math.prod(alpha))
            ),
            "x shrinks as well, or the sum explodes.": (
                lambda x, eps, alpha: x + math.sqrt(1 - math.prod(alpha)) * eps
            ),
            "variances add up, standard deviations do not.": (
                lambda x, eps, alpha: (
                    math.sqrt(math.prod(alpha)) * x
                    + sum(math.sqrt(1 - a) for a in alpha) * eps
                )
            ),
            "the noise is not scaled yet.": (
                lambda x, eps, alpha: math.sqrt(math.prod(alpha)) * x + eps
            ),
            "the same ε at each step would add up; the closed form has one for all.": (
                step_by_step
            ),
        },
    )


def check_reverse_step(answer: Callable[..., Tensor]) -> Verdict:
    """Notebook 10: (x − (1 − α)/√(1 − ᾱ) ε̂)/√α + √(1 − α) ξ.  (B, D) and α, ᾱ -> (B, D)"""
    generator = torch.Generator().manual_seed(0)
    x, eps, xi = torch.randn(3, 3, 4, generator=generator)

    def step(x, eps, alpha, alpha_bar, xi, *, part=False, variance=False, width=False):
        beta, seen = 1 - alpha, 1 - alpha_bar
        shift = beta / (seen if variance else seen**0.5) * eps
        mean = x - shift / alpha**0.5 if part else (x - shift) / alpha**0.5
        return mean + (beta if width else beta**0.5) * xi

    bugs = {
        "part": "all of the mean is divided by √α, x as well.",
        "variance": "the noise that the network sees has the width √(1 − ᾱ).",
        "width": "β is the variance of the new noise, so its width is √β.",
    }
    return compare(
        answer,
        step,
        {
            "no noise seen, none added": (x, 0 * eps, 0.8, 0.5, 0 * xi),
            "no noise is added": (x, eps, 0.8, 0.5, 0 * xi),
            "late, near the data": (x, eps, 0.99, 0.98, xi),
            "in the middle": (x, eps, 0.9, 0.5, xi),
            "early, nearly all is noise": (x, eps, 0.7, 0.01, xi),
        },
        slips=_left(bugs, step)
        | {
            "the sign. What the network sees as noise is taken away.": (
                lambda x, eps, alpha, alpha_bar, xi: step(x, -eps, alpha, alpha_bar, xi)
            ),
            "α and ᾱ have changed places.": (
                lambda x, eps, alpha, alpha_bar, xi: step(x, eps, alpha_bar, alpha, xi)
            ),
            "under the root of the network's noise stands ᾱ, of all steps, not α of one.": (
                lambda x, eps, alpha, alpha_bar, xi: step(x, eps, alpha, alpha, xi)
            ),
            "the new noise is missing.": (
                lambda x, eps, alpha, alpha_bar, xi: step(x, eps, alpha, alpha_bar, 0 * xi)
            ),
            "the new noise is not shrunk yet.": (
                lambda x, eps, alpha, alpha_bar, xi: (
                    step(x, eps, alpha, alpha_bar, 0 * xi) + xi
                )
            ),
            "the new noise comes after the division by √α.": (
                lambda x, eps, alpha, alpha_bar, xi: (
                    step(x, eps, alpha, alpha_bar, 0 * xi)
                    + ((1 - alpha) / alpha) ** 0.5 * xi
                )
            ),
            "dividing by √α is missing: a step back makes x larger again.": (
                lambda x, eps, alpha, alpha_bar, xi: (
                    x - (1 - alpha) / (1 - alpha_bar) ** 0.5 * eps + (1 - alpha) ** 0.5 * xi
                )
            ),
            "one divides by the root of α.": (
                lambda x, eps, alpha, alpha_bar, xi: (
                    (x - (1 - alpha) / (1 - alpha_bar) ** 0.5 * eps) / alpha
                    + (1 - alpha) ** 0.5 * xi
                )
            ),
            "this takes away all noise at once. A step takes away its own share.": (
                lambda x, eps, alpha, alpha_bar, xi: (
                    (x - (1 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5
                )
            ),
        },
    )


def check_best_reply(answer: float | None) -> Verdict:
    """Notebook 10: D* = p / (p + p̃) at x = 1.5 for p = N(0, 1) and p̃ = N(2, 1)."""
    real, fake = math.exp(-(1.5**2) / 2), math.exp(-(0.5**2) / 2)
    return compare_value(
        answer,
        real / (real + fake),
        {
            "real and fake have changed places.": fake / (real + fake),
            "this is the logit. D is its sigmoid.": math.log(real / fake),
            "this is the quotient of the two densities; D* is a share of their sum.": real
            / fake,
            "so it is half-way, where both densities are equal.": 0.5,
            "this is the density of the data there. How large is that of the samples?": real
            / math.tau**0.5,
            "the exponent of a Gaussian has a factor ½.": real**2 / (real**2 + fake**2),
            "the squares are missing in the exponents.": math.exp(-0.75)
            / (math.exp(-0.75) + math.exp(-0.25)),
            "a probability lies between 0 and 1, and this is its share in percent.": 100
            * real
            / (real + fake),
        },
        rtol=0.005,
    )


def check_discriminator_loss(answer: Callable[[Tensor, Tensor], Tensor]) -> Verdict:
    """Notebook 10: −E log D(real) − E log(1 − D(fake)), from logits.  (B,), (B,) -> ()"""

    def loss(real: Tensor, fake: Tensor) -> Tensor:
        return objectives.discriminator_loss(lambda logit: logit, real, fake)

    return compare(
        answer,
        loss,
        {
            "it cannot tell: 2 log 2": (torch.zeros(3), torch.zeros(3)),
            "it knows a little": (torch.tensor([1.0, 0.5]), torch.tensor([-1.0, 0.3])),
            "it is wrong about both": (torch.tensor([-2.0]), torch.tensor([3.0])),
            "batches of different sizes": (torch.tensor([1.0, 2, 3]), torch.tensor([-1.0])),
            "very sure, and right": (torch.tensor([100.0]), torch.tensor([-100.0])),
            "very sure, and wrong": (torch.tensor([-100.0]), torch.tensor([100.0])),
        },
        slips={
            "the sign. A loss is to be made small.": lambda real, fake: -loss(real, fake),
            "real and fake have changed places.": lambda real, fake: loss(fake, real),
            "the samples. The discriminator is to say no to them.": (
                lambda real, fake: loss(real, -fake)
            ),
            "the data. The discriminator is to say yes to them.": (
                lambda real, fake: loss(-real, fake)
            ),
            "a mean over each batch, not a sum.": (
                lambda real, fake: F.softplus(-real).sum() + F.softplus(fake).sum()
            ),
            "each batch has its own mean; together, the larger one would count more.": (
                lambda real, fake: torch.cat([F.softplus(-real), F.softplus(fake)]).mean()
            ),
            "the two means are added, not averaged.": (
                lambda real, fake: loss(real, fake) / 2
            ),
            "log of a sigmoid that has rounded to 0 is infinite. Begin with the logits.": (
                lambda real, fake: (
                    -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
                )
            ),
            "that is the generator's loss.": lambda real, fake: F.softplus(-fake).mean(),
            "two means were asked for, so one number.": (
                lambda real, fake: F.softplus(-real) + F.softplus(fake)
            ),
            "the samples are missing.": lambda real, fake: F.softplus(-real).mean(),
            "the data are missing.": lambda real, fake: F.softplus(fake).mean(),
            "what comes in are logits: D is their sigmoid.": (
                lambda real, fake: -real.log().mean() - (1 - fake).log().mean()
            ),
            "the log is missing.": (
                lambda real, fake: -real.sigmoid().mean() - (1 - fake.sigmoid()).mean()
            ),
        },
    )
