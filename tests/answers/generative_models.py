"""Answers for notebook 00: right ones, and wrong ones with a part of the message."""

import numpy as np
import torch
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

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


def _joint(log_prior, log_likelihood):
    return log_prior + log_likelihood


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


def fixed_counts_with_rest(n, weights, means, sigma):
    z = torch.full((n,), len(weights) - 1)
    ends = (n * weights).int().cumsum(0).tolist()
    for k, (start, end) in enumerate(zip([0, *ends], ends[:-1])):
        z[start:end] = k
    return draws_around(means[z[torch.randperm(n)]], sigma)


def draws_with_seed(n, weights, means, sigma):
    torch.manual_seed(42)
    return draws_by_thresholds(n, weights, means, sigma)


def draws_by_thresholds(n, weights, means, sigma):
    z = (torch.rand(n, 1) > weights.cumsum(0)[:-1]).sum(1)
    return torch.normal(means[z], sigma)


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
        "divided by N, by einsum": (
            "divided by",
            lambda x, r: torch.einsum("nk,nd->knd", r, x).mean(1),
        ),
        "sum over the other axis": (
            "add up to 1",
            lambda x, r: torch.stack(
                [
                    sum(r[n, k] * x[n] / r[n].sum() for n in range(len(x)))
                    for k in range(r.shape[1])
                ]
            ),
        ),
        "[:, None] forgotten": (
            "r.sum(0)[:, None]",
            lambda x, r: torch.einsum("nk,nd->kd", r, x) / r.sum(0),
        ),
        "divided by the shares of an example": (
            "not over the components",
            lambda x, r: torch.einsum("nk,nd->kd", r, x) / r.sum(1, keepdim=True),
        ),
        "divided by the mean share": (
            "the sum divided by N",
            lambda x, r: (x.T @ r / r.mean(0)).T,
        ),
        "K-means": (
            "not the largest one only",
            lambda x, r: torch.stack(
                [
                    x[r.argmax(1) == k].mean(0) if (r.argmax(1) == k).any() else 0 * x[0]
                    for k in range(r.shape[1])
                ]
            ),
        ),
        "squared": (
            "not squared",
            lambda x, r: torch.einsum("nk,nk,nd->kd", r, r, x) / (r * r).sum(0)[:, None],
        ),
        "a list": ("got list", lambda x, r: [x.mean(0) for _ in r.T]),
        "forgotten return": ("a return may be missing", lambda x, r: None),
    },
    generative_models.check_mixture_size: {
        "whole covariances, all weights": ("symmetric", 49_230),
        "without the diagonal": ("or the diagonals", 30 * (40 + 780) + 29),
        "weights alone, one too few": ("add them", 25_799),
        "means forgotten": ("the means are missing, and", 24_630),
        "one component with all weights": ("of its own", 889),
        "a word": ("not a number", "many"),
        "several numbers": ("not a number", (30, 860)),
        "anything": ("It is not 7", 7),
    },
    generative_models.check_mixture_log_density: {
        "double": (
            "Avoid the exp",
            lambda prior, likelihood: (
                (prior.double() + likelihood.double()).exp().sum(1).log()
            ),
        ),
        "largest not added again": (
            "add it again",
            lambda prior, likelihood: (
                _joint(prior, likelihood)
                .sub(_joint(prior, likelihood).amax(1)[:, None])
                .logsumexp(1)
            ),
        ),
        "clamped": (
            "clamping at -80",
            lambda prior, likelihood: (
                _joint(prior, likelihood).clamp(-80).exp().sum(1).log()
            ),
        ),
        "largest of all": (
            "of each point",
            lambda prior, likelihood: (
                likelihood.max()
                + (prior + likelihood - likelihood.max()).exp().sum(1).log()
            ),
        ),
        "prior not in logs": (
            "as logarithms already",
            lambda prior, likelihood: (prior.exp() + likelihood).logsumexp(1),
        ),
        "prior multiplied": (
            "do not multiply by it",
            lambda prior, likelihood: torch.log(likelihood.exp() @ prior),
        ),
        "log of the log": (
            "it has no logarithm",
            lambda prior, likelihood: torch.logsumexp(prior.log() + likelihood, 1),
        ),
        "mean of the logs": (
            "mean of logarithms",
            lambda prior, likelihood: likelihood @ prior.exp(),
        ),
        "numpy": (
            "got ndarray",
            lambda prior, likelihood: (prior + likelihood).logsumexp(1).numpy(),
        ),
    },
    generative_models.check_mixture_draws: {
        "fixed counts": (
            "only the expected number",
            lambda n, weights, means, sigma: torch.cat(
                [
                    draws_around(m.expand(int(n * w), -1), sigma)
                    for m, w in zip(means, weights)
                ]
            ),
        ),
        "fixed counts, shuffled, the rest to the last": (
            "expected 1, got 0",
            fixed_counts_with_rest,
        ),
        "sigma in place of a covariance": (
            "a covariance would be",
            lambda n, weights, means, sigma: MultivariateNormal(
                means[choices(n, weights)], sigma * torch.eye(means.shape[1])
            ).sample(),
        ),
        "weights for logits": (
            "without a softmax",
            lambda n, weights, means, sigma: draws_around(
                means[Categorical(logits=weights).sample((n,))], sigma
            ),
        ),
        "a seed inside": ("set no seed", draws_with_seed),
        "average of the means": (
            "average the means",
            lambda n, weights, means, sigma: draws_around(
                (weights @ means).expand(n, -1), sigma
            ),
        ),
        "weights on the means": (
            "scale its mean",
            lambda n, weights, means, sigma: draws_around(
                (weights[:, None] * means)[choices(n, weights)], sigma
            ),
        ),
        "σ forgotten": (
            "sigma is missing",
            lambda n, weights, means, sigma: torch.normal(means[choices(n, weights)], 1.0),
        ),
        "one ε a draw": (
            "coordinates",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)] + sigma * torch.randn(n, 1)
            ),
        ),
        "uniform noise as wide": (
            "got",
            lambda n, weights, means, sigma: (
                means[choices(n, weights)]
                + sigma * 12**0.5 * (torch.rand(n, means.shape[1]) - 0.5)
            ),
        ),
        "forgotten return": (
            "a return may be missing",
            lambda n, weights, means, sigma: None,
        ),
    },
}
