"""Denoising diffusion: a fixed process from data to noise, and a learned reverse process.

    x₀ = x  →  x₁  →  …  →  x_T ~ N(0, I),    q(xₜ|x₀) = N(√ᾱₜ x₀, (1 − ᾱₜ) I)

``alpha_bar`` (T + 1,) holds ᾱ₀ = 1 > ᾱ₁ > … > ᾱ_T, the share of the data's variance that
remains after t steps. A denoiser ε̂(xₜ, t) predicts the noise in xₜ; the two generators of
steps and the two measures of a bound run it in eval mode.
Source: Sohl-Dickstein et al. (2015); Ho, Jain & Abbeel (2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils._validation import (
    check_alpha_bar_t,
    check_count,
    check_integers,
    check_rows,
    check_same_shape,
    check_schedule,
)
from course_utils.device import Device
from course_utils.models import as_images, check_input, mlp
from course_utils.modes import eval_mode, measure
from course_utils.objectives import Terms, kl_to_standard_normal, squared_error

Denoiser = Callable[[Tensor, Tensor], Tensor]

# --- the process -----------------------------------------------------------------------


def cosine_schedule(steps: int, *, device: Device = None) -> Tensor:
    """ᾱₜ ∝ cos²(π/2 · (t/T + s)/(1 + s)), s = 0.008: noise grows evenly.  -> (T + 1,)

    ValueError for less than two steps. Source: Nichol & Dhariwal (2021), equation 17.
    """
    if not (isinstance(steps, int) and steps >= 2):
        raise ValueError(f"a schedule needs two steps or more, not {steps!r}.")
    t = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    squared = torch.cos((t + 0.008) / 1.008 * math.pi / 2).square()
    alpha = (squared[1:] / squared[:-1]).clamp(min=0.001)  # the last one would be 0
    return torch.cat([torch.ones(1), alpha.cumprod(0)]).float().to(device=device)


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

    (B, D) -> {name: ()}. alpha_bar (T + 1,) as in ``cosine_schedule``, ᾱ₀ = 1.
    Source: Ho, Jain & Abbeel (2020), equation 14.
    """
    check_schedule(alpha_bar, x)
    t = torch.randint(1, len(alpha_bar), (len(x),), device=x.device)
    eps = torch.randn_like(x)
    x_t = diffuse(x, eps, alpha_bar[t, None])
    return {"loss": squared_error(eps, denoiser(x_t, t)).mean()}


def predict_x0(x_t: Tensor, eps: Tensor, alpha_bar_t: Tensor) -> Tensor:
    """x̂₀ = (xₜ − √(1 − ᾱₜ) ε̂) / √ᾱₜ, ``diffuse`` solved for x.

    (B, D), (B, D), (B, 1) -> (B, D)
    """
    check_same_shape(x_t, eps)
    check_alpha_bar_t(alpha_bar_t, x_t)
    return (x_t - (1 - alpha_bar_t).sqrt() * eps) / alpha_bar_t.sqrt()


@torch.no_grad()
def reverse_steps(
    denoiser: Denoiser, x: Tensor, alpha_bar: Tensor, variance: Tensor | None = None
) -> Iterator[Tensor]:
    """From noise x_T to data x₀; yields x_{T−1}, …, x₀, each (B, D).

    p(xₜ₋₁|xₜ) = N((xₜ − βₜ/√(1 − ᾱₜ) ε̂) / √αₜ, σₜ² I),  αₜ = ᾱₜ/ᾱₜ₋₁,  βₜ = 1 − αₜ;
    the last step yields its mean. ``variance`` (T + 1,) holds σₜ², by default βₜ.
    Source: Ho et al. (2020), algorithm 2.
    """
    _check_denoiser(denoiser, alpha_bar, x)
    if variance is None:
        variance = forward_variance(alpha_bar)
    for t in range(len(alpha_bar) - 1, 0, -1):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        with eval_mode(denoiser):  # not while the caller has the step
            eps = denoiser(x, torch.full((len(x),), t, device=x.device))
        x = (x - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * eps) / alpha.sqrt()
        if t > 1:
            x = x + variance[t].sqrt() * torch.randn_like(x)
        yield x


# --- the bound on log p(x) -------------------------------------------------------------


@measure
def diffusion_elbo(
    denoiser: Denoiser, x: Tensor, alpha_bar: Tensor, variance: Tensor | None = None
) -> Tensor:
    """The VAE's bound with T latent variables, one draw of each.  (B, D) -> (B,), nats

    ELBO = log p(x₀|x₁) − Σₜ₌₂ᵀ KL(q(xₜ₋₁|xₜ, x₀) ‖ p(xₜ₋₁|xₜ)) − KL(q(x_T|x₀) ‖ N(0, I))

    The means of q and p differ by cₜ(ε − ε̂), cₜ² = βₜ² / (αₜ(1 − ᾱₜ)), which costs
    cₜ² / 2σₜ² ‖ε − ε̂‖² at every t. q has the variance β̃ₜ, p has σₜ², which with r = β̃ₜ/σₜ²
    adds D/2 (r − 1 − log r) at t > 1; at t = 1 the Gaussian density adds D/2 log 2πσ₁².
    ``variance`` (T + 1,) holds σₜ², by default βₜ.
    Source: Ho et al. (2020), equations 5 to 12.
    """
    _check_denoiser(denoiser, alpha_bar, x)
    if variance is None:
        variance = forward_variance(alpha_bar)
    last = alpha_bar[-1]
    mean = last.sqrt() * x
    nats = kl_to_standard_normal(mean, (1 - last).log().expand_as(mean))
    of_q, scale = _variance_of_q(alpha_bar), _error_scale(alpha_bar)
    for t in range(1, len(alpha_bar)):
        error = _noise_error(denoiser, x, t, alpha_bar)
        nats = nats + scale[t] / (2 * variance[t]) * error
        r = of_q[t] / variance[t]
        constant = (2 * math.pi * variance[t]).log() if t == 1 else r - 1 - r.log()
        nats = nats + x.shape[1] / 2 * constant
    return -nats


def forward_variance(alpha_bar: Tensor) -> Tensor:
    """βₜ = 1 − ᾱₜ/ᾱₜ₋₁, the variance of the noise of step t; β₀ = 0.  (T + 1,) -> (T + 1,)

    As σₜ² it is best for data N(0, I). Source: Ho et al. (2020), section 3.2.
    """
    check_schedule(alpha_bar, alpha_bar[:, None])
    return torch.cat([alpha_bar.new_zeros(1), 1 - alpha_bar[1:] / alpha_bar[:-1]])


def posterior_variance(alpha_bar: Tensor) -> Tensor:
    """β̃ₜ = βₜ(1 − ᾱₜ₋₁)/(1 − ᾱₜ), the variance of q(xₜ₋₁|xₜ, x₀).  (T + 1,) -> (T + 1,)

    As σₜ² it is best if all data are one point. β̃₁ = 0 would leave no density, so β̃₂ stands
    in its place. Source: Ho et al. (2020), equation 7; Nichol & Dhariwal (2021).
    """
    variance = _variance_of_q(alpha_bar)
    variance[1] = variance[2]
    return variance


@measure
def best_variance(denoiser: Denoiser, x: Tensor, alpha_bar: Tensor) -> Tensor:
    """σₜ² = β̃ₜ + βₜ²/(αₜ(1 − ᾱₜ)) E‖ε − ε̂‖²/D, at which ``diffusion_elbo`` is largest.

    (B, D) -> (T + 1,), with a zero at t = 0. It is the mean squared error of the mean of
    p(xₜ₋₁|xₜ), here measured on data x with one draw of ε per step. For a good estimate x
    must have some thousand numbers. Source: Bao et al. (2022), *Analytic-DPM*.
    """
    _check_denoiser(denoiser, alpha_bar, x)
    errors = [
        _noise_error(denoiser, x, t, alpha_bar).mean() / x.shape[1]
        for t in range(1, len(alpha_bar))
    ]
    error = torch.stack([torch.zeros_like(errors[0]), *errors])
    return _variance_of_q(alpha_bar) + _error_scale(alpha_bar) * error


def _noise_error(denoiser: Denoiser, x: Tensor, t: int, alpha_bar: Tensor) -> Tensor:
    """‖ε − ε̂(xₜ, t)‖² for a draw of ε.  (B, D) -> (B,)"""
    eps = torch.randn_like(x)
    x_t = diffuse(x, eps, alpha_bar[t])
    return squared_error(eps, denoiser(x_t, torch.full((len(x),), t, device=x.device)))


def _variance_of_q(alpha_bar: Tensor) -> Tensor:
    """β̃ₜ of q(xₜ₋₁|xₜ, x₀); β̃₀ = β̃₁ = 0.  (T + 1,) -> (T + 1,)"""
    ratio = (1 - alpha_bar[:-1]) / (1 - alpha_bar[1:])
    return forward_variance(alpha_bar) * torch.cat([alpha_bar.new_zeros(1), ratio])


def _error_scale(alpha_bar: Tensor) -> Tensor:
    """cₜ² = βₜ² / (αₜ(1 − ᾱₜ)): xₜ₋₁ is off by cₜ(ε − ε̂); c₀ = 0.  (T + 1,) -> (T + 1,)"""
    b = forward_variance(alpha_bar)[1:]
    scale = b.square() / ((1 - b) * (1 - alpha_bar[1:]))
    return torch.cat([alpha_bar.new_zeros(1), scale])


def _check_denoiser(denoiser: Denoiser, alpha_bar: Tensor, x: Tensor) -> None:
    """ValueError unless alpha_bar is the network's schedule: t would mean another ᾱₜ."""
    check_schedule(alpha_bar, x)
    expected = getattr(denoiser, "alpha_bar", None)
    if expected is not None and not torch.equal(expected, alpha_bar.to(expected)):
        raise ValueError("this denoiser has another schedule: use denoiser.alpha_bar.")


# --- flow matching ---------------------------------------------------------------------


def flow_matching_loss(velocity: Denoiser, x: Tensor) -> Terms:
    """E ‖(ε − x) − v(xₜ, t)‖²,  xₜ = (1 − t) x + t ε,  t ~ U(0, 1),  ε ~ N(0, I).

    (B, D) -> {name: ()}. Each pair x, ε is joined by a straight line with the velocity
    ε − x; the best v(xₜ, t) is the mean velocity of all lines through xₜ at time t.
    Source: Lipman et al. (2023); Liu, Gong & Liu (2023).
    """
    check_rows(x)
    t = torch.rand(len(x), 1, device=x.device)
    eps = torch.randn_like(x)
    x_t = (1 - t) * x + t * eps
    return {"loss": squared_error(eps - x, velocity(x_t, t[:, 0])).mean()}


@torch.no_grad()
def euler_steps(velocity: Denoiser, x: Tensor, steps: int) -> Iterator[Tensor]:
    """Follow dx/dt = v(x, t) from noise at t = 1 to data at t = 0, yielding each x (B, D).

    x ← x − v(x, t) / steps,  t = 1, 1 − 1/steps, …, 1/steps. Nothing is drawn on the way.
    ValueError for less than one step.
    """
    check_rows(x)
    check_count("steps", steps)
    for k in range(steps, 0, -1):
        with eval_mode(velocity):
            v = velocity(x, torch.full((len(x),), k / steps, device=x.device))
        x = x - v / steps
        yield x


# --- denoisers -------------------------------------------------------------------------


def eps_from_v(v: Tensor, x_t: Tensor, alpha_bar_t: Tensor) -> Tensor:
    """ε = √ᾱₜ v + √(1 − ᾱₜ) xₜ, where v = √ᾱₜ ε − √(1 − ᾱₜ) x.

    (B, D), (B, D), (B, 1) -> (B, D). A network learns v more easily than ε or x: v ≈ −x
    at high noise and v ≈ ε at low noise, always the part that xₜ hides.
    Source: Salimans & Ho (2022).
    """
    check_same_shape(v, x_t)
    check_alpha_bar_t(alpha_bar_t, x_t)
    return alpha_bar_t.sqrt() * v + (1 - alpha_bar_t).sqrt() * x_t


def _alpha_bar_at(alpha_bar: Tensor, t: Tensor, x_t: Tensor) -> Tensor:
    """ᾱₜ for each row; ValueError for t outside 0 … T.  (T + 1,), (B,) -> (B, 1)"""
    check_integers("t", t, len(alpha_bar), (len(x_t),))
    return alpha_bar[t, None]


class TimeConditionedMLP(nn.Module):
    """An MLP of x and the time in [0, 1], with residual blocks.  (B, D), (B,) -> (B, D)"""

    def __init__(self, data_dim: int, *, width: int = 128) -> None:
        super().__init__()
        self.input = check_input(nn.Linear(data_dim, width))
        self.blocks = nn.ModuleList(TimeConditionedBlock(width) for _ in range(2))
        self.output = nn.Sequential(
            nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, data_dim)
        )

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        embedding = sinusoidal_embedding(time)
        h = self.input(x)
        for block in self.blocks:
            h = block(h, embedding)
        return self.output(h)


class NoisePredictor(nn.Module):
    """ε̂(xₜ, t) from the v̂ of a ``TimeConditionedMLP``.  (B, D), (B,) -> (B, D)"""

    alpha_bar: Tensor

    def __init__(self, data_dim: int, alpha_bar: Tensor, *, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("alpha_bar", alpha_bar)
        self.v = TimeConditionedMLP(data_dim, width=width)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        alpha_bar_t = _alpha_bar_at(self.alpha_bar, t, x_t)
        v_hat = self.v(x_t, t / (len(self.alpha_bar) - 1))
        return eps_from_v(v_hat, x_t, alpha_bar_t)


class UNet(nn.Module):
    """ε̂(xₜ, t) for digits of 28 × 28 pixels, or of ``side`` 14.

    (B, side²), (B,) -> (B, side²). Computed from v̂. Blocks of convolutions at 14 × 14,
    then at 7 × 7, where the receptive field is the whole digit, then at 14 × 14 again, with
    the output of the first block added: a skip connection.
    Source: Ronneberger et al. (2015).
    """

    alpha_bar: Tensor

    def __init__(self, alpha_bar: Tensor, *, side: int = 28, width: int = 48) -> None:
        super().__init__()
        if side not in (14, 28):
            raise ValueError(f"digits are of 28 × 28 or 14 × 14 pixels, not side {side}.")
        self.register_buffer("alpha_bar", alpha_bar)
        self.side = side
        self.patch = side // 14  # grid positions are patches of 2 × 2 pixels or 1 × 1
        self.input = check_input(nn.Conv2d(self.patch**2, width, 3, padding=1))
        self.fine = TimeConditionedConvBlock(width)
        self.down = nn.Conv2d(width, 2 * width, 2, stride=2)
        self.coarse = nn.ModuleList(TimeConditionedConvBlock(2 * width) for _ in range(2))
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.fine_again = TimeConditionedConvBlock(width)
        self.output = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, self.patch**2, 3, padding=1),
        )

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        alpha_bar_t = _alpha_bar_at(self.alpha_bar, t, x_t)
        time = sinusoidal_embedding(t / (len(self.alpha_bar) - 1))
        image = as_images(x_t, self.side)
        fine = self.fine(self.input(F.pixel_unshuffle(image, self.patch)), time)
        h = self.down(fine)
        for block in self.coarse:
            h = block(h, time)
        h = self.fine_again(self.up(h) + fine, time)
        v_hat = F.pixel_shuffle(self.output(h), self.patch).flatten(1)
        return eps_from_v(v_hat, x_t, alpha_bar_t)


class TimeConditionedConvBlock(nn.Module):
    """h + two convolutions, time added between.  (B, C, H, W), (B, 32) -> (B, C, H, W)"""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.time_projection = nn.Linear(32, channels)
        self.second_norm = nn.GroupNorm(8, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        inner = (
            self.first(F.silu(self.norm(h))) + self.time_projection(time)[:, :, None, None]
        )
        return h + self.second(F.silu(self.second_norm(inner)))


class TimeConditionedBlock(nn.Module):
    """h + an MLP of h and the time.  (B, W), (B, 32) -> (B, W)"""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.time_projection = nn.Linear(32, width)
        self.mlp = mlp(width, width, width)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        return h + self.mlp(F.silu(self.norm(h) + self.time_projection(time)))


def sinusoidal_embedding(t: Tensor) -> Tensor:
    """Sines and cosines with ½ to 100 periods for t in [0, 1].  (B,) -> (B, 32)"""
    frequencies = torch.logspace(math.log10(0.5), 2, 16, device=t.device)
    angle = 2 * math.pi * frequencies * t[:, None]
    return torch.cat([angle.sin(), angle.cos()], dim=1)
