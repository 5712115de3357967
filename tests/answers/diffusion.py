"""Answers for notebook 12: right ones, and wrong ones with a part of the message."""

import math
from functools import reduce

import numpy as np
import torch

from course_utils.exercises import diffusion as diffusion_exercises
from course_utils.generative import diffusion

RIGHT = {
    diffusion_exercises.check_diffuse: {
        "closed form": lambda x, eps, alpha: (
            math.prod(alpha) ** 0.5 * x + (1 - math.prod(alpha)) ** 0.5 * eps
        ),
        "tensors": lambda x, eps, alpha: diffusion.diffuse(
            x, eps, torch.tensor(alpha).prod()
        ),
        "numbers taken out": lambda x, eps, alpha: diffusion.diffuse(
            x, eps, torch.tensor([alpha.pop() for _ in range(len(alpha))]).prod()
        ),
        "sum of logarithms": lambda x, eps, alpha: diffusion.diffuse(
            x, eps, torch.tensor(math.exp(sum(map(math.log, alpha))))
        ),
        "numpy": lambda x, eps, alpha: torch.from_numpy(
            np.sqrt(np.prod(alpha)) * x.numpy() + np.sqrt(1 - np.prod(alpha)) * eps.numpy()
        ).float(),
    },
    diffusion_exercises.check_reverse_step: {
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
    diffusion_exercises.check_gaussian_denoiser: {
        "formula": lambda x_t, alpha_bar_t, s: (
            math.sqrt(1 - alpha_bar_t) / (alpha_bar_t * s**2 + 1 - alpha_bar_t) * x_t
        ),
        "by the score": lambda x_t, alpha_bar_t, s: (
            -((1 - alpha_bar_t) ** 0.5) * (-x_t / (alpha_bar_t * s**2 + 1 - alpha_bar_t))
        ),
        "by the clean point": lambda x_t, alpha_bar_t, s: (
            (
                x_t
                - alpha_bar_t**0.5
                * (alpha_bar_t**0.5 * s**2 / (alpha_bar_t * s**2 + 1 - alpha_bar_t) * x_t)
            )
            / (1 - alpha_bar_t) ** 0.5
        ),
        "numpy": lambda x_t, alpha_bar_t, s: torch.from_numpy(
            np.sqrt(1 - alpha_bar_t) * x_t.numpy() / (1 + alpha_bar_t * (np.square(s) - 1))
        ).float(),
    },
}

WRONG = {
    diffusion_exercises.check_diffuse: {
        "root of the noise forgotten": (
            "a root is missing",
            lambda x, eps, alpha: (
                math.prod(alpha) ** 0.5 * x + (1 - math.prod(alpha)) * eps
            ),
        ),
        "sum of the variances": (
            "shrinks the noise",
            lambda x, eps, alpha: (
                math.sqrt(math.prod(alpha)) * x + math.sqrt(len(alpha) - sum(alpha)) * eps
            ),
        ),
        "noise of its own, at once": (
            "draw none.",
            lambda x, eps, alpha: diffusion.diffuse(
                x, torch.randn_like(x), torch.tensor(alpha).prod()
            ),
        ),
        "three steps at most": (
            "five different steps: expected",
            lambda x, eps, alpha: diffusion.diffuse(x, eps, torch.tensor(alpha[:3]).prod()),
        ),
        "noise of its own": (
            "draw none at each step",
            lambda x, eps, alpha: reduce(
                lambda x, a: math.sqrt(a) * x + math.sqrt(1 - a) * torch.randn_like(x),
                alpha,
                x,
            ),
        ),
        "step by step": (
            "one for all",
            lambda x, eps, alpha: reduce(
                lambda x, a: math.sqrt(a) * x + math.sqrt(1 - a) * eps, alpha, x
            ),
        ),
    },
    diffusion_exercises.check_reverse_step: {
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
        "the posterior's variance": (
            "another choice",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - (1 - alpha) / math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
                + math.sqrt((1 - alpha) * (1 - alpha_bar / alpha) / (1 - alpha_bar)) * xi
            ),
        ),
        "DDIM": (
            "DDIM",
            lambda x, eps, alpha, alpha_bar, xi: (
                (x - math.sqrt(1 - alpha_bar) * eps) / math.sqrt(alpha)
                + math.sqrt(1 - alpha_bar / alpha) * eps
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
    diffusion_exercises.check_gaussian_denoiser: {
        "right for s = 1": (
            "s = 1 only",
            lambda x_t, alpha_bar_t, s: math.sqrt(1 - alpha_bar_t) * x_t,
        ),
        "the clean point": (
            "The noise is asked for",
            lambda x_t, alpha_bar_t, s: (
                s**2 * math.sqrt(alpha_bar_t) * x_t / (1 + alpha_bar_t * (s**2 - 1))
            ),
        ),
        "standard deviation": (
            "s², not s",
            lambda x_t, alpha_bar_t, s: (
                math.sqrt(1 - alpha_bar_t) * x_t / (alpha_bar_t * s + 1 - alpha_bar_t)
            ),
        ),
        "all is noise": (
            "for noise",
            lambda x_t, alpha_bar_t, s: x_t / math.sqrt(1 - alpha_bar_t),
        ),
    },
}
