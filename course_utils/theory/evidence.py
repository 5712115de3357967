"""log p(x) of an image, exactly, and the gap KL(q(z|x) ‖ p(z|x)) below it.

With few latent dimensions the integral log p(x) = log ∫ p(z) p(x|z) dz is a sum over a
lattice, so every bound can be compared with the exact value. All are measures: the networks
run in eval mode, without gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from course_utils._validation import (
    batch_nats,
    batches,
    check_count,
    check_finite_rows,
    check_likelihood,
    check_rows,
    gaussian_code,
    in_words,
)
from course_utils.modes import measure
from course_utils.objectives import (
    Decoder,
    GaussianEncoder,
    bernoulli_nll,
)
from course_utils.progress import progress
from course_utils.theory.lattice import PLANE, Lattice, latent_lattice

Nll = Callable[[Tensor, Tensor], Tensor]  # x (B, D), decoder output (B, D) -> (B,)
MAX_POINTS = 1_000_000  # of a lattice; about a minute with the decoders of this course
CHUNK = 4096  # points that are decoded at a time, to bound the memory
TOLERANCE = 0.1  # nats that a finer lattice or a larger box may change

# --- exact, on the lattice ------------------------------------------------------------


@measure
def log_evidence(
    g: Decoder, x: Tensor, *, nll: Nll = bernoulli_nll, lattice: Lattice = PLANE
) -> Tensor:
    """log p(x) = log ∫ p(z) p(x|z) dz ≈ log Σⱼ hᴷ N(zⱼ; 0, I) p(x|zⱼ).

    (B, D) -> (B,), nats. zⱼ are the points of the lattice, with spacing h; h is halved
    until no image changes by more than 0.1 nats; the mean of many images is then far more
    accurate. Doubling the box must not change them either. A peak that is much narrower
    than the first h can be missed.

    ValueError if this has not converged with a million points, or if nll is not that of an
    exponential family with mean or logits from the decoder (see ``log_joint``). Likelihoods
    of torch.distributions will do: ``lambda x, out: -Normal(out, 0.5).log_prob(x).sum(1)``.
    Source: lecture, "MLE is intractable" (for K = 1, 2 or 3 it is not).
    """
    return _converged_log_evidence(g, x, nll, lattice)[0]


@measure
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
    the final lattice or extends beyond the box.
    Source: lecture, "Derivation of VAE objective".
    """
    evidence, lattice = _converged_log_evidence(g, x, nll, lattice)
    codes = gaussian_code(f, x)
    mass, kl = torch.zeros_like(evidence), torch.zeros_like(evidence)
    for z in progress(latent_lattice(*lattice).to(x).split(CHUNK), "chunk"):
        rows = zip(*map(batches, (*codes, evidence, mass, kl)))
        for log_joint, (mu, logvar, log_p_x, *sums) in zip(_log_joints(g, x, z, nll), rows):
            log_q = log_gaussian(z, mu[:, None], logvar[:, None])  # (B, M)
            q = lattice.cell * log_q.exp()
            for total, part in zip(sums, (q, q * (log_q - log_joint + log_p_x[:, None]))):
                total += part.sum(1)  # a part of mass and of kl
    if (mass - 1).abs().max() > 0.01:
        raise ValueError(
            "some q(z|x) is narrower than the lattice or extends beyond its box: "
            "start with a larger n, or a larger half_width."
        )
    return kl


@measure
def log_joint(g: Decoder, x: Tensor, z: Tensor, *, nll: Nll = bernoulli_nll) -> Tensor:
    """log p(xᵢ, zⱼ) = log N(zⱼ; 0, I) + log p(xᵢ|zⱼ) of all pairs.

    (B, D), (M, K) -> (B, M), nats. One matrix product instead of B · M evaluations of nll.
    It requires that log p(x|z) is linear in x up to a term without z, as in an exponential
    family (Bernoulli, Gaussian of fixed width). The best z of each image gives this term,
    the worst z a comparison with nll itself: ValueError if they differ, or if an output is
    not finite.
    """
    check_rows(z)
    _check_data(g, x, z.shape[1], nll)
    parts = [torch.cat([*_log_joints(g, x, part, nll)]) for part in z.split(CHUNK)]
    return torch.cat(parts, dim=1)


def _log_joints(g: Decoder, x: Tensor, z: Tensor, nll: Nll) -> Iterator[Tensor]:
    """``log_joint`` of the images, a batch at a time, for codes decoded once."""
    output = g(z)
    if not output.isfinite().all():
        raise ValueError("the decoder output has NaN or infinity: its training diverged.")
    # A row of the data, since a distribution may refuse what is not in its support.
    reference = x[0].expand_as(output).clone().requires_grad_()
    with torch.enable_grad():
        at_reference = nll(reference, output)
        # A nll that reads x by indices has no slope in it: the check below refuses it.
        at_reference = at_reference + 0 * reference.sum()
        (slope,) = torch.autograd.grad(at_reference.sum(), reference)
    zero = torch.zeros_like(z)
    log_prior = log_gaussian(z, zero, zero)
    for rows in batches(x):
        offset = rows - reference[:1].detach()
        pairs = at_reference.detach() + offset @ slope.T  # up to a term of x only
        best, worst = pairs.argmin(1, keepdim=True), pairs.argmax(1, keepdim=True)
        pairs += nll(rows, output[best[:, 0]])[:, None] - pairs.gather(1, best)
        expected = nll(rows, output[worst[:, 0]])
        if not torch.allclose(pairs.gather(1, worst)[:, 0], expected, rtol=1e-4, atol=0.01):
            raise ValueError(
                "the lattice needs a nll that is linear in x up to a term without z, such "
                "as bernoulli_nll or gaussian_nll with a fixed sigma."
            )
        yield log_prior - pairs


def log_gaussian(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; μ, diag σ²), summed over the last dimension."""
    square = (z - mu).square() / logvar.exp()
    return -0.5 * (square + logvar + math.log(2 * math.pi)).sum(-1)


def _converged_log_evidence(
    g: Decoder, x: Tensor, nll: Nll, lattice: Lattice
) -> tuple[Tensor, Lattice]:
    """log p(x) and the lattice on which it converged.  -> (B,), lattice"""
    half_width, n, latent_dim = lattice
    check_count("n", n, minimum=2)
    check_count("latent_dim", latent_dim)
    _check_data(g, x, latent_dim, nll)
    if (2 * n - 1) ** latent_dim > MAX_POINTS:
        raise ValueError(
            f"{2 * n - 1} points per side in {latent_dim} dimensions are too many: take a "
            "smaller n, and beyond three dimensions no lattice at all."
        )
    first = coarse = _lattice_sum(g, x, nll, lattice)
    wide = _lattice_sum(g, x, nll, Lattice(2 * half_width, 2 * n - 1, latent_dim))
    if not (wide - first).abs().max() <= TOLERANCE:
        raise ValueError(
            f"a part of log p(x) lies outside the box of half_width {half_width:g}: "
            "take a larger one."
        )
    while (n := 2 * n - 1) ** latent_dim <= MAX_POINTS:  # the spacing is halved
        lattice = lattice._replace(n=n)
        fine = _lattice_sum(g, x, nll, lattice)
        if (fine - coarse).abs().max() <= TOLERANCE:
            return fine, lattice
        coarse = fine
    raise ValueError(
        f"log p(x) has not converged, and {n} points per side in {latent_dim} dimensions "
        "are too many: the posterior is too narrow for a lattice."
    )


def _lattice_sum(g: Decoder, x: Tensor, nll: Nll, lattice: Lattice) -> Tensor:
    """log Σⱼ hᴷ p(x, zⱼ) over one lattice, in chunks of points.  -> (B,)"""
    chunks = latent_lattice(*lattice).to(x).split(CHUNK)
    log_sum = torch.full_like(x[:, 0], -math.inf)
    for z in progress(chunks, "chunk"):
        parts = [rows.logsumexp(1) for rows in _log_joints(g, x, z, nll)]
        log_sum = torch.logaddexp(log_sum, torch.cat(parts))
    return log_sum + math.log(lattice.cell)


def _check_data(g: Decoder, x: Tensor, latent_dim: int, nll: Nll) -> None:
    """Refuse NaN, infinity, rows that do not fit the decoder, and what is no likelihood."""
    check_finite_rows(x)
    zero = x.new_zeros(3, latent_dim)
    with in_words(f"the decoder, for codes of {latent_dim} numbers,"):
        output = g(zero)
    check_rows(x, output)
    batch_nats(nll, g, x[:1].repeat(3, 1), zero)
    check_likelihood(nll, g, x, zero)
