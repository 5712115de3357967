"""Answers to the exercises of notebook 10, right and wrong, these with the hint they must hear."""

import math
from functools import reduce

import numpy as np
import torch

from course_utils import objectives
from course_utils.exercises import gan_and_diffusion

RIGHT = {
    gan_and_diffusion.check_diffuse: {
        "closed form": lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * x + (1 - math.prod(alpha)) ** 0.5 * eps
        ),
        "tensors": lambda x, eps, alpha: objectives.diffuse(
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
        "roots forgotten": (
            "by its root",
            lambda x, eps, alpha: math.prod(alpha) * x + (1 - math.prod(alpha)) * eps,
        ),
        "root of the noise forgotten": (
            "a root is missing",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * x + (1 - math.prod(alpha)) * eps
            ),
        ),
        "root of x forgotten": (
            "by the root of ᾱ",
            lambda x, eps, alpha: (
                math.prod(alpha) * x + (1 - math.prod(alpha)) ** 0.5 * eps
            ),
        ),
        "the first step alone": (
            "first one alone",
            lambda x, eps, alpha: alpha[0] ** 0.5 * x + (1 - alpha[0]) ** 0.5 * eps,
        ),
        "the same share for the noise": (
            "not ᾱ",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * x + math.prod(alpha) ** 0.5 * eps
            ),
        ),
        "step by step": (
            "one for all",
            lambda x, eps, alpha: reduce(
                lambda x, a: math.sqrt(a) * x + math.sqrt(1 - a) * eps, alpha, x
            ),
        ),
        "sum of the steps": (
            "not added",
            lambda x, eps, alpha: (
                (sum(alpha) / len(alpha)) ** 0.5 * x
                + (1 - sum(alpha) / len(alpha)) ** 0.5 * eps
            ),
        ),
        "the last step alone": (
            "last one alone",
            lambda x, eps, alpha: alpha[-1] ** 0.5 * x + (1 - alpha[-1]) ** 0.5 * eps,
        ),
        "x and noise changed over": (
            "changed places",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * eps + (1 - math.prod(alpha)) ** 0.5 * x
            ),
        ),
        "noise not scaled": (
            "not scaled",
            lambda x, eps, alpha: math.prod(alpha) ** 0.5 * x + eps,
        ),
        "x not shrunk": (
            "explodes",
            lambda x, eps, alpha: x + (1 - math.prod(alpha)) ** 0.5 * eps,
        ),
        "noise of each step added up": (
            "do not",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * x + sum((1 - a) ** 0.5 for a in alpha) * eps
            ),
        ),
    },
    gan_and_diffusion.check_reverse_step: {
        "all three bugs": (
            "x as well. And the noise that the network sees has the width √(1 − ᾱ). And β is",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / (1 - alpha_bar) * eps / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "two bugs, x and the seen noise": (
            "x as well. And the noise",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / (1 - alpha_bar) * eps / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "two bugs, x and the new noise": (
            "x as well. And β",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps / math.sqrt(alpha)
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
        "x is not divided": (
            "x as well",
            lambda x, eps, alpha, alpha_bar, xi: (
                x
                - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "variance of the seen noise": (
            "Hint: the noise that the network sees",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / (1 - alpha_bar) * eps) / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "variance of the new noise": (
            "Hint: β",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
                + (1 - alpha) * xi
            ),
        ),
        "sign": (
            "the sign",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x + (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "α and ᾱ": (
            "changed places",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha_bar) / math.sqrt(1 - alpha) * eps) / math.sqrt(alpha_bar)
                + math.sqrt(1 - alpha_bar) * xi
            ),
        ),
        "α twice": (
            "of all steps",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - math.sqrt(1 - alpha) * eps) / math.sqrt(alpha)
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "no new noise": (
            "new noise is missing",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
            ),
        ),
        "loud new noise": (
            "not shrunk",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha) + xi
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
        "not divided": (
            "larger again",
            lambda x, eps, alpha, alpha_bar, xi: (
                x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps + math.sqrt(1 - alpha) * xi
            ),
        ),
        "divided by α": (
            "root of α",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / alpha
                + math.sqrt(1 - alpha) * xi
            ),
        ),
        "all at once": (
            "at once",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha_bar)
            ),
        ),
        "forgotten return": (
            "a return may be missing",
            lambda x, eps, alpha, alpha_bar, xi: None,
        ),
    },
    gan_and_diffusion.check_best_reply: {
        "changed over": ("changed places", 0.731),
        "logit": ("the logit", -1),
        "quotient": ("share of their sum", 0.3679),
        "half-way": ("half-way", 0.5),
        "density": ("density of the data", 0.1295),
        "no ½": ("a factor ½", 0.1192),
        "no square": ("squares", 0.3775),
        "percent": ("in percent", 26.9),
        "a guess": ("It is not 0.2", 0.2),
    },
    gan_and_diffusion.check_discriminator_loss: {
        "sign": (
            "the sign",
            lambda real, fake: (
                -torch.nn.functional.softplus(-real).mean()
                - torch.nn.functional.softplus(fake).mean()
            ),
        ),
        "real and fake changed over": (
            "changed places",
            lambda real, fake: (
                torch.nn.functional.softplus(real).mean()
                + torch.nn.functional.softplus(-fake).mean()
            ),
        ),
        "overflow": (
            "is infinite",
            lambda real, fake: (
                -real.sigmoid().log().mean() - (1 - fake.sigmoid()).log().mean()
            ),
        ),
        "sum": (
            "not a sum",
            lambda real, fake: (
                torch.nn.functional.softplus(-real).sum()
                + torch.nn.functional.softplus(fake).sum()
            ),
        ),
        "mean over both": (
            "own mean",
            lambda real, fake: torch.cat(
                [torch.nn.functional.softplus(-real), torch.nn.functional.softplus(fake)]
            ).mean(),
        ),
        "not averaged": (
            "one number",
            lambda real, fake: (
                torch.nn.functional.softplus(-real) + torch.nn.functional.softplus(fake)
            ),
        ),
        "half of it": (
            "not averaged",
            lambda real, fake: (
                torch.nn.functional.softplus(-real).mean() / 2
                + torch.nn.functional.softplus(fake).mean() / 2
            ),
        ),
        "yes to the samples": (
            "no to them",
            lambda real, fake: (
                torch.nn.functional.softplus(-real).mean()
                + torch.nn.functional.softplus(-fake).mean()
            ),
        ),
        "no to the data": (
            "yes to them",
            lambda real, fake: (
                torch.nn.functional.softplus(real).mean()
                + torch.nn.functional.softplus(fake).mean()
            ),
        ),
        "logits for probabilities": (
            "D is their sigmoid",
            lambda real, fake: -torch.log(real).mean() - torch.log(1 - fake).mean(),
        ),
        "no logarithm": (
            "log is missing",
            lambda real, fake: -real.sigmoid().mean() - (1 - fake.sigmoid()).mean(),
        ),
        "fake alone": (
            "data are missing",
            lambda real, fake: torch.nn.functional.softplus(fake).mean(),
        ),
        "real alone": (
            "samples are missing",
            lambda real, fake: torch.nn.functional.softplus(-real).mean(),
        ),
        "the generator's": (
            "generator's",
            lambda real, fake: torch.nn.functional.softplus(-fake).mean(),
        ),
    },
}
