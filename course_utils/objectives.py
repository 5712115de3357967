"""The lecture's formulas, one short function each.

Notation, the same on the slides, in the code and in the tests:

    x      (B, D)  a batch of B data points
    f      encoder     z = f(x), the code             (B, D) -> (B, K)
    g      decoder     x_hat = g(z), reconstruction   (B, K) -> (B, D)
    eps    noise       standard normal, scaled by sigma, a standard deviation

The objective of an autoencoder takes ``(f, g, x)``, that of diffusion ``(denoiser, x)``.
Each returns its named terms: unweighted, summed over dimensions, averaged over the batch.
``"loss"`` is the quantity to minimize. The two losses of a GAN are single numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils._validation import (
    check_alpha_bar_t,
    check_count,
    check_floats,
    check_not_negative,
    check_positive,
    check_same_shape,
    check_schedule,
)

Terms = dict[str, Tensor]
Encoder = Callable[[Tensor], Tensor]
GaussianEncoder = Callable[[Tensor], tuple[Tensor, Tensor]]
Decoder = Callable[[Tensor], Tensor]
Quantizer = Callable[[Tensor], Sequence[tuple[Tensor, Tensor]]]
Discriminator = Callable[[Tensor], Tensor]
Denoiser = Callable[[Tensor, Tensor], Tensor]


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


def gaussian_nll(x: Tensor, mean: Tensor, *, sigma: float = 1.0) -> Tensor:
    """−log N(x; x̂, σ²I) = ‖x − x̂‖² / 2σ² + (D/2) log 2πσ².  (B, D), (B, D) -> (B,), nats

    A density may exceed one, so the result may be negative. ValueError unless σ > 0.
    Source: lecture, "Probabilistic Autoencoder" (there σ = 1).
    """
    check_positive("sigma", sigma)
    error = squared_error(x, mean)
    constant = x[0].numel() * (0.5 * math.log(2 * math.pi) + math.log(sigma))
    return error / sigma / sigma / 2 + constant  # σ² itself may round to 0 or infinity


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
    recon = torch.stack(draws).mean()
    kl = kl_to_standard_normal(mu, logvar).mean()
    return {"loss": recon + beta * kl, "recon": recon, "kl": kl}


# --- discrete codes -------------------------------------------------------------------


def straight_through(z: Tensor, e: Tensor) -> Tensor:
    """The value of e with the gradient of z:  z + sg(e − z), where sg stops gradients.

    (B, …), (B, …) -> the same. Choosing the nearest code has no useful derivative, so
    the encoder gets the decoder's gradient unchanged.
    Source: van den Oord et al. (2017), section 3.2; Bengio et al. (2013).
    """
    check_same_shape(z, e)
    return z + (e - z).detach()


def vq_vae_loss(
    f: Quantizer,
    g: Callable[[list[Tensor]], Tensor],
    x: Tensor,
    *,
    commitment: float = 0.25,
    nll: Callable[[Tensor, Tensor], Tensor] = bernoulli_nll,
) -> Terms:
    """VQ-VAE:  E [ −log p(x|e) + Σ_levels ‖sg(z) − e‖² + β ‖z − sg(e)‖² ].

    (B, D) -> {name: ()}. The encoder f returns (z, e) for each level: its output, and the
    nearest codebook vectors; g gets e, with the gradient of z. The second term moves e to z
    (and has no gradient if the codebook follows by a moving average), the third, the
    commitment with weight β, z to e. Likelihood in nats. ValueError for a negative β.
    Source: van den Oord et al. (2017), equation 3; Razavi et al. (2019), equation 2.
    """
    check_not_negative("commitment", commitment)
    levels = f(x)
    recon = nll(x, g([straight_through(z, e) for z, e in levels])).mean()
    codebook = torch.stack([squared_error(z.detach(), e).mean() for z, e in levels]).sum()
    commit = torch.stack([squared_error(z, e.detach()).mean() for z, e in levels]).sum()
    loss = recon + codebook + commitment * commit
    return {"loss": loss, "recon": recon, "codebook": codebook, "commitment": commit}


# --- adversarial networks -------------------------------------------------------------


def discriminator_loss(d: Discriminator, x: Tensor, fake: Tensor) -> Tensor:
    """−E log D(x) − E log(1 − D(x̃)), with D = sigmoid(d).  (B, D), (B, D) -> (), nats

    2 log 2 for D = ½ everywhere, 0 for a D that is always right. At the best D it is
    2 log 2 − 2 JSD(data ‖ generator).
    Source: Goodfellow et al. (2014), equation 1 and theorem 1.
    """
    return F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean()


def generator_loss(d: Discriminator, fake: Tensor) -> Tensor:
    """−E log D(x̃), with D = sigmoid(d), the non-saturating loss.  (B, D) -> (), nats

    The minimax loss E log(1 − D(x̃)) has hardly any gradient where D(x̃) ≈ 0; this one has.
    Source: Goodfellow et al. (2014), section 3.
    """
    return F.softplus(-d(fake)).mean()


# --- diffusion ------------------------------------------------------------------------


def diffuse(x: Tensor, eps: Tensor, alpha_bar_t: Tensor) -> Tensor:
    """xₜ = √ᾱₜ x + √(1 − ᾱₜ) ε, t noise steps at once.  (B, D), (B, D), (B, 1) -> (B, D)

    ᾱₜ may also be a single number; ValueError if it is (B,), which broadcasts over D.
    Source: Ho, Jain & Abbeel (2020), equation 4.
    """
    check_same_shape(x, eps)
    check_alpha_bar_t(alpha_bar_t, x)
    return alpha_bar_t.sqrt() * x + (1 - alpha_bar_t).sqrt() * eps


def diffusion_loss(denoiser: Denoiser, x: Tensor, *, alpha_bar: Tensor) -> Terms:
    """Diffusion:  E ‖ε − ε̂(√ᾱₜ x + √(1 − ᾱₜ) ε, t)‖²,  t ~ {1 … T},  ε ~ N(0, I).

    (B, D) -> {name: ()}. alpha_bar (T + 1,) as in ``diffusion.cosine_schedule``, ᾱ₀ = 1.
    Source: Ho, Jain & Abbeel (2020), equation 14.
    """
    check_schedule(alpha_bar, x)
    t = torch.randint(1, len(alpha_bar), (len(x),), device=x.device)
    eps = torch.randn_like(x)
    x_t = diffuse(x, eps, alpha_bar[t, None])
    return {"loss": squared_error(eps, denoiser(x_t, t)).mean()}
