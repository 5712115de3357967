"""Answers to the exercises of notebook 09, right and wrong, these with the hint they must hear."""

import math

import torch

from course_utils import objectives
from course_utils.exercises import vq_vae as exercises
from course_utils.generative import vq_vae

RIGHT = {
    exercises.check_nearest_code: {
        "package": vq_vae.nearest_code,
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
    },
    exercises.check_straight_through: {
        "package": objectives.straight_through,
        "detach each": lambda z, e: z - z.detach() + e.detach(),
        "rounding error": lambda z, e: z - (z.detach() - e.detach()),
        "data": lambda z, e: z + (e.data - z.data),
    },
    exercises.check_plain_bits: {
        "counted": (32 * 32 + 64 * 64) * 9,
        "by the logarithm": 32**2 * math.log2(512) + 64**2 * math.log2(512),
        "a tensor": torch.tensor(46_080),
    },
}

WRONG = {
    exercises.check_nearest_code: {
        "the furthest": (
            "farthest",
            lambda z, codebook: torch.cdist(z, codebook).argmax(1),
        ),
        "over encodings": (
            "the axis",
            lambda z, codebook: torch.cdist(z, codebook).argmin(0),
        ),
        "largest product": ("long codes", lambda z, codebook: (z @ codebook.T).argmax(1)),
        "product and half the length forgotten": (
            "twice",
            lambda z, codebook: (codebook.square().sum(1) - z @ codebook.T).argmin(1),
        ),
        "the vector": (
            "not its vector",
            lambda z, codebook: codebook[torch.cdist(z, codebook).argmin(1)],
        ),
        "the distance": ("how far", lambda z, codebook: torch.cdist(z, codebook).amin(1)),
        "signed sum": (
            "cancel",
            lambda z, codebook: (z[:, None] - codebook).sum(2).abs().argmin(1),
        ),
        "one for all": (
            "all the same",
            lambda z, codebook: torch.cdist(z, codebook).sum(0).argmin(),
        ),
    },
    exercises.check_perplexity: {
        "0 log 0": ("counts as 0", lambda p: torch.exp(-(p * p.log()).sum())),
        "sign": ("the sign", lambda p: torch.special.entr(p).sum().neg().exp()),
        "entropy": ("its exp", lambda p: torch.special.entr(p).sum()),
        "bits without two": (
            "same base",
            lambda p: (torch.special.entr(p).sum() / math.log(2)).exp(),
        ),
        "mean": ("not their mean", lambda p: torch.special.entr(p).mean().exp()),
        "used codes counted": ("counts for less", lambda p: (p > 0).sum().float()),
        "one over the largest": ("most frequent", lambda p: 1 / p.max()),
        "one over the sum of squares": (
            "a log, not a square",
            lambda p: 1 / p.square().sum(),
        ),
    },
    exercises.check_straight_through: {
        "e itself": ("goes to e", lambda z, e: e),
        "z itself": ("must get e", lambda z, e: z),
        "nothing stopped": ("goes to e", lambda z, e: z + (e - z)),
        "z stopped": ("goes to e", lambda z, e: z.detach() + (e - z.detach())),
        "only e stopped": ("whole difference", lambda z, e: z + (e.detach() - z)),
        "both": ("half-way", lambda z, e: (z + e) / 2),
        "sign": ("the sign", lambda z, e: z - (e - z).detach()),
        "half the gradient": (
            "a share of it",
            lambda z, e: e.detach() + (z - z.detach()) / 2,
        ),
        "e learns as well": ("e must not learn", lambda z, e: e + (z - z.detach())),
    },
    exercises.check_plain_bits: {
        "top": ("top alone", 1024 * 9),
        "bottom": ("bottom alone", 4096 * 9),
        "symbols": ("How many bits", 5120),
        "512 bits": ("log₂ 512", 5120 * 512),
        "bytes": ("are bytes", 5760),
        "nats": ("are nats", 5120 * math.log(512)),
        "a row": ("32 rows", 96 * 9),
        "multiplied": ("not multiplied", 1024 * 4096 * 9),
        "the picture": ("picture itself", 256 * 256 * 24),
        "eight bits": ("eight bits", 5120 * 8),
        "a guess": ("It is not 100", 100),
    },
}
