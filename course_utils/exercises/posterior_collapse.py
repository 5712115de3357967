"""Checks of notebook 10, posterior collapse."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from course_utils import objectives
from course_utils.exercises._wrappers import (
    KLS,
    NLL_BY_HAND,
    NLLS,
    ROUNDED_NLLS,
    WIDTHS,
    exact_kl,
    noise_mistakes,
    remaining_bugs,
    sigma_of,
    value_and_gradient,
    variants,
)
from course_utils.exercises.grading import CheckResult, Function, Mistakes, compare
from course_utils.objectives import Encoder
from course_utils.theory import linear_gaussian


def _rate(values, level):
    """Rate of each direction, nats."""
    return (values / level).log() / 2


def _first(values, level):
    """As many of the first values as there are active ones."""
    return values[: int((values > level).sum())]


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
    "0 · log 0 is nan: take the active directions first, and then the logarithm.": (
        partial(
            _water_filling,
            rate=lambda values, level: (_rate(values, level) * (values > level)).sum(),
        )
    ),
    "the eigenvalues may come in any order: the active ones need not be the first.": (
        partial(
            _water_filling,
            rate=lambda values, level: _rate(_first(values, level), level).sum(),
        )
    ),
}


def check_water_filling(answer: Callable[[Tensor, float], Tensor]) -> CheckResult:
    """Notebook 10: active units, rate, distortion of the best linear β-VAE.

    eigenvalues (D,), level βσ² -> (3,): how many λₖ exceed it, ½ Σ log (λₖ / βσ²) over
    these in nats, Σ min(λₖ, βσ²) over all.
    """
    values = torch.tensor([4.0, 2.0, 1.0, 0.5, 0.1])
    mixed = torch.tensor([0.7, 2.6, 0.0, 3.1, 0.2, 2.6, 0.7])
    cases = {
        "one active direction": (torch.tensor([4.0]), 1.0),
        "one inactive direction": (torch.tensor([0.5]), 1.0),
        "two are active": (values, 1.5),
        "three are active, in another order, some equal, one 0": (mixed, 1.7),
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
    """Notebook 10: b that makes a ‖x − x̂‖² + b KL the −ELBO of pixels N(x̂, σ²I): 2aσ².

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


def _vae_loss(
    f,
    g,
    x,
    *,
    nll=objectives.bernoulli_nll,
    kl=exact_kl,
    width=sigma_of,
    draw=torch.randn_like,
):
    """The two terms and a draw, which may be wrong."""
    mu, logvar = f(x)
    z = mu + width(logvar) * draw(mu)
    return (nll(x, g(z)) + kl(mu, logvar, z)).mean()


def _with_bugs(f, g, x, *, variance=False, pixels=False, axes=False):
    """The loss with some of the three bugs of the printed code."""
    mu, logvar = f(x)
    z = mu + (logvar.exp() if variance else sigma_of(logvar)) * torch.randn_like(mu)
    recon = objectives.bernoulli_nll(x, g(z)).mean()
    kl = objectives.kl_to_standard_normal(mu, logvar).mean()
    return recon / (x.shape[1] if pixels else 1) + kl / (mu.shape[1] if axes else 1)


_BUGS = {
    "variance": "logvar is log σ²: exp(logvar) is the variance, not σ.",
    "pixels": "add up the pixels; take no mean of them.",
    "axes": "add up the axes of the KL; take no mean of them.",
}


def _draw_without_gradient(f, g, x):
    mu, logvar = f(x)
    z = objectives.reparameterize(mu, logvar).detach()
    kl = objectives.kl_to_standard_normal(mu, logvar)
    return (objectives.bernoulli_nll(x, g(z)) + kl).mean()


def _draw_around_fixed(f, g, x):
    mu, logvar = f(x)
    z = objectives.reparameterize(mu.detach(), logvar)
    return (objectives.bernoulli_nll(x, g(z)) + exact_kl(mu, logvar, z)).mean()


_VAE_LOSS_MISTAKES: Mistakes = {
    **remaining_bugs(_BUGS, _with_bugs),
    **variants(_vae_loss, width=WIDTHS, nll=NLLS | ROUNDED_NLLS | NLL_BY_HAND, kl=KLS),
    **variants(
        _vae_loss,
        width={
            "σ is detached in the draw: the reconstruction does not train it.": (
                lambda logvar: sigma_of(logvar).detach()
            )
        },
        nll={
            "the logits are detached: the reconstruction trains neither network.": (
                lambda x, logits: objectives.bernoulli_nll(x, logits.detach())
            )
        },
        kl={
            "the KL is detached: it does not train the encoder.": (
                lambda *q: exact_kl(*q).detach()
            )
        },
    ),
    **noise_mistakes(_vae_loss, "image", "number"),
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
    "the draw stops the gradient, as sample(), no_grad() and detach() do: the encoder"
    " learns nothing about the reconstruction. μ + σ ⊙ ε and rsample() let it pass.": (
        _draw_without_gradient
    ),
    "μ is detached in the draw: the reconstruction does not train it.": _draw_around_fixed,
    "the loss has no gradient: no_grad() and detach() stop it.": (
        lambda *a: _vae_loss(*a).detach()
    ),
    "return a tensor. A Python number, as of item(), has no gradient.": (
        lambda *a: _vae_loss(*a).item()
    ),
}


def _loss_and_slopes(loss: Function) -> Function:
    """(what, f, g, x): the loss, or its slope for μ (0), log σ² (1) or the logits (2).

    The slopes are by a factor on μ, a summand of log σ² and a factor on the logits: they
    show where a gradient is stopped; the value does not.
    """

    def changed(mean, width, scale, f, g, x):
        def encoder(x):
            mu, logvar = f(x)
            return mean * mu, logvar + width

        return loss(encoder, lambda z: scale * g(z), x)

    wrapped, one = value_and_gradient(changed), torch.ones(())
    return lambda what, *arguments: wrapped(what, one, 0 * one, one, *arguments)


def check_vae_loss(answer: Callable[..., Tensor]) -> CheckResult:
    """Notebook 10: E_q [−log p(x|z)] + KL for Bernoulli pixels.  (f, g, x) -> ()

    The draw may be made in any way, so the batch is large: over 20,000 images the mean of
    a reconstruction, and its slopes, have an error below a percent. Where the decoder
    ignores the code, a few are enough.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(20_000, 5, generator=generator)
    few = x[:7]
    weight = torch.randn(5, 3, generator=generator)

    # It also takes a single picture, without the axis of the batch, as vmap gives it.
    def encoder(shift: float, logvar: float) -> objectives.GaussianEncoder:
        return lambda x: (x @ weight + shift, logvar - x[..., :3] / 2)

    def decoder(z: Tensor) -> Tensor:
        return z @ weight.T

    def flat(*logits: float) -> Encoder:
        return lambda z: 0 * z.sum(-1, keepdim=True) + torch.tensor(logits)

    def prior(x: Tensor) -> tuple[Tensor, Tensor]:
        return 0 * x[..., :3], 0 * x[..., :3]

    # Where the slopes are large, so that a missing part is more than their error.
    off, wide = (encoder(1.0, -3.0), decoder, x), (encoder(0.0, 2.0), decoder, x)
    cases = {
        "a collapsed VAE with pixels of probability ½, D log 2": (
            "loss", prior, flat(0, 0, 0, 0, 0), few
        ),
        "only the KL differs from that": (
            "loss", encoder(0.5, -1.0), flat(0, 0, 0, 0, 0), x
        ),
        "a decoder that ignores the code": ("loss", prior, flat(1, -1, 2, -3, 0), few),
        "one picture of four pixels": ("loss", prior, flat(1, -1, 2, -3), few[:1, :4]),
        "logits of ±30": ("loss", prior, flat(-30, 30, 30, -30, 3), few),
        "logits of ±150": ("loss", prior, flat(150, -3, 2, -150, 0), few),
        "the prior as q, and a decoder that uses the code": ("loss", prior, decoder, x),
        "a narrow q": ("loss", encoder(0.0, -4.0), decoder, x),
        "a q wider than the prior": ("loss", encoder(0.0, 1.0), decoder, x),
        "the gradient that reaches μ": (0, *off),
        "the gradient that reaches log σ²": (1, *wide),
        "the gradient that reaches the decoder": (2, *off),
    }  # fmt: skip
    return compare(
        answer, _vae_loss, cases, _VAE_LOSS_MISTAKES, wrapper=_loss_and_slopes, rtol=0.02
    )
