"""Answers for notebook 01: right ones, and wrong ones with a part of the message."""

import math

import numpy as np
import torch
from torch.nn.functional import mse_loss

from course_utils import objectives
from course_utils.exercises import autoencoder
from course_utils.theory import lattice


def ae_loss_with_loops(f, g, x):
    total = 0.0
    for image in x:
        x_hat = g(f(image[None]))[0]
        total += sum((a - b) ** 2 for a, b in zip(image, x_hat))
    return total / len(x)


def ae_loss_without_gradient(f, g, x):
    with torch.no_grad():
        return (x - g(f(x))).square().sum(1).mean()


def nearest_with_loops(points, codes):
    rows = [min(math.dist(z, code) for code in codes.tolist()) for z in points.tolist()]
    return torch.tensor(rows)


RIGHT = {
    autoencoder.check_ae_loss: {
        "package": lambda f, g, x: objectives.ae_loss(f, g, x)["recon"],
        "loops": ae_loss_with_loops,
        "torch's mse": lambda f, g, x: mse_loss(g(f(x)), x, reduction="sum") / len(x),
        "vmap": lambda f, g, x: torch.vmap(
            lambda image: (image - g(f(image))).square().sum()
        )(x).mean(),
        "one number in a row, double precision": lambda f, g, x: (
            (x.double() - g(f(x))).square().sum().reshape(1) / len(x)
        ),
        "norms": lambda f, g, x: torch.linalg.norm(x - g(f(x)), dim=1).square().mean(),
    },
    autoencoder.check_lost_share: {
        "a share": 164 / 196,
        "rounded": 0.84,
        "by variances": torch.full((196,), 1 / 12)[32:].sum() / (196 / 12),
    },
    autoencoder.check_error_share: {
        "corrected": lambda x, x_hat: (
            (x - x_hat).square().sum(1).mean() / (x - x.mean(0)).square().sum(1).mean()
        ),
        "variance": lambda x, x_hat: mse_loss(x_hat, x) / x.var(0, correction=0).mean(),
        "loops": lambda x, x_hat: (
            sum(((a - b) ** 2).sum() for a, b in zip(x, x_hat))
            / sum(((a - x.mean(0)) ** 2).sum() for a in x)
        ),
        "numpy": lambda x, x_hat: (
            ((x - x_hat).numpy() ** 2).sum() / (len(x) * x.numpy().var(axis=0).sum())
        ),
        "a Python number": lambda x, x_hat: (
            mse_loss(x_hat, x).item() / x.var(0, correction=0).mean().item()
        ),
    },
    autoencoder.check_distance_to_nearest: {
        "package": lattice.distance_to_nearest,
        "loops": nearest_with_loops,
        "broadcasting": lambda points, codes: (
            (points[:, None] - codes).square().sum(2).sqrt().min(1).values
        ),
        "cdist": lambda points, codes: torch.cdist(points, codes).min(dim=1)[0],
        "a list": lambda points, codes: [(codes - z).norm(dim=1).min() for z in points],
        "numpy": lambda points, codes: np.linalg.norm(
            points.numpy()[:, None] - codes.numpy(), axis=2
        ).min(1),
    },
}

WRONG = {
    autoencoder.check_ae_loss: {
        "mean over pixels": ("adds up the pixels", lambda f, g, x: mse_loss(g(f(x)), x)),
        "sum over the batch": (
            "not the sum",
            lambda f, g, x: mse_loss(g(f(x)), x, reduction="sum"),
        ),
        "no mean over the batch": (
            "one number is asked",
            lambda f, g, x: (x - g(f(x))).square().sum(1),
        ),
        "sum and mean swapped": (
            "swapped",
            lambda f, g, x: ((x - g(f(x))) ** 2).sum(0).mean(),
        ),
        "norm without its square": (
            "length of the difference",
            lambda f, g, x: (x - g(f(x))).norm(dim=1).mean(),
        ),
        "code detached": (
            "gradient from the encoder",
            lambda f, g, x: ((x - g(f(x).detach())) ** 2).sum(1).mean(),
        ),
        "reconstruction detached": (
            "both networks",
            lambda f, g, x: ((x - g(f(x)).detach()) ** 2).sum(1).mean(),
        ),
        "no gradient": ("no_grad() keeps the gradient from both", ae_loss_without_gradient),
        "forgotten return": ("a return may be missing", lambda f, g, x: None),
    },
    autoencoder.check_lost_share: {
        "one pixel too many": ("It is not 0.832487", 164 / 197),
        "rounded down": ("It is not 0.83", 0.83),
        "what is kept": ("kept", 0.163),
        "percent": ("percent", 83.7),
        "of the blank page": ("not of a blank one", 0.209),
        "of 784 pixels": ("196 pixels", 752 / 784),
        "the number of directions": ("not the number of directions", np.int64(164)),
        "a word": ("not a number", "most"),
    },
    autoencoder.check_error_share: {
        "one gray value, by var": (
            "One gray value",
            lambda x, x_hat: mse_loss(x_hat, x) / x.var(correction=0),
        ),
        "mean reconstruction": (
            "not of the reconstructions",
            lambda x, x_hat: ((x - x_hat) ** 2).sum() / ((x - x_hat.mean(0)) ** 2).sum(),
        ),
        "inverse": (
            "upside down",
            lambda x, x_hat: (
                x.var(0, correction=0).sum() / ((x - x_hat) ** 2).sum(1).mean()
            ),
        ),
        "R²": (
            "explained",
            lambda x, x_hat: 1 - mse_loss(x_hat, x) / x.var(0, correction=0).mean(),
        ),
        "root": ("roots", lambda x, x_hat: (x - x_hat).norm() / (x - x.mean(0)).norm()),
        "one reduction forgotten": (
            "divided by D",
            lambda x, x_hat: mse_loss(x_hat, x) / (x - x.mean(0)).square().sum(1).mean(),
        ),
        "a blank page": (
            "not a blank one",
            lambda x, x_hat: mse_loss(x_hat, x) / x.square().mean(),
        ),
    },
    autoencoder.check_distance_to_nearest: {
        "the squared distance": (
            "square root",
            lambda points, codes: (points[:, None] - codes).square().sum(2).min(1).values,
        ),
        "city blocks": (
            "not absolute",
            lambda points, codes: (points[:, None] - codes).abs().sum(2).amin(1),
        ),
        "the largest difference": (
            "not its length",
            lambda points, codes: (points[:, None] - codes).abs().amax(2).amin(1),
        ),
        "values and indices": (
            "values and indices",
            lambda points, codes: (points[:, None] - codes).norm(dim=2).min(dim=1),
        ),
        "along the other axis": (
            "not for each code",
            lambda points, codes: (points[:, None] - codes).norm(dim=2).amin(0),
        ),
    },
}
