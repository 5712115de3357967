"""Answers for notebook 08: right ones, and wrong ones with a part of the message."""

import math
from functools import partial, reduce

import numpy as np
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from course_utils import objectives
from course_utils.exercises import elbo
from course_utils.theory import linear_gaussian


def elbo_by_matrices(x, w, b, sigma, mu, logvar):
    """E ‖x − Wz − b‖² by the trace of W diag(s²) Wᵀ, image by image."""
    rows = []
    for image, m, v in zip(x, mu, logvar.exp()):
        away = image - w @ m - b
        square = away @ away + torch.trace(w @ torch.diag(v) @ w.T)
        log_p = -0.5 * (square / sigma**2 + len(b) * math.log(2 * math.pi * sigma**2))
        rows.append(log_p - 0.5 * (m.square() + v - v.log() - 1).sum())
    return torch.stack(rows)


def elbo_by_the_gap(x, w, b, sigma, mu, logvar):
    """log p(x) − KL(q ‖ p(z|x))."""
    center, covariance = linear_gaussian.linear_posterior(x, w, b, sigma)
    q = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    gap = kl_divergence(q, MultivariateNormal(center, covariance))
    return linear_gaussian.linear_log_evidence(x, w, b, sigma) - gap


def elbo_with(x, w, b, sigma, mu, logvar, *, spread=1.0, kl=1.0, constant=1.0):
    """The ELBO with factors for its terms."""
    square = (x - mu @ w.T - b).square().sum(1)
    square = square + spread * (logvar.exp() @ w.square().sum(0))
    constants = constant * len(b) * math.log(2 * math.pi * sigma**2)
    log_p = -0.5 * (square / sigma**2 + constants)
    return log_p - kl * objectives.kl_to_standard_normal(mu, logvar)


RIGHT = {
    elbo.check_lattice_sum: {
        "logsumexp": lambda log_joint, h, k: log_joint.logsumexp(1) + k * math.log(h),
        "cell in the logs": lambda log_joint, h, k: (log_joint + math.log(h**k)).logsumexp(
            -1
        ),
        "largest first": lambda log_joint, h, k: (
            ((log_joint - log_joint.amax(1, keepdim=True)).exp().sum(1) * h**k).log()
            + log_joint.amax(1)
        ),
        "image by image, double precision": lambda log_joint, h, k: torch.stack(
            [(row.double().exp().sum() * h**k).log() for row in log_joint]
        ),
        "point by point": lambda log_joint, h, k: (
            reduce(torch.logaddexp, log_joint.T) + k * math.log(h)
        ),
        "numpy": lambda log_joint, h, k: torch.from_numpy(
            np.logaddexp.reduce(log_joint.numpy(), axis=1) + k * np.log(h)
        ),
    },
    elbo.check_linear_elbo: {
        "package": linear_gaussian.linear_elbo,
        "trace": elbo_by_matrices,
        "evidence less the gap": elbo_by_the_gap,
        "one line": elbo_with,
        "torch.distributions": lambda x, w, b, sigma, mu, logvar: (
            Normal(mu @ w.T + b, sigma).log_prob(x).sum(1)
            - ((logvar / 2).exp()[:, None] * w).square().sum((1, 2)) / (2 * sigma**2)
            - kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(1)
        ),
        "float64": lambda x, w, b, sigma, mu, logvar: elbo_with(
            x.double(), w.double(), b.double(), sigma, mu.double(), logvar.double()
        ),
    },
    elbo.check_importance_bound: {
        "package's line": lambda lw: torch.logsumexp(lw, 0) - math.log(len(lw)),
        "log of the mean, minus the largest": lambda lw: (
            (lw - lw.amax(0)).exp().mean(0).log() + lw.amax(0)
        ),
        "double precision": lambda lw: lw.double().exp().mean(0).log(),
        "log L first": lambda lw: (lw - math.log(lw.shape[0])).logsumexp(dim=0),
        "image by image": lambda lw: torch.stack(
            [column.logsumexp(0) - torch.tensor(len(column)).log() for column in lw.T]
        ),
    },
}

WRONG = {
    elbo.check_lattice_sum: {
        "all three bugs": (
            "of exp. And the cells are added up, not averaged. And a cell of the plane",
            lambda log_joint, h, k: (log_joint.exp().mean(1) * h).log(),
        ),
        "underflow and h": (
            "of exp. And a cell of the plane",
            lambda log_joint, h, k: (log_joint.exp().sum(1) * h).log(),
        ),
        "mean": (
            "Hint: the cells are added up",
            lambda log_joint, h, k: (
                log_joint.logsumexp(1) - math.log(log_joint.shape[1]) + k * math.log(h)
            ),
        ),
        "the largest of all": (
            "of each image, not the largest of all",
            lambda log_joint, h, k: (
                ((log_joint - log_joint.max()).exp().sum(1) * h**k).log() + log_joint.max()
            ),
        ),
        "no log": (
            "log is missing",
            lambda log_joint, h, k: log_joint.logsumexp(1).exp() * h**k,
        ),
        "forgotten return": ("a return may be missing", lambda log_joint, h, k: None),
    },
    elbo.check_linear_elbo: {
        "decoded at the mean only": ("the spread of q", partial(elbo_with, spread=0.0)),
        "s⁴ for s²": (
            "once",
            lambda x, w, b, sigma, mu, logvar: (
                elbo_with(x, w, b, sigma, mu, logvar, spread=0.0)
                - (2 * logvar).exp() @ w.square().sum(0) / (2 * sigma**2)
            ),
        ),
        "KL added": ("KL is subtracted", partial(elbo_with, kl=-1.0)),
        "all of one logvar": (
            "any q, σ = 1: expected",
            lambda *a: elbo_with(*a[:5], a[5][:1].expand_as(a[5])),
        ),
        "spread without σ": (
            "not by 2.",
            lambda x, w, b, sigma, mu, logvar: (
                elbo_with(x, w, b, sigma, mu, logvar, spread=0.0)
                - logvar.exp() @ w.square().sum(0) / 2
            ),
        ),
        "spread not halved": ("not by σ²", partial(elbo_with, spread=2.0)),
        "constant without σ": (
            "σ² inside the log",
            lambda x, w, b, sigma, mu, logvar: (
                elbo_with(x, w, b, sigma, mu, logvar, constant=0.0)
                - len(b) / 2 * math.log(2 * math.pi)
            ),
        ),
        "one draw": (
            "draw of z is random",
            lambda x, w, b, sigma, mu, logvar: (
                -objectives.gaussian_nll(
                    x, objectives.reparameterize(mu, logvar) @ w.T + b, sigma=sigma
                )
                - objectives.kl_to_standard_normal(mu, logvar)
            ),
        ),
    },
    elbo.check_importance_bound: {
        "divided by L after the log": (
            "inside the log",
            lambda lw: lw.logsumexp(0) / len(lw),
        ),
        "the largest of all": (
            "of each image, not the largest of all",
            lambda lw: (lw - lw.max()).exp().mean(0).log() + lw.max(),
        ),
        "no axis of one image": (
            "expected shape (1,), got ()",
            lambda lw: (lw.logsumexp(0) - math.log(len(lw))).squeeze(),
        ),
        "over the images": ("the axis", lambda lw: lw.logsumexp(1) - math.log(lw.shape[1])),
    },
}
