"""Denoising diffusion: a fixed way from data to noise, and a learned way back.

    x₀ = x  →  x₁  →  …  →  x_T ~ N(0, I),    q(xₜ|x₀) = N(√ᾱₜ x₀, (1 − ᾱₜ) I)

``alpha_bar`` (T + 1,) holds ᾱ₀ = 1 > ᾱ₁ > … > ᾱ_T, the share of the data's variance that is
left after t steps. A denoiser ε̂(xₜ, t) says which noise it sees in xₜ.
Source: Sohl-Dickstein et al. (2015); Ho, Jain & Abbeel (2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.device import choose_device
from course_utils.models import mlp
from course_utils.objectives import (
    Denoiser,
    diffuse,
    kl_to_standard_normal,
    squared_error,
)

# --- the way ---------------------------------------------------------------------------


def cosine_schedule(steps: int) -> Tensor:
    """ᾱₜ ∝ cos²(π/2 · (t/T + s)/(1 + s)), s = 0.008: noise at an even pace.  -> (T + 1,)

    ValueError for less than two steps. Source: Nichol & Dhariwal (2021), equation 17.
    """
    if steps < 2:
        raise ValueError(f"a schedule needs two steps or more, not {steps}.")
    t = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    squared = torch.cos((t + 0.008) / 1.008 * math.pi / 2).square()
    alpha = (squared[1:] / squared[:-1]).clamp(min=0.001)  # else the last one were 0
    return torch.cat([torch.ones(1), alpha.cumprod(0)]).float().to(choose_device())


def denoised(x_t: Tensor, eps: Tensor, alpha_bar_t: Tensor) -> Tensor:
    """x̂₀ = (xₜ − √(1 − ᾱₜ) ε̂) / √ᾱₜ, ``diffuse`` solved for x.  (B, D), (B, D), (B, 1) -> (B, D)"""
    return (x_t - (1 - alpha_bar_t).sqrt() * eps) / alpha_bar_t.sqrt()


def score(x_t: Tensor, eps: Tensor, alpha_bar_t: Tensor) -> Tensor:
    """∇ log q(xₜ) = −E[ε|xₜ] / √(1 − ᾱₜ), Tweedie's formula.  (B, D), (B, D), (B, 1) -> (B, D)

    Source: Efron (2011); Vincent (2011); notebook 04.
    """
    return -eps / (1 - alpha_bar_t).sqrt()


@torch.no_grad()
def reverse_steps(denoiser: Denoiser, x: Tensor, alpha_bar: Tensor) -> Iterator[Tensor]:
    """From noise x_T to data x₀: yields x_{T−1}, …, x₀, each (B, D).

    p(xₜ₋₁|xₜ) = N((xₜ − βₜ/√(1 − ᾱₜ) ε̂) / √αₜ, βₜ I),  αₜ = ᾱₜ/ᾱₜ₋₁,  βₜ = 1 − αₜ;
    the last step yields its mean. Source: Ho et al. (2020), algorithm 2.
    """
    for t in range(len(alpha_bar) - 1, 0, -1):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        eps = denoiser(x, torch.full((len(x),), t, device=x.device))
        x = (x - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * eps) / alpha.sqrt()
        if t > 1:
            x = x + (1 - alpha).sqrt() * torch.randn_like(x)
        yield x


@torch.no_grad()
def diffusion_elbo(denoiser: Denoiser, x: Tensor, alpha_bar: Tensor) -> Tensor:
    """The VAE's bound with T latent variables, one draw of each.  (B, D) -> (B,), nats

    ELBO = log p(x₀|x₁) − Σₜ₌₂ᵀ KL(q(xₜ₋₁|xₜ, x₀) ‖ p(xₜ₋₁|xₜ)) − KL(q(x_T|x₀) ‖ N(0, I))

    The error of ε̂ costs βₜ / (2 αₜ (1 − ᾱₜ)) ‖ε − ε̂‖² at every t. Besides, as the variance of
    q is a share r = (1 − ᾱₜ₋₁)/(1 − ᾱₜ) of p's, D/2 (r − 1 − log r) at t > 1; and at t = 1 the
    constant D/2 log 2πβ₁ of a density. Source: Ho et al. (2020), equations 5 to 12.
    """
    last = alpha_bar[-1]
    mean = last.sqrt() * x
    nats = kl_to_standard_normal(mean, (1 - last).log().expand_as(mean))
    for t in range(1, len(alpha_bar)):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        eps = torch.randn_like(x)
        x_t = diffuse(x, eps, alpha_bar[t])
        error = squared_error(eps, denoiser(x_t, torch.full((len(x),), t, device=x.device)))
        nats = nats + (1 - alpha) / (2 * alpha * (1 - alpha_bar[t])) * error
        r = (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
        constant = (2 * math.pi * (1 - alpha)).log() if t == 1 else r - 1 - r.log()
        nats = nats + x.shape[1] / 2 * constant
    return -nats


# --- denoisers -------------------------------------------------------------------------


class NoisePredictor(nn.Module):
    """ε̂(xₜ, t) = (xₜ − √ᾱₜ x̂) / √(1 − ᾱₜ), where x̂(xₜ, t) is a denoiser that is told the time.

    (B, D), (B,) -> (B, D). The network inside gives x̂, as notebook 04's does: a clean data point
    is easier to draw than all of its noise. An MLP with ``depth`` residual blocks.
    Source: Li & He (2025) for x̂ in place of ε̂.
    """

    def __init__(
        self, data_dim: int, alpha_bar: Tensor, *, width: int = 128, depth: int = 2
    ) -> None:
        super().__init__()
        self.register_buffer("alpha_bar", alpha_bar)
        self.enter = nn.Linear(data_dim, width)
        self.blocks = nn.ModuleList(TimedBlock(width) for _ in range(depth))
        self.leave = nn.Sequential(
            nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, data_dim)
        )

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        alpha_bar_t = self.alpha_bar[t, None]
        time = time_features(t / (len(self.alpha_bar) - 1))
        h = self.enter(x_t)
        for block in self.blocks:
            h = block(h, time)
        x_hat = self.leave(h)
        return (x_t - alpha_bar_t.sqrt() * x_hat) / (1 - alpha_bar_t).sqrt()


class TimedBlock(nn.Module):
    """h + an MLP of h and the time.  (B, W), (B, 32) -> (B, W)"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.of_time = nn.Linear(32, width)
        self.mlp = mlp(width, width, width)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        return h + self.mlp(F.silu(self.norm(h) + self.of_time(time)))


def time_features(t: Tensor) -> Tensor:
    """Sines and cosines of ½ to 100 turns for t in [0, 1].  (B,) -> (B, 32)"""
    turns = torch.logspace(math.log10(0.5), 2, 16, device=t.device)
    angle = 2 * math.pi * turns * t[:, None]
    return torch.cat([angle.sin(), angle.cos()], dim=1)
