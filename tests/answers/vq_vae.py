"""Answers for notebook 11: right ones, and wrong ones with a part of the message."""

import math

import numpy as np
import torch

from course_utils.exercises import vq_vae as exercises
from course_utils.generative import vq_vae


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, e):
        return e.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


RIGHT = {
    exercises.check_nearest_code: {
        "package": vq_vae.nearest_code,
        "int32": lambda z, codebook: torch.cdist(z, codebook).argmin(1).int(),
        "vmap": lambda z, codebook: torch.vmap(
            lambda row: (row - codebook).norm(dim=1).argmin()
        )(z),
        "cdist": lambda z, codebook: torch.cdist(z, codebook).argmin(1),
        "differences": lambda z, codebook: (
            (z[:, None] - codebook[None]).square().sum(2).min(1).indices
        ),
        "loop": lambda z, codebook: torch.tensor(
            [min(range(len(codebook)), key=lambda k: (v - codebook[k]).norm()) for v in z]
        ),
    },
    exercises.check_perplexity: {
        "entr": lambda p: torch.special.entr(p).sum().exp(),
        "xlogy": lambda p: torch.exp(-torch.special.xlogy(p, p).sum()),
        "used ones": lambda p: torch.exp(-(p[p > 0] * p[p > 0].log()).sum()),
        "distribution": lambda p: torch.distributions.Categorical(p).entropy().exp(),
        "product": lambda p: torch.prod(p**-p),
        "a Python number": lambda p: math.exp(
            -sum(q * math.log(q) for q in p.tolist() if q)
        ),
        "numpy": lambda p: np.exp(
            -(p.numpy() * np.log(p.numpy() + (p.numpy() == 0))).sum()
        ),
        "one number in a list": lambda p: torch.special.entr(p).sum(0, keepdim=True).exp(),
        "1e-12": lambda p: torch.exp(-(p * (p + 1e-12).log()).sum()),
    },
    exercises.check_straight_through: {
        "package": vq_vae.straight_through,
        "detach each": lambda z, e: z - z.detach() + e.detach(),
        "rounding error": lambda z, e: z - (z.detach() - e.detach()),
        "data": lambda z, e: z + (e.data - z.data),
        "a function of autograd": StraightThrough.apply,
        "row by row": lambda z, e: torch.stack(
            [a + (b - a).detach() for a, b in zip(z, e)]
        ),
    },
    exercises.check_plain_bits: {
        "counted": (32 * 32 + 64 * 64) * 9,
        "by the logarithm": 32**2 * math.log2(512) + 64**2 * math.log2(512),
        "a tensor": torch.tensor(46_080),
    },
}

WRONG = {
    exercises.check_nearest_code: {
        "min, not argmin": (
            "got values and indices: take one",
            lambda z, codebook: torch.cdist(z, codebook).min(1),
        ),
        "largest product": ("long codes", lambda z, codebook: (z @ codebook.T).argmax(1)),
        "a float": (
            "so an integer",
            lambda z, codebook: torch.cdist(z, codebook).argmin(1).double(),
        ),
        "absolute differences": (
            "squares of the differences",
            lambda z, codebook: (z[:, None] - codebook).abs().sum(2).argmin(1),
        ),
        "largest difference": (
            "codes of different lengths: expected",
            lambda z, codebook: (z[:, None] - codebook).abs().amax(2).argmin(1),
        ),
        "cosine": (
            "directions are not enough",
            lambda z, codebook: (z @ (codebook.T / codebook.norm(dim=1))).argmax(1),
        ),
        "the vector": (
            "not its vector",
            lambda z, codebook: codebook[torch.cdist(z, codebook).argmin(1)],
        ),
    },
    exercises.check_perplexity: {
        "0 log 0": ("counts as 0", lambda p: torch.exp(-(p * p.log()).sum())),
        "1e-5": ("Leave out what", lambda p: torch.exp(-(p * (p + 1e-5).log()).sum())),
        "rare ones left out": (
            "512 codes, most of them rare: expected",
            lambda p: torch.distributions.Categorical(p[p > 0.01]).entropy().exp(),
        ),
    },
    exercises.check_straight_through: {
        "no detach": ("goes to e", lambda z, e: z + (e - z)),
        "z detached": ("goes to e", lambda z, e: z.detach() + (e - z.detach())),
        "all detached": ("no gradient reaches z", lambda z, e: e.detach()),
        "another order of gradients": (
            "the gradient in z: expected",
            lambda z, e: e.detach() + (z - z.detach()).flip(0),
        ),
        "averaged gradients": (
            "the gradient in z: expected",
            lambda z, e: e.detach() + (z - z.detach()).mean(),
        ),
        "e rounded": ("the value: expected", lambda z, e: z + (z.round() - z).detach()),
        "forgotten return": ("a return may be missing", lambda z, e: None),
    },
    exercises.check_plain_bits: {
        "bytes": ("are bytes", 5760),
        "nats": ("are nats", 5120 * math.log(512)),
        "decimal digits": ("that was log₁₀", 5120 * math.log10(512)),
        "both numbers": ("is not a number", (46_080, 34.1)),
        "the ratio": ("how many times as many", 256**2 * 24 / 46_080),
        "a guess": ("It is not 100", 100),
    },
}
