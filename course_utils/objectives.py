"""The lecture's formulas, one short function each.

Notation, the same on the slides, in the code and in the tests:

    x      (B, D)  a batch of B data points
    f      encoder     z = f(x), the code             (B, D) -> (B, K)
    g      decoder     x_hat = g(z), reconstruction   (B, K) -> (B, D)
    eps    noise       standard normal, scaled by sigma, a standard deviation

An objective takes ``(f, g, x)`` and returns its named terms: unweighted, summed over
dimensions, averaged over the batch. ``"loss"`` is the quantity to minimize. The losses of
VQ-VAE, GAN and diffusion are beside their models, in ``course_utils.generative``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import (
    check_count,
    check_floats,
    check_nats,
    check_not_negative,
    check_positive,
    check_same_shape,
)

Terms = dict[str, Tensor]
Encoder = Callable[[Tensor], Tensor]
GaussianEncoder = Callable[[Tensor], tuple[Tensor, Tensor]]
Decoder = Callable[[Tensor], Tensor]


# --- building blocks ------------------------------------------------------------------


def squared_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """‖x − x̂‖² of each data point, summed (not averaged) over D.  (B, D), (B, D) -> (B,)

    ValueError if the shapes differ: broadcasting would hide a mistake.
    Source: lecture, "Autoencoders".
    """
    check_same_shape(x, x_hat)
    return (x - x_hat).square().flatten(1).sum(1)


def add_noise(x: Tensor, sigma: float) -> Tensor:
    """x + ε with ε ~ N(0, σ²I), where σ is a standard deviation.  (B, D) -> (B, D)

    ValueError for a negative σ. Source: lecture, "Denoising Autoencoder".
    """
    check_not_negative("sigma", sigma)
    check_floats(x)
    return x + sigma * torch.randn_like(x)


# --- autoencoders ---------------------------------------------------------------------


def ae_loss(f: Encoder, g: Decoder, x: Tensor) -> Terms:
    """Autoencoder:  E ‖x − g(f(x))‖².  (B, D) -> {name: ()}

    Source: lecture, "Autoencoders".
    """
    recon = squared_error(x, g(f(x))).mean()
    return {"loss": recon, "recon": recon}


def sparse_ae_loss(f: Encoder, g: Decoder, x: Tensor, *, lam: float) -> Terms:
    """Sparse autoencoder:  E [ ‖x − g(f(x))‖² + λ ‖f(x)‖₁ ].  (B, D) -> {name: ()}

    ValueError for a negative λ. Source: lecture, "Sparse Autoencoder".
    """
    check_not_negative("lam", lam)
    z = f(x)
    recon = squared_error(x, g(z)).mean()
    sparsity = z.abs().sum(1).mean()
    return {"loss": recon + lam * sparsity, "recon": recon, "sparsity": sparsity}


def dae_loss(f: Encoder, g: Decoder, x: Tensor, *, sigma: float) -> Terms:
    """Denoising autoencoder, noise on the input:  E ‖x − g(f(x + ε))‖²,  ε ~ N(0, σ²I).

    (B, D) -> {name: ()}. ValueError for a negative σ.
    Source: lecture, "Denoising Autoencoder"; Vincent et al. (2010).
    """
    recon = squared_error(x, g(f(add_noise(x, sigma)))).mean()
    return {"loss": recon, "recon": recon}


def pae_loss(f: Encoder, g: Decoder, x: Tensor, *, sigma: float = 1.0) -> Terms:
    """Probabilistic autoencoder, noise on the code:  E ‖x − g(f(x) + ε)‖²,  ε ~ N(0, σ²I).

    (B, D) -> {name: ()}. ValueError for a negative σ.
    Source: lecture, "Probabilistic Autoencoder" (there σ = 1).
    """
    recon = squared_error(x, g(add_noise(f(x), sigma))).mean()
    return {"loss": recon, "recon": recon}


def regularized_pae_loss(
    f: Encoder, g: Decoder, x: Tensor, *, lam: float, sigma: float = 1.0
) -> Terms:
    """Regularized PAE:  E [ ‖x − g(f(x) + ε)‖² + λ ‖f(x)‖² ],  ε ~ N(0, σ²I).

    (B, D) -> {name: ()}. ValueError for a negative λ or σ.
    Source: lecture, "Comparison between autoencoders" (there σ = 1).
    """
    check_not_negative("lam", lam)
    z = f(x)
    recon = squared_error(x, g(add_noise(z, sigma))).mean()
    penalty = z.square().sum(1).mean()
    return {"loss": recon + lam * penalty, "recon": recon, "penalty": penalty}


# --- variational autoencoder ----------------------------------------------------------


def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:
    """z = μ + σ ⊙ ε,  ε ~ N(0, I): a draw from q(z|x), differentiable in μ and σ.

    (B, K), (B, K) -> (B, K), with logvar = log σ². ValueError if the shapes differ.
    Source: lecture, "Reparameterization trick"; Kingma & Welling (2014), section 2.4.
    """
    check_same_shape(mu, logvar)
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def kl_to_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σₖ (μₖ² + σₖ² − log σₖ² − 1).

    (B, K), (B, K) -> (B,), nats, with logvar = log σ². ValueError if the shapes differ.
    Source: lecture, "VAEs objective function"; Kingma & Welling (2014), appendix B.
    """
    check_same_shape(mu, logvar)
    return 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1)


def gaussian_nll(x: Tensor, mean: Tensor, *, sigma: float | Tensor = 1.0) -> Tensor:
    """−log N(x; x̂, σ²I) = ‖x − x̂‖² / 2σ² + (D/2) log 2πσ².  (B, D), (B, D) -> (B,), nats

    A density may exceed one, so the result may be negative. A tensor σ may be learned: it
    gets its gradient. ValueError unless σ is one number > 0.
    Source: lecture, "Probabilistic Autoencoder" (there σ = 1).
    """
    check_positive("sigma", sigma)
    error = squared_error(x, mean)
    log_sigma = sigma.log() if isinstance(sigma, Tensor) else math.log(sigma)
    constant = x[0].numel() * (0.5 * math.log(2 * math.pi) + log_sigma)
    nats = error / sigma / sigma / 2 + constant  # σ² itself may round to 0 or infinity
    return nats.view_as(error)  # whatever the shape of one σ, (), (1,) or (1, 1)


def bernoulli_nll(x: Tensor, logits: Tensor) -> Tensor:
    """−log Bernoulli(x; sigmoid(logits)), summed over D.  (B, D), (B, D) -> (B,), nats

    Exact for pixels that are 0 or 1. For gray pixels it is the cross entropy, the mean
    over images binarized at random with the gray value as probability.
    ValueError for pixels outside [0, 1]. Source: Kingma & Welling (2014), appendix C.1.
    """
    check_same_shape(x, logits)
    low, high = torch.stack([x.min(), x.max()]).tolist()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"bernoulli_nll needs pixels in [0, 1], not in [{low:.3g}, {high:.3g}]. "
            "Scale them, or use gaussian_nll."
        )
    nats = F.binary_cross_entropy_with_logits(logits, x, reduction="none")
    return nats.flatten(1).sum(1)


def vae_loss(
    f: GaussianEncoder,
    g: Decoder,
    x: Tensor,
    *,
    beta: float = 1.0,
    samples: int = 1,
    nll: Callable[[Tensor, Tensor], Tensor] = bernoulli_nll,
) -> Terms:
    """−ELBO at β = 1:  E_q [−log p(x|z)] + β KL(q(z|x) ‖ p(z)),  L = samples z per x.

    (B, D) -> {name: ()}, nats. ValueError for a negative β or less than one sample.
    Source: lecture, "VAEs objective function" and "Introduce a hyper-parameter β";
    Kingma & Welling (2014), equation 10; Higgins et al. (2017) for β.
    """
    check_not_negative("beta", beta)
    check_count("samples", samples)
    mu, logvar = f(x)
    draws = [nll(x, g(reparameterize(mu, logvar))) for _ in range(samples)]
    check_nats(draws[0], x)
    recon = torch.stack(draws).mean()
    kl = kl_to_standard_normal(mu, logvar).mean()
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


# --- adversarial networks -------------------------------------------------------------
