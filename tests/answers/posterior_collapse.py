"""Answers for notebook 10: right ones, and wrong ones with a part of the message."""

import math
from functools import partial

import numpy as np
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

from course_utils import objectives
from course_utils.exercises import posterior_collapse
from course_utils.theory import linear_gaussian

GENERATOR = torch.Generator().manual_seed(1)


def water_filling_with_loops(values, level, is_active=lambda value, level: value > level):
    active, rate, distortion = 0, 0.0, 0.0
    for value in values:
        if is_active(value, level):
            active += 1
            rate += 0.5 * (value / level).log()
        distortion += min(value, level)
    return torch.tensor([active, rate, distortion])


def vae_loss_by_hand(
    f, g, x, width=lambda logvar: (logvar / 2).exp(), noise=torch.randn_like
):
    mu, logvar = f(x)
    logits = g(mu + width(logvar) * noise(mu))
    nll = (torch.logaddexp(logits, torch.zeros(())) - x * logits).sum(1)
    kl = (mu**2 + logvar.exp() - logvar - 1).sum(1) / 2
    return nll.mean() + kl.mean()


def vae_loss_with_distributions(f, g, x, draw=lambda q: q.rsample()):
    mu, logvar = f(x)
    q = Normal(mu, (logvar / 2).exp())
    recon = binary_cross_entropy_with_logits(g(draw(q)), x, reduction="sum") / len(x)
    return recon + kl_divergence(q, Normal(0.0, 1.0)).sum() / len(x)


def vae_loss_of_one_picture(f, g, x):
    def loss(picture):
        mu, logvar = f(picture)
        logits = g(mu + (logvar / 2).exp() * torch.randn_like(mu))
        nll = binary_cross_entropy_with_logits(logits, picture, reduction="sum")
        return nll + (mu**2 + logvar.exp() - logvar - 1).sum() / 2

    return torch.vmap(loss, randomness="different")(x).mean()


def vae_loss_with_seed(*arguments):
    torch.manual_seed(1)
    return vae_loss_by_hand(*arguments)


def vae_loss_with(f, g, x, nll=objectives.bernoulli_nll, center=1, kl=1):
    """Its parts are functions, or 0 for those that are to have no gradient."""
    mu, logvar = f(x)
    z = objectives.reparameterize(mu if center else mu.detach(), logvar)
    rate = objectives.kl_to_standard_normal(mu, logvar)
    return (nll(x, g(z)) + (rate if kl else rate.detach())).mean()


def vae_loss_drawn_without_gradient(f, g, x):
    mu, logvar = f(x)
    with torch.no_grad():
        z = objectives.reparameterize(mu, logvar)
    recon = objectives.bernoulli_nll(x, g(z))
    return (recon + objectives.kl_to_standard_normal(mu, logvar)).mean()


def printed(f, g, x, width=torch.exp):
    """The code of the task, with its three bugs."""
    mu, logvar = f(x)
    z = mu + width(logvar) * torch.randn_like(mu)
    recon = binary_cross_entropy_with_logits(g(z), x)
    kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).mean()
    return recon + kl


RIGHT = {
    posterior_collapse.check_water_filling: {
        "package": lambda values, level: torch.tensor(
            linear_gaussian.reverse_water_filling(values, level)
        ),
        "loops": water_filling_with_loops,
        "clamp": lambda values, level: torch.stack(
            [
                (values > level).sum().float(),
                (values / level).clamp(min=1).log().sum() / 2,
                values.clamp(max=level).sum(),
            ]
        ),
        "numpy, float64": lambda values, level: torch.tensor(
            [
                (values.numpy() > level).sum(),
                np.log(np.maximum(values.numpy() / level, 1)).sum() / 2,
                np.minimum(values.numpy(), level).sum(),
            ],
            dtype=torch.float64,
        ),
    },
    posterior_collapse.check_kl_weight: {
        "formula": lambda a, sigma: 2 * a * sigma**2,
        "variance first": lambda a, sigma: sigma.square() * a * 2,
        "one by one": lambda a, sigma: torch.tensor(
            [s * s / (0.5 / r) for r, s in zip(a.tolist(), sigma.tolist())]
        ),
    },
    posterior_collapse.check_vae_loss: {
        "package": lambda f, g, x: objectives.vae_loss(f, g, x)["loss"],
        "two draws": lambda f, g, x: objectives.vae_loss(f, g, x, samples=2)["loss"],
        "by hand": vae_loss_by_hand,
        "torch.distributions": vae_loss_with_distributions,
        "picture by picture, vmap": vae_loss_of_one_picture,
        "own generator": partial(
            vae_loss_by_hand, noise=lambda mu: torch.randn(mu.shape, generator=GENERATOR)
        ),
        "one number in a list": lambda *a: vae_loss_by_hand(*a).reshape(1),
    },
}


def nll_of(x, p):
    return -(x * p.log() + (1 - x) * (1 - p).log()).sum(1)


WRONG = {
    posterior_collapse.check_water_filling: {
        "all directions": (
            "only directions above",
            lambda values, level: water_filling_with_loops(
                values, level, is_active=lambda value, level: True
            ),
        ),
        "inactive instead of active": (
            "not below",
            lambda values, level: water_filling_with_loops(
                values, level, is_active=lambda value, level: value < level
            ),
        ),
        "bits": (
            "nats",
            lambda values, level: (
                water_filling_with_loops(values, level) / torch.tensor([1, math.log(2), 1])
            ),
        ),
        "distortion of active units only": (
            "adds its whole variance",
            lambda values, level: torch.tensor(
                [
                    *water_filling_with_loops(values, level)[:2],
                    level * (values > level).sum(),
                ]
            ),
        ),
        "the first ones": (
            "any order",
            lambda values, level: torch.stack(
                [
                    (n := (values > level).sum()).float(),
                    (values[:n] / level).log().sum() / 2,
                    values.clamp(max=level).sum(),
                ]
            ),
        ),
        "0 log 0": (
            "0 · log 0",
            lambda values, level: torch.stack(
                [
                    (values > level).sum().float(),
                    ((values / level).log() * (values > level)).sum() / 2,
                    values.clamp(max=level).sum(),
                ]
            ),
        ),
        "equal ones once": (
            "some equal, one 0: expected",
            lambda values, level: water_filling_with_loops(values.unique(), level),
        ),
        "a list": (
            "expected a tensor, got list",
            lambda values, level: list(
                linear_gaussian.reverse_water_filling(values, level)
            ),
        ),
    },
    posterior_collapse.check_kl_weight: {
        "half": ("a factor is wrong", lambda a, sigma: a * sigma**2 / 2),
        "without a": ("doubled", lambda a, sigma: 2 * sigma**2),
    },
    posterior_collapse.check_vae_loss: {
        "a Bernoulli distribution of gray pixels": (
            "Gray pixels are not 0 or 1",
            lambda f, g, x: objectives.vae_loss(
                f, g, x, nll=lambda x, t: -Bernoulli(logits=t).log_prob(x).sum(1)
            )["loss"],
        ),
        "mean over pixels": (
            "add up the pixels",
            lambda f, g, x: objectives.vae_loss(
                f,
                g,
                x,
                nll=lambda x, logits: objectives.bernoulli_nll(x, logits) / x.shape[1],
            )["loss"],
        ),
        "mean over units": (
            "add up the axes",
            lambda f, g, x: objectives.vae_loss(f, g, x, beta=1 / 3)["loss"],
        ),
        "mean over pixels and units": (
            "no mean of them. And add up the axes",
            lambda f, g, x: (
                objectives.vae_loss(f, g, x, beta=x.shape[1] / 3)["loss"] / x.shape[1]
            ),
        ),
        "twice the KL": (
            "the factor ½ of the KL",
            lambda f, g, x: objectives.vae_loss(f, g, x, beta=2)["loss"],
        ),
        "sign of the KL": (
            "sign of the KL",
            lambda f, g, x: (
                2 * objectives.vae_loss(f, g, x, beta=0)["loss"] - vae_loss_by_hand(f, g, x)
            ),
        ),
        "as printed": (
            "not σ. And add up the pixels; take no mean of them. And add up the axes",
            printed,
        ),
        "σ mended": (
            "Hint: add up the pixels; take no mean of them. And add up the axes",
            partial(printed, width=lambda logvar: (logvar / 2).exp()),
        ),
        "both means mended": (
            "the variance, not σ.",
            lambda f, g, x: vae_loss_by_hand(f, g, x, width=torch.exp),
        ),
        "sample() for rsample()": (
            "rsample() let it pass",
            partial(vae_loss_with_distributions, draw=lambda q: q.sample()),
        ),
        "a draw under no_grad": ("rsample() let it pass", vae_loss_drawn_without_gradient),
        "a seed inside": ("set no seed within", vae_loss_with_seed),
        "μ detached": ("μ is detached", partial(vae_loss_with, center=0)),
        "σ detached": (
            "σ is detached",
            partial(vae_loss_by_hand, width=lambda logvar: (logvar / 2).exp().detach()),
        ),
        "KL detached": ("KL is detached", partial(vae_loss_with, kl=0)),
        "logits detached": (
            "logits are detached",
            lambda f, g, x: vae_loss_by_hand(f, lambda z: g(z).detach(), x),
        ),
        "a sigmoid by hand": (
            "1 / (1 + exp(−d)) rounds",
            partial(vae_loss_with, nll=lambda x, t: nll_of(x, 1 / (1 + (-t).exp()))),
        ),
        "cross entropy of probabilities": (
            "replaces a logarithm by −100",
            partial(
                vae_loss_with,
                nll=lambda x, t: binary_cross_entropy(t.sigmoid(), x, reduction="none").sum(
                    1
                ),
            ),
        ),
        "exp of a logit": (
            "exp of a large logit",
            partial(vae_loss_with, nll=lambda x, t: (torch.log1p(t.exp()) - x * t).sum(1)),
        ),
        "uniform noise": (
            "rand from the uniform one",
            partial(vae_loss_by_hand, noise=torch.rand_like),
        ),
        "detached": (
            "the loss has no gradient",
            lambda f, g, x: vae_loss_by_hand(f, g, x).detach(),
        ),
        "item": ("has no gradient", lambda f, g, x: vae_loss_by_hand(f, g, x).item()),
        "root of logvar": (
            "the root of logvar is not σ",
            lambda f, g, x: vae_loss_by_hand(f, g, x, width=torch.sqrt),
        ),
        "half of the variance": (
            "half the variance",
            lambda f, g, x: vae_loss_by_hand(f, g, x, width=lambda v: v.exp() / 2),
        ),
        "sum over the batch": (
            "average over the images",
            lambda f, g, x: len(x) * vae_loss_by_hand(f, g, x),
        ),
    },
}
