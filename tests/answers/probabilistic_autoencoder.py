"""Answers for notebook 05: right ones, and wrong ones with a part of the message."""

import math

import torch
from torch.distributions import Independent, Normal

from course_utils import objectives
from course_utils.exercises import probabilistic_autoencoder


def nll_pixel_by_pixel(x, mean, sigma):
    variance = torch.tensor(sigma) ** 2
    return 0.5 * ((x - mean) ** 2 / variance + torch.log(2 * torch.pi * variance)).sum(1)


def regularized_pae_in_one_line(f, g, x, lam):
    z = f(x)
    return ((x - g(z + torch.randn_like(z))) ** 2).sum(1).mean() + lam * z.pow(2).sum(
        1
    ).mean()


def regularized_pae_with_distributions(f, g, x, lam):
    q = Normal(f(x), 1.0)
    error = torch.linalg.vector_norm(x - g(q.rsample()), dim=1) ** 2
    return (error + lam * torch.linalg.vector_norm(q.mean, dim=1) ** 2).mean()


def regularized_pae(f, g, x, lam, sigma=1.0):
    return objectives.regularized_pae_loss(f, g, x, lam=lam, sigma=sigma)["loss"]


GENERATOR = torch.Generator().manual_seed(1)


def seeded_pae(f, g, x, lam):
    torch.manual_seed(42)
    return regularized_pae(f, g, x, lam)


RIGHT = {
    probabilistic_autoencoder.check_gaussian_nll: {
        "package": lambda x, mean, sigma: objectives.gaussian_nll(x, mean, sigma=sigma),
        "torch.distributions": lambda x, mean, sigma: (
            -Independent(Normal(mean, sigma), 1).log_prob(x)
        ),
        "pixel by pixel": nll_pixel_by_pixel,
    },
    probabilistic_autoencoder.check_perfect_nll: {
        "constant": 392 * math.log(2 * math.pi),
        "rounded": 720,
        "torch.distributions": -Normal(torch.zeros(784), 1.0)
        .log_prob(torch.zeros(784))
        .sum(),
        "package": objectives.gaussian_nll(torch.zeros(1, 784), torch.zeros(1, 784)).item(),
    },
    probabilistic_autoencoder.check_safe_nll: {
        "package": objectives.gaussian_nll,
        "logarithm first": lambda x, mean: (
            (x - mean) ** 2 / 2 + math.log(2 * math.pi) / 2
        ).sum(1),
        "torch.distributions": lambda x, mean: (
            -Independent(Normal(mean, 1.0), 1).log_prob(x)
        ),
        "sum of logarithms": lambda x, mean: (
            -((-(x - mean).square() / 2).exp() / math.sqrt(2 * math.pi)).log().sum(1)
        ),
        "double": lambda x, mean: -Normal(mean.double(), 1.0).log_prob(x.double()).sum(1),
    },
    probabilistic_autoencoder.check_regularized_pae: {
        "package": regularized_pae,
        "one line": regularized_pae_in_one_line,
        "torch.distributions": regularized_pae_with_distributions,
    },
}

WRONG = {
    probabilistic_autoencoder.check_gaussian_nll: {
        "constant without σ": (
            "depends on σ",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma**2)
                + x.shape[1] / 2 * math.log(2 * math.pi)
            ),
        ),
        "B for D": (
            "not of images",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma**2)
                + 0.5 * len(x) * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "error over σ": (
            "divide the error",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma)
                + x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "σ for σ² in the constant": (
            "the variance, in its logarithm",
            lambda x, mean, sigma: (
                (x - mean).square().sum(1) / (2 * sigma**2)
                + x.shape[1] / 2 * math.log(2 * math.pi * sigma)
            ),
        ),
        "σ for σ²": (
            "variance is its square",
            lambda x, mean, sigma: nll_pixel_by_pixel(x, mean, sigma**0.5),
        ),
        "sign": ("sign", lambda x, mean, sigma: Normal(mean, sigma).log_prob(x).sum(1)),
        "mean over the pixels": (
            "add up the D pixels of an image",
            lambda x, mean, sigma: -Normal(mean, sigma).log_prob(x).mean(1),
        ),
        "mean squared error": (
            "add up the squared errors",
            lambda x, mean, sigma: (
                ((x - mean) ** 2).mean(1) / (2 * sigma**2)
                + x.shape[1] / 2 * math.log(2 * math.pi * sigma**2)
            ),
        ),
        "numpy": (
            "got ndarray",
            lambda x, mean, sigma: nll_pixel_by_pixel(x, mean, sigma).detach().numpy(),
        ),
    },
    probabilistic_autoencoder.check_perfect_nll: {
        "sign": ("sign", -720.45),
        "rounded early": ("round at the end", 784 * 0.92),
        "base 10": ("base 10", 312.9),
        "densities added up": ("densities added up", 784 / math.sqrt(2 * math.pi)),
        "one pixel": ("There are 784", 0.919),
        "a word": ("not a number", "zero"),
        "a density": ("It is not 1", 1),
    },
    probabilistic_autoencoder.check_safe_nll: {
        "the product": (
            "still the product",
            lambda x, mean: -torch.prod(Normal(mean, 1.0).log_prob(x).exp(), 1).log(),
        ),
        "double": (
            "double precision",
            lambda x, mean: (
                -Normal(mean.double(), 1.0).log_prob(x.double()).exp().prod(1).log()
            ),
        ),
        "clamped": (
            "1e-30 inside",
            lambda x, mean: (
                -torch.log(
                    torch.clamp(Normal(mean, 1.0).log_prob(x).exp().prod(1), min=1e-30)
                )
            ),
        ),
        "logarithm of a sum": (
            "logarithm of a sum",
            lambda x, mean: -Normal(mean, 1.0).log_prob(x).exp().sum(1).log(),
        ),
        "product of the logarithms": (
            "not their product",
            lambda x, mean: -Normal(mean, 1.0).log_prob(x).prod(dim=1),
        ),
        "over the images": (
            "not the images",
            lambda x, mean: -Normal(mean, 1.0).log_prob(x).sum(dim=0),
        ),
        "one constant": (
            "Every pixel",
            lambda x, mean: (x - mean).square().sum(1) / 2 + math.log(math.tau) / 2,
        ),
        "forgotten return": ("a return may be missing", lambda x, mean: None),
    },
    probabilistic_autoencoder.check_regularized_pae: {
        "torch.normal": (
            "or torch.normal",
            lambda f, g, x, lam: (
                (x - g(torch.normal(f(x), 1.0))).square().sum(1).mean()
                + lam * f(x).square().sum(1).mean()
            ),
        ),
        "no noise": (
            "noise ε is missing",
            lambda f, g, x, lam: (
                objectives.ae_loss(f, g, x)["loss"] + lam * f(x).square().sum(1).mean()
            ),
        ),
        "noise on the image": (
            "not on the image",
            lambda f, g, x, lam: (
                objectives.dae_loss(f, g, x, sigma=1.0)["loss"]
                + lam * f(x).square().sum(1).mean()
            ),
        ),
        "penalty on the noisy code": (
            "without its noise",
            lambda f, g, x, lam: regularized_pae(
                lambda x: f(x) + torch.randn_like(f(x)), g, x, lam, sigma=0.0
            ),
        ),
        "one ε a code": (
            "all numbers of a code",
            lambda f, g, x, lam: (
                (x - g(f(x) + torch.randn(len(x), 1))).square().sum(1)
                + lam * f(x).square().sum(1)
            ).mean(),
        ),
        "sparse penalty": (
            "not absolute values",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] + lam * f(x).abs().sum(1).mean()
            ),
        ),
        "penalty averaged over the code": (
            "penalty adds up",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] + lam * (f(x) ** 2).mean()
            ),
        ),
        "penalty with a factor ½": (
            "without a factor ½",
            lambda f, g, x, lam: regularized_pae(f, g, x, lam / 2),
        ),
        "error with a factor ½": (
            "error has no factor ½",
            lambda f, g, x, lam: (
                objectives.pae_loss(f, g, x)["loss"] / 2 + lam * f(x).square().sum(1).mean()
            ),
        ),
        "drawn by sample": (
            "gradient of the error",
            lambda f, g, x, lam: (
                (x - g(Normal(f(x), 1.0).sample())).square().sum(1).mean()
                + lam * f(x).square().sum(1).mean()
            ),
        ),
        "minus ε": (
            "write f(x) + ε",
            lambda f, g, x, lam: (
                (x - g((z := f(x)) - torch.randn_like(z))).square().sum(1)
                + lam * z.square().sum(1)
            ).mean(),
        ),
        "a generator of its own": (
            "draw with torch.randn_like",
            lambda f, g, x, lam: (
                (x - g((z := f(x)) + torch.randn(z.shape, generator=GENERATOR)))
                .square()
                .sum(1)
                + lam * z.square().sum(1)
            ).mean(),
        ),
        "the same ε in every call": (
            "set no seed",
            seeded_pae,
        ),
        "code detached": (
            "keeps the gradient from the encoder",
            lambda f, g, x, lam: regularized_pae(lambda x: f(x).detach(), g, x, lam),
        ),
    },
}
