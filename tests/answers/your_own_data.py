"""Answers for notebook 14: right ones, and wrong ones with a part of the message."""

import math

import torch

from course_utils.exercises import your_own_data as own_exercises
from course_utils.objectives import squared_error

RIGHT = {
    own_exercises.check_best_sigma: {
        "tensor": lambda x, x_hat: (x - x_hat).square().mean().sqrt(),
        "number": lambda x, x_hat: ((x - x_hat) ** 2).mean().item() ** 0.5,
        "mse_loss": lambda x, x_hat: math.sqrt(torch.nn.functional.mse_loss(x_hat, x)),
        "squared_error": lambda x, x_hat: (
            squared_error(x, x_hat).mean() / x[0].numel()
        ).sqrt(),
        "norm": lambda x, x_hat: torch.linalg.vector_norm(x - x_hat) / x.numel() ** 0.5,
        "numpy": lambda x, x_hat: ((x.numpy() - x_hat.numpy()) ** 2).mean() ** 0.5,
    },
}

WRONG = {
    own_exercises.check_best_sigma: {
        "variance": ("σ is its root", lambda x, x_hat: (x - x_hat).pow(2).mean()),
        "mean over rows": (
            "over the pictures only",
            lambda x, x_hat: squared_error(x, x_hat).mean().sqrt(),
        ),
        "sum": ("not a sum", lambda x, x_hat: torch.linalg.vector_norm(x - x_hat)),
        "std": ("subtracts the mean error", lambda x, x_hat: torch.std(x - x_hat)),
        "std of numpy": ("subtracts the mean", lambda x, x_hat: (x - x_hat).numpy().std()),
        "absolute": ("not absolute", lambda x, x_hat: (x - x_hat).abs().mean()),
        "of each picture": (
            "not one for each picture",
            lambda x, x_hat: (x - x_hat).square().flatten(1).mean(1).sqrt(),
        ),
        "mean of the roots": (
            "the root comes last",
            lambda x, x_hat: (x - x_hat).square().flatten(1).mean(1).sqrt().mean(),
        ),
        "half": ("cancel", lambda x, x_hat: (0.5 * (x - x_hat).pow(2).mean()).sqrt()),
        "spread of x": ("not that of x itself", lambda x, x_hat: x.std()),
        "a constant": ("expected", lambda x, x_hat: 0.1),
    },
}
