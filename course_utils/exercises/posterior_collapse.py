"""Checks of notebook 09, posterior collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import KLS, NLLS, WIDTHS, exact_kl, sigma_of, variants
from course_utils.exercises.grading import CheckResult, Mistakes, compare
from course_utils.theory import linear_gaussian


def _rate(values, level):
    """Rate of each direction, nats."""
    return (values / level).log() / 2


def _water_filling(values, level, **wrong):
    """Active units, rate and distortion, some of them computed in a ``wrong`` way."""
    names = "active", "rate", "distortion"
    right = dict(zip(names, linear_gaussian.reverse_water_filling(values, level)))
    changed = {name: change(values, level) for name, change in wrong.items()}
    return torch.tensor([float(value) for value in {**right, **changed}.values()])


_WATER_FILLING_MISTAKES: Mistakes = {
    "only directions above the level are active and have a rate.": partial(
        _water_filling,
        active=lambda values, level: len(values),
        rate=lambda values, level: _rate(values, level).sum(),
    ),
    "a direction at the level has rate 0 and is not active.": (
        partial(_water_filling, active=lambda values, level: (values >= level).sum())
    ),
    "active directions are those above the level, not below.": partial(
        _water_filling,
        active=lambda values, level: (values < level).sum(),
        rate=lambda values, level: _rate(values, level)[values < level].sum(),
    ),
    "the rate. A factor ½ is missing.": (
        lambda *a: _water_filling(*a) * torch.tensor([1, 2, 1])
    ),
    "the rate was asked for in nats, so with log to base e.": (
        lambda *a: _water_filling(*a) / torch.tensor([1, math.log(2), 1])
    ),
    "the distortion. An inactive direction adds its whole variance.": (
        partial(
            _water_filling, distortion=lambda values, level: level * (values > level).sum()
        )
    ),
    "the distortion. An active direction still has an error of βσ², the level.": (
        partial(
            _water_filling, distortion=lambda values, level: values[values <= level].sum()
        )
    ),
    "the level is βσ² already: neither a root nor a square is needed.": (
        lambda values, level: _water_filling(values, level**2)
    ),
}


def check_water_filling(answer: Callable[[Tensor, float], Tensor]) -> CheckResult:
    """Notebook 09: active units, rate, distortion of the best linear β-VAE.

    eigenvalues (D,), level βσ² -> (3,): how many λₖ exceed it, ½ Σ log (λₖ / βσ²) over
    these in nats, Σ min(λₖ, βσ²) over all.
    """
    values = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1])
    cases = {
        "one active direction": (torch.tensor([4.0]), 1.0),
        "one inactive direction": (torch.tensor([0.5]), 1.0),
        "two are active": (values, 1.5),
        "one is at the level and has rate 0": (values, 1.0),
        "all are active": (values, 0.05),
        "none is active": (values, 7.0),
    }
    return compare(answer, _water_filling, cases, _WATER_FILLING_MISTAKES)


_KL_WEIGHT_MISTAKES: Mistakes = {
    "sigma is a standard deviation; −log N has its square.": (
        lambda a, sigma: 2 * a * sigma
    ),
    "a factor 2 is missing. −log N has 1/(2σ²).": lambda a, sigma: a * sigma**2,
    "a factor is wrong. −log N has 1/(2σ²), so that a = 1/(2σ²) where b = 1.": (
        lambda a, sigma: a * sigma**2 / 2
    ),
    "σ². With noisier pixels the KL has more weight.": (lambda a, sigma: 2 * a / sigma**2),
    "a. A loss that is twice as large in all has both weights doubled.": (
        lambda a, sigma: 2 * sigma**2
    ),
    "a. The two weights grow together, not against each other.": (
        lambda a, sigma: 2 * sigma**2 / a
    ),
    "the ratio is upside down.": lambda a, sigma: 1 / (2 * a * sigma**2),
    "b is 1 only where a = 1/(2σ²).": lambda a, sigma: torch.ones_like(a),
}


def check_kl_weight(answer: Callable[[Tensor, Tensor], Tensor]) -> CheckResult:
    """Notebook 09: b that makes a ‖x − x̂‖² + b KL the −ELBO of pixels N(x̂, σ²I): 2aσ².

    a (n,), sigma (n,) -> (n,), one for each code base.
    """

    def columns(*pairs: tuple[float, float]) -> tuple[Tensor, ...]:
        return tuple(torch.tensor(pairs, dtype=torch.float64).T.clone())

    cases = {
        "half a sum and σ = 1, the lecture's own": columns((0.5, 1)),
        "a sum of squares and σ = 1": columns((1, 1)),
        "a mean over 784 pixels and σ = 1": columns((1 / 784, 1)),
        "a sum of squares and narrow pixels": columns((1, 0.1)),
        "several code bases at once": columns((1, 0.5), (500 / 784, 0.3), (0.5, 2)),
    }
    return compare(answer, lambda a, sigma: 2 * a * sigma**2, cases, _KL_WEIGHT_MISTAKES)


def _vae_loss(f, g, x, *, nll=objectives.bernoulli_nll, kl=exact_kl, width=sigma_of):
    """The two terms and a draw, which may be wrong."""
    mu, logvar = f(x)
    z = mu + width(logvar) * torch.randn_like(mu)
    return (nll(x, g(z)) + kl(mu, logvar, z)).mean()


_VAE_LOSS_MISTAKES: Mistakes = {
    **variants(_vae_loss, width=WIDTHS, nll=NLLS, kl=KLS),
    "both terms. Sum over pixels and units, and average only over images.": partial(
        _vae_loss,
        nll=lambda *a: objectives.bernoulli_nll(*a) / 3,
        kl=lambda *q: exact_kl(*q) / 2,
    ),
    "the decoder needs a draw, not the mean.": partial(_vae_loss, width=torch.zeros_like),
    "average over the images of the batch; a sum was not asked for.": (
        lambda f, g, x: len(x) * _vae_loss(f, g, x)
    ),
    "one number was asked for, the mean over the batch.": (
        lambda f, g, x: (
            objectives.bernoulli_nll(x, g(objectives.reparameterize(*f(x))))
            + objectives.kl_to_standard_normal(*f(x))
        )
    ),
    "return the loss only, not a dictionary of all terms.": objectives.vae_loss,
}


def check_vae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 09: E_q [−log p(x|z)] + KL for Bernoulli pixels.  (f, g, x) -> ()

    The draw may be made in any way, so the batch is large: the mean over 20,000 images
    of a reconstruction has an error below a percent.
    """
    x = (torch.arange(60_000).reshape(20_000, 3) % 7 / 6).clone()
    weight = torch.tensor([[1.0, -0.5], [0.5, 1.5], [-1.5, 0.3]])

    def encoder(shift: float, logvar: float) -> objectives.GaussianEncoder:
        return lambda x: (x @ weight + shift, logvar - x[:, :2] / 2)

    def flat(z: Tensor) -> Tensor:
        return torch.zeros(len(z), 3)

    def decoder(z: Tensor) -> Tensor:
        return z @ weight.T

    def prior(x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.zeros(len(x), 2), torch.zeros(len(x), 2)

    cases = {
        "a collapsed VAE with pixels of probability ½, D log 2": (prior, flat, x),
        "only the KL differs from that": (encoder(0.5, -1.0), flat, x),
        "a decoder that ignores the code": (prior, lambda z: flat(z) + 0.4, x),
        "the prior as q, and a decoder that uses the code": (prior, decoder, x),
        "a narrow q": (encoder(0.0, -4.0), decoder, x),
        "a q wider than the prior": (encoder(0.0, 1.0), decoder, x),
    }
    return compare(answer, _vae_loss, cases, _VAE_LOSS_MISTAKES, rtol=0.02)
