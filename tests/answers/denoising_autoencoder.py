"""Answers for notebook 04: right ones, and wrong ones with a part of the message."""

import math

import torch
from torch.distributions import Normal
from torch.nn.functional import mse_loss

from course_utils import objectives
from course_utils.exercises import denoising_autoencoder
from course_utils.theory import mixtures


def dae_with(draw):
    """The DAE's loss with the noise added by ``draw(x, sigma)``."""
    return lambda f, g, x, sigma: (x - g(f(draw(x, sigma)))).square().sum(1).mean()


def noise_column_by_column(x, sigma):
    """Noise of the same distribution, but with other numbers than torch.randn_like(x)."""
    return torch.stack([pixel + sigma * torch.randn(len(x)) for pixel in x.T], dim=1)


def turning_point():
    """The least σ, in steps of 0.001, for which the score near the middle points to it."""
    means, near = mixtures.ring_of_means().cpu(), torch.tensor([[0.01, 0.0]])
    sigmas = torch.arange(1, 2, 0.001).tolist()
    scores = (mixtures.mixture_score(near, means, sigma=math.hypot(0.2, s)) for s in sigmas)
    return next(s for s, score in zip(sigmas, scores) if score[0, 0] < 0)


RIGHT = {
    denoising_autoencoder.check_dae_loss: {
        "package": dae_with(objectives.add_noise),
        "shape by hand": dae_with(lambda x, sigma: x + sigma * torch.randn(x.shape)),
        "torch.normal": dae_with(lambda x, sigma: torch.normal(x, sigma)),
        "torch.distributions": dae_with(
            lambda x, sigma: Normal(0.0, max(sigma, 1e-9)).sample(x.shape) + x
        ),
        "in another order": dae_with(noise_column_by_column),
        "one superfluous draw": lambda f, g, x, sigma: objectives.dae_loss(
            f, g, torch.randn(7).sum() * 0 + x, sigma=sigma
        )["recon"],
    },
    denoising_autoencoder.check_score_from_denoiser: {
        "one line": lambda r, x, sigma: (r(x) - x) / sigma**2,
        "noise, then its sign": lambda r, x, sigma: -(x - r(x)).div(sigma).div(sigma),
        "row by row": lambda r, x, sigma: torch.cat(
            [(r(row) - row) * sigma**-2 for row in x.split(1)]
        ),
    },
    denoising_autoencoder.check_summit: {
        "1.4": 1.4,
        "by theory": math.sqrt(2**2 / 2 - 0.2**2),
        "by search": turning_point(),
    },
    denoising_autoencoder.check_langevin_step: {
        "formula": lambda score, x, h: (
            x + h / 2 * score(x) + math.sqrt(h) * torch.randn_like(x)
        ),
        "torch.normal": lambda score, x, h: torch.normal(x + h / 2 * score(x), h**0.5),
        "torch.distributions": lambda score, x, h: Normal(
            x + 0.5 * h * score(x), math.sqrt(h)
        ).sample(),
        "row by row": lambda score, x, h: (
            x + (h * score(x)) / 2 + torch.randn(x.shape[::-1]).T * h**0.5
        ),
    },
}

WRONG = {
    denoising_autoencoder.check_dae_loss: {
        "noise on the target too": (
            "the clean x, not with the noisy",
            lambda f, g, x, sigma: objectives.ae_loss(f, g, objectives.add_noise(x, sigma))[
                "loss"
            ],
        ),
        "two noises": (
            "has to be the clean x",
            lambda f, g, x, sigma: (
                mse_loss(
                    g(f(x + sigma * torch.randn(x.shape))),
                    x + sigma * torch.randn(x.shape),
                    reduction="sum",
                )
                / len(x)
            ),
        ),
        "noise on the reconstruction": (
            "not on the target or the reconstruction",
            lambda f, g, x, sigma: (
                (x - g(f(x)) - sigma * torch.randn(x.shape)).square().sum(1).mean()
            ),
        ),
        "σ for a variance": (
            "no root",
            dae_with(lambda x, sigma: x + sigma**0.5 * torch.randn_like(x)),
        ),
        "σ forgotten": (
            "sigma is missing",
            dae_with(lambda x, sigma: torch.normal(x, 1.0)),
        ),
        "the mean is 1": (
            "mean 0",
            dae_with(lambda x, sigma: x + sigma * torch.normal(1.0, 1.0, x.shape)),
        ),
        "multiplicative noise": (
            "does not multiply",
            dae_with(lambda x, sigma: x + x * sigma * torch.randn(x.shape)),
        ),
        "length": (
            "squared",
            lambda f, g, x, sigma: torch.linalg.vector_norm(
                x - g(f(torch.normal(x, sigma))), dim=1
            ).mean(),
        ),
        "reconstruction detached": (
            "both networks",
            lambda f, g, x, sigma: objectives.squared_error(
                x, g(f(objectives.add_noise(x, sigma))).data
            ).mean(),
        ),
    },
    denoising_autoencoder.check_score_from_denoiser: {
        "multiplied": ("do not multiply", lambda r, x, sigma: (r(x) - x) * sigma**2),
        "its direction": (
            "do not normalize",
            lambda r, x, sigma: (
                (r(x) - x) / (r(x) - x).norm(dim=1, keepdim=True).clamp(min=1e-9)
            ),
        ),
        "noise added": (
            "do not add more",
            lambda r, x, sigma: (r(y := x + sigma * torch.randn(x.shape)) - y) / sigma**2,
        ),
        "numpy": ("got ndarray", lambda r, x, sigma: ((r(x) - x) / sigma**2).numpy()),
    },
    denoising_autoencoder.check_summit: {
        "√2": ("width of the smoothed", 1.414),
        "two clusters": ("two clusters", 1.99),
        "variances added": ("less than the sum", 1.428),
        "a guess": ("It is not 1.2", 1.2),
    },
    denoising_autoencoder.check_langevin_step: {
        "one ε per particle": (
            "coordinate",
            lambda score, x, h: x + h / 2 * score(x) + h**0.5 * torch.randn(len(x), 1),
        ),
        "√2h": (
            "factor 2",
            lambda score, x, h: (
                x + h / 2 * score(x) + math.sqrt(2 * h) * torch.randn_like(x)
            ),
        ),
        "no score": ("score", lambda score, x, h: torch.normal(x, h**0.5)),
        "forgotten return": ("a return may be missing", lambda score, x, h: None),
    },
}
