"""What the model says of an image: log p(x) exactly, bounds on it, what the code carries.

With few latent dimensions the integral log p(x) = log ∫ p(z) p(x|z) dz is a sum over the
lattice that students walk, so every bound can be held against the thing that it bounds.

Which ELBO is which:

    objectives.vae_loss             −ELBO, to train by: β, gradients, mean over the batch
    evidence.elbo                   to test by: of each image, by draws of z
    linear_gaussian.linear_elbo     in closed form, of a linear decoder with Gaussian noise
    posterior_grid.bound_on_grid    exact, of any Gaussian q for one image in the plane
    diffusion.diffusion_elbo        of each image, by draws of all steps of noise
    evidence_gap.js, makeBound      bound_on_grid in the browser, while q is dragged
    draw_digit.js, makeJudge        elbo in the browser, of what is being drawn
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from course_utils._validation import check_count, check_finite_rows, check_rows
from course_utils.objectives import (
    Decoder,
    GaussianEncoder,
    bernoulli_nll,
    kl_to_standard_normal,
    reparameterize,
)
from course_utils.theory.lattice import PLANE, Lattice, latent_lattice

Nll = Callable[[Tensor, Tensor], Tensor]  # x (B, D), what the decoder gives (B, D) -> (B,)
MOST_POINTS = 1_000_000  # of a lattice; a minute or so for the decoders of this course
PART = 4096  # points that are decoded at a time, so that memory does not grow with them
TOLERANCE = 0.1  # nats that a finer lattice or a larger box may change
ACTIVE = 0.01  # least variance of an active unit, as in the paper

# --- exact, on the lattice ------------------------------------------------------------


@torch.no_grad()
def log_evidence(
    g: Decoder, x: Tensor, *, nll: Nll = bernoulli_nll, lattice: Lattice = PLANE
) -> Tensor:
    """log p(x) = log ∫ p(z) p(x|z) dz ≈ log Σⱼ hᴷ N(zⱼ; 0, I) p(x|zⱼ).

    (B, D) -> (B,), nats. zⱼ are the points of the lattice, h apart; h is halved until no
    image changes by more than 0.1 nats. The mean of many images is then far closer.
    Doubling the box must change nothing either.
    A peak that is much narrower than the first h can escape every lattice.

    ValueError where this does not settle with a million points, or if nll is not that of
    an exponential family with mean or logits from the decoder (see ``log_joint``).
    Source: lecture, "MLE is intractable" (for K = 1, 2 or 3 it is not).
    """
    return _settled(g, x, nll, lattice)[0]


@torch.no_grad()
def kl_to_true_posterior(
    f: GaussianEncoder,
    g: Decoder,
    x: Tensor,
    *,
    nll: Nll = bernoulli_nll,
    lattice: Lattice = PLANE,
) -> Tensor:
    """KL(q(z|x) ‖ p(z|x)) = log p(x) − ELBO, the gap, as a sum over the lattice.

    (B, D) -> (B,), nats. ValueError as in ``log_evidence``, and where a q is too narrow for
    the lattice on which that settled or reaches out of the box.
    Source: lecture, "Derivation of VAE objective".
    """
    evidence, lattice = _settled(g, x, nll, lattice)
    mu, logvar = (values[:, None] for values in f(x))  # (B, 1, K) beside z (M, K)
    mass = kl = torch.zeros_like(evidence)
    for z in latent_lattice(*lattice).to(x).split(PART):
        log_q = _log_gaussian(z, mu, logvar)  # (B, M)
        log_p = _log_joint(g, x, z, nll) - evidence[:, None]
        share = lattice.cell * log_q.exp()
        mass = mass + share.sum(1)
        kl = kl + (share * (log_q - log_p)).sum(1)
    if (mass - 1).abs().max() > 0.01:
        raise ValueError(
            "some q(z|x) is narrower than the lattice or reaches out of its box: "
            "start with a larger n, or a larger half_width."
        )
    return kl


@torch.no_grad()
def log_joint(g: Decoder, x: Tensor, z: Tensor, *, nll: Nll = bernoulli_nll) -> Tensor:
    """log p(xᵢ, zⱼ) = log N(zⱼ; 0, I) + log p(xᵢ|zⱼ) of all pairs.

    (B, D), (M, K) -> (B, M), nats. One matrix product instead of B · M evaluations of nll.
    It relies on log p(x|z) being linear in x but for a term without z, as in an exponential
    family (Bernoulli, Gaussian of fixed width); that term comes from each image's best
    pair, and its worst pair is compared with nll itself. ValueError if it differs, or if an
    output is not finite.
    """
    check_rows(z)
    _check_data(g, x, z.shape[1])
    return torch.cat([_log_joint(g, x, part, nll) for part in z.split(PART)], dim=1)


def _log_joint(g: Decoder, x: Tensor, z: Tensor, nll: Nll) -> Tensor:
    output = g(z)
    if not output.isfinite().all():
        raise ValueError("the decoder gives NaN or infinity: has its training diverged?")
    start = x.mean(0).expand_as(output).clone().requires_grad_()
    with torch.enable_grad():
        at_start = nll(start, output)
        (slope,) = torch.autograd.grad(at_start.sum(), start)
    away = x - start[:1].detach()
    pairs = at_start.detach() + away @ slope.T  # right but for a term of x alone
    best, worst = pairs.argmin(1, keepdim=True), pairs.argmax(1, keepdim=True)
    pairs += nll(x, output[best[:, 0]])[:, None] - pairs.gather(1, best)
    there = nll(x, output[worst[:, 0]])
    if not torch.allclose(pairs.gather(1, worst)[:, 0], there, rtol=1e-4, atol=0.01):
        raise ValueError(
            "the lattice needs a nll that is linear in x but for a term without z, such as "
            "bernoulli_nll or gaussian_nll with a fixed sigma."
        )
    zero = torch.zeros_like(z)
    return _log_gaussian(z, zero, zero) - pairs


def _log_gaussian(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; μ, diag σ²), summed over the last dimension."""
    square = (z - mu).square() / logvar.exp()
    return -0.5 * (square + logvar + math.log(2 * math.pi)).sum(-1)


def _settled(g: Decoder, x: Tensor, nll: Nll, lattice: Lattice) -> tuple[Tensor, Lattice]:
    """log p(x) and the lattice that it took, both checked.  -> (B,), lattice"""
    half_width, n, latent_dim = lattice
    check_count("n", n, least=2)
    check_count("latent_dim", latent_dim)
    _check_data(g, x, latent_dim)
    if (2 * n - 1) ** latent_dim > MOST_POINTS:
        raise ValueError(
            f"{2 * n - 1} points a side in {latent_dim} dimensions are too many: take a "
            "smaller n, and beyond three dimensions no lattice at all."
        )
    first = coarse = _lattice_sum(g, x, nll, lattice)
    wide = _lattice_sum(g, x, nll, Lattice(2 * half_width, 2 * n - 1, latent_dim))
    if not (wide - first).abs().max() <= TOLERANCE:
        raise ValueError(
            f"a part of log p(x) lies outside the box of half_width {half_width:g}: "
            "take a larger one."
        )
    while (n := 2 * n - 1) ** latent_dim <= MOST_POINTS:  # one more between any two
        lattice = lattice._replace(n=n)
        fine = _lattice_sum(g, x, nll, lattice)
        if (fine - coarse).abs().max() <= TOLERANCE:
            return fine, lattice
        coarse = fine
    raise ValueError(
        f"log p(x) has not settled, and {n} points a side in {latent_dim} dimensions are "
        "too many: the posterior is too narrow for a lattice."
    )


def _lattice_sum(g: Decoder, x: Tensor, nll: Nll, lattice: Lattice) -> Tensor:
    """log Σⱼ hᴷ p(x, zⱼ) over one lattice, some thousand points at a time.  -> (B,)"""
    parts = latent_lattice(*lattice).to(x).split(PART)
    sums = [_log_joint(g, x, z, nll).logsumexp(1) for z in parts]
    return torch.stack(sums).logsumexp(0) + math.log(lattice.cell)


def _check_data(g: Decoder, x: Tensor, latent_dim: int) -> None:
    """Of rows that do not fit the decoder, or hold NaN or infinity."""
    check_finite_rows(x)
    check_rows(x, g(x.new_zeros(1, latent_dim)))


# --- bounds, by draws from q ----------------------------------------------------------


@torch.no_grad()
def rate_and_distortion(
    f: GaussianEncoder, g: Decoder, x: Tensor, *, samples: int = 1, nll: Nll = bernoulli_nll
) -> tuple[Tensor, Tensor]:
    """Rate KL(q(z|x) ‖ p(z)) and distortion E_q [−log p(x|z)].  (B, D) -> (B,), (B,), nats

    What the code of an image costs, and what it leaves unexplained, by ``samples`` draws of
    z. No gradient: this is testing. Source: Alemi et al. (2018), section 2.
    """
    check_count("samples", samples)
    mu, logvar = f(x)
    draws = [nll(x, g(reparameterize(mu, logvar))) for _ in range(samples)]
    return kl_to_standard_normal(mu, logvar), torch.stack(draws).mean(0)


def elbo(
    f: GaussianEncoder, g: Decoder, x: Tensor, *, samples: int = 1, nll: Nll = bernoulli_nll
) -> Tensor:
    """E_q [log p(x|z)] − KL(q(z|x) ‖ p(z)) of each image.  (B, D) -> (B,), nats

    Minus distortion, minus rate; E_q is the mean over ``samples`` draws of z.
    Source: lecture, "Testing"; Kingma & Welling (2014), equation 7.
    """
    rate, distortion = rate_and_distortion(f, g, x, samples=samples, nll=nll)
    return -distortion - rate


@torch.no_grad()
def importance_weighted_bound(
    f: GaussianEncoder, g: Decoder, x: Tensor, *, samples: int, nll: Nll = bernoulli_nll
) -> Tensor:
    """log (1/L) Σₗ p(x, zₗ) / q(zₗ|x),  zₗ ~ q, L = samples.  (B, D) -> (B,), nats

    In expectation the ELBO at L = 1, growing with L up to log p(x).
    ValueError for less than one draw. Source: Burda, Grosse & Salakhutdinov (2016), eq. 8.
    """
    check_count("samples", samples)
    mu, logvar = f(x)
    log_weights = []
    for _ in range(samples):
        z, zero = reparameterize(mu, logvar), torch.zeros_like(mu)
        log_p, log_q = _log_gaussian(z, zero, zero), _log_gaussian(z, mu, logvar)
        log_weights.append(log_p - nll(x, g(z)) - log_q)
    return torch.stack(log_weights).logsumexp(0) - math.log(samples)


# --- what the code carries ------------------------------------------------------------


@torch.no_grad()
def active_units(f: GaussianEncoder, x: Tensor) -> Tensor:
    """Var over x of μₖ(x) > threshold, here 0.01: which units depend on x?  -> (K,) bool

    Source: Burda, Grosse & Salakhutdinov (2016), section 5.
    """
    mu, _ = f(x)
    check_finite_rows(mu)
    return mu.var(0, correction=0) > ACTIVE


@torch.no_grad()
def mutual_information(f: GaussianEncoder, x: Tensor) -> Tensor:
    """I(x; z) = E [ log q(z|x) − log q(z) ],  q(z) = (1/N) Σᵢ q(z|xᵢ).  (N, D) -> (), nats

    One z for each x, so an estimate; it never exceeds log N, which is all that one can
    learn about which of N images it was. The mean rate is I(x; z) + KL(q(z) ‖ p(z)).
    Source: Hoffman & Johnson (2016); Alemi et al. (2018).
    """
    mu, logvar = f(x)
    z = reparameterize(mu, logvar)
    log_ratios = []
    for rows in torch.arange(len(x), device=x.device).split(256):  # not all N² at once
        log_q = _log_gaussian(z[rows, None], mu, logvar)  # (256, N)
        own = log_q[torch.arange(len(rows)), rows]
        log_ratios.append(own - log_q.logsumexp(1) + math.log(len(x)))
    return torch.cat(log_ratios).mean()
