"""Answers for notebook 04: right ones, and wrong ones with a part of the message."""

import math

import numpy as np
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
    """The least σ, in steps of 0.01, for which the score near the middle points to it."""
    means, near = mixtures.ring_of_means().cpu(), torch.tensor([[0.01, 0.0]])
    sigmas = [i / 100 for i in range(100, 200)]
    scores = (mixtures.mixture_score(near, means, sigma=math.hypot(0.6, s)) for s in sigmas)
    return next(s for s, score in zip(sigmas, scores) if score[0, 0] < 0)


def image_by_image(f, g, x, sigma):
    """Each image on its own: a row of numbers, not a batch."""
    errors = [(row - g(f(row + sigma * torch.randn_like(row)))).square().sum() for row in x]
    return sum(errors) / len(errors)


def in_chunks(f, g, x, sigma):
    chunks = x.split(300)
    return sum(
        len(c) * objectives.dae_loss(f, g, c, sigma=sigma)["loss"] for c in chunks
    ) / len(x)


def clamped(f, g, x, sigma):
    noisy = torch.clamp(x + sigma * torch.randn_like(x), 0, 1)
    return (g(f(noisy)) - x).pow(2).sum(1).mean()


def predicts_the_noise(f, g, x, sigma):
    noise = torch.randn(x.shape)
    return objectives.squared_error(noise, g(f(x + sigma * noise))).mean()


def seeded(f, g, x, sigma):
    torch.manual_seed(1)
    return objectives.dae_loss(f, g, x, sigma=sigma)["loss"]


RIGHT = {
    denoising_autoencoder.check_dae_loss: {
        "package": dae_with(objectives.add_noise),
        "shape by hand": dae_with(lambda x, sigma: x + sigma * torch.randn(x.shape)),
        "torch.normal": dae_with(lambda x, sigma: torch.normal(x, sigma)),
        "torch.distributions": dae_with(
            lambda x, sigma: Normal(0.0, max(sigma, 1e-9)).sample(x.shape) + x
        ),
        "torch.distributions, around x": dae_with(
            lambda x, sigma: Normal(x, sigma).sample()
        ),
        "in another order": dae_with(noise_column_by_column),
        "image by image": image_by_image,
        "in chunks": in_chunks,
        "one superfluous draw": lambda f, g, x, sigma: objectives.dae_loss(
            f, g, torch.randn(7).sum() * 0 + x, sigma=sigma
        )["recon"],
    },
    denoising_autoencoder.check_best_denoiser: {
        "one line": lambda score, x, sigma: x + sigma**2 * score(x),
        "a Langevin step without noise": lambda score, x, sigma: x.add(
            score(x), alpha=sigma * sigma
        ),
        "row by row": lambda score, x, sigma: torch.cat(
            [row + score(row) * sigma * sigma for row in x.split(1)]
        ),
    },
    denoising_autoencoder.check_closing_sigma: {
        "1.28": 1.28,
        "by theory": math.sqrt(2**2 / 2 - 0.6**2),
        "by search": turning_point(),
        "numpy": np.float32(1.28),
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
        "clamped": ("do not clamp", clamped),
        "half": ("no factor ½", lambda *a: in_chunks(*a) / 2),
        "predicts the noise": ("not the noise", predicts_the_noise),
        "the same noise in every call": ("set no seed", seeded),
        "noise after f": (
            "not on the code",
            lambda f, g, x, sigma: (
                (x - g((z := f(x)) + sigma * torch.randn(z.shape))).square().sum(1).mean()
            ),
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
    denoising_autoencoder.check_best_denoiser: {
        "against the score": ("the sign", lambda score, x, sigma: x - score(x) * sigma**2),
        "σ": (
            "not by the standard deviation",
            lambda score, x, sigma: x + score(x) * sigma,
        ),
        "only what is added": ("Add it", lambda score, x, sigma: score(x) * sigma * sigma),
        "the formula of the score": (
            "Solve it for r",
            lambda score, x, sigma: (score(x) - x) / (sigma * sigma),
        ),
        "half a step": (
            "no factor ½",
            lambda score, x, sigma: x + 0.5 * sigma**2 * score(x),
        ),
        "divided": ("do not divide", lambda score, x, sigma: x + score(x).div(sigma**2)),
        "noise added": (
            "do not add more",
            lambda score, x, sigma: (
                (y := x + sigma * torch.randn(x.shape)) + sigma**2 * score(y)
            ),
        ),
        "numpy": ("got ndarray", lambda score, x, sigma: (x + sigma**2 * score(x)).numpy()),
    },
    denoising_autoencoder.check_closing_sigma: {
        "√2": ("width of the smoothed", 1.41),
        "two clusters": ("two clusters", 1.91),
        "variances added": ("less than the sum", 1.54),
        "the variance": ("its root", 1.64),
        "the ring of the notebook": ("width 0.2", 1.4),
        "beside (0.5, 0)": ("half a unit", 1.26),
        "beside (1, 0)": ("whole unit", 1.17),
        "a guess": ("It is not 1.1.", 1.1),
        "a word": ("not a number", "large"),
    },
    denoising_autoencoder.check_langevin_step: {
        "one ε per particle": (
            "coordinate",
            lambda score, x, h: x + h / 2 * score(x) + h**0.5 * torch.randn(len(x), 1),
        ),
        "a seed inside": (
            "set no seed",
            lambda score, x, h: (
                x
                + h / 2 * score(x)
                + h**0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
            ),
        ),
        "uniform noise as wide": (
            "got",
            lambda score, x, h: (
                x + h / 2 * score(x) + (12 * h) ** 0.5 * (torch.rand_like(x) - 0.5)
            ),
        ),
        "√2h": (
            "factor 2",
            lambda score, x, h: (
                x + h / 2 * score(x) + math.sqrt(2 * h) * torch.randn_like(x)
            ),
        ),
        "one ε for all": (
            "one ε for all particles",
            lambda score, x, h: (
                x + h / 2 * score(x) + h**0.5 * torch.randn(x.shape[1])[None]
            ),
        ),
        "a step of 2h": (
            "a step of length 2h",
            lambda score, x, h: torch.normal(x + h * score(x), math.sqrt(2 * h)),
        ),
        "h, not its root": (
            "the root of h",
            lambda score, x, h: x + h / 2 * score(x) + h * torch.randn(x.shape),
        ),
        "downhill": (
            "the sign",
            lambda score, x, h: x - h / 2 * score(x) + h**0.5 * torch.randn(x.shape),
        ),
        "no score": ("score", lambda score, x, h: torch.normal(x, h**0.5)),
        "forgotten return": ("a return may be missing", lambda score, x, h: None),
    },
}
