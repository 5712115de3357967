"""Answers for notebook 07: right ones, and wrong ones with a part of the message."""

import math
from functools import partial

import numpy as np
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence
from torch.nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    logsigmoid,
    softplus,
)

from course_utils import objectives
from course_utils.exercises import trained_vae
from course_utils.objectives import kl_to_standard_normal
from course_utils.theory import elbo, lattice

GENERATOR = torch.Generator().manual_seed(1)


def draws_by_torch(codes, n):
    return MultivariateNormal(codes.mean(0), torch.cov(codes.T)).sample((n,))


def draws_with_seed(codes, n):
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(n, codes.shape[1], generator=generator)
    return codes.mean(0) + noise @ torch.linalg.cholesky(codes.T.cov()).T


def draws_by_eigenvectors(codes, n):
    center = codes.mean(0)
    values, vectors = torch.linalg.eigh((codes - center).T @ (codes - center) / len(codes))
    return center + (torch.randn(n, codes.shape[1]) * values.sqrt()) @ vectors.T


def draws_of_noise(codes, n, noise=torch.randn):
    return codes.mean(0) + noise(n, codes.shape[1]) @ torch.linalg.cholesky(codes.T.cov()).T


def draws_around_codes(codes, n):
    """A kernel density estimate: each draw near a code, so too wide."""
    return codes[torch.randint(len(codes), (n,))] + 0.3 * torch.randn(n, codes.shape[1])


def score_with_distributions(f, g, x, samples):
    mu, logvar = f(x)
    q = Normal(mu, (logvar / 2).exp())
    total = 0
    for z in q.sample((samples,)):
        total = total - binary_cross_entropy_with_logits(g(z), x, reduction="none").sum(1)
    return total / samples - kl_divergence(q, Normal(0.0, 1.0)).sum(1)


def score_of_one_picture(f, g, x, samples):
    def score(picture):
        mu, logvar = f(picture)
        draws = [mu + (logvar / 2).exp() * torch.randn_like(mu) for _ in range(samples)]
        log_p = sum(picture @ g(z) - softplus(g(z)).sum() for z in draws) / samples
        return log_p - (mu**2 + logvar.exp() - 1 - logvar).sum() / 2

    return torch.vmap(score, randomness="different")(x)


def score_with(f, g, x, samples, nll=objectives.bernoulli_nll, noise=torch.randn_like):
    mu, logvar = f(x)
    draws = [mu + (logvar / 2).exp() * noise(mu) for _ in range(samples)]
    return -sum(nll(x, g(z)) for z in draws) / samples - kl_to_standard_normal(mu, logvar)


def score_with_seed(*arguments):
    torch.manual_seed(1)
    return score_with(*arguments)


def score_by_hand(f, g, x, samples, kl_factor=0.5, sign=1.0):
    with torch.no_grad():
        mu, logvar = f(x)
        sigma = logvar.exp().sqrt()
        log_p = torch.zeros(len(x))
        for _ in range(samples):
            logits = g(mu + sigma * torch.randn(mu.shape))
            log_p += (x * logsigmoid(logits) + (1 - x) * logsigmoid(-logits)).sum(
                dim=1
            ) / samples
        kl = kl_factor * (mu**2 + sigma**2 - 1 - 2 * sigma.log()).sum(dim=1)
    return sign * (log_p - kl)


def score_with_drawn_kl(f, g, x, samples, other=False):
    mu, logvar = f(x)
    q, prior = Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)
    total = 0
    for z in q.sample((samples,)):
        total = total - binary_cross_entropy_with_logits(g(z), x, reduction="none").sum(1)
        z = q.sample() if other else z
        total = total + (prior.log_prob(z) - q.log_prob(z)).sum(1)
    return total / samples


def score_without_exp(f, g, x, samples):
    mu, logvar = f(x)
    draws = mu + torch.sqrt(logvar) * torch.randn(samples, *mu.shape)
    nats = [binary_cross_entropy_with_logits(g(z), x, reduction="none") for z in draws]
    return -torch.stack(nats).sum(2).mean(0) - kl_to_standard_normal(mu, logvar)


def score_of_probabilities(f, g, x, samples):
    """As if g gave probabilities."""
    return score_by_hand(f, lambda z: torch.logit(g(z)), x, samples)


def log_p_only(f, g, x, samples):
    mu, logvar = f(x)
    draws = mu + (logvar / 2).exp() * torch.randn(samples, *mu.shape)
    nats = [binary_cross_entropy_with_logits(g(z), x, reduction="none") for z in draws]
    return -torch.stack(nats).sum(2).mean(0)


RIGHT = {
    trained_vae.check_prior_share: {
        "rounded": 0.466,
        "the square of 0.68, rounded": 0.46,
        "by the error function": math.erf(math.sqrt(0.5)) ** 2,
        "package": lattice.prior_mass(1),
        "torch.distributions": (2 * Normal(0.0, 1.0).cdf(torch.tensor(1.0)) - 1) ** 2,
    },
    trained_vae.check_class_draws: {
        "package": trained_vae.class_draws,
        "torch.distributions": draws_by_torch,
        "eigenvectors, divided by M": draws_by_eigenvectors,
        "own generator": partial(
            draws_of_noise, noise=lambda *size: torch.randn(size, generator=GENERATOR)
        ),
        "numpy, float64": lambda codes, n: torch.from_numpy(
            np.random.multivariate_normal(codes.mean(0).numpy(), codes.T.cov().numpy(), n)
        ),
        "columns": lambda codes, n: (
            (
                codes.mean(0)[:, None]
                + torch.linalg.cholesky(torch.cov(codes.T)) @ torch.randn(codes.shape[1], n)
            ).T
        ),
    },
    trained_vae.check_score: {
        "package": lambda f, g, x, samples: elbo.elbo(f, g, x, samples=samples),
        "torch.distributions": score_with_distributions,
        "by hand": score_by_hand,
        "picture by picture, vmap": score_of_one_picture,
        "own generator": partial(
            score_with, noise=lambda mu: torch.randn(mu.shape, generator=GENERATOR)
        ),
    },
}

WRONG = {
    trained_vae.check_prior_share: {
        "on a line": ("both must", 0.683),
        "the disk": ("corners", 0.3935),
        "two standard deviations on a line": ("0.95 is for two", 0.954),
        "two standard deviations": ("not at two", 0.911),
        "a percentage": ("between 0 and 1", 46.6),
        "the area": ("area", 0.04),
        "outside": ("outside", 0.534),
        "a guess": ("It is not 0.8", 0.8),
        "a word": ("is not a number", "half"),
    },
    trained_vae.check_class_draws: {
        "covariance of the rows": (
            "constraint PositiveDefinite(), but it is not",
            lambda codes, n: MultivariateNormal(codes.mean(0), torch.cov(codes)).sample(
                (n,)
            ),
        ),
        "the prior": (
            "does not know the class",
            lambda codes, n: torch.randn(n, codes.shape[1]),
        ),
        "upright": (
            "correlated",
            lambda codes, n: Normal(codes.mean(0), codes.std(0)).sample((n,)),
        ),
        "covariance for its root": (
            "cholesky gives one",
            lambda codes, n: (
                codes.mean(0) + (torch.cov(codes.T) @ torch.randn(codes.shape[1], n)).T
            ),
        ),
        "root of each entry": (
            "not of the matrix",
            lambda codes, n: (
                codes.mean(0) + torch.randn(n, codes.shape[1]) @ codes.T.cov() ** 0.5
            ),
        ),
        "axes as columns": (
            "give it codes.T",
            lambda codes, n: (
                codes.mean(0)
                + torch.randn(n, codes.shape[1]) @ torch.linalg.cholesky(codes.cov()).T
            ),
        ),
        "a seed inside": ("set no seed within", draws_with_seed),
        "transposed": (
            "transpose",
            lambda codes, n: (
                codes.mean(0)
                + torch.randn(n, codes.shape[1]) @ torch.linalg.cholesky(codes.T.cov())
            ),
        ),
        "without mean": (
            "mean of the codes is missing",
            lambda codes, n: draws_by_torch(codes, n) - codes.mean(0),
        ),
        "old codes": (
            "Draw new ones",
            lambda codes, n: codes[torch.multinomial(torch.ones(len(codes)), n, True)],
        ),
        "wider": ("expected 0.", draws_around_codes),
        "uniform noise of variance 1": (
            "how often a draw is far",
            partial(draws_of_noise, noise=lambda *n: 12**0.5 * (torch.rand(n) - 0.5)),
        ),
        "noise of two axes": (
            "K numbers",
            partial(draws_of_noise, noise=lambda n, _: torch.randn(n, 2)),
        ),
        "one ε": (
            "one ε for all codes",
            partial(draws_of_noise, noise=lambda n, k: torch.randn(k).expand(n, k)),
        ),
        "each of them twice": (
            "0 for each that is new: expected",
            partial(
                draws_of_noise,
                noise=lambda n, k: torch.randn(n, k)[: -(-n // 2)].repeat(2, 1)[:n],
            ),
        ),
        "less their own mean": (
            "the only one",
            partial(draws_of_noise, noise=lambda *n: (z := torch.randn(n)) - z.mean(0)),
        ),
        "near old codes": (
            "moved a little",
            lambda codes, n: (
                codes[torch.randint(len(codes), (n,))] + 1e-3 * draws_of_noise(codes, n)
            ),
        ),
        "one draw": (
            "expected shape (7, 3), got (3,)",
            lambda codes, n: draws_by_torch(codes, 1)[0],
        ),
        "numpy array": (
            "expected a tensor",
            lambda codes, n: draws_by_torch(codes, n).numpy(),
        ),
        "forgotten return": ("a return may be missing", lambda codes, n: None),
    },
    trained_vae.check_score: {
        "loss": ("higher one is better", lambda *a: score_by_hand(*a, sign=-1.0)),
        "without KL": ("KL is missing", log_p_only),
        "KL added": ("It is a cost", lambda *a: score_by_hand(*a, kl_factor=-0.5)),
        "twice the KL": ("the factor ½", lambda *a: score_by_hand(*a, kl_factor=1.0)),
        "σ for σ² in the KL": (
            "not σ.",
            lambda f, g, x, samples: (
                log_p_only(f, g, x, samples)
                - (f(x)[0] ** 2 + (f(x)[1] / 2).exp() - 1 - f(x)[1]).sum(1) / 2
            ),
        ),
        "log σ for log σ² in the KL": (
            "not half of it",
            lambda f, g, x, samples: (
                log_p_only(f, g, x, samples)
                - (f(x)[0] ** 2 + f(x)[1].exp() - 1 - f(x)[1] / 2).sum(1) / 2
            ),
        ),
        "KL by the same draws": ("Take its closed form", score_with_drawn_kl),
        "KL by other draws": (
            "from draws of its own",
            lambda *a: score_with_drawn_kl(*a, other=True),
        ),
        "root of logvar": ("take exp before the root", score_without_exp),
        "logits for probabilities": ("g gives logits", score_of_probabilities),
        "a seed inside": ("set no seed within", score_with_seed),
        "rounded pixels": (
            "a decoder that ignores the code: expected",
            partial(score_with, nll=lambda x, t: objectives.bernoulli_nll(x.round(), t)),
        ),
        "cross entropy of probabilities": (
            "replaces a logarithm by −100",
            partial(
                score_with,
                nll=lambda x, t: binary_cross_entropy(t.sigmoid(), x, reduction="none").sum(
                    1
                ),
            ),
        ),
        "one ε for a batch": (
            "one ε for all pictures",
            partial(score_with, noise=lambda mu: torch.randn_like(mu[0])),
        ),
        "KL averaged over the pictures": (
            "four pictures, an almost certain encoder: expected",
            lambda f, g, x, samples: (
                log_p_only(f, g, x, samples) - kl_to_standard_normal(*f(x)).mean()
            ),
        ),
        "one draw": (
            "a single one",
            lambda f, g, x, samples: score_by_hand(f, g, x, 1),
        ),
        "mean over pictures": (
            "for each picture",
            lambda *a: score_with_distributions(*a).mean(),
        ),
        "no draw": (
            "noise ε is missing",
            lambda f, g, x, samples: score_by_hand(
                lambda x: f(x), lambda z: g(f(x)[0]), x, 1
            ),
        ),
        "forgotten return": ("a return may be missing", lambda *a: None),
    },
}
