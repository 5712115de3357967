"""Answers for notebook 11: right ones, and wrong ones with a part of the message."""

import math
from functools import reduce

import numpy as np
import torch

from course_utils.exercises import gan_and_diffusion
from course_utils.generative import diffusion

RIGHT = {
    gan_and_diffusion.check_diffuse: {
        "closed form": lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * x + (1 - math.prod(alpha)) ** 0.5 * eps
        ),
        "tensors": lambda x, eps, alpha: diffusion.diffuse(
            x, eps, torch.tensor(alpha).prod()
        ),
        "numpy": lambda x, eps, alpha: torch.from_numpy(
            np.sqrt(np.prod(alpha)) * x.numpy() + np.sqrt(1 - np.prod(alpha)) * eps.numpy()
        ).float(),
    },
    gan_and_diffusion.check_reverse_step: {
        "formula": lambda x, eps, alpha, alpha_bar, xi: (
            (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
            + math.sqrt(1 - alpha) * xi
        ),
        "along the score": lambda x, eps, alpha, alpha_bar, xi: (
            (x + (1 - alpha) * (-eps / (1 - alpha_bar) ** 0.5)) * alpha**-0.5
            + (1 - alpha) ** 0.5 * xi
        ),
        "torch roots": lambda x, eps, alpha, alpha_bar, xi: (
            torch.tensor(1 / alpha).sqrt()
            * (x - (1 - alpha) * eps * torch.tensor(1 - alpha_bar).rsqrt())
            + torch.tensor(1 - alpha).sqrt() * xi
        ),
        "numpy": lambda x, eps, alpha, alpha_bar, xi: torch.from_numpy(
            (x.numpy() - (1 - alpha) / np.sqrt(1 - alpha_bar) * eps.numpy())
            / np.sqrt(alpha)
            + np.sqrt(1 - alpha) * xi.numpy()
        ),
    },
    gan_and_diffusion.check_best_reply: {
        "densities": math.exp(-1.125) / (math.exp(-1.125) + math.exp(-0.125)),
        "sigmoid of the logit": torch.sigmoid(torch.tensor(2 - 2 * 1.5)),
        "rounded": 0.269,
    },
    gan_and_diffusion.check_discriminator_loss: {
        "softplus": lambda real, fake: (
            torch.nn.functional.softplus(-real).mean()
            + torch.nn.functional.softplus(fake).mean()
        ),
        "logsigmoid": lambda real, fake: (
            -torch.nn.functional.logsigmoid(real).mean()
            - torch.nn.functional.logsigmoid(-fake).mean()
        ),
        "cross entropy": lambda real, fake: sum(
            torch.nn.functional.binary_cross_entropy_with_logits(d, torch.full_like(d, y))
            for d, y in ((real, 1.0), (fake, 0.0))
        ),
        "logaddexp": lambda real, fake: (
            torch.logaddexp(torch.zeros_like(real), -real).mean()
            + torch.logaddexp(torch.zeros_like(fake), fake).mean()
        ),
    },
}

WRONG = {
    gan_and_diffusion.check_diffuse: {
        "root of the noise forgotten": (
            "a root is missing",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * x + (1 - math.prod(alpha)) * eps
            ),
        ),
        "step by step": (
            "one for all",
            lambda x, eps, alpha: reduce(
                lambda x, a: math.sqrt(a) * x + math.sqrt(1 - a) * eps, alpha, x
            ),
        ),
    },
    gan_and_diffusion.check_reverse_step: {
        "all three bugs": (
            "x as well. And the noise in x has the width √(1 − ᾱ). And β",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / (1 - alpha_bar) * eps / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "two bugs, both noises": (
            "√(1 − ᾱ). And β",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / (1 - alpha_bar) * eps) / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "variance of the new noise": (
            "Hint: β",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "α and ᾱ": (
            "changed places",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha_bar) / math.sqrt(1 - alpha) * eps) / math.sqrt(alpha_bar)
                + math.sqrt(1 - alpha_bar) * xi
            ),
        ),
        "new noise divided": (
            "after the division",
            lambda x, eps, alpha, alpha_bar, xi: (
                (
                    x
                    - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps
                    + math.sqrt(1 - alpha) * xi
                )
                / math.sqrt(alpha)
            ),
        ),
        "forgotten return": (
            "a return may be missing",
            lambda x, eps, alpha, alpha_bar, xi: None,
        ),
    },
    gan_and_diffusion.check_best_reply: {
        "quotient": ("share of their sum", 0.3679),
        "no square": ("squares", 0.3775),
        "a guess": ("It is not 0.2", 0.2),
    },
    gan_and_diffusion.check_discriminator_loss: {
        "overflow": (
            "is infinite",
            lambda real, fake: (
                -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
            ),
        ),
        "mean over both": (
            "own mean",
            lambda real, fake: torch.cat(
                [torch.nn.functional.softplus(-real), torch.nn.functional.softplus(fake)]
            ).mean(),
        ),
        "logits for probabilities": (
            "D is their sigmoid",
            lambda real, fake: -torch.log(real).mean() - torch.log(1 - fake).mean(),
        ),
    },
}
