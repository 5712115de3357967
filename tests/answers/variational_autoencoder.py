"""Answers for notebook 06: right ones, and wrong ones with a part of the message."""

import math

import torch
from torch.distributions import Normal, kl_divergence

from course_utils import objectives
from course_utils.exercises import variational_autoencoder
from course_utils.theory import lattice


def kl_from_distributions(mu, logvar):
    q = Normal(mu, (0.5 * logvar).exp())
    return kl_divergence(q, Normal(torch.zeros_like(mu), 1.0)).sum(1)


def kl_with_loops(mu, logvar):
    rows = []
    for m, v in zip(mu.tolist(), logvar.exp().tolist()):
        terms = [(a * a + b - torch.tensor(b).log().item() - 1) / 2 for a, b in zip(m, v)]
        rows.append(sum(terms))
    return torch.tensor(rows)


def draw_in_place(mu, logvar):
    z = torch.randn_like(mu)
    z *= logvar.exp().sqrt()
    z += mu
    return z


def draw_from_distributions(mu, logvar):
    return Normal(mu, logvar.exp().sqrt()).rsample()


def plain_draw(mu, logvar):
    return Normal(mu, logvar.exp().sqrt()).sample()


RIGHT = {
    variational_autoencoder.check_kl: {
        "package": objectives.kl_to_standard_normal,
        "torch.distributions": kl_from_distributions,
        "loops": kl_with_loops,
    },
    variational_autoencoder.check_reparameterize: {
        "package": objectives.reparameterize,
        "torch.distributions": draw_from_distributions,
        "in place": draw_in_place,
        "shape by hand": lambda mu, logvar: (
            torch.randn(len(mu), mu.shape[1]) * (logvar / 2).exp() + mu
        ),
    },
    variational_autoencoder.check_prior_share: {
        "rounded": 0.466,
        "by the error function": math.erf(math.sqrt(0.5)) ** 2,
        "package": lattice.prior_mass(1),
        "torch.distributions": (2 * Normal(0.0, 1.0).cdf(torch.tensor(1.0)) - 1) ** 2,
    },
    variational_autoencoder.check_hidden_beta: {
        "counted": 32 * 32 * 3 / 128,
        "an integer": 24,
        "a tensor": torch.tensor(24.0),
    },
}

WRONG = {
    variational_autoencoder.check_kl: {
        "sigma for log sigma²": (
            "not logvar²",
            lambda mu, logvar: 0.5 * (mu**2 + logvar**2 - (logvar**2).log() - 1).sum(1),
        ),
        "mean for sum": (
            "not their mean",
            lambda mu, logvar: 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean(1),
        ),
        "forgotten return": ("a return may be missing", lambda mu, logvar: None),
    },
    variational_autoencoder.check_reparameterize: {
        "sample without gradient": ("has no gradient", plain_draw),
        "noise term detached": (
            "cut off from logvar",
            lambda mu, logvar: mu + (torch.randn_like(mu) * (logvar / 2).exp()).detach(),
        ),
        "numpy array": (
            "expected a tensor",
            lambda mu, logvar: plain_draw(mu, logvar).numpy(),
        ),
        "forgotten return": ("a return may be missing", lambda mu, logvar: None),
    },
    variational_autoencoder.check_prior_share: {
        "on a line": ("both must", 0.683),
        "the disk": ("corners", 0.3935),
        "two standard deviations": ("not at two", 0.954),
        "a guess": ("It is not 0.9", 0.9),
    },
    variational_autoencoder.check_hidden_beta: {
        "upside down": ("its inverse", 128 / 3072),
        "MNIST": ("784 pixels", 6.125),
        "a guess": ("It is not 10", 10),
    },
}
