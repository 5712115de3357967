"""Answers to the exercises of notebook 00, right and wrong, these with the hint they must hear."""

import math

import numpy as np
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from course_utils.exercises import generative_models


def mixture_pair_by_pair(log_prior, log_likelihood):
    total = log_prior[0] + log_likelihood[:, 0]
    for k in range(1, len(log_prior)):
        total = torch.logaddexp(total, log_prior[k] + log_likelihood[:, k])
    return total


def mixture_largest_first(log_prior, log_likelihood):
    log_joint = log_likelihood + log_prior
    top = log_joint.amax(1, keepdim=True)
    return top.squeeze(1) + (log_joint - top).exp().sum(1).log()


def draws_around(means, sigma):
    return means + sigma * torch.randn_like(means)


def choices(n, weights):
    return torch.multinomial(weights, n, replacement=True)


def draws_by_distributions(n, weights, means, sigma):
    components = Independent(Normal(means, sigma), 1)
    return MixtureSameFamily(Categorical(weights), components).sample((n,))


def draws_component_by_component(n, weights, means, sigma):
    """Sorted by component, as scikit-learn returns them."""
    counts = choices(n, weights).bincount(minlength=len(means)).tolist()
    parts = [draws_around(m.expand(c, -1), sigma) for m, c in zip(means, counts)]
    return torch.cat(parts)


def draws_by_thresholds(n, weights, means, sigma):
    z = (torch.rand(n, 1) > weights.cumsum(0)[:-1]).sum(1)
    return torch.normal(means[z], sigma)


# What one adds inside a logarithm, as a hint writes it.
SMALL = "1e-05 1e-06 1e-07 1e-08 1e-09 1e-10 1e-12 1e-16 1e-20 1e-30".split()

RIGHT = {
    generative_models.check_m_step: {
        "matrices": lambda x, r: (r / r.sum(0)).T @ x,
        "einsum": lambda x, r: torch.einsum("nk,nd->kd", r, x) / r.sum(0).unsqueeze(1),
        "component by component": lambda x, r: torch.stack(
            [(share[:, None] * x).sum(0) / share.sum() for share in r.T]
        ),
        "numpy": lambda x, r: torch.from_numpy(
            np.stack([np.average(x.numpy(), axis=0, weights=w) for w in r.T.numpy()])
        ),
    },
    generative_models.check_mixture_size: {
        "counted": 30 * 40 + 30 * 40 * 41 // 2 + 29,
        "a float": 25_829.0,
        "a tensor": torch.tensor(25_829),
        "by numpy": 30 * (40 + np.tril(np.ones((40, 40))).sum()) + 29,
    },
    generative_models.check_mixture_log_density: {
        "logsumexp": lambda prior, likelihood: torch.logsumexp(prior + likelihood, dim=1),
        "pair by pair": mixture_pair_by_pair,
        "largest first": mixture_largest_first,
        "Bayes' rule": lambda prior, likelihood: (
            (prior + likelihood) - (prior + likelihood).log_softmax(1)
        )[:, 0],
    },
    generative_models.check_mixture_draws: {
        "two steps": lambda n, weights, means, sigma: draws_around(
            means[choices(n, weights)], sigma
        ),
        "torch.distributions": draws_by_distributions,
        "component by component": draws_component_by_component,
        "thresholds": draws_by_thresholds,
        "double precision": lambda n, weights, means, sigma: draws_around(
            means.double()[choices(n, weights)], sigma
        ),
    },
}

WRONG = {
    generative_models.check_m_step: {
        "divided by N": ("divided by", lambda x, r: r.T @ x / len(x)),
        "divided by N, by einsum": (
            "divided by",
            lambda x, r: torch.einsum("nk,nd->knd", r, x).mean(1),
        ),
        "not divided": ("add up to 1", lambda x, r: torch.einsum("nk,nd->kd", r, x)),
        "sum over the other axis": (
            "add up to 1",
            lambda x, r: torch.stack(
                [
                    sum(r[n, k] * x[n] / r[n].sum() for n in range(len(x)))
                    for k in range(r.shape[1])
                ]
            ),
        ),
        "K-means": (
            "not winners",
            lambda x, r: torch.stack(
                [
                    x[r.argmax(1) == k].mean(0) if (r.argmax(1) == k).any() else 0 * x[0]
                    for k in range(r.shape[1])
                ]
            ),
        ),
        "divided by K": ("number of components", lambda x, r: (r.T @ x) / r.size(1)),
        "squared": (
            "not squared",
            lambda x, r: torch.einsum("nk,nk,nd->kd", r, r, x) / (r * r).sum(0)[:, None],
        ),
        "softmax again": (
            "apply none",
            lambda x, r: (p := torch.softmax(r, 1)).T @ x / p.sum(0).unsqueeze(1),
        ),
        "the mean of all": (
            "where are the shares",
            lambda x, r: x.mean(0).repeat(r.shape[1], 1),
        ),
        "transposed": ("shape", lambda x, r: x.T @ r / r.sum(0)),
        "weights": ("weights of the components", lambda x, r: r.sum(0) / len(r)),
        "a list": ("got list", lambda x, r: [x.mean(0) for _ in r.T]),
        "forgotten return": ("a return may be missing", lambda x, r: None),
    },
    generative_models.check_mixture_size: {
        "all weights": ("know the last", 30 * 861),
        "no weights": ("weights of the components are missing", 25_800),
        "whole covariances": ("symmetric", 49_229),
        "whole covariances, all weights": ("symmetric", 49_230),
        "without the diagonal": ("or the diagonals", 30 * (40 + 780) + 29),
        "diagonals alone": ("more than its diagonal", 2429),
        "no means": ("means are missing", 30 * 820 + 29),
        "no covariances": ("covariances are missing", 1229),
        "one component": ("one component", 860),
        "pixels": ("784", 30 * (784 + 307_720) + 29),
        "a word": ("not a number", "many"),
        "several numbers": ("not a number", (30, 860)),
        "anything": ("It is not 7", 7),
    },
    generative_models.check_mixture_log_density: {
        "exp rounds to 0": (
            "Avoid the exp",
            lambda prior, likelihood: torch.log((prior.exp() * likelihood.exp()).sum(1)),
        ),
        "double": (
            "Avoid the exp",
            lambda prior, likelihood: (
                (prior.double() + likelihood.double()).exp().sum(1).log()
            ),
        ),
        **{
            f"{tiny} in the logarithm": (
                f"{tiny} inside",
                lambda prior, likelihood, tiny=float(tiny): torch.log(
                    (prior + likelihood).exp().sum(1) + tiny
                ),
            )
            for tiny in SMALL
        },
        "largest of all": (
            "of its own",
            lambda prior, likelihood: (
                likelihood.max()
                + (prior + likelihood - likelihood.max()).exp().sum(1).log()
            ),
        ),
        "prior forgotten": ("weights", lambda prior, likelihood: likelihood.logsumexp(1)),
        "prior not in logs": (
            "as logarithms already",
            lambda prior, likelihood: (prior.exp() + likelihood).logsumexp(1),
        ),
        "log of the log": (
            "got -inf",
            lambda prior, likelihood: torch.logsumexp(prior.log() + likelihood, 1),
        ),
        "product": (
            "products of densities",
            lambda prior, likelihood: torch.logsumexp(likelihood * prior, dim=1),
        ),
        "equal weights": (
            "1/K",
            lambda prior, likelihood: likelihood.logsumexp(1) - math.log(len(prior)),
        ),
        "the best component alone": (
            "likeliest",
            lambda prior, likelihood: (prior + likelihood).max(1).values,
        ),
        "mean of the logs": (
            "mean of logarithms",
            lambda prior, likelihood: likelihood @ prior.exp(),
        ),
        "sum of the logs": (
            "sum of logarithms",
            lambda prior, likelihood: (prior + likelihood).sum(1),
        ),
        "over the batch": (
            "axis",
            lambda prior, likelihood: (prior + likelihood).logsumexp(0),
        ),
        "mean for sum": (
            "divide by nothing",
            lambda prior, likelihood: (
                torch.logsumexp(prior + likelihood, 1) - math.log(likelihood.shape[1])
            ),
        ),
        "posterior": (
            "posterior",
            lambda prior, likelihood: (prior + likelihood).log_softmax(1),
        ),
        "not added up": (
            "sum over the components",
            lambda prior, likelihood: likelihood + prior,
        ),
        "sign": (
            "sign",
            lambda prior, likelihood: -torch.logsumexp(prior + likelihood, 1),
        ),
        "mean over the images": (
            "one number for each",
            lambda prior, likelihood: (prior + likelihood).logsumexp(1).mean(),
        ),
        "numpy": (
            "got ndarray",
            lambda prior, likelihood: (prior + likelihood).logsumexp(1).numpy(),
        ),
    },
    generative_models.check_mixture_draws: {
        "one component for all": (
            "one component was chosen",
            lambda n, weights, means, sigma: draws_around(
                means[choices(1, weights)].expand(n, -1), sigma
            ),
        ),
        "equal weights": (
            "Not all components",
            lambda n, weights, means, sigma: draws_around(
                means[torch.randint(len(means), (n,))], sigma
            ),
        ),
        "always the heaviest": (
            "heaviest",
            lambda n, weights, means, sigma: draws_around(
                means[weights.argmax()].expand(n, -1), sigma
            ),
        ),
        "average of the means": (
            "average the means",
            lambda n, weights, means, sigma: draws_around(
                (weights @ means).expand(n, -1), sigma
            ),
        ),
        "average of draws": (
            "average draws",
            lambda n, weights, means, sigma: sum(
                w * draws_around(m.expand(n, -1), sigma) for w, m in zip(weights, means)
            ),
        ),
        "weights on the means": (
            "scale its mean",
            lambda n, weights, means, sigma: draws_around(
                (weights[:, None] * means)[choices(n, weights)], sigma
            ),
        ),
        "variance for σ": (
            "not by its square",
            lambda n, weights, means, sigma: draws_around(
                means[choices(n, weights)], sigma**2
            ),
        ),
        "root of σ": (
            "no root",
            lambda n, weights, means, sigma: draws_around(
                means[choices(n, weights)], sigma**0.5
            ),
        ),
        "σ forgotten": (
            "sigma is missing",
            lambda n, weights, means, sigma: torch.normal(means[choices(n, weights)], 1.0),
        ),
        "no noise": (
            "second step",
            lambda n, weights, means, sigma: means[choices(n, weights)],
        ),
        "one ε for all": (
            "one ε for all draws",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * torch.randn(2)
            ),
        ),
        "one ε a draw": (
            "coordinates",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * torch.randn(n, 1)
            ),
        ),
        "uniform noise": (
            "uniform",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * torch.rand(n, 2)
            ),
        ),
        "uniform noise as wide": (
            "got",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * 12**0.5 * (torch.rand(n, 2) - 0.5)
            ),
        ),
        "noise without a place": (
            "mean is missing",
            lambda n, weights, means, sigma: sigma * torch.randn(n, means.shape[1]),
        ),
        "components without noise or place": (
            "choices",
            lambda n, weights, means, sigma: choices(n, weights),
        ),
        "forgotten return": (
            "a return may be missing",
            lambda n, weights, means, sigma: None,
        ),
    },
}
