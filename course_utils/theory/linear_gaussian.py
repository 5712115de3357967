"""The model with closed forms: a linear decoder with Gaussian noise.

    z ~ N(0, I) (K,),   x | z ~ N(W z + b, σ²I) (D,)

This is probabilistic PCA, and the linear VAE. Everything that a neural VAE can only bound
has a closed form here, so these functions are a reference for the neural code.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal

from course_utils._validation import (
    check_finite,
    check_finite_rows,
    check_positive,
    check_rows,
    check_vector,
)
from course_utils.objectives import gaussian_nll, kl_to_standard_normal


def spectrum(x: Tensor) -> Tensor:
    """Eigenvalues λ₁ ≥ λ₂ ≥ … of the covariance (1/N) Σ (x − x̄)(x − x̄)ᵀ.  (N, D) -> (D,)"""
    check_finite_rows(x)
    covariance = torch.cov(x.T, correction=0).reshape(x.shape[1], -1)  # also for D = 1
    return torch.linalg.eigvalsh(covariance).flip(0).clamp(min=0)


def fit_ppca(
    x: Tensor, latent_dim: int, *, sigma: float | None = None
) -> tuple[Tensor, Tensor, float]:
    """Maximum likelihood:  σ² = mean of λₖ for k > K,  W = U (Λ − σ²I)^½,  b = x̄.

    If ``sigma`` is given, W and b maximize the likelihood for it.

    (N, D) -> w (D, K), b (D,), sigma. U and Λ are the first K eigenvectors and eigenvalues
    of the covariance; rotations of the code are equally likely; this one makes the
    true posterior diagonal. ValueError unless 1 ≤ K < D and σ > 0.
    Source: Tipping & Bishop (1999), J. R. Stat. Soc. B 61, section 3.
    """
    check_finite_rows(x)
    if sigma is not None:
        check_positive("sigma", sigma)
    if latent_dim not in range(1, x.shape[1]):
        raise ValueError(f"latent_dim must lie between 1 and {x.shape[1] - 1}.")
    values, vectors = torch.linalg.eigh(torch.cov(x.T, correction=0))
    values, vectors = values.flip(0), vectors.flip(1)
    variance = values[latent_dim:].mean() if sigma is None else torch.tensor(sigma) ** 2
    if not variance > 0:
        raise ValueError(f"{latent_dim} dimensions explain all of x, so σ would be 0.")
    w = vectors[:, :latent_dim] * (values[:latent_dim] - variance).clamp(min=0).sqrt()
    return w, x.mean(0), variance.sqrt().item()


def linear_log_evidence(x: Tensor, w: Tensor, b: Tensor, sigma: float) -> Tensor:
    """log p(x) = log N(x; b, W Wᵀ + σ²I).  (B, D), (D, K), (D,) -> (B,), nats

    Source: Tipping & Bishop (1999), section 3.
    """
    _check_model(x, w, b, sigma)
    noise = sigma**2 * torch.ones_like(b)
    return LowRankMultivariateNormal(b, w, noise).log_prob(x)


def linear_posterior(
    x: Tensor, w: Tensor, b: Tensor, sigma: float
) -> tuple[Tensor, Tensor]:
    """p(z|x) = N(M⁻¹ Wᵀ (x − b), σ² M⁻¹),  M = Wᵀ W + σ²I.  -> (B, K), (K, K)

    A mean for each x, one covariance for all. Source: Tipping & Bishop (1999), section 3.
    """
    _check_model(x, w, b, sigma)
    inverse = torch.linalg.inv(w.T @ w + sigma**2 * torch.eye(w.shape[1]).to(w))
    return (x - b) @ w @ inverse, sigma**2 * inverse


def linear_elbo(
    x: Tensor, w: Tensor, b: Tensor, sigma: float, mu: Tensor, logvar: Tensor
) -> Tensor:
    """E_q [log N(x; Wz + b, σ²I)] − KL(q ‖ N(0, I)) for q = N(μ, diag s²), logvar = log s².

    By E_q ‖x − Wz − b‖² = ‖x − Wμ − b‖² + Σₖ sₖ² ‖wₖ‖², with wₖ the columns of W.
    (B, D), (D, K), (D,), mu and logvar (B, K) -> (B,), nats. Source: Lucas et al. (2019).
    """
    _check_model(x, w, b, sigma, mu, logvar)
    spread = logvar.exp() @ w.square().sum(0)  # Σₖ sₖ² ‖wₖ‖²
    nll = gaussian_nll(x, mu @ w.T + b, sigma=sigma) + spread / (2 * sigma**2)
    return -nll - kl_to_standard_normal(mu, logvar)


def reverse_water_filling(eigenvalues: Tensor, level: float) -> tuple[int, float, float]:
    """The best linear β-VAE with decoder variance σ², level = βσ².

    Unit k is active if λₖ > βσ².  Rate ½ Σ log(λₖ / βσ²) over these, in nats;
    distortion E‖x − x̂‖² = Σ min(λₖ, βσ²) over all.  (D,) -> active, rate, distortion
    ValueError unless level > 0. Source: Cover & Thomas (2006), theorem 10.3.3; Lucas et al.
    (2019) for the linear VAE.
    """
    check_positive("the level βσ²", level)
    check_vector(eigenvalues)
    check_finite(eigenvalues)
    active = eigenvalues[eigenvalues > level]
    rate = 0.5 * (active / level).log().sum().item()
    return len(active), rate, eigenvalues.clamp(max=level).sum().item()


def implied_variance(recon_scale: float, kl_scale: float) -> float:
    """βσ² = b / 2a of a loss a ‖x − x̂‖² + b KL, whatever its code calls the weights.

    Proportional to ‖x − x̂‖² / 2σ² + β KL: it determines only the product βσ². A mean
    over D pixels has a = 1/D, a sum a = 1. ValueError unless both scales are > 0.
    """
    check_positive("recon_scale", recon_scale)
    check_positive("kl_scale", kl_scale)
    return kl_scale / (2 * recon_scale)


def _check_model(x: Tensor, w: Tensor, b: Tensor, sigma: float, *q: Tensor) -> None:
    """(B, D), (D, K), (D,), (B, K) that fit: a b of shape (1,) would broadcast silently."""
    check_positive("sigma", sigma)
    check_vector(b)
    check_rows(x, b[None], w.T)
    check_rows(w, *q)
    check_finite(x, w, b)
